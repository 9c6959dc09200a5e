"""Seen, by CLIP: zero-shot, from the English prompts of a category, so that every category is covered.

Radford et al., "Learning transferable visual models from natural language supervision", ICML 2021. CLIP was trained to
choose between captions and has no probability of a single one. A prompt's share is its softmax against the fixed
captions of ``NEUTRAL``, which fit any picture a little and no category well (``zero_shot.against_neutral``). It sees
the central square of the picture, as it was trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.nn import functional

from vegas_data.networks.pictures import Preparation, prepare_pictures, read_preparation, require_size
from vegas_data.networks.pretrained import load_network, load_tokenizer, opening
from vegas_data.networks.snapshot import find_snapshot
from vegas_data.records import Category
from vegas_data.verify.scorers.zero_shot import ZeroShotScorer, against_neutral

if TYPE_CHECKING:
    from vegas_data.verify.scorers.seam import WindowMedia

NAME: Final = "clip"
NEUTRAL: Final = (  # a change is a new version of the scorer
    "a photo",
    "a blurry picture of something",
    "a photo of people",
    "a photo of a room",
    "a photo of a place outdoors",
    "a dark picture",
    "a screen with text",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """The network, its tokenizer, and how it wants its pictures; see ``zero_shot.Encoder``."""

    network: Any
    tokenizer: Any
    preparation: Preparation
    neutral_ke: torch.Tensor
    device: str = "cpu"

    def phrases(self, category: Category) -> tuple[str, ...]:
        """The category's prompts."""
        return category.prompts

    def embed_phrases(self, phrases: Sequence[str]) -> torch.Tensor:
        """Prompts as captions."""
        return embed_captions(self.network, self.tokenizer, phrases, self.device)

    def embed_window(self, media: "WindowMedia") -> torch.Tensor:
        """Every picture."""
        pixels = prepare_pictures(media.frames, self.preparation, self.device)
        return functional.normalize(
            self.network.visual_projection(self.network.vision_model(pixel_values=pixels).pooler_output)
        )

    def probabilities(self, window_te: torch.Tensor, phrases_pe: torch.Tensor) -> torch.Tensor:
        """Each prompt against the neutral captions."""
        scale = self.network.logit_scale.exp()
        return against_neutral(window_te @ phrases_pe.T * scale, window_te @ self.neutral_ke.T * scale)


def embed_captions(network: Any, tokenizer: Any, phrases: Sequence[str], device: str) -> torch.Tensor:
    """Captions in the space of pictures.

    Shape:
        float32 [P, E], of unit length.
    """
    length = network.config.text_config.max_position_embeddings
    tokens = tokenizer(list(phrases), padding="max_length", max_length=length, truncation=True, return_tensors="pt").to(
        device
    )
    pooled = network.text_model(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]).pooler_output
    return functional.normalize(network.text_projection(pooled))


def load_clip(model: str, digest: str, device: str = "cpu") -> ZeroShotScorer:
    """Load the network and its tokenizer from a folder or hub id; raises as ``load_siglip2``."""
    folder = find_snapshot(NAME, model)
    preparation = read_preparation(NAME, folder)
    network, tokenizer = load_network(NAME, folder, "CLIPModel", device), load_tokenizer(NAME, folder)
    require_size(NAME, folder, preparation, network)
    with opening(NAME, folder, "tokenizer"), torch.inference_mode():
        neutral_ke = embed_captions(network, tokenizer, NEUTRAL, device)
    encoder = Clip(network=network, tokenizer=tokenizer, preparation=preparation, neutral_ke=neutral_ke, device=device)
    return ZeroShotScorer(name=NAME, side="seen", digest=digest, encoder=encoder)

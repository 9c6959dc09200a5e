"""Seen, by SigLIP 2: zero-shot, from the English prompts of a category, so that every category is covered.

Tschannen et al., "SigLIP 2", arXiv:2502.14786 (2025). Each (picture, prompt) pair has its own sigmoid, as it was
trained: a window of nothing scores low everywhere. The whole picture is resized to the network's square (as SigLIP is
trained). ``zero_shot`` makes the score, ``pictures`` prepares them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.nn import functional

from vegas_data.networks.pictures import Preparation, prepare_pictures, read_preparation, require_size
from vegas_data.networks.pretrained import load_network, load_tokenizer
from vegas_data.networks.snapshot import find_snapshot
from vegas_data.records import Category
from vegas_data.verify.scorers.zero_shot import ZeroShotScorer

if TYPE_CHECKING:
    from vegas_data.verify.scorers.seam import WindowMedia

NAME: Final = "siglip2"


@dataclass(frozen=True, kw_only=True, eq=False)
class Siglip2:
    """The network, its tokenizer, and how it wants its pictures; see ``zero_shot.Encoder``."""

    network: Any
    tokenizer: Any
    preparation: Preparation
    device: str = "cpu"

    def phrases(self, category: Category) -> tuple[str, ...]:
        """The category's prompts."""
        return category.prompts

    def embed_phrases(self, phrases: Sequence[str]) -> torch.Tensor:
        """Prompts in lower case, which it was trained on, padded to its full length."""
        tokens = self.tokenizer(
            [phrase.lower() for phrase in phrases],
            padding="max_length",
            max_length=self.network.config.text_config.max_position_embeddings,
            truncation=True,
            return_tensors="pt",
        ).to(self.device)
        return functional.normalize(self.network.text_model(input_ids=tokens["input_ids"]).pooler_output)

    def embed_window(self, media: "WindowMedia") -> torch.Tensor:
        """Every picture."""
        pixels = prepare_pictures(media.frames, self.preparation, self.device)
        return functional.normalize(self.network.vision_model(pixel_values=pixels).pooler_output)

    def probabilities(self, window_te: torch.Tensor, phrases_pe: torch.Tensor) -> torch.Tensor:
        """The network's own sigmoid."""
        logits = window_te @ phrases_pe.T * self.network.logit_scale.exp() + self.network.logit_bias
        return torch.sigmoid(logits.double())


def load_siglip2(model: str, digest: str, device: str = "cpu") -> ZeroShotScorer:
    """Load the network and its tokenizer from a folder or hub id.

    Raises:
        DependencyMissing: ``transformers`` is not installed. WeightsMissing: no snapshot, or not of this network.
        DeviceMissing: there is no such device.
    """
    folder = find_snapshot(NAME, model)
    preparation = read_preparation(NAME, folder)
    network = load_network(NAME, folder, "SiglipModel", device)
    require_size(NAME, folder, preparation, network)
    encoder = Siglip2(network=network, tokenizer=load_tokenizer(NAME, folder), preparation=preparation, device=device)
    return ZeroShotScorer(name=NAME, side="seen", digest=digest, encoder=encoder)

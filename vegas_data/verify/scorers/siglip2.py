"""Seen, by SigLIP 2: zero-shot, from the English prompts of a category, so that every category is covered.

Tschannen et al., "SigLIP 2", arXiv:2502.14786 (2025). Each (picture, prompt) pair has its own sigmoid: the scores
of categories do not compete, and a window of nothing scores low everywhere. A category's score is its best prompt,
averaged over the window's pictures.

The model runs through ``transformers`` (extra ``scorers``), from a local folder or from the hub's cache, safetensors
only; code that a snapshot may bring is never run. Pictures are prepared here rather than by the snapshot's
processor, which would need a further imaging library: the whole picture is resized to the network's square (as
SigLIP is trained), rounded to 8 bits and normalised by the snapshot's ``preprocessor_config.json``.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch.nn import functional

from vegas_data.config import load_table
from vegas_data.errors import RecipeError, ScorerMissing, WeightsMissing
from vegas_data.records import Category, Side
from vegas_data.verify.scorers.snapshot import REMEDY, find_snapshot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vegas_data.verify.scorers import WindowMedia

_INTERPOLATIONS: Final = {2: "bilinear", 3: "bicubic"}  # PIL's numbers, which preprocessor_config.json uses


@dataclass(frozen=True, kw_only=True)
class _Normalisation:
    """What of ``preprocessor_config.json`` decides the numbers."""

    height: int
    width: int
    resample: int = 2
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)


@dataclass(frozen=True, kw_only=True, eq=False)
class Siglip2Scorer:
    """SigLIP 2 behind the seam; see ``Scorer``."""

    model: Any
    tokenizer: Any
    normalisation: _Normalisation
    digest: str
    name: str = "siglip2"
    side: Side = "seen"
    _texts: dict[tuple[str, ...], torch.Tensor] = field(default_factory=dict)

    def covers(self, category: Category) -> bool:
        """Whether the category has prompts."""
        return bool(category.prompts)

    def score(self, windows: "Sequence[WindowMedia]", categories: Sequence[Category]) -> "NDArray[np.float32]":
        """Mean over the pictures of the best prompt's probability.

        Shape:
            float32 [N, C]; NaN where a category has no prompt.
        """
        scores = np.full((len(windows), len(categories)), np.nan, dtype=np.float32)
        with torch.inference_mode():
            texts = {column: self._embed_prompts(c.prompts) for column, c in enumerate(categories) if c.prompts}
            for row, media in enumerate(windows):  # one window is one batch, so that its shape never varies
                images = self._embed_pictures(media.frames)
                for column, prompts in texts.items():
                    logits = images @ prompts.T * self.model.logit_scale.exp() + self.model.logit_bias
                    scores[row, column] = torch.sigmoid(logits.double()).amax(dim=1).mean().item()
        return scores

    def _embed_prompts(self, prompts: tuple[str, ...]) -> torch.Tensor:
        if prompts not in self._texts:
            length = self.model.config.text_config.max_position_embeddings
            tokens = self.tokenizer(
                [prompt.lower() for prompt in prompts],  # it was trained on lower case
                padding="max_length",
                max_length=length,
                truncation=True,
                return_tensors="pt",
            )
            self._texts[prompts] = functional.normalize(
                self.model.text_model(input_ids=tokens["input_ids"]).pooler_output
            )
        return self._texts[prompts]

    def _embed_pictures(self, frames: "NDArray[np.uint8]") -> torch.Tensor:
        pixels = prepare_pictures(frames, self.normalisation)
        return functional.normalize(self.model.vision_model(pixel_values=pixels).pooler_output)


def prepare_pictures(frames: "NDArray[np.uint8]", normalisation: _Normalisation) -> torch.Tensor:
    """Pictures as the network wants them.

    Shape:
        uint8 [T, H, W, 3], RGB → float32 [T, 3, height, width].
    """
    x_TCHW = torch.as_tensor(frames).permute(0, 3, 1, 2).to(torch.float32)
    x_TCHW = functional.interpolate(
        x_TCHW,
        size=(normalisation.height, normalisation.width),
        mode=_INTERPOLATIONS[normalisation.resample],
        antialias=True,
    )
    x_TCHW = x_TCHW.round_().clamp_(0, 255).div_(255)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (normalisation.mean, normalisation.std))
    return (x_TCHW - mean) / std


def load_siglip2(model: str, digest: str) -> Siglip2Scorer:
    """Load the network and its tokenizer from a folder or hub id, for one thread.

    Raises:
        ScorerMissing: ``transformers`` is not installed. WeightsMissing: no snapshot, or not of this network.
    """
    torch.set_num_threads(1)
    folder = find_snapshot(model)
    try:
        from transformers import AutoTokenizer, SiglipModel
        from transformers.utils.logging import disable_progress_bar
    except ImportError:
        raise ScorerMissing("scorer siglip2 needs transformers", remedy="pip install 'vegas-data[scorers]'") from None
    disable_progress_bar()  # one from each worker process would scribble over ours
    normalisation = read_normalisation(folder / "preprocessor_config.json")
    try:
        network, info = SiglipModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True, dtype=torch.float32
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise WeightsMissing(f"{folder}: not a SigLIP snapshot: {reason}", remedy=REMEDY) from None
    unloaded = sorted({*info["missing_keys"], *info["unexpected_keys"]}) + [str(k) for k in info["mismatched_keys"]]
    if unloaded:
        raise WeightsMissing(f"{folder}: weights that do not fit the network: {', '.join(unloaded[:4])}", remedy=REMEDY)
    return Siglip2Scorer(
        model=network.requires_grad_(False).eval(), tokenizer=tokenizer, normalisation=normalisation, digest=digest
    )


def read_normalisation(path: Path) -> _Normalisation:
    """What ``preprocessor_config.json`` says about size, interpolation and normalisation.

    Raises:
        WeightsMissing: missing, damaged, or of a kind this scorer does not know.
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        table = {
            "height": config["size"]["height"],
            "width": config["size"]["width"],
            "resample": config.get("resample", 2),
            "mean": config["image_mean"],
            "std": config["image_std"],
        }
        normalisation = load_table(_Normalisation, table, where=path.name)
    except (OSError, ValueError, LookupError, TypeError, RecipeError) as error:
        raise WeightsMissing(f"{path}: cannot be used: {error}", remedy=REMEDY) from None
    if normalisation.resample not in _INTERPOLATIONS or len(normalisation.mean) != 3 or len(normalisation.std) != 3:
        raise WeightsMissing(f"{path}: unknown interpolation or not three colours", remedy=REMEDY)
    return normalisation

"""Scorers that compare windows with phrases: SigLIP 2, CLIP and CLAP differ in their encoders and share the rest.

A category's score is its best phrase, averaged over what the encoder made of the window (its pictures, or its one
sound). It never depends on the other categories that are asked about.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from vegas_data.records import Category, Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vegas_data.verify.scorers.seam import WindowMedia


class Encoder(Protocol):
    """A network of two towers. Embeddings are of unit length; t parts of a window, p phrases, e numbers."""

    def phrases(self, category: Category) -> tuple[str, ...]:
        """What is asked about a category; empty if it is not covered."""
        ...

    def embed_phrases(self, phrases: Sequence[str]) -> torch.Tensor:
        """Shape: float32 [p, e]."""
        ...

    def embed_window(self, media: "WindowMedia") -> torch.Tensor:
        """Shape: float32 [t, e]."""
        ...

    def probabilities(self, window_te: torch.Tensor, phrases_pe: torch.Tensor) -> torch.Tensor:
        """How well each phrase fits each part of a window, independently of the other phrases.

        Shape: float64 [t, p], in [0, 1].
        """
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class ZeroShotScorer:
    """An encoder behind the seam; see ``Scorer``."""

    name: str
    side: Side
    digest: str
    encoder: Encoder
    _embedded: dict[tuple[str, ...], torch.Tensor] = field(default_factory=dict)

    def covers(self, category: Category) -> bool:
        """Whether there is a phrase to ask with."""
        return bool(self.encoder.phrases(category))

    def score(self, windows: "Sequence[WindowMedia]", categories: Sequence[Category]) -> "NDArray[np.float32]":
        """Mean over a window's parts of the best phrase's probability.

        Shape:
            float32 [N, C]; NaN where a category has no phrase.
        """
        scores = np.full((len(windows), len(categories)), np.nan, dtype=np.float32)
        with torch.inference_mode():
            asked = {
                column: self._embed(phrases)
                for column, category in enumerate(categories)
                if (phrases := self.encoder.phrases(category))
            }
            for row, media in enumerate(windows):  # one window is one batch, so that its shape never varies
                window_te = self.encoder.embed_window(media)
                for column, phrases_pe in asked.items():
                    fits = self.encoder.probabilities(window_te, phrases_pe)
                    scores[row, column] = fits.amax(dim=1).mean().item()
        return scores

    def _embed(self, phrases: tuple[str, ...]) -> torch.Tensor:
        if phrases not in self._embedded:
            self._embedded[phrases] = self.encoder.embed_phrases(phrases)
        return self._embedded[phrases]


def against_neutral(logits_tp: torch.Tensor, neutral_tk: torch.Tensor) -> torch.Tensor:
    """Softmax of each phrase, by itself, against a fixed set of phrases that say nothing of any category.

    For networks that were trained to choose between phrases and have no probability of one: the share of a phrase
    rises with its own logit, falls with those of the neutral phrases, and knows nothing of other categories.

    Shape:
        [t, p] and [t, k] → float64 [t, p].
    """
    return torch.sigmoid(logits_tp.double() - torch.logsumexp(neutral_tk.double(), dim=1, keepdim=True))

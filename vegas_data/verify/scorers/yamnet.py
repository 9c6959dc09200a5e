"""Heard, by YAMNet: a category's score is its best class in the window's best patch.

The maximum over patches of 0.96 s (not the mean) because one bark in two seconds is a dog heard; the maximum over
a category's classes because AudioSet's classes nest (Dog, Bark, Bow-wow) and must not be added up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vegas_data.networks.yamnet import Yamnet
from vegas_data.records import Category, Side
from vegas_data.verify.scorers.heard_classes import columns_of
from vegas_data.weights import load_registry, locate, select_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vegas_data.verify.scorers.seam import WindowMedia


@dataclass(frozen=True, kw_only=True, eq=False)
class YamnetScorer:
    """YAMNet behind the seam; see ``Scorer``."""

    network: Yamnet
    digest: str
    name: str = "yamnet"
    side: Side = "heard"

    def covers(self, category: Category) -> bool:
        """Whether the category lists classes of YAMNet.

        Raises:
            VerificationError: one of them is not a class of YAMNet.
        """
        return bool(self._columns(category))

    def score(self, windows: "Sequence[WindowMedia]", categories: Sequence[Category]) -> "NDArray[np.float32]":
        """Largest probability over patches and the category's classes.

        Shape:
            float32 [N, C]; NaN where a category lists no class.
        """
        columns = [self._columns(category) for category in categories]
        scores = np.full((len(windows), len(categories)), np.nan, dtype=np.float32)
        for row, media in enumerate(windows):
            best = self.network.scores(media.sound).max(axis=0)
            for column, classes in enumerate(columns):
                if classes:
                    scores[row, column] = best[classes].max()
        return scores

    def _columns(self, category: Category) -> list[int]:
        return columns_of(category, self.network.class_names, source="YAMNet (yamnet_class_map.csv)")


def load_yamnet(digest: str) -> YamnetScorer:
    """Load YAMNet from the pinned weights.

    Raises:
        WeightsMissing: they are not on this machine.
    """
    return YamnetScorer(network=Yamnet(locate(select_model(load_registry(), "yamnet"))), digest=digest)

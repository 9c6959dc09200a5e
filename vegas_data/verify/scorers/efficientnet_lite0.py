"""Seen, by EfficientNet-Lite0: the probability that ImageNet's classes of a category have together, over time.

Softmax probabilities exclude one another, so a category's classes (118 breeds of dog) are added up. The mean over
the window's pictures, not the maximum, because the target has to be there for the window and not for a moment
of it. ImageNet has a *drum* and a *chain saw* but no fireworks and nobody snoring: such categories are not covered.

The network sees the central square of the picture, as large as the shorter side allows. What happens only at the
left or right edge of a wide picture is not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from vegas_data.device import confine_torch
from vegas_data.errors import VerificationError
from vegas_data.networks.efficientnet_lite import (
    INPUT_SIZE_PX,
    NUM_CLASSES,
    EfficientNetLite0,
    preprocess_rgb,
)
from vegas_data.networks.efficientnet_lite import load_efficientnet_lite0 as load_network
from vegas_data.records import Category, Side
from vegas_data.weights import load_registry, locate, select_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vegas_data.verify.scorers.seam import WindowMedia


@dataclass(frozen=True, kw_only=True, eq=False)
class EfficientNetLite0Scorer:
    """EfficientNet-Lite0 behind the seam; see ``Scorer``."""

    network: EfficientNetLite0
    digest: str
    device: str = "cpu"
    name: str = "efficientnet-lite0"
    side: Side = "seen"

    def covers(self, category: Category) -> bool:
        """Whether the category lists classes of ImageNet.

        Raises:
            VerificationError: one of them is not a class of ImageNet.
        """
        for index in category.seen_classes:
            if not 0 <= index < NUM_CLASSES:
                raise VerificationError(
                    f"table of categories (categories.toml, or --categories): {category.name} lists {index} in "
                    f"seen_classes, which is not a class of EfficientNet-Lite0 (ImageNet's are 0 to {NUM_CLASSES - 1})",
                    remedy="correct seen_classes in the table of categories",
                )
        return bool(category.seen_classes)

    def score(self, windows: "Sequence[WindowMedia]", categories: Sequence[Category]) -> "NDArray[np.float32]":
        """Mean over the pictures of the summed probability of the category's classes.

        Shape:
            float32 [N, C]; NaN where a category lists no class.
        """
        scores = np.full((len(windows), len(categories)), np.nan, dtype=np.float32)
        for row, media in enumerate(windows):  # one window is one batch, so that its shape never varies
            mean = self._probabilities(media.frames).mean(axis=0)
            for column, category in enumerate(categories):
                if self.covers(category):
                    scores[row, column] = mean[sorted(set(category.seen_classes))].sum()
        return scores

    def _probabilities(self, frames: "NDArray[np.uint8]") -> "NDArray[np.float64]":
        with torch.inference_mode():
            squares = torch.from_numpy(np.stack([crop_square(frame) for frame in frames])).to(self.device)
            logits = self.network(preprocess_rgb(squares))
            probabilities: NDArray[np.float64] = torch.softmax(logits.double(), dim=1).cpu().numpy()
        return probabilities


def crop_square(frame: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """The central square of a picture at the network's input size.

    Shape:
        uint8 [H, W, 3] → uint8 [224, 224, 3].
    """
    height, width = frame.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = frame[top : top + side, left : left + side]
    method = cv2.INTER_AREA if side > INPUT_SIZE_PX else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (INPUT_SIZE_PX, INPUT_SIZE_PX), interpolation=method), dtype=np.uint8)


def load_efficientnet_lite0(digest: str, device: str = "cpu") -> EfficientNetLite0Scorer:
    """Load the network from the pinned weights, for one thread.

    Raises:
        WeightsMissing: they are not on this machine. DeviceMissing: there is no such device.
    """
    confine_torch(device)
    path = locate(select_model(load_registry(), "efficientnet-lite0"))
    return EfficientNetLite0Scorer(network=load_network(path).to(device), digest=digest, device=device)

"""A decoded picture in, the square out that flow is computed on or that an encoder is shown."""

from dataclasses import dataclass
from typing import Literal, cast

import cv2
import numpy as np
import numpy.typing as npt

from vegas_data.features.options import Crop, StreamOptions

Pixels = npt.NDArray[np.uint8]
Levels = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
"""What an encoder is shown, 0 to 255: bytes, or flow that was not quantised."""


@dataclass(frozen=True, kw_only=True)
class View:
    """Which part of a picture is looked at, how large, in colour or grey; streams with the same view share it."""

    size_px: int
    crop: Crop
    crop_fraction: float
    colour: Literal["rgb", "grey"]

    @classmethod
    def of(cls, stream: StreamOptions) -> "View":
        """The view of a stream: grey for flow, RGB for pictures."""
        return cls(
            size_px=stream.size_px,
            crop=stream.crop,
            crop_fraction=stream.crop_fraction,
            colour="rgb" if stream.flow is None else "grey",
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one picture."""
        return (self.size_px, self.size_px, 3) if self.colour == "rgb" else (self.size_px, self.size_px)


def frame_picture(picture: Pixels, view: View) -> Pixels:
    """Crop first, then scale (by area when shrinking, bilinear else), then make grey (ITU-R BT.601).

    Cropping in source pixels keeps memory bounded for a picture of any aspect.

    Shape: uint8 [H, W, 3], RGB → uint8 [S, S, 3] or, in grey, [S, S], with S = ``view.size_px``.
    """
    height, width = picture.shape[:2]
    if view.crop == "center":
        side = max(1, round(min(height, width) * view.crop_fraction))
        top, left = (height - side) // 2, (width - side) // 2
        picture = picture[top : top + side, left : left + side]
    size = view.size_px
    if picture.shape[:2] != (size, size):
        shrinks = min(picture.shape[:2]) >= size
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        picture = cast(Pixels, cv2.resize(picture, (size, size), interpolation=interpolation))
    if view.colour == "grey":
        picture = cast(Pixels, cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    return np.ascontiguousarray(picture)

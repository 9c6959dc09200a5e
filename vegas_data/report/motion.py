"""The motion that features are made of, in colours: TV-L1 flow of a few moments of a clip, and its key."""

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vegas_data.media.decode import iter_frames_at
from vegas_data.report.pictures import webp
from vegas_data.units import Grid

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

_HEIGHT_PX: Final = 64
_FULL_COLOUR_PX: Final = 4.0  # between two frames of the grid, at the height above
_EPSILON: Final = 0.05  # stops sooner than features do: nobody sees the difference at this size
_WHEEL_PX: Final = 112


def tvl1_strip(path: Path, edges_s: Sequence[Fraction]) -> "list[Pixels]":
    """TV-L1 flow in colours: between each two edges, of the two successive pictures of the grid that differ most.

    Raises:
        MediaError: the clip cannot be decoded so far.
    """
    from vegas_data.features.flow.engines import make_flow_engine
    from vegas_data.features.flow.pictures import flow_to_rgb
    from vegas_data.features.options import FlowOptions

    engine = make_flow_engine(FlowOptions(epsilon=_EPSILON))
    rate_hz = Grid().frame_rate_hz
    grey = _grey_pictures(path, [index / rate_hz for index in range(math.floor(edges_s[-1] * rate_hz))])
    drawn = []
    for start_s, end_s in itertools.pairwise(edges_s):
        first = math.ceil(start_s * rate_hz)
        last = max(first + 1, min(len(grey) - 1, math.floor(end_s * rate_hz)))
        best = max(range(first, last), key=lambda index: _difference(grey[index], grey[index + 1]))
        drawn.append(flow_to_rgb(engine.compute_flow(grey[best], grey[best + 1]), bound_px=_FULL_COLOUR_PX))
    return drawn


def _grey_pictures(path: Path, times_s: Sequence[Fraction]) -> "list[Pixels]":
    import cv2

    pictures: list[Pixels] = []
    for picture in iter_frames_at(path, times_s):
        size = (max(16, round(picture.shape[1] * _HEIGHT_PX / picture.shape[0])), _HEIGHT_PX)
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        pictures.append(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
    return pictures


def _difference(one: "Pixels", other: "Pixels") -> float:
    import cv2

    return float(cv2.norm(one, other, cv2.NORM_L1))


def colour_wheel() -> str:
    """Which colour means which direction and speed: rest in the middle, full speed at the rim; a data URI."""
    import numpy as np

    from vegas_data.features.flow.pictures import flow_to_rgb

    axis = np.linspace(-1, 1, _WHEEL_PX, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    return webp(flow_to_rgb(np.stack([x, y]), bound_px=1.0))

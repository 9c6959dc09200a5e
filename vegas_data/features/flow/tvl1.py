"""Two grey pictures in, optical flow by TV-L1 out: the definition, and what an engine is that computes it.

Zach, Pock & Bischof, "A Duality Based Approach for Realtime TV-L1 Optical Flow", DAGM 2007; Sánchez, Meinhardt-Llopis
& Facciolo, IPOL 2013. Why TV-L1 and not the paper's reference: ``docs/decisions/0001-tvl1-instead-of-sun-et-al.md``.
The definition is OpenCV's ``DualTVL1OpticalFlow``; its defaults are written out below, so that another default in
another version would not change features in silence. What the definition says in full, and how close the engines
come: ``docs/decisions/0017-tvl1.md``.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from vegas_data.errors import FeatureError
from vegas_data.features.pictures import Pixels

Flow = npt.NDArray[np.float32]

TAU: Final = 0.25  # time step of the dual scheme
LAMBDA: Final = 0.15  # weight of the data term
THETA: Final = 0.3  # tightness between the data term and the smoothness term
NUM_SCALES: Final = 5
SCALE_STEP: Final = 0.8
INNER_ITERATIONS: Final = 30  # between two median filters
OUTER_ITERATIONS: Final = 10
MEDIAN_PX: Final = 5
LEAST_SIDE_PX: Final = 16  # no scale has a shorter side, but for the first
LEAST_PICTURE_PX: Final = 2


class FlowEngine(Protocol):
    """Computes TV-L1 flow; every engine answers to the same definition."""

    name: str

    def compute_flow(self, previous: Pixels, following: Pixels) -> Flow:
        """Displacement of every pixel of ``previous`` on its way to ``following``.

        Shape: uint8 [H, W], twice → float32 [2, H, W]: x to the right, then y downwards, in pixels.
        """
        ...

    def iter_flows(self, pictures: Pixels) -> Iterator[Flow]:
        """The flow from each picture to the next, in order.

        Shape: uint8 [N, H, W] → N - 1 times float32 [2, H, W].
        """
        ...


def check_pair(previous: Pixels, following: Pixels) -> None:
    """Raise ``ValueError`` unless these are two grey pictures of one size, two pixels or more each way.

    A line of pixels has no gradient across it; OpenCV would read beside it.
    """
    if previous.shape != following.shape or previous.ndim != 2 or min(previous.shape) < LEAST_PICTURE_PX:
        raise ValueError(
            f"two grey pictures of one size, at least {LEAST_PICTURE_PX} px each way, are needed, "
            f"not {previous.shape} and {following.shape}"
        )
    if previous.dtype != np.uint8 or following.dtype != np.uint8:
        raise ValueError(f"pictures of bytes are needed, not {previous.dtype} and {following.dtype}")


def check_finite(flow: Flow) -> Flow:
    """Return ``flow``.

    Raises:
        FeatureError: it holds numbers that are not finite.
    """
    if not np.isfinite(flow).all():
        raise FeatureError("optical flow is not finite", remedy="report it, with the clip: a defect of the engine")
    return flow


def pyramid_shapes(shape: Sequence[int]) -> list[tuple[int, int]]:
    """Height and width of every scale, the finest first: halves are rounded to even, as OpenCV does."""
    shapes = [(shape[0], shape[1])]
    while len(shapes) < NUM_SCALES:
        height, width = (round(side * SCALE_STEP) for side in shapes[-1])
        if min(height, width) < LEAST_SIDE_PX:
            break
        shapes.append((height, width))
    return shapes

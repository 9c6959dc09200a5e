"""Two grey pictures in, optical flow by TV-L1 out, behind a seam for faster engines of the same definition.

Zach, Pock & Bischof, "A Duality Based Approach for Realtime TV-L1 Optical Flow", DAGM 2007; Sánchez, Meinhardt-Llopis
& Facciolo, IPOL 2013. Why TV-L1 and not the paper's reference: ``docs/decisions/0001-tvl1-instead-of-sun-et-al.md``.
The definition is OpenCV's ``DualTVL1OpticalFlow``; its defaults are written out below, so that another default in
another version would not change features in silence.
"""

from typing import Final, Protocol, cast

import cv2
import numpy as np
import numpy.typing as npt

from vegas_data.errors import FeatureError
from vegas_data.features.options import FlowOptions
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


class FlowEngine(Protocol):
    """Computes TV-L1 flow; every engine answers to the same definition."""

    name: str

    def compute_flow(self, previous: Pixels, following: Pixels) -> Flow:
        """Displacement of every pixel of ``previous`` on its way to ``following``.

        Shape: uint8 [H, W], twice → float32 [2, H, W]: x to the right, then y downwards, in pixels.
        """
        ...


class OpenCvFlow:
    """The reference engine: OpenCV's implementation, one thread."""

    name = "opencv"

    def __init__(self, options: FlowOptions) -> None:
        self._options = options
        self._solvers: dict[tuple[int, ...], cv2.optflow.DualTVL1OpticalFlow] = {}

    def compute_flow(self, previous: Pixels, following: Pixels) -> Flow:
        """See ``FlowEngine``. Equal pictures are answered without iterating: nothing moves."""
        if previous.shape != following.shape or previous.ndim != 2:
            raise ValueError(f"two grey pictures of one size are needed, not {previous.shape} and {following.shape}")
        if np.array_equal(previous, following):
            return np.zeros((2, *previous.shape), dtype=np.float32)
        flow_hwc = self._solver(previous.shape).calc(previous, following, None)
        flow = np.ascontiguousarray(np.moveaxis(flow_hwc, 2, 0))
        if not np.isfinite(flow).all():
            raise FeatureError("optical flow is not finite", remedy="report it, with the clip: a defect of the engine")
        return cast(Flow, flow)

    def _solver(self, shape: tuple[int, ...]) -> "cv2.optflow.DualTVL1OpticalFlow":
        # One per size: the solver lowers its own number of scales for a small picture and never raises it again.
        if shape not in self._solvers:
            self._solvers[shape] = cv2.optflow.DualTVL1OpticalFlow_create(  # type: ignore[attr-defined]
                tau=TAU,
                lambda_=LAMBDA,
                theta=THETA,
                nscales=NUM_SCALES,
                warps=self._options.num_warps,
                epsilon=self._options.epsilon,
                innnerIterations=INNER_ITERATIONS,  # OpenCV's own spelling
                outerIterations=OUTER_ITERATIONS,
                scaleStep=SCALE_STEP,
                gamma=0.0,
                medianFiltering=MEDIAN_PX,
                useInitialFlow=False,
            )
        return self._solvers[shape]


def make_flow_engine(options: FlowOptions) -> FlowEngine:
    """The engine that the options name."""
    engines = {OpenCvFlow.name: OpenCvFlow}
    return engines[options.engine](options)

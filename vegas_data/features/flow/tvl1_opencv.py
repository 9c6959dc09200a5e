"""The reference engine: OpenCV's implementation of the definition in ``tvl1``."""

import itertools
from collections.abc import Iterator
from typing import cast

import cv2
import numpy as np

from vegas_data.features.flow.tvl1 import (
    INNER_ITERATIONS,
    LAMBDA,
    MEDIAN_PX,
    NUM_SCALES,
    OUTER_ITERATIONS,
    SCALE_STEP,
    TAU,
    THETA,
    Flow,
    check_finite,
    check_pair,
)
from vegas_data.features.options import FlowOptions
from vegas_data.features.pictures import Pixels


class OpenCvFlow:
    """Computes on one thread."""

    name = "opencv"

    def __init__(self, options: FlowOptions) -> None:
        self._options = options
        self._solvers: dict[tuple[int, ...], cv2.optflow.DualTVL1OpticalFlow] = {}

    def compute_flow(self, previous: Pixels, following: Pixels) -> Flow:
        """See ``FlowEngine``. Equal pictures are answered without iterating: nothing moves."""
        check_pair(previous, following)
        if np.array_equal(previous, following):
            return np.zeros((2, *previous.shape), dtype=np.float32)
        flow_hwc = self._solver(previous.shape).calc(previous, following, None)
        return check_finite(cast(Flow, np.ascontiguousarray(np.moveaxis(flow_hwc, 2, 0))))

    def iter_flows(self, pictures: Pixels) -> Iterator[Flow]:
        """See ``FlowEngine``."""
        for previous, following in itertools.pairwise(pictures):
            yield self.compute_flow(previous, following)

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

"""The engine *numba*: pictures in, flow out; memory is kept for the next pair of the same size."""

import functools
import itertools
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vegas_data.features.flow.tvl1 import (
    INNER_ITERATIONS,
    LAMBDA,
    LEAST_PICTURE_PX,
    MEDIAN_PX,
    OUTER_ITERATIONS,
    SCALE_STEP,
    TAU,
    THETA,
    Flow,
    check_finite,
    check_pair,
    pyramid_shapes,
)
from vegas_data.features.flow.tvl1_numba import median, warp
from vegas_data.features.flow.tvl1_numba.cache import first_in_turn
from vegas_data.features.flow.tvl1_numba.layout import Size, allocate, row_length
from vegas_data.features.flow.tvl1_numba.solver import MOST_AT_ONCE, solve
from vegas_data.features.flow.tvl1_numba.vectors import WIDTH
from vegas_data.features.options import FlowOptions
from vegas_data.features.pictures import Pixels

UNIT: Final = TAU / THETA  # flow is computed in units of 1 / UNIT pixels (``sweeps``)
MAX_PIXELS: Final = 1 << 21  # addresses inside a picture are calculated in float32, which is exact up to 2²⁴


class NumbaFlow:
    """TV-L1 in vectors of the CPU's own width, without Python's lock; each thread that calls has memory of its own."""

    name = "numba"

    def __init__(self, options: FlowOptions) -> None:
        self._options = options
        self._idle: dict[tuple[int, ...], list[_Work]] = {}
        self.num_iterated = 0  # pixels times iterations; of one thread

    def compute_flow(self, previous: Pixels, following: Pixels) -> Flow:
        """See ``FlowEngine``."""
        check_pair(previous, following)
        flow = np.zeros((2, *previous.shape), dtype=np.float32)
        if np.array_equal(previous, following):
            return flow
        if previous.size > MAX_PIXELS:
            raise ValueError(f"the engine numba takes pictures of at most {MAX_PIXELS} pixels, not {previous.shape}")
        prepare()
        idle = self._idle.setdefault(previous.shape, [])
        try:
            work = idle.pop()
        except IndexError:
            work = _Work(previous.shape)
        before = int(work.counts[0])
        compute(np.ascontiguousarray(previous), np.ascontiguousarray(following), flow, work, self._options)
        self.num_iterated += int(work.counts[0]) - before
        check_finite(flow)
        idle.append(work)
        return flow

    def iter_flows(self, pictures: Pixels) -> Iterator[Flow]:
        """See ``FlowEngine``."""
        for previous, following in itertools.pairwise(pictures):
            yield self.compute_flow(previous, following)


@functools.cache
def prepare() -> None:
    """Load the compiled code, or compile it: seconds, once per machine, however many processes begin together."""
    shape = (LEAST_PICTURE_PX, LEAST_PICTURE_PX)
    black, white = np.zeros(shape, np.uint8), np.ones(shape, np.uint8)
    with first_in_turn():
        compute(black, white, np.zeros((2, *shape), np.float32), _Work(shape), FlowOptions(num_warps=1))


def compute(previous: Pixels, following: Pixels, flow: Flow, work: "_Work", options: FlowOptions) -> None:
    """Fill ``flow``. Shape: uint8 [H, W], twice, and float32 [2, H, W], all contiguous; work: for [H, W]."""
    numbers = (TAU, LAMBDA * THETA * UNIT**2, UNIT, float(options.epsilon), SCALE_STEP)
    addresses = (previous.ctypes.data, following.ctypes.data, flow.ctypes.data)
    # the change may fall faster than foreseen: then once more, with a look after every iteration
    for most in (MOST_AT_ONCE, 1):
        limits = (options.num_warps, INNER_ITERATIONS, OUTER_ITERATIONS, int(MEDIAN_PX > 1), most)
        if solve(*addresses, work.levels, work.addresses, numbers, limits, work.counts):
            return


class _Work:
    """All memory that a pair of one size is computed in.

    Shape: levels: int64 [scales, 6], columns as in ``solver``; counts: int64 [4]: see ``solve``.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        sizes = [Size(height=height, width=width) for height, width in pyramid_shapes(shape)]
        rows, num_plane, num_state = [], WIDTH, 0
        for size in sizes:
            length = row_length(size.width)
            rows.append((size.height, size.width, length, num_plane, num_state, size.num_state))
            num_plane += size.num_plane
            num_state += 2 * size.num_state
        self.levels: npt.NDArray[np.int64] = np.array(rows, dtype=np.int64)
        self.counts: npt.NDArray[np.int64] = np.zeros(4, dtype=np.int64)
        top = sizes[0]
        lengths = (
            num_plane + 2 * WIDTH,
            num_plane + 2 * WIDTH,
            top.num_quads,
            num_state,
            top.num_fields,
            *[row_length(top.width) + 2 * WIDTH] * 3,
            (MOST_AT_ONCE + 1) * WIDTH,
            median.num_scratch(top.width),
            warp.NUM_SCRATCH,
        )
        self._arrays: list[Any] = [allocate(length) for length in lengths]
        self.addresses = tuple(array.ctypes.data for array in self._arrays)

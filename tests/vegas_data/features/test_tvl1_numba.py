"""The parts of the numba engine, each against plain numpy or against OpenCV's own function."""

import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from feature_cases import texture

from vegas_data.features.flow.tvl1_numba import median, pyramid, solver, sweeps, warp
from vegas_data.features.flow.tvl1_numba.engine import NumbaFlow
from vegas_data.features.flow.tvl1_numba.layout import BORDER_PX, FIELD_PLANES, STATE_PLANES, Size, allocate, row_length
from vegas_data.features.flow.tvl1_numba.vectors import CHANNELS, WIDTH
from vegas_data.features.options import FlowOptions

TAU, THETA, LIMIT = 0.25, 0.3, 0.15 * 0.3
UNIT = TAU / THETA
SIZES = [(7, 5), (16, 16), (23, 33), (20, 96), (6, 250)]
each_size = pytest.mark.parametrize(("height", "width"), SIZES)


class Memory:
    """Planes of one kind and how they look as an array [H, planes, W]."""

    def __init__(self, height: int, width: int, planes: int, *, above: int = 0) -> None:
        length = row_length(width)
        self.floats = allocate((height + above + 1) * planes * length + 2 * WIDTH)
        self.address = self.floats.ctypes.data
        begin = self.floats[above * planes * length + WIDTH :]
        self.planes = np.lib.stride_tricks.as_strided(
            begin, (height, planes, width), (4 * planes * length, 4 * length, 4)
        )


def state_and_fields(height: int, width: int) -> tuple[Memory, Memory]:
    rng = np.random.default_rng(height)
    state, fields = Memory(height, width, STATE_PLANES, above=1), Memory(height, width, FIELD_PLANES)
    state.planes[:, :2] = rng.normal(size=(height, 2, width))
    fields.planes[:, :3] = rng.normal(size=(height, 3, width)) * np.float32([5, 5, 3])[:, None]
    fields.planes[:, 3] = -1 / (fields.planes[:, 0] ** 2 + fields.planes[:, 1] ** 2)
    return state, fields


def iterate(state: np.ndarray, fields: np.ndarray, count: int) -> tuple[np.ndarray, list[float]]:
    """The definition, in pixels and in float64. Shape: [H, 6, W], in the units of ``sweeps``."""
    u, p = state[:, :2] / UNIT, state[:, 2:] / TAU
    gradient, rest = fields[:, :2] * UNIT, fields[:, 2]
    errors = []
    for _ in range(count):
        rho = rest + (gradient * u).sum(axis=1)
        square = (gradient**2).sum(axis=1)
        change = np.where(np.abs(rho) <= LIMIT * square, -rho / square, -LIMIT * np.sign(rho))[:, None] * gradient
        for c in range(2):
            x, y = p[:, 2 * c], p[:, 2 * c + 1]
            divergence = x + y
            divergence[:, 1:] -= x[:, :-1]
            divergence[1:] -= y[:-1]
            change[:, c] += THETA * divergence
        u = u + change
        errors.append((change**2).sum())
        for c in range(2):
            x, y = np.zeros_like(rho), np.zeros_like(rho)
            x[:, :-1], y[:-1] = np.diff(u[:, c], axis=1), np.diff(u[:, c], axis=0)
            norm = 1 + TAU / THETA * np.hypot(x, y)
            p[:, 2 * c] = (p[:, 2 * c] + TAU / THETA * x) / norm
            p[:, 2 * c + 1] = (p[:, 2 * c + 1] + TAU / THETA * y) / norm
    return np.concatenate([u * UNIT, p * TAU], axis=1), errors


@each_size
@pytest.mark.parametrize("count", [1, 2, 6])
@pytest.mark.parametrize("in_place", [False, True])
def test_sweeps_are_the_definition(height: int, width: int, count: int, in_place: bool) -> None:
    state, fields = state_and_fields(height, width)
    before = state.planes.astype(np.float64)
    other = state if in_place else Memory(height, width, STATE_PLANES, above=1)
    errors = allocate((count + 1) * WIDTH)
    sweeps.advance(
        state.address, other.address, fields.address, height, width, row_length(width), count, TAU, LIMIT * UNIT**2,
        errors.ctypes.data,
    )  # fmt: skip
    wanted, wanted_errors = iterate(before, fields.planes.astype(np.float64), count)
    np.testing.assert_allclose(other.planes, wanted, atol=3e-4)
    np.testing.assert_allclose(errors[:count] / UNIT**2, wanted_errors, rtol=2e-4)
    if not in_place:
        np.testing.assert_array_equal(state.planes, before.astype(np.float32))


@each_size
def test_several_iterations_at_once_are_the_same_bytes(height: int, width: int) -> None:
    results = []
    for steps in ((1, 1, 1, 1, 1, 1), (6,), (2, 4)):
        state, fields = state_and_fields(height, width)
        errors = allocate(7 * WIDTH)
        for count in steps:
            sweeps.advance(
                state.address, state.address, fields.address, height, width, row_length(width), count, TAU,
                LIMIT * UNIT**2, errors.ctypes.data,
            )  # fmt: skip
        results.append((state.planes.tobytes(), errors[steps[-1] - 1]))
    assert results[0] == results[1] == results[2]


@each_size
def test_median_is_opencvs(height: int, width: int) -> None:
    memory = Memory(height, width, 1)
    memory.planes[:, 0] = np.random.default_rng(1).normal(size=(height, width))
    wanted = cv2.medianBlur(memory.planes[:, 0].copy(), 5)
    work = allocate(median.num_scratch(width))
    median.median(memory.address, WIDTH, row_length(width), height, width, work.ctypes.data)
    np.testing.assert_array_equal(memory.planes[:, 0], wanted)


@each_size
@pytest.mark.parametrize("scale", [0.8, 1.25])
def test_resampling_is_opencvs(height: int, width: int, scale: float) -> None:
    source = Memory(height, width, 1)
    source.planes[:, 0] = texture(height, width)
    if scale < 1:
        wanted = cv2.resize(source.planes[:, 0].copy(), None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        steps = (1 / scale, 1 / scale)
    else:
        size = (round(width * scale), round(height * scale))
        wanted = cv2.resize(source.planes[:, 0].copy(), size, interpolation=cv2.INTER_LINEAR)
        steps = (height / size[1], width / size[0])
    target = Memory(*wanted.shape, 1)
    scratch = [allocate(row_length(max(width, wanted.shape[1])) + 2 * WIDTH) for _ in range(3)]
    pyramid.resample(
        source.address, WIDTH, row_length(width), height, width,
        target.address, WIDTH, row_length(wanted.shape[1]), *wanted.shape,
        *steps, 1.0, *(one.ctypes.data for one in scratch),
    )  # fmt: skip
    np.testing.assert_allclose(target.planes[:, 0], wanted, atol=1e-3)


def quads_of(memory: Memory, height: int, width: int, gain: float = 1.0) -> np.ndarray:
    quads = allocate(Size(height=height, width=width).num_quads)
    quads[:] = np.nan  # all of it must be written
    pyramid.build_quads(memory.address, WIDTH, row_length(width), height, width, gain, quads.ctypes.data)
    return quads


@each_size
def test_quads_are_central_differences_with_zeros_around(height: int, width: int) -> None:
    memory = Memory(height, width, 1)
    picture = texture(height, width).astype(np.float32)
    memory.planes[:, 0] = picture
    wide = np.pad(picture, 1, mode="edge")
    wanted = np.stack(
        [picture, (wide[1:-1, 2:] - wide[1:-1, :-2]) / 2, (wide[2:, 1:-1] - wide[:-2, 1:-1]) / 2, 0 * picture], axis=-1
    )
    wanted = np.pad(wanted, ((BORDER_PX, BORDER_PX), (BORDER_PX, BORDER_PX), (0, 0)))
    quads = quads_of(memory, height, width)
    np.testing.assert_array_equal(quads[: wanted.size].reshape(wanted.shape), wanted)


@each_size
def test_warp_is_opencvs_bicubic_with_zeros_outside(height: int, width: int) -> None:
    rng = np.random.default_rng(3)
    length = row_length(width)
    first, second = (Memory(height, width, 1) for _ in range(2))
    first.planes[:, 0], second.planes[:, 0] = texture(height, width, seed=1), texture(height, width, seed=2)
    quads = quads_of(second, height, width, 1 / UNIT)
    state, fields = Memory(height, width, STATE_PLANES, above=1), Memory(height, width, FIELD_PLANES)
    flow = rng.normal(size=(height, 2, width)).astype(np.float32) * 4
    flow[0, 0, 0], flow[-1, 1, -1], flow[0, 1, 1] = 1e9, -1e9, 5e5  # far outside
    state.planes[:, :2] = flow * np.float32(UNIT)
    work = allocate(warp.NUM_SCRATCH)
    warp.warp(
        state.address, quads.ctypes.data, first.address, WIDTH, fields.address, height, width, length, UNIT,
        work.ctypes.data,
    )  # fmt: skip
    images = quads[: (height + 8) * (width + 8) * CHANNELS].reshape(height + 8, width + 8, CHANNELS)
    x, y = np.arange(width) + flow[:, 0], np.arange(height)[:, None] + flow[:, 1]
    x, y = np.clip(x, -3, width + 1), np.clip(y, -3, height + 1)  # nothing is to be seen beyond
    places = [(axis + BORDER_PX).astype(np.float32) for axis in (x, y)]
    seen = [
        cv2.remap(images[..., c].copy(), *places, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT) for c in range(3)
    ]
    tolerance = 0.02 * 255 if cv2.__version__ < "5" else 2e-2  # before OpenCV 5, places are rounded to 1/32 px
    np.testing.assert_allclose(fields.planes[:, 0], seen[1], atol=tolerance)
    np.testing.assert_allclose(fields.planes[:, 1], seen[2], atol=tolerance)
    ix, iy = fields.planes[:, 0], fields.planes[:, 1]
    rho = seen[0] - ix * state.planes[:, 0] - iy * state.planes[:, 1] - first.planes[:, 0]
    near = np.abs(flow).max(axis=1) < 1e3
    np.testing.assert_allclose(fields.planes[:, 2][near], rho[near], atol=tolerance)
    square = np.maximum(ix**2 + iy**2, np.finfo(np.float32).eps / UNIT**2)
    np.testing.assert_allclose(fields.planes[:, 3], -1 / square, rtol=2e-4)


def test_the_stop_test_ends_at_the_first_iteration_below_the_limit() -> None:
    height, width = 24, 40
    state, fields = state_and_fields(height, width)
    _, errors = iterate(state.planes.astype(np.float64), fields.planes.astype(np.float64), 25)
    for wanted in (1, 9, 13, 25):
        limit = np.float32(UNIT**2 * (errors[wanted - 1] + (errors[wanted - 2] if wanted > 1 else 1e9)) / 2)
        for most in (10, 3, 1):
            state, fields = state_and_fields(height, width)
            other = Memory(height, width, STATE_PLANES, above=1)
            scratch, counts = allocate(12 * WIDTH), np.zeros(4, np.int64)
            where = solver.settle(
                state.address, other.address, fields.address, height, width, row_length(width), limit, TAU,
                LIMIT * UNIT**2, 30, 1, False, most, scratch.ctypes.data, 0, counts,
            )  # fmt: skip
            if where == 0:
                assert most > 1  # it was seen too late, and is said
                continue
            result = state if where == state.address else other
            fresh, _ = state_and_fields(height, width)
            after, _ = iterate(fresh.planes.astype(np.float64), fields.planes.astype(np.float64), wanted)
            np.testing.assert_allclose(result.planes, after, atol=2e-3)


def test_one_iteration_at_once_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    ground = texture(80, 90, seed=4)
    pair = ground[4:-4, 4:-4].copy(), ground[3:-5, 6:-2].copy()
    flow = NumbaFlow(FlowOptions()).compute_flow(*pair)
    monkeypatch.setattr("vegas_data.features.flow.tvl1_numba.engine.MOST_AT_ONCE", 1)
    np.testing.assert_array_equal(NumbaFlow(FlowOptions()).compute_flow(*pair), flow)


@pytest.mark.parametrize("shared", [True, False])
def test_threads_compute_the_same_bytes(shared: bool) -> None:
    ground = texture(80, 90, seed=4)
    pairs = [(ground[4:-4, 4:-4].copy(), ground[3:-5, 4 + x : x - 4].copy()) for x in (1, 2, 3)]
    alone = [NumbaFlow(FlowOptions()).compute_flow(*pair).tobytes() for pair in pairs]
    engines = [NumbaFlow(FlowOptions())] * 3 if shared else [NumbaFlow(FlowOptions()) for _ in range(3)]
    start = threading.Barrier(len(pairs))

    def compute(engine: NumbaFlow, pair: tuple[np.ndarray, np.ndarray]) -> list[bytes]:
        start.wait(timeout=60)
        return [engine.compute_flow(*pair).tobytes() for _ in range(4)]

    with ThreadPoolExecutor(len(pairs)) as pool:
        assert list(pool.map(compute, engines, pairs)) == [[one] * 4 for one in alone]


def test_pictures_need_not_be_contiguous() -> None:
    ground = texture(60, 140, seed=2)
    views = ground[5:45, 4:100:2], ground[45:5:-1, 102:6:-2].astype(np.uint8)[::-1, ::-1]
    assert not any(view.flags.c_contiguous for view in views)
    locked = [np.ascontiguousarray(view) for view in views]
    for picture in locked:
        picture.flags.writeable = False
    engine = NumbaFlow(FlowOptions(num_warps=1))
    np.testing.assert_array_equal(engine.compute_flow(*views), engine.compute_flow(*locked))


def test_what_lies_beside_a_picture_in_memory_does_not_matter() -> None:
    """After the wildest pairs, every size gives the bytes that it gives in fresh memory."""
    used, rng = NumbaFlow(FlowOptions(num_warps=2)), np.random.default_rng(0)
    for height, width in [(2, 2), (3, 17), (17, 3), (21, 16), (31, 33), (40, 40), (25, 130)]:
        ground = texture(height + 2, width + 3, seed=height)
        pair = ground[1:-1, 1:-2].copy(), ground[:-2, 2:-1].copy()
        fresh = NumbaFlow(FlowOptions(num_warps=2)).compute_flow(*pair)
        for wild in (rng.choice([0, 255], size=(2, height, width)), rng.integers(0, 256, (2, height, width))):
            assert np.isfinite(used.compute_flow(*wild.astype(np.uint8))).all()
        np.testing.assert_array_equal(used.compute_flow(*pair), fresh)


def test_refuses_pictures_beyond_its_reach() -> None:
    large = np.zeros((1100, 2000), np.uint8)
    with pytest.raises(ValueError, match="at most"):
        NumbaFlow(FlowOptions()).compute_flow(large, large + np.uint8(1))

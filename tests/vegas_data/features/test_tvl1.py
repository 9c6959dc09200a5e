"""TV-L1 of every engine: against a known translation, against OpenCV, and at the edges of what it may be given."""

import functools
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from feature_cases import FLOW, texture

from vegas_data.features import options as feature_options
from vegas_data.features.extract import stream_digest
from vegas_data.features.flow.engines import make_flow_engine
from vegas_data.features.flow.pictures import quantise
from vegas_data.features.flow.tvl1 import FlowEngine, Pixels, pyramid_shapes
from vegas_data.features.options import FLOW_ENGINE_VERSIONS, FlowOptions
from vegas_data.units import Grid

torch.set_num_threads(1)
every_engine = pytest.mark.parametrize("name", sorted(FLOW_ENGINE_VERSIONS))
every_fast_engine = pytest.mark.parametrize("name", ["numba", "torch"])
SLOW_ON_A_CPU = pytest.param("torch", marks=pytest.mark.slow)


@functools.cache
def engine(name: str, **options: object) -> FlowEngine:
    return make_flow_engine(FlowOptions(engine=name, **options))  # type: ignore[arg-type]


def turned(size: tuple[int, int], *, seed: int) -> tuple[Pixels, Pixels]:
    """A texture, and the same turned, enlarged and moved a little, with noise. Shape: uint8 [H, W] each."""
    height, width = size
    ground = texture(height + 60, width + 60, seed=seed)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 1.5 - seed, 1.03)
    matrix[:, 2] += (1.4 * seed - 1, 0.7)
    after = cv2.warpAffine(ground, matrix, (width + 60, height + 60), flags=cv2.INTER_CUBIC)
    noise = np.random.default_rng(seed).integers(-1, 2, size=after.shape)
    after = np.clip(after + noise, 0, 255).astype(np.uint8)
    return ground[30 : 30 + height, 30 : 30 + width].copy(), after[30 : 30 + height, 30 : 30 + width].copy()


def opencv(previous: Pixels, following: Pixels, **options: object) -> np.ndarray:
    return engine("opencv", **options).compute_flow(previous, following)


def distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.hypot(*(one - other))


def moved(x: int, y: int, size: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """A texture, and the same after everything went ``x`` px to the right and ``y`` px down."""
    ground = texture(size + 40, size + 40, seed=3)
    return ground[20 : 20 + size, 20 : 20 + size].copy(), ground[20 - y : 20 - y + size, 20 - x : 20 - x + size].copy()


@pytest.mark.parametrize("name", ["numba", "opencv", SLOW_ON_A_CPU])
@pytest.mark.parametrize(("x", "y"), [(3, 0), (0, -2), (-1, 4)])
def test_finds_a_known_translation(name: str, x: int, y: int) -> None:
    flow = engine(name).compute_flow(*moved(x, y))
    assert flow.shape == (2, 96, 96)
    assert flow.dtype == np.float32
    inside = flow[:, 8:-8, 8:-8]
    assert abs(inside[0].mean() - x) < 0.1
    assert abs(inside[1].mean() - y) < 0.1
    assert np.abs(inside[0] - x).mean() < 0.2
    assert np.abs(inside[1] - y).mean() < 0.2


def test_definition_is_opencvs_default() -> None:
    previous, following = moved(2, 1)
    reference = cv2.optflow.DualTVL1OpticalFlow_create().calc(previous, following, None)
    np.testing.assert_array_equal(opencv(previous, following), np.moveaxis(reference, 2, 0))


@every_fast_engine
def test_agrees_with_opencv(name: str) -> None:
    means, medians, wrong = [], [], []
    for seed, size in enumerate([(96, 96), (67, 121), (113, 64), (90, 90)]):
        pair = turned(size, seed=seed)
        reference, flow = opencv(*pair), engine(name).compute_flow(*pair)
        assert distance(reference, np.zeros_like(reference)).mean() > 0.5
        means.append(distance(flow, reference).mean())
        medians.append(np.median(distance(flow, reference)))
        wrong.append((np.abs(quantise(flow).astype(int) - quantise(reference)) > 1).mean())
    assert np.median(means) <= 0.03
    assert np.median(medians) <= 0.02
    assert max(wrong) <= 0.005


@pytest.mark.parametrize("name", ["numba", SLOW_ON_A_CPU])
@pytest.mark.parametrize("options", [{"epsilon": 0.1}, {"epsilon": 0.003, "num_warps": 2}, {"num_warps": 1}], ids=str)
def test_options_mean_what_they_mean_to_opencv(name: str, options: dict[str, object]) -> None:
    pair = turned((80, 80), seed=2)
    reference, flow = opencv(*pair, **options), engine(name, **options).compute_flow(*pair)
    assert not np.array_equal(flow, engine(name).compute_flow(*pair))
    assert np.median(distance(flow, reference)) < min(0.02, 0.5 * np.median(distance(opencv(*pair), reference)))


@every_fast_engine
@pytest.mark.parametrize("size", [(2, 3), (5, 17), (15, 15), (16, 33), (19, 20), (31, 47)])
def test_any_size_is_computed_as_opencv_does(name: str, size: tuple[int, int]) -> None:
    ground = texture(size[0] + 4, size[1] + 4, seed=5)
    previous, following = ground[2:-2, 2:-2].copy(), ground[2:-2, 1:-3].copy()
    flow = engine(name).compute_flow(previous, following)
    assert flow.shape == (2, *size)
    assert np.isfinite(flow).all()
    assert np.median(distance(flow, opencv(previous, following))) <= 0.03


@every_engine
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (0, 40)])
def test_refuses_a_line_of_pixels(name: str, size: tuple[int, int]) -> None:
    """OpenCV reads outside its pictures here."""
    line = np.zeros(size, np.uint8)
    with pytest.raises(ValueError, match="at least 2 px"):
        engine(name).compute_flow(line, line + np.uint8(1))
    with pytest.raises(ValueError, match="at least 2 px"):
        list(engine(name).iter_flows(np.stack([line, line])))


@every_engine
def test_equal_pictures_do_not_move(name: str) -> None:
    picture = moved(0, 0)[0]
    assert not engine(name).compute_flow(picture, picture.copy()).any()
    assert not cv2.optflow.DualTVL1OpticalFlow_create().calc(picture, picture.copy(), None).any()


@every_engine
@pytest.mark.parametrize(("before", "after"), [(0, 255), (255, 0), (7, 8)])
def test_pictures_without_structure_do_not_move(name: str, before: int, after: int) -> None:
    flow = engine(name).compute_flow(np.full((48, 50), before, np.uint8), np.full((48, 50), after, np.uint8))
    assert np.isfinite(flow).all()
    assert np.abs(flow).max() < 1e-3


@every_engine
def test_a_cut_gives_numbers(name: str) -> None:
    flow = engine(name, epsilon=0.05, num_warps=2).compute_flow(
        texture(64, 64, seed=1), np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    )
    assert np.isfinite(flow).all()


@pytest.mark.parametrize("name", ["numba", "opencv", SLOW_ON_A_CPU])
def test_flow_does_not_depend_on_what_was_computed_before(name: str) -> None:
    used = make_flow_engine(FlowOptions(engine=name))  # type: ignore[arg-type]
    used.compute_flow(*moved(1, 1, size=20))  # a shared solver would keep this size's two scales
    used.compute_flow(*moved(-2, 6))
    fresh = make_flow_engine(FlowOptions(engine=name))  # type: ignore[arg-type]
    np.testing.assert_array_equal(used.compute_flow(*moved(5, -3)), fresh.compute_flow(*moved(5, -3)))


@every_engine
def test_a_series_is_its_pairs(name: str) -> None:
    pictures = np.stack([moved(x, 1, size=24)[1] for x in (0, 2, 2, 3)])
    one = engine(name, epsilon=0.05)
    flows = list(one.iter_flows(pictures))
    assert len(flows) == 3
    assert not flows[1].any()
    for flow, previous, following in zip(flows, pictures, pictures[1:], strict=False):
        np.testing.assert_array_equal(flow, one.compute_flow(previous, following))
    assert not list(one.iter_flows(pictures[:1]))


@every_engine
def test_refuses_pictures_that_do_not_match(name: str) -> None:
    with pytest.raises(ValueError, match="one size"):
        engine(name).compute_flow(np.zeros((32, 32), np.uint8), np.zeros((32, 40), np.uint8))
    with pytest.raises(ValueError, match="grey"):
        engine(name).compute_flow(np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(ValueError, match="bytes"):
        engine(name).compute_flow(np.zeros((32, 32), np.float32), np.zeros((32, 32), np.float32))


def test_the_pyramid_ends_before_a_side_falls_below_16() -> None:
    assert pyramid_shapes((224, 224)) == [(224, 224), (179, 179), (143, 143), (114, 114), (91, 91)]
    assert pyramid_shapes((24, 300)) == [(24, 300), (19, 240)]
    assert pyramid_shapes((5, 5)) == [(5, 5)]


def test_auto_is_numba_on_a_cpu_and_torch_on_a_gpu() -> None:
    auto = FlowOptions()
    assert auto.engine == "auto"
    assert [auto.engine_on(device) for device in ("cpu", "cuda", "cuda:1")] == ["numba", "torch", "torch"]
    assert FlowOptions(engine="opencv").engine_on("cuda") == "opencv"
    assert make_flow_engine(auto, "cpu").name == "numba"
    if torch.cuda.is_available():
        assert make_flow_engine(auto, "cuda").name == "torch"


@pytest.mark.usefixtures("tiny_encoders")
def test_a_digest_knows_the_version_of_every_engine_that_may_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = [replace(FLOW, flow=FlowOptions(engine=name)) for name in ("auto", "numba", "torch")]  # type: ignore[arg-type]

    def digests() -> list[str]:
        return [stream_digest(stream, batch_size=8, grid=Grid()) for stream in streams]

    before = digests()
    monkeypatch.setattr(feature_options, "FLOW_ENGINE_VERSIONS", {**FLOW_ENGINE_VERSIONS, "torch": 99})
    after = digests()
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True, False]
    assert len({*before, *after}) == 5

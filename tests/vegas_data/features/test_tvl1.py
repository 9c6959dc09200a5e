"""TV-L1 against a known translation, and the engine's own promises."""

import cv2
import numpy as np
import pytest
from feature_cases import texture

from vegas_data.features.options import FlowOptions
from vegas_data.features.tvl1 import make_flow_engine

ENGINE = make_flow_engine(FlowOptions())


def moved(x: int, y: int, size: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """A texture, and the same after everything went ``x`` px to the right and ``y`` px down."""
    ground = texture(size + 40, size + 40, seed=3)
    return ground[20 : 20 + size, 20 : 20 + size].copy(), ground[20 - y : 20 - y + size, 20 - x : 20 - x + size].copy()


@pytest.mark.parametrize(("x", "y"), [(3, 0), (0, -2), (-1, 4)])
def test_finds_a_known_translation(x: int, y: int) -> None:
    flow = ENGINE.compute_flow(*moved(x, y))
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
    np.testing.assert_array_equal(ENGINE.compute_flow(previous, following), np.moveaxis(reference, 2, 0))


def test_options_reach_the_solver() -> None:
    previous, following = moved(2, 1)
    flow = ENGINE.compute_flow(previous, following)
    for options in (FlowOptions(epsilon=0.1), FlowOptions(num_warps=1)):
        other = make_flow_engine(options).compute_flow(previous, following)
        assert not np.array_equal(flow, other)
        assert np.abs(flow - other).mean() < 0.5


def test_equal_pictures_do_not_move_and_opencv_agrees() -> None:
    picture = moved(0, 0)[0]
    assert not ENGINE.compute_flow(picture, picture.copy()).any()
    assert not cv2.optflow.DualTVL1OpticalFlow_create().calc(picture, picture.copy(), None).any()


def test_flow_does_not_depend_on_what_was_computed_before() -> None:
    engine = make_flow_engine(FlowOptions())
    engine.compute_flow(*moved(1, 1, size=20))  # a shared solver would keep this size's two scales
    flow = engine.compute_flow(*moved(5, -3))
    np.testing.assert_array_equal(flow, make_flow_engine(FlowOptions()).compute_flow(*moved(5, -3)))


def test_refuses_pictures_that_do_not_match() -> None:
    with pytest.raises(ValueError, match="one size"):
        ENGINE.compute_flow(np.zeros((32, 32), np.uint8), np.zeros((32, 40), np.uint8))
    with pytest.raises(ValueError, match="grey"):
        ENGINE.compute_flow(np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32, 3), np.uint8))

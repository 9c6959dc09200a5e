"""Flow as bytes and as colours, by tables of values; and the square that is cut from a picture."""

import numpy as np
import pytest

from vegas_data.features.flow.pictures import flow_to_rgb, quantise, unrounded
from vegas_data.features.options import FlowOptions, StreamOptions
from vegas_data.features.pictures import View, frame_picture


@pytest.mark.parametrize(
    ("pixels", "byte"),
    [(0.0, 128), (20.0, 255), (-20.0, 0), (20.1, 255), (-1e9, 0), (1e9, 255), (1.0, 134), (-1.0, 121), (0.05, 128)],
)
def test_quantise(pixels: float, byte: int) -> None:
    assert quantise(np.float32([pixels])) == [byte]


def test_every_level_is_the_middle_of_its_step() -> None:
    levels = np.arange(256)
    assert quantise((levels * 40 / 255 - 20).astype(np.float32)).tolist() == levels.tolist()


def test_quantise_with_another_bound() -> None:
    assert quantise(np.float32([0, 5, -5, 2.5]), bound_px=5.0).tolist() == [128, 255, 0, 191]


def test_unrounded_levels_are_those_of_quantise_but_for_their_rounding() -> None:
    flow = np.random.default_rng(0).uniform(-25, 25, 10_000).astype(np.float32)
    assert unrounded(np.float32([0, 40, -40])).tolist() == [128, 255, 0]
    assert np.abs(unrounded(flow) - 0.5 - quantise(flow)).max() <= 0.5 + 1e-4
    assert len(np.unique(unrounded(flow))) > 5_000


@pytest.mark.parametrize(
    ("x", "y", "rgb"),
    [
        (0, 0, (255, 255, 255)),
        (4, 0, (255, 0, 0)),
        (0, 4, (128, 255, 0)),
        (-4, 0, (0, 255, 255)),
        (0, -4, (128, 0, 255)),
        (2, 0, (255, 128, 128)),
        (400, 0, (255, 0, 0)),
    ],
)
def test_colour_wheel(x: float, y: float, rgb: tuple[int, int, int]) -> None:
    assert tuple(flow_to_rgb(np.float32([[[x]], [[y]]]), bound_px=4.0)[0, 0]) == rgb


def test_colour_wheel_wants_two_components() -> None:
    with pytest.raises(ValueError, match="2, H, W"):
        flow_to_rgb(np.zeros((4, 4), np.float32), bound_px=1.0)


def view(**options: object) -> View:
    return View.of(StreamOptions(name="a", encoder="b", **options))  # type: ignore[arg-type]


def test_center_cuts_the_middle_and_squash_keeps_the_sides() -> None:
    picture = np.zeros((32, 96, 3), dtype=np.uint8)
    picture[:, 32:64] = 200
    picture[:, :8] = 100
    assert (frame_picture(picture, view(size_px=16)) == 200).all()
    squashed = frame_picture(picture, view(size_px=24, crop="squash"))
    assert squashed.shape == (24, 24, 3)
    assert (squashed[:, 0] == 100).all()


def test_crop_fraction_leaves_a_margin() -> None:
    picture = np.zeros((64, 64, 3), dtype=np.uint8)
    picture[4:60, 4:60] = 200
    assert (frame_picture(picture, view(size_px=56, crop_fraction=0.875)) == 200).all()
    assert (frame_picture(picture, view(size_px=56))[0] == 0).all()


def test_a_picture_of_extreme_aspect_stays_small() -> None:
    picture = np.full((2, 200_000, 3), 7, dtype=np.uint8)
    assert frame_picture(picture, view(size_px=224)).shape == (224, 224, 3)


def test_shrinking_takes_every_pixel_into_account_and_enlarging_lies_between_them() -> None:
    fine = np.indices((96, 96)).sum(axis=0)[..., None].repeat(3, axis=2) % 3 == 0
    assert (frame_picture((fine * 255).astype(np.uint8), view(size_px=32)) == 85).all()
    steps = np.arange(16, dtype=np.uint8)[None, :, None].repeat(16, axis=0).repeat(3, axis=2) * 16
    assert frame_picture(steps, view(size_px=32))[0, :5, 0].tolist() == [0, 4, 12, 20, 28]


def test_grey_is_that_of_bt_601() -> None:
    colours = np.uint8([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]])
    flow = StreamOptions(name="a", encoder="b", size_px=16, flow=FlowOptions())
    grey = [frame_picture(np.full((16, 16, 3), colour), View.of(flow))[0, 0] for colour in colours]
    assert grey == [76, 150, 29, 255]  # 0.299, 0.587, 0.114

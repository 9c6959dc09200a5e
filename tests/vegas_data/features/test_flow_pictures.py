"""Flow as bytes and as colours, by tables of values; and the square that is cut from a picture."""

import numpy as np
import pytest

from vegas_data.features.flow_pictures import flow_to_rgb, quantise
from vegas_data.features.options import StreamOptions
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

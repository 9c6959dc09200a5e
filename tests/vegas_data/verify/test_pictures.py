"""Preparing pictures, against an independent implementation of what CLIP's processor does through PIL."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from verify_cases import photograph

from vegas_data.errors import WeightsMissing

transformers = pytest.importorskip("transformers")

from tiny_networks import save_preprocessor  # noqa: E402

from vegas_data.networks.pictures import Preparation, prepare_pictures, read_preparation  # noqa: E402

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
CLIP = Preparation(height=64, width=64, shorter_px=64, resample=3, mean=MEAN, std=STD)


def cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic with a = -0.5, as PIL's BICUBIC has it."""
    x = np.abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def resample(line: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The first axis to ``size``, the kernel widened by the scale, as PIL does where it reduces."""
    scale = len(line) / size
    centres = (np.arange(size) + 0.5) * scale - 0.5
    weights = cubic((np.arange(len(line))[None] - centres[:, None]) / max(scale, 1.0))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.tensordot(weights, line, axes=1)


def expected(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CLIP's preparation, step by step: shorter side to 64, the centre cut out, 8 bits, normalised."""
    height, width = (64 * side // min(picture.shape[:2]) for side in picture.shape[:2])
    tall = resample(picture.astype(np.float64), height)
    small = resample(tall.transpose(1, 0, 2), width).transpose(1, 0, 2)
    top, left = (height - 64) // 2, (width - 64) // 2
    square = np.clip(np.round(small[top : top + 64, left : left + 64]), 0, 255) / 255
    return ((square - np.asarray(MEAN)) / np.asarray(STD)).transpose(2, 0, 1)


@pytest.mark.parametrize("turned", [False, True])
def test_clip_sees_what_its_own_processor_would_show_it(turned: bool) -> None:
    picture = photograph("dog")[:, :301]
    if turned:
        picture = np.ascontiguousarray(picture.transpose(1, 0, 2))
    prepared = prepare_pictures(picture[None], CLIP)[0].numpy()
    assert prepared.shape == (3, 64, 64)
    one_level = 1 / 255 / min(STD)
    levels = (prepared * np.asarray(STD)[:, None, None] + np.asarray(MEAN)[:, None, None]) * 255
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-3)
    difference = np.abs(prepared - expected(picture))
    assert difference.max() <= one_level * 1.01
    assert (difference > one_level / 2).mean() < 0.02, "rounding goes another way now and then"


@pytest.mark.parametrize(
    "settings",
    [
        {"size": {"shortest_edge": 64}, "crop_size": {"height": 64, "width": 64}},
        {"size": 64, "crop_size": 64},
    ],
)
def test_both_forms_of_the_settings_are_read(tmp_path: Path, settings: dict[str, object]) -> None:
    save_preprocessor(tmp_path, resample=3, image_mean=MEAN, image_std=STD, **settings)
    assert read_preparation("clip", tmp_path) == CLIP


def test_a_crop_beyond_the_picture_is_refused(tmp_path: Path) -> None:
    save_preprocessor(tmp_path, resample=3, image_mean=MEAN, image_std=STD, size=32, crop_size=64)
    with pytest.raises(WeightsMissing, match="larger than the resized picture"):
        read_preparation("clip", tmp_path)

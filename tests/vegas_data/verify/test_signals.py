"""Silence and still pictures, told from what an encoder made of them."""

from fractions import Fraction
from pathlib import Path

import cv2
import ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray
from verify_cases import FPS, SIZE, Frame, photograph, shifted

from vegas_data.demo.assets import select_assets
from vegas_data.media.decode import iter_frames_at
from vegas_data.media.mux import write_mp4
from vegas_data.media.sandbox import run_ffmpeg
from vegas_data.verify import SignalOptions
from vegas_data.verify.signals import FLOOR_DBFS, measure_motion, measure_sound, reduce_to_grey

THRESHOLD = SignalOptions().still_motion
TIMES = [Fraction(2 * index + 1, 24) for index in range(24)]


def motion_of(path: Path) -> float:
    return measure_motion([grey_of(frame) for frame in iter_frames_at(path, TIMES)])


def grey_of(picture: Frame) -> NDArray[np.float32]:
    return reduce_to_grey(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))


def encode(path: Path, frames: list[Frame], **harsh: object) -> Path:
    """Two seconds as an upload would come: encoded by somebody, then cut and encoded by us."""
    write_mp4(path, frames, size=SIZE, fps=Fraction(FPS), audio=None, crf=20)
    if harsh:
        upload = path.with_name("upload.mkv")
        run_ffmpeg(ffmpeg.output(ffmpeg.input(str(path)), str(upload), threads=1, **harsh).get_args(), what="upload")
        again = ffmpeg.output(ffmpeg.input(str(upload)), str(path), vcodec="libx264", crf=20, threads=1)
        run_ffmpeg(again.get_args(), what="again")
    return path


UPLOADS = pytest.mark.parametrize(
    "upload",
    [{}, {"vcodec": "libx264", "crf": 38, "g": 50}, {"vcodec": "mpeg4", "video_bitrate": "600k", "g": 25}],
    ids=["ours", "x264", "mpeg4"],
)


def swinging(picture: Frame) -> list[Frame]:
    """A ninth of the picture swings by one pixel once a second: a jaw, a hand."""
    height, width = picture.shape[:2]
    box = np.s_[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3]
    frames = []
    for index in range(2 * FPS):
        frame = picture.copy()
        frame[box] = shifted(picture, np.sin(2 * np.pi * index / FPS), 0)[box]
        frames.append(frame)
    return frames


def check_both(picture: Frame, folder: Path, upload: dict[str, object]) -> None:
    """Still and swinging are far enough on their sides of the default threshold."""
    assert motion_of(encode(folder / "still.mp4", [picture] * 2 * FPS, **upload)) < 0.5 * THRESHOLD
    assert motion_of(encode(folder / "swinging.mp4", swinging(picture), **upload)) > 1.5 * THRESHOLD


@UPLOADS
@pytest.mark.parametrize("role", ["dog", "drum"])
def test_still_and_barely_moving_are_told_apart(tmp_path: Path, role: str, upload: dict[str, object]) -> None:
    check_both(photograph(role), tmp_path, upload)


@pytest.mark.slow
@UPLOADS
@pytest.mark.parametrize("role", ["dog", "drum", "water_flowing", "wrong"])
def test_still_and_barely_moving_are_told_apart_in_all(tmp_path: Path, role: str, upload: dict[str, object]) -> None:
    for which in range(len(select_assets("picture", role))):
        check_both(photograph(role, which), tmp_path, upload)


def test_one_short_jolt_in_two_seconds_is_motion(tmp_path: Path) -> None:
    picture = photograph("drum")
    frames = [picture] * 2 * FPS
    frames[20:24] = [shifted(picture, 0, dy) for dy in (1, 2, 2, 1)]
    assert motion_of(encode(tmp_path / "jolt.mp4", frames)) > 2 * THRESHOLD


def test_motion_counts_what_exceeds_one_level() -> None:
    grey = np.full((10, 20), 100.0, dtype=np.float32)
    assert measure_motion([grey, grey + 1, grey]) == 0.0
    assert measure_motion([grey, grey + 3]) == pytest.approx(2.0)
    assert measure_motion([grey, grey + 3, grey + 3]) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="at least two"):
        measure_motion([grey])


def test_grey_is_a_true_average_and_small_pictures_are_left_alone() -> None:
    checkers = np.indices((144, 288)).sum(axis=0) % 2 * 255
    picture = checkers.astype(np.uint8)
    small = reduce_to_grey(picture)
    assert small.shape == (72, 144)
    np.testing.assert_allclose(small, 127.5)
    assert reduce_to_grey(picture[:50, :60]).shape == (50, 60)


def test_grey_is_the_same_whatever_part_of_its_range_a_video_uses() -> None:
    video = np.repeat(np.array([[16, 125, 235]], dtype=np.uint8), 3, axis=0)
    np.testing.assert_allclose(reduce_to_grey(video, is_full_range=False)[0], [0, 126.9, 255], atol=0.1)


def test_levels_of_known_sounds() -> None:
    t = np.arange(32_000) / 16_000
    sine = (0.5 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
    rms, peak = measure_sound(sine)
    assert rms == pytest.approx(-9.03, abs=0.01)
    assert peak == pytest.approx(-6.02, abs=0.01)
    assert measure_sound(np.zeros(100, dtype=np.float32)) == (FLOOR_DBFS, FLOOR_DBFS)
    assert measure_sound(np.full(100, 1e-9, dtype=np.float32)) == (FLOOR_DBFS, FLOOR_DBFS)
    assert measure_sound(np.ones(100, dtype=np.float32)) == (0.0, 0.0)

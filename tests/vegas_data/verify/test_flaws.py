"""What signals drop a window for, told from real media: encoded by an uploader, cut and encoded by us."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from verify_cases import FAKES, FINE, FPS, SIZE, SOUND_RATE_HZ, Frame, hits, photograph, shifted

from vegas_data.demo.assets import read_sound
from vegas_data.media.cut import CutOptions, cut_clip
from vegas_data.media.mux import write_mp4
from vegas_data.media.sandbox import run_ffmpeg
from vegas_data.media.section import Section
from vegas_data.records import Clip
from vegas_data.release.layout import COLUMNS
from vegas_data.verify import SignalOptions
from vegas_data.verify.flaws import FLAWS, find_flaw
from vegas_data.verify.sampling import read_windows
from vegas_data.verify.scores import Signals
from vegas_data.verify.signals import measure_brightness, measure_clipping, measure_duplicates
from vegas_data.verify.windows import split_windows

Sound = NDArray[np.float32]
GREY: Frame = np.full((72, 96, 3), 120, dtype=np.uint8)
QUIET: Sound = np.zeros(2 * SOUND_RATE_HZ, dtype=np.float32)


def signals_of(path: Path, num_windows: int = 1) -> list[Signals]:
    clip = Clip(video_id="test-a", start_ms=0, end_ms=2_000 * num_windows, categories=("drum",))
    return [signals for _, signals in read_windows(path, split_windows(clip, clip.duration_ms, 2_000), FAKES)]


def cut(folder: Path, frames: list[Frame], sound: Sound, *, fps: int = FPS, upload: tuple[str, ...] = ()) -> Path:
    """Two seconds as they are fetched: an upload (by default nearly lossless pictures, AAC), then our own cut."""
    made, sent, clip = folder / "made.mp4", folder / "sent.mkv", folder / "clip.mp4"
    size = (frames[0].shape[1], frames[0].shape[0])
    write_mp4(made, frames, size=size, fps=Fraction(fps), audio=sound, sample_rate_hz=SOUND_RATE_HZ, crf=12)
    if upload:
        run_ffmpeg(["-i", f"file:{made}", *upload, "-threads", "1", f"file:{sent}"], what="sent", target=sent)
    cut_clip(Section(path=sent if upload else made), clip, start_ms=0, end_ms=2_000, options=CutOptions())
    return clip


def heard(folder: Path, sound: Sound, *upload: str) -> float:
    return signals_of(cut(folder, [GREY] * 2 * FPS, sound, upload=upload))[0].clipped_share


def clipped(sound: Sound, share: float, level: float) -> Sound:
    """As if recorded so loud that ``share`` of the samples did not fit, and turned down to ``level``."""
    top = np.quantile(np.abs(sound), 1 - share)
    return (level * np.clip(sound / top, -1, 1)).astype(np.float32)


def test_a_clipped_recording_is_found_after_two_encoders(tmp_path: Path) -> None:
    birds = hits("wrong", seconds=2, gap_s=1)
    assert heard(tmp_path, birds / np.abs(birds).max()) < 0.001
    for share, upload in ((0.03, ("-c:a", "aac", "-b:a", "96k")), (0.1, ("-c:a", "libopus", "-b:a", "64k"))):
        for level in (0.99, 0.4):
            found = heard(tmp_path, clipped(birds, share, level), "-c:v", "copy", *upload)
            assert 0.25 * share < found < 1.5 * share, (share, level, found)


def test_loud_tones_and_hiss_are_not_clipped(tmp_path: Path) -> None:
    t = np.arange(2 * SOUND_RATE_HZ) / SOUND_RATE_HZ
    water = np.resize(read_sound("water_running"), t.size)
    for sound in (np.sin(2 * np.pi * 60 * t), np.sin(2 * np.pi * 1_000 * t), water):
        assert heard(tmp_path, (sound / np.abs(sound).max()).astype(np.float32)) < 0.001


def test_recordings_that_their_makers_clipped_are_told_from_others() -> None:
    """Some of the corpus' own: the histogram of these barks has its peak at the top."""
    assert measure_clipping(read_sound("dog_bark_1")[None]) > 0.04
    assert measure_clipping(read_sound("drum_bass_hard")[None]) > 0.02
    assert measure_clipping(read_sound("dog_double")[None]) < 0.001
    assert measure_clipping(read_sound("drum_tom_lo_soft")[None]) < 0.001


def test_clipping_is_of_the_worst_channel_and_silence_has_none() -> None:
    bark, fine = read_sound("dog_bark_1"), np.zeros_like(read_sound("dog_bark_1"))
    assert measure_clipping(np.stack([fine, bark])) == measure_clipping(bark[None]) > 0
    assert measure_clipping(np.zeros((2, 0), dtype=np.float32)) == measure_clipping(fine[None]) == 0.0


def night(*, noise: float, bursts: int) -> list[Frame]:
    """Black as a camera sees it; for some pictures, sparks over a twentieth of it."""
    random = np.random.default_rng(0)
    frames = []
    for index in range(2 * FPS):
        frame = random.normal(0, noise, (SIZE[1], SIZE[0], 3))
        if 20 <= index < 20 + bursts:
            frame[60:120, 100:164] += 180
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
    return frames


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (night(noise=0, bursts=0), "black"),
        (night(noise=8, bursts=0), "black"),
        (night(noise=8, bursts=6), ""),
        ([(0.15 * shifted(photograph("dog"), k % 5, 0)).astype(np.uint8) for k in range(2 * FPS)], ""),
        ([np.zeros((64, 64, 3), dtype=np.uint8)] * 49 + [GREY[:64, :64]], "black"),
    ],
    ids=["black", "noise", "fireworks", "dusk", "a bright picture between two samples"],
)
def test_black_is_where_nothing_shines(tmp_path: Path, frames: list[Frame], reason: str) -> None:
    loud = hits("drum", seconds=2, gap_s=0.5)
    (signals,) = signals_of(cut(tmp_path, frames, loud))
    assert find_flaw(signals, SignalOptions()) == reason, signals


def swaying(fps: int, repeat: int) -> list[Frame]:
    picture = photograph("drum")
    return [shifted(picture, 8 * np.sin(4 * (k // repeat * repeat) / fps), 0) for k in range(2 * fps)]


UPLOADS = pytest.mark.parametrize(
    "upload",
    [(), ("-c:v", "libx264", "-preset", "veryfast", "-crf", "28"), ("-c:v", "mpeg4", "-b:v", "600k", "-g", "25")],
    ids=["ours", "x264", "mpeg4"],
)


@UPLOADS
def test_pictures_shown_several_times_are_counted(tmp_path: Path, upload: tuple[str, ...]) -> None:
    fresh, twice, thrice = (
        signals_of(cut(tmp_path, swaying(30, repeat), QUIET, fps=30, upload=upload))[0].duplicate_share
        for repeat in (1, 2, 3)
    )
    assert fresh < 0.1
    assert 0.3 < twice < 0.6
    assert 0.5 < thrice < 0.75


def test_a_frozen_part_is_counted(tmp_path: Path) -> None:
    frames = swaying(30, 1)
    frames[20:] = [frames[20]] * 40
    (signals,) = signals_of(cut(tmp_path, frames, QUIET, fps=30))
    assert signals.duplicate_share == pytest.approx(39 / 59, abs=0.05)


def test_duplicates_of_known_changes() -> None:
    assert measure_duplicates([]) == measure_duplicates([0.0]) == 1.0, "no new picture in the window"
    assert measure_duplicates([50.0]) == 0.0
    assert measure_duplicates([50.0, 6.0, 5.0] * 20) == pytest.approx(2 / 3)
    assert measure_duplicates([6.0] * 60) == 0.0, "slow is not repeated"
    assert measure_duplicates([6.0] * 30 + [60.0] * 30) == 0.0, "slow, then fast"
    assert measure_duplicates([1.9] * 60) == 1.0


def test_brightness_is_of_the_brightest_fiftieth_of_the_brightest_picture() -> None:
    dark = np.full((50, 100), 4.0, dtype=np.float32)
    spark = dark.copy()
    spark[:10, :10] = 204.0
    assert measure_brightness([dark, dark]) == 4.0
    assert measure_brightness([dark, spark, dark]) == 204.0


@pytest.mark.parametrize("late_ms", [0, 320, -320])
def test_the_offset_is_what_a_player_makes_of_the_container(tmp_path: Path, late_ms: int) -> None:
    clip, late = cut(tmp_path, swaying(25, 1), hits("drum", seconds=2, gap_s=0.5)), tmp_path / "late.mp4"
    assert signals_of(clip)[0].offset_ms == 0.0, "our own cut begins with both"
    picture, sound = ("1:v", "0:a") if late_ms < 0 else ("0:v", "1:a")  # the second input is the late one
    inputs = ["-i", f"file:{clip}", "-itsoffset", f"{abs(late_ms) / 1000}", "-i", f"file:{clip}"]
    run_ffmpeg([*inputs, "-map", picture, "-map", sound, "-c", "copy", f"file:{late}"], what="late", target=late)
    priming_ms = 1_024 / 48  # the encoder's: late sound that is copied begins with it
    assert signals_of(late)[0].offset_ms == pytest.approx(late_ms - (priming_ms if late_ms > 0 else 0), abs=0.1)
    options = SignalOptions(silence_dbfs=-200, still_motion=0, black_brightness=0, max_offset_ms=200)
    assert find_flaw(signals_of(late)[0], options) == ("offset" if late_ms else "")


ALL = SignalOptions(max_clipped_share=0.01, max_duplicate_share=0.5, max_offset_ms=100)
BAD = {
    "silent": {"rms_dbfs": -61.0},
    "black": {"brightness": 15.9},
    "still": {"motion": 0.001},
    "clipped": {"clipped_share": 0.02},
    "duplicate_frames": {"duplicate_share": 0.6},
    "offset": {"offset_ms": -101.0},
}


def test_each_signal_has_its_reason_and_the_first_in_order_is_given() -> None:
    assert list(BAD) == list(FLAWS)
    assert find_flaw(FINE, ALL) == ""
    everything = FINE
    for reason, change in reversed(BAD.items()):
        assert find_flaw(replace(FINE, **change), ALL) == reason
        everything = replace(everything, **change)
        assert find_flaw(everything, ALL) == reason, "what goes before it is not there yet"


def test_what_is_only_recorded_drops_nothing_at_its_worst() -> None:
    worst = replace(FINE, clipped_share=1.0, duplicate_share=1.0, offset_ms=10_000.0)
    assert find_flaw(worst, SignalOptions()) == ""


def test_a_release_has_every_signal() -> None:
    columns = [column.name for column in COLUMNS["scores"]]
    assert {flaw.signal for flaw in FLAWS.values()} <= set(columns)

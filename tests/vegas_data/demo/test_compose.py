"""The rendered videos: what the plan says is what can be seen and heard, and broken files are broken as planned."""

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vegas_data.demo import CorpusOptions, PlannedClip, picture, plan_corpus
from vegas_data.demo.assets import SOUND_RATE_HZ
from vegas_data.demo.compose import render_source
from vegas_data.demo.picture import ATTACK_MS, EXPOSURE_MS, jolt_shape, render_frames
from vegas_data.demo.soundtrack import render_sound
from vegas_data.errors import DecodeFailed, NoAudio, NoSuchTime
from vegas_data.media.cut import CutOptions, cut_clip
from vegas_data.media.decode import iter_frames_at, read_audio
from vegas_data.media.section import Section

SMALL = CorpusOptions(seed=3, width=96, height=72)
PLAN = plan_corpus(SMALL)


def pick(fault: str, category: str = "drum") -> PlannedClip:
    return next(clip for clip in PLAN if clip.fault == fault and clip.category == category)


def frames_of(planned: PlannedClip) -> NDArray[np.float32]:
    """Shape: float32 [T, 72, 96, 3]."""
    return np.stack(list(render_frames(planned, SMALL))).astype(np.float32)


def changes_of(planned: PlannedClip) -> NDArray[np.float32]:
    """Mean absolute difference of each frame to the one before it; the first is 0. Shape: float32 [T]."""
    frames = frames_of(planned)
    return np.concatenate([[0], np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))]).astype(np.float32)


def test_a_source_video_is_as_long_and_large_as_planned(tmp_path: Path) -> None:
    planned = pick("")
    render_source(planned, SMALL, tmp_path / "a.mp4")
    whole = CutOptions(min_ms=planned.duration_ms - 40)
    found = cut_clip(
        Section(path=tmp_path / "a.mp4"), tmp_path / "b.mp4", start_ms=0, end_ms=planned.duration_ms, options=whole
    )
    assert (found.width, found.height, found.fps) == (96, 72, Fraction(25))
    assert abs(found.duration_ms - planned.duration_ms) <= 40
    cut = cut_clip(
        Section(path=tmp_path / "a.mp4"),
        tmp_path / "c.mp4",
        start_ms=planned.clip.start_ms,
        end_ms=planned.clip.end_ms,
        options=CutOptions(),
    )
    assert cut.duration_ms == 6_000


def test_the_same_plan_gives_the_same_bytes(tmp_path: Path) -> None:
    short = dataclasses.replace(pick("", "water_flowing"), duration_ms=1_000)
    for name in ("a.mp4", "b.mp4"):
        render_source(short, SMALL, tmp_path / name)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_hits_sound_when_they_are_planned() -> None:
    planned = pick("")
    sound = render_sound(planned)
    assert len(sound) == planned.duration_ms * SOUND_RATE_HZ // 1000
    assert 0.05 < np.abs(sound).max() <= 1.0
    step = SOUND_RATE_HZ // 100
    level = np.sqrt((sound[: len(sound) // step * step].reshape(-1, step) ** 2).mean(axis=1))  # every 10 ms
    rises = [
        level[onset // 10 : onset // 10 + 3].max() / (level[onset // 10 - 3 : onset // 10].mean() + 1e-4)
        for onset in planned.onsets_ms
    ]
    assert np.median(rises) > 5
    assert min(rises) > 1.2  # a soft hit in the tail of a hard one


def test_the_picture_is_calm_until_a_jolt_and_jolts_before_its_hit() -> None:
    planned = pick("", "dog")  # hits are far enough apart for the camera to come to rest
    changes = changes_of(planned)
    period_ms = 1000 / SMALL.fps
    for jolt_ms, onset_ms in zip(planned.jolts_ms[1:], planned.onsets_ms[1:], strict=True):
        starts = int((jolt_ms - EXPOSURE_MS / 2) // period_ms)  # the last frame whose exposure shows no jolt
        assert changes[starts - 2 : starts + 1].max() < 3.0
        moving = range(starts + 1, int(onset_ms // period_ms) + 1)
        assert max(changes[index] for index in moving) > 6.0


def test_calm_is_not_frozen() -> None:
    resting = dataclasses.replace(pick(""), jolts_ms=())
    changes = changes_of(resting)[1:]
    assert changes.min() > 0
    assert changes.max() < 3.0


def test_water_flows_inside_its_box(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = dataclasses.replace(pick("", "water_flowing"), jolts_ms=(), duration_ms=1_000)
    planned = dataclasses.replace(planned, shots=(dataclasses.replace(planned.shots[0], picture="water_bekes"),))
    flowing = frames_of(planned)
    monkeypatch.setattr(picture, "RIPPLE", 0.0)
    moved = np.abs(flowing - frames_of(planned)).mean(axis=(2, 3))  # [T, H]
    assert moved[:, :30].max() == 0  # the box of this picture is its lower part
    assert moved[:, 50:65].mean() > 0.3
    assert np.ptp(moved[:, 60]) > 0.1  # waves travel


@pytest.mark.parametrize("category", ["drum", "dog", "water_flowing"])
def test_a_still_picture_is_still_and_sounds(category: str) -> None:
    planned = pick("still", category)
    assert changes_of(planned).max() == 0
    assert np.abs(render_sound(planned)).max() > 0.05


def test_silence_is_digital_or_below_minus_60_dbfs() -> None:
    levels = []
    for planned in (clip for clip in PLAN if clip.fault == "silent"):
        sound = render_sound(planned).astype(np.float64)
        levels.append(20 * np.log10(np.sqrt((sound**2).mean()) + 1e-12))
        assert changes_of(planned).max() > 6.0
    assert min(levels) < -200
    assert -80 < max(levels) < -60


def test_middle_only_changes_at_the_window_boundaries(tmp_path: Path) -> None:
    planned = pick("middle_only")
    start_ms = planned.clip.start_ms
    render_source(planned, SMALL, tmp_path / "a.mp4")
    times_ms = [start_ms + offset for offset in (1_000, 1_960, 2_000, 3_960, 4_000, 5_000)]
    seen = [f.astype(np.float32) for f in iter_frames_at(tmp_path / "a.mp4", [Fraction(t, 1000) for t in times_ms])]
    apart = np.array([[np.abs(a - b).mean() for a in seen] for b in seen])
    wrong, right = [0, 1, 4, 5], [2, 3]
    assert apart[np.ix_(wrong, right)].min() > 25
    sound = read_audio(tmp_path / "a.mp4", sample_rate_hz=Fraction(16_000), start_ms=start_ms + 3_985, num_samples=560)
    assert np.abs(sound).max() < 0.3  # the last hit has been faded out; nothing of it rings into the third window


def test_a_missing_sound_track_is_missing(tmp_path: Path) -> None:
    planned = pick("no_audio")
    render_source(planned, SMALL, tmp_path / "a.mp4")
    with pytest.raises(NoAudio):
        cut_clip(Section(path=tmp_path / "a.mp4"), tmp_path / "b.mp4", start_ms=0, end_ms=6_000, options=CutOptions())


def test_a_short_video_is_too_short(tmp_path: Path) -> None:
    planned = pick("too_short")
    render_source(planned, SMALL, tmp_path / "a.mp4")
    with pytest.raises(NoSuchTime):
        cut_clip(Section(path=tmp_path / "a.mp4"), tmp_path / "b.mp4", start_ms=0, end_ms=6_000, options=CutOptions())


@pytest.mark.parametrize("category", ["dog", "water_flowing"])
def test_a_truncated_file_opens_but_cannot_be_decoded(tmp_path: Path, category: str) -> None:
    planned = pick("truncated", category)
    render_source(planned, SMALL, tmp_path / "a.mp4")
    assert next(iter_frames_at(tmp_path / "a.mp4", [Fraction(0)])).shape == (72, 96, 3)
    start_ms, end_ms = planned.clip.start_ms, planned.clip.end_ms
    with pytest.raises(DecodeFailed):
        cut_clip(
            Section(path=tmp_path / "a.mp4"), tmp_path / "b.mp4", start_ms=start_ms, end_ms=end_ms, options=CutOptions()
        )


def test_a_jolt_starts_from_rest_peaks_once_and_dies_away() -> None:
    assert jolt_shape(-1) == jolt_shape(0) == 0
    assert jolt_shape(ATTACK_MS) == pytest.approx(1)
    assert max(jolt_shape(t) for t in range(1_000)) <= 1
    assert abs(jolt_shape(1_000)) < 0.001

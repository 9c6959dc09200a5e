"""The stage on real mp4 files: decoded once, scored for every category, judged against what was rendered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from verify_cases import (
    FAKE_REGISTRY,
    FAKES,
    OPTIONS,
    SOUND_RATE_HZ,
    FakeScorer,
    fake_entry,
    hits,
    make_job,
    photograph,
    write_clip,
)

from vegas_data.errors import DecodeFailed, NoAudio, NoSuchTime, VerificationError, WorkspaceError
from vegas_data.media.sandbox import run_ffmpeg
from vegas_data.records import Category
from vegas_data.verify import WindowMedia, is_scored, judge, make_verifier, merge_examples, read_scores, worker
from vegas_data.verify.sampling import picture_times, read_windows
from vegas_data.verify.triage import triage
from vegas_data.verify.windows import split_windows
from vegas_data.workspace import Workspace

TARGET = Category(name="target", title="Target", prompts=("a target",))
OTHER = Category(name="other", title="Other", prompts=("another",))
UNCOVERED = Category(name="uncovered", title="Uncovered")
QUIET = np.zeros(2 * SOUND_RATE_HZ, dtype=np.float32)


def grey(level: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """A checkered picture of about this level, so that a jolt moves something."""
    board = (np.indices((240, 320)).sum(axis=0) // 20 % 2 * 2 - 1)[:, :, None]
    return np.clip(level + 20 * board, 0, 255).repeat(3, axis=2).astype(np.uint8)


def test_real_scorers_find_the_planted_truth(
    workspace: Workspace, tmp_path: Path, categories: dict[str, Category], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right, wrong sound, wrong picture, silent, still: one clip of five windows, cut from second 30 of its video."""
    drums, cow = hits("drum", seconds=2, gap_s=0.45), hits("wrong", seconds=2, gap_s=1)
    toms, panda = photograph("drum"), photograph("wrong")
    file = tmp_path / "planted.mp4"
    write_clip(file, [toms, toms, panda, toms, toms], [drums, cow, drums, QUIET, drums], jolts=[True] * 4 + [False])
    job = make_job(workspace, file, duration_ms=10_000, start_ms=30_000, categories=("drum",))
    verify = make_verifier(OPTIONS, workspace, categories.values())
    scores = verify(job)
    verdicts = triage(judge(scores, OPTIONS, ("drum",)), scores, OPTIONS, ("drum",))
    assert [verdict.reason for verdict in verdicts] == ["ok", "not_heard", "not_seen", "silent", "still"]
    assert [example.id for example in merge_examples(verdicts)] == ["test-planted_000030000_000032000"]
    assert set(scores.windows[0].scores["yamnet"]) == set(categories), "every category is scored, wanted or not"
    assert "fireworks" not in scores.windows[0].scores["efficientnet-lite0"], "not covered: absent, never a number"
    monkeypatch.setattr(worker, "MAX_BATCH_BYTES", 1)
    assert verify(job) == scores, "alone or together: the same six digits"


def test_scores_round_trip_and_are_of_these_bytes(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    write_clip(file, [grey(200), grey(60)], [QUIET, hits("drum", seconds=2, gap_s=0.5)])
    job = make_job(workspace, file, duration_ms=4_000, categories=("target",))
    assert not is_scored(workspace, job.key, job.media.sha256)
    verify = make_verifier(FAKES, workspace, [TARGET, OTHER, UNCOVERED], FAKE_REGISTRY)
    scores = verify(job)
    assert read_scores(workspace, job.key) == scores
    assert is_scored(workspace, job.key, job.media.sha256)
    assert not is_scored(workspace, job.key, "another file")
    first, second = scores.windows
    assert set(first.scores["brightness"]) == {"target", "other"}
    assert first.scores["brightness"]["target"] == pytest.approx(200 / 255, abs=0.02)
    assert second.scores["brightness"]["target"] == pytest.approx(60 / 255, abs=0.02)
    assert first.scores["loudness"]["target"] < 0.1 < second.scores["loudness"]["target"]
    before = workspace.path(job.key).read_bytes()
    verify(job)
    assert workspace.path(job.key).read_bytes() == before, "same input, same bytes"


def test_a_clip_is_decoded_once_for_all_scorers(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vegas_data.verify import sampling

    calls: list[str] = []
    for name in ("iter_shown", "read_audio"):
        real = getattr(sampling, name)
        monkeypatch.setattr(sampling, name, lambda *a, _r=real, _n=name, **k: calls.append(_n) or _r(*a, **k))
    file = tmp_path / "b.mp4"
    write_clip(file, [grey(100)] * 3, [QUIET] * 3)
    job = make_job(workspace, file, duration_ms=6_000, categories=("target",))
    make_verifier(FAKES, workspace, [TARGET], FAKE_REGISTRY)(job)
    assert sorted(calls) == ["iter_shown", "read_audio"]


def test_a_scorer_sees_all_windows_of_a_clip_at_once_within_bounds(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    @dataclass(frozen=True, kw_only=True)
    class Counting(FakeScorer):
        def score(self, windows: Sequence[WindowMedia], categories: Sequence[Category]) -> NDArray[np.float32]:
            asked.append(len(windows))
            return super().score(windows, categories)

    entry = replace(
        FAKE_REGISTRY["brightness"],
        build=lambda options, digest: Counting(
            name="brightness", side="seen", digest=digest, measure=lambda window: float(window.frames.mean() / 255)
        ),
    )
    file = tmp_path / "many.mp4"
    write_clip(file, [grey(60), grey(100), grey(140)], [QUIET] * 3)
    job = make_job(workspace, file, duration_ms=6_000, categories=("target",))
    verify = make_verifier(FAKES, workspace, [TARGET], {**FAKE_REGISTRY, "brightness": entry})
    together = verify(job)
    monkeypatch.setattr(worker, "MAX_BATCH_BYTES", 2 * 6 * 320 * 240 * 3)
    assert verify(job) == together
    monkeypatch.setattr(worker, "MAX_BATCH_BYTES", 1)
    assert verify(job) == together
    assert asked == [3, 2, 1, 1, 1, 1]


def test_the_pace_of_a_video_changes_nothing_but_duplicates(workspace: Workspace, tmp_path: Path) -> None:
    """A picture that lasts for longer than a window, and one that comes late, are shown where a player shows them."""
    file, slow = tmp_path / "fast.mp4", tmp_path / "slow.mp4"
    write_clip(file, [grey(60), grey(100), grey(140)], [QUIET] * 3, jolts=[False] * 3)
    rare = ["-vf", "select='lt(n,10)+gt(n,99)',setpts=PTS+1/TB", "-fps_mode", "passthrough", "-c:a", "copy"]
    run_ffmpeg(["-i", f"file:{file}", *rare, "-threads", "1", f"file:{slow}"], what="slow", target=slow)
    job = make_job(workspace, slow, duration_ms=6_000, categories=("target",))
    windows = split_windows(job.clip, 6_000, 2_000)
    found = list(read_windows(slow, windows, FAKES))
    assert [round(float(media.frames.mean()), -1) for media, _ in found] == [60, 60, 100]
    assert [len(media.frames) for media, _ in found] == [6, 6, 6]
    assert [signals.duplicate_share for _, signals in found] == pytest.approx([1.0, 1.0, 1.0], abs=0.12)
    assert {signals.offset_ms for _, signals in found} == {-1_000.0}


def test_pictures_that_end_early_are_an_error(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "half.mp4"
    write_clip(file, [grey(60)], [QUIET] * 2)
    job = make_job(workspace, file, duration_ms=4_000, categories=("target",))
    with pytest.raises(DecodeFailed, match=r"the picture ends at 2\.000 s, needed until 3\.958 s"):
        make_verifier(FAKES, workspace, [TARGET], FAKE_REGISTRY)(job)


def test_scorers_get_the_window_that_they_are_told(workspace: Workspace, tmp_path: Path) -> None:
    """Pictures and sound of a window are its own, at its own times, in fixed shapes."""
    file = tmp_path / "c.mp4"
    write_clip(file, [grey(60), grey(180)], [QUIET, hits("drum", seconds=2, gap_s=0.5)], jolts=[False] * 2)
    job = make_job(workspace, file, duration_ms=4_700, categories=("target",))
    windows = split_windows(job.clip, 4_700, 2_000)
    options = replace(FAKES, picture_px=100)
    media = [window for window, _ in read_windows(file, windows, options)]
    assert [m.window for m in media] == list(windows)
    assert all(m.frames.shape == (6, 100, 133, 3) and m.frames.dtype == np.uint8 for m in media)
    assert all(m.sound.shape == (32_000,) and m.sound.dtype == np.float32 for m in media)
    assert [round(float(m.frames.mean()), -1) for m in media] == [60, 180]
    assert np.abs(media[0].sound).max() < 0.01 < np.abs(media[1].sound).max()


def test_pictures_are_taken_at_the_centres_of_equal_parts() -> None:
    options = replace(FAKES, window_ms=1_000, scored_fps=2, motion_fps=4)
    assert [float(time) for time in picture_times(2, options)] == [
        0.125,
        0.375,
        0.625,
        0.875,
        1.125,
        1.375,
        1.625,
        1.875,
    ]


def test_what_holds_no_window_is_too_short(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "short.mp4"
    write_clip(file, [grey(100)], [QUIET])
    job = make_job(workspace, file, duration_ms=1_999, categories=("target",))
    with pytest.raises(NoSuchTime, match=r"test-short_000000000@\w{8}: 1999 ms hold no whole window"):
        make_verifier(FAKES, workspace, [TARGET], FAKE_REGISTRY)(job)
    assert not workspace.exists(job.key)


def test_no_sound_track_is_an_error_not_silence(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "mute.mp4"
    write_clip(file, [grey(100)], [])
    job = make_job(workspace, file, duration_ms=2_000, categories=("target",))
    with pytest.raises(NoAudio):
        make_verifier(FAKES, workspace, [TARGET], FAKE_REGISTRY)(job)


@pytest.mark.parametrize("value", [float("nan"), 1.5, -0.1])
def test_a_scorer_that_gives_no_probability_is_named(workspace: Workspace, tmp_path: Path, value: float) -> None:
    def broken(window: WindowMedia) -> float:
        return value

    file = tmp_path / "d.mp4"
    write_clip(file, [grey(100)], [QUIET])
    job = make_job(workspace, file, duration_ms=2_000, categories=("target",))
    registry = {**FAKE_REGISTRY, "brightness": fake_entry("brightness", "seen", broken)}
    with pytest.raises(VerificationError, match="scorer brightness gave"):
        make_verifier(FAKES, workspace, [TARGET], registry)(job)


def test_an_unknown_class_stops_the_stage_before_any_clip(
    workspace: Workspace, categories: dict[str, Category]
) -> None:
    table = [categories["dog"], replace(categories["drum"], heard_classes=("Drumm",))]
    with pytest.raises(VerificationError, match="drum lists 'Drumm'"):
        make_verifier(OPTIONS, workspace, table)


def test_scores_of_an_older_schema_are_scored_again(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "old.mp4"
    write_clip(file, [grey(100)], [QUIET])
    job = make_job(workspace, file, duration_ms=2_000, categories=("target",))
    verify = make_verifier(FAKES, workspace, [TARGET], FAKE_REGISTRY)
    scores = verify(job)
    data = workspace.read_json(job.key)
    for window in data["windows"]:
        window["signals"] = {name: window["signals"][name] for name in ("rms_dbfs", "peak_dbfs", "motion")}
    workspace.commit_json(job.key, {**data, "schema": 1})
    assert not is_scored(workspace, job.key, job.media.sha256)
    with pytest.raises(WorkspaceError, match="not scores of schema 2"):
        read_scores(workspace, job.key)
    verify(job)
    assert read_scores(workspace, job.key) == scores


@pytest.mark.parametrize("damage", [b"{}", b'{"schema": 1}', b'{"schema": 1, "scorers": {}, "windows": [{}]}', b"["])
def test_damaged_scores_are_named(workspace: Workspace, damage: bytes) -> None:
    workspace.commit_bytes("scores/d/x.json", damage)
    with pytest.raises(WorkspaceError, match=r"x\.json"):
        read_scores(workspace, "scores/d/x.json")

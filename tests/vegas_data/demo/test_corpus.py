"""The plan: enough of everything, truth that follows from the timeline, licences that fit, the same every time."""

import dataclasses
import itertools
import os
import subprocess
import sys

import pytest

from vegas_data.demo import (
    CleanCounts,
    CorpusOptions,
    FaultCounts,
    PlannedClip,
    corpus_digest,
    licence_texts,
    plan_corpus,
)
from vegas_data.demo.assets import WRONG, load_assets
from vegas_data.demo.corpus import FAULTS, WINDOW_MS
from vegas_data.demo.licences import are_compatible
from vegas_data.records import YOUTUBE_ID_LENGTH, source_of

NO_FAULTS = FaultCounts(**dict.fromkeys(FAULTS, 0))
MANY = CorpusOptions(seed=5, clips=CleanCounts(drum=40, dog=40, water_flowing=40))


@pytest.fixture(scope="module")
def plan() -> tuple[PlannedClip, ...]:
    return plan_corpus(CorpusOptions())


def of_fault(plan: tuple[PlannedClip, ...], fault: str) -> list[PlannedClip]:
    return [clip for clip in plan if clip.fault == fault]


def test_there_are_enough_clean_clips(plan: tuple[PlannedClip, ...]) -> None:
    clean = [clip.category for clip in of_fault(plan, "")]
    assert clean.count("drum") >= 30
    assert clean.count("dog") >= 8
    assert clean.count("water_flowing") >= 6


def test_every_fault_is_planted_and_not_on_drums_only(plan: tuple[PlannedClip, ...]) -> None:
    for fault in FAULTS:
        assert of_fault(plan, fault), fault
    for fault in ("wrong_sound", "wrong_picture", "middle_only", "silent", "still"):
        assert {clip.category for clip in of_fault(plan, fault)} == {"drum", "dog", "water_flowing"}, fault


def test_fault_counts_and_fault_table_name_the_same_faults() -> None:
    assert [field.name for field in dataclasses.fields(FaultCounts)] == list(FAULTS)


def test_ids_are_unique_and_belong_to_the_source(plan: tuple[PlannedClip, ...]) -> None:
    ids = [clip.clip.video_id for clip in plan]
    assert len(set(ids)) == len(ids)
    for video_id in ids:
        assert source_of(video_id) == "demo"
        assert len(video_id) != YOUTUBE_ID_LENGTH
        assert "." not in video_id


def test_a_clip_credits_whatever_is_shown_and_heard_in_it(plan: tuple[PlannedClip, ...]) -> None:
    for clip in plan:
        works = {load_assets()[name] for name in (*(s.picture for s in clip.shots), *(s.sound for s in clip.sounds))}
        for work in works:
            for told in (work.title, work.author, work.spdx, work.origin, work.changes):
                assert told in clip.credit
        assert clip.credit.isprintable()


def test_every_licence_of_a_clip_has_its_text(plan: tuple[PlannedClip, ...]) -> None:
    texts = licence_texts()
    assert all(texts[name] for clip in plan for name in clip.licence.split(" AND "))


def test_a_source_is_longer_than_its_clip(plan: tuple[PlannedClip, ...]) -> None:
    for clip in plan:
        if clip.fault == "too_short":
            assert clip.duration_ms < WINDOW_MS
        else:
            assert clip.duration_ms > clip.clip.end_ms
            assert clip.clip.duration_ms == 6_000
    assert {clip.clip.start_ms for clip in plan} == {0, 400, 1_000}


@pytest.mark.parametrize(("category", "least"), [("drum", 3), ("dog", 1), ("water_flowing", 1)])
def test_any_two_seconds_hold_enough_hits(category: str, least: int) -> None:
    for clip in of_fault(plan_corpus(MANY), ""):
        if clip.category == category:
            for start in range(0, clip.duration_ms - WINDOW_MS + 1, 50):
                inside = [onset for onset in clip.onsets_ms if start <= onset < start + WINDOW_MS]
                assert len(inside) >= least, (clip.clip.id, start)


def test_the_picture_moves_before_it_sounds(plan: tuple[PlannedClip, ...]) -> None:
    leads = set()
    for clip in plan:
        if clip.fault not in ("still", "silent", "no_audio"):
            assert len(clip.jolts_ms) == len(clip.onsets_ms) > 0
            leads |= {onset - jolt for onset, jolt in zip(clip.onsets_ms, clip.jolts_ms, strict=True)}
    assert min(leads) == 80
    assert max(leads) == 120


def test_hits_come_at_random_times() -> None:
    clips = [clip for clip in of_fault(plan_corpus(MANY), "") if clip.category == "drum"]
    gaps = [b - a for clip in clips for a, b in itertools.pairwise(clip.onsets_ms)]
    assert len(set(gaps)) > 100
    assert len({clip.onsets_ms for clip in clips}) == len(clips)


def roles_at(clip: PlannedClip, start_ms: int, end_ms: int) -> tuple[set[str], set[str]]:
    """Roles that are shown, and whose hits sound, in a span."""
    assets = load_assets()
    shown = {assets[s.picture].role for s in clip.shots if s.start_ms < end_ms and s.end_ms > start_ms}
    heard = {assets[s.sound].role for s in clip.sounds if s.start_ms < end_ms and s.end_ms > start_ms}
    return shown, heard


def test_window_truth_follows_from_the_timeline(plan: tuple[PlannedClip, ...]) -> None:
    for clip in plan:
        if clip.expected.startswith("failed:"):
            assert clip.window_truth == ()
            continue
        assert len(clip.window_truth) == clip.clip.duration_ms // WINDOW_MS
        for index, truth in enumerate(clip.window_truth):
            start = clip.clip.start_ms + index * WINDOW_MS
            shown, heard = roles_at(clip, start, start + WINDOW_MS)
            moves = clip.fault != "still"
            assert truth == (shown == {clip.category} == heard and moves), (clip.clip.id, index)
            assert clip.heard_truth[index] == (heard == {clip.category}), (clip.clip.id, index)
            assert clip.seen_truth[index] == (shown == {clip.category}), (clip.clip.id, index)
            if not truth and clip.fault == "middle_only":
                assert shown == heard == {WRONG}


def test_middle_only_gives_one_example_of_one_window(plan: tuple[PlannedClip, ...]) -> None:
    assert {clip.window_truth for clip in of_fault(plan, "middle_only")} == {(False, True, False)}


def test_licences_fit_in_every_clip() -> None:
    assets = load_assets()
    for seed in range(6):
        for clip in plan_corpus(dataclasses.replace(MANY, seed=seed)):
            used = {assets[shot.picture].spdx for shot in clip.shots}
            used |= {assets[sound.sound].spdx for sound in clip.sounds}
            assert are_compatible(used), clip.clip.id
            assert clip.licence == " AND ".join(sorted(used)), clip.clip.id


def test_all_pictures_and_recordings_are_used() -> None:
    plan = plan_corpus(MANY)
    used = {shot.picture for clip in plan for shot in clip.shots}
    used |= {sound.sound for clip in plan for sound in clip.sounds}
    assert used == set(load_assets())


def test_the_plan_is_the_same_in_another_process() -> None:
    code = (
        "from vegas_data.config import digest; from vegas_data.demo import CorpusOptions, plan_corpus;"
        "print(digest(*plan_corpus(CorpusOptions())))"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_more_clips_change_no_other_clip(plan: tuple[PlannedClip, ...]) -> None:
    more = CorpusOptions(clips=CleanCounts(drum=50, dog=20, water_flowing=20), faults=FaultCounts(silent=6))
    larger = {clip.clip.id: clip for clip in plan_corpus(more)}
    assert all(larger[clip.clip.id] == clip for clip in plan)


def test_another_seed_gives_other_videos(plan: tuple[PlannedClip, ...]) -> None:
    other = plan_corpus(CorpusOptions(seed=1))
    assert not {clip.onsets_ms for clip in plan if clip.onsets_ms} & {clip.onsets_ms for clip in other}


def test_a_small_corpus_can_be_asked_for() -> None:
    options = CorpusOptions(
        width=64, height=48, clip_ms=4_000, clips=CleanCounts(drum=4, dog=0, water_flowing=0),
        faults=dataclasses.replace(NO_FAULTS, wrong_sound=1, gone_404=1),
    )  # fmt: skip
    plan = plan_corpus(options)
    assert len(plan) == 6
    assert {clip.category for clip in plan} == {"drum"}
    assert sum(clip.is_served for clip in plan) == 5


def test_the_digest_names_what_is_rendered() -> None:
    assert corpus_digest(CorpusOptions()) == corpus_digest(CorpusOptions(seed=0))
    assert corpus_digest(CorpusOptions()) != corpus_digest(CorpusOptions(seed=1))
    assert corpus_digest(CorpusOptions()) != corpus_digest(CorpusOptions(width=322))


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 321},
        {"height": 30},
        {"fps": 5},
        {"clip_ms": 1_999},
        {"clip_ms": 10_001},
        {"clips": CleanCounts(drum=-1)},
        {"faults": FaultCounts(still=-1)},
        {"clip_ms": 4_000},  # middle_only needs three windows
    ],
)
def test_impossible_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must|needs"):
        CorpusOptions(**wrong)  # type: ignore[arg-type]


def test_planning_imports_nothing_heavy() -> None:
    code = (
        "import sys; from vegas_data.demo import CorpusOptions, plan_corpus; plan_corpus(CorpusOptions());"
        "print(*{'numpy', 'cv2', 'torch', 'av', 'ffmpeg', 'http.server'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""

"""Draws that can be repeated and are blind, and reports whose intervals cover what they say."""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import get_args

import pytest

from vegas_data.records import Decision, Verdict, Window
from vegas_data.verify.audit import PAPER_KEPT, PATHS, AuditItem, attrition, draw_audit, draw_calibration, report
from vegas_data.verify.triage import Path


def windows(videos: int, each: int) -> list[Window]:
    return [
        Window(clip_id=f"test-{v}_000000000", video_id=f"test-{v}", start_ms=2_000 * w, end_ms=2_000 * (w + 1))
        for v in range(videos)
        for w in range(each)
    ]


RUNS = 100
SAYS: dict[Path, tuple[Decision, str, str]] = {
    "auto_accept": ("accepted", "calibrated_accept", "calibrated"),
    "people_accept": ("accepted", "people_accept", "people"),
    "auto_reject": ("rejected", "calibrated_reject", "calibrated"),
    "people_reject": ("rejected", "people_not_heard", "people"),
    "signal": ("rejected", "silent", "all_sides"),
    "undecided": ("undecided", "between", "calibrated"),
}


def verdicts(counts: dict[Path, int], category: str = "drum", each: int = 1) -> list[Verdict]:
    """``counts`` windows of each path, ``each`` in a video."""
    found = []
    for path, count in counts.items():
        decision, reason, rule = SAYS[path]
        for n in range(count):
            video = f"{path.replace('_', '')}-{n // each}"
            found.append(
                Verdict(
                    category=category,
                    clip_id=f"{video}_000000000",
                    video_id=video,
                    start_ms=2_000 * (n % each),
                    end_ms=2_000 * (n % each + 1),
                    decision=decision,
                    reason=reason,
                    rule=rule,
                )
            )
    return found


def test_every_path_of_a_verdict_is_audited_or_undecided() -> None:
    assert {*PATHS, "undecided"} == set(get_args(Path))


def test_a_calibration_has_one_window_per_video_none_excluded_and_can_be_repeated() -> None:
    every = windows(50, 5)
    drawn = draw_calibration("drum", every, seed=7, count=20, exclude={"test-1", "test-2"})
    assert len(drawn) == len({window.video_id for window in drawn}) == 20
    assert not {"test-1", "test-2"} & {window.video_id for window in drawn}
    assert draw_calibration("drum", every[::-1], seed=7, count=20, exclude={"test-1", "test-2"}) == drawn
    assert draw_calibration("drum", every, seed=8, count=20) != drawn
    assert draw_calibration("dog", every, seed=7, count=20) != drawn
    assert len(draw_calibration("drum", every, seed=7, count=500)) == 50


def test_a_larger_calibration_begins_with_the_smaller_one() -> None:
    every = windows(50, 5)
    assert draw_calibration("drum", every, seed=7, count=30)[:10] == draw_calibration("drum", every, seed=7, count=10)


def test_every_window_has_the_same_chance_to_be_drawn_first() -> None:
    """One video with eight windows beside eight with one: half of the draws begin with it."""
    every = [*windows(1, 8), *[w for w in windows(9, 1) if w.video_id != "test-0"]]
    first = Counter(draw_calibration("drum", every, seed=seed, count=1)[0].id for seed in range(1_600))
    assert len(first) == 16
    assert max(abs(count - 100) for count in first.values()) < 4 * math.sqrt(100)


def test_an_audit_draws_each_path_of_each_category_with_weights_that_add_up() -> None:
    counts: dict[Path, int] = {
        "auto_accept": 200,
        "people_accept": 30,
        "auto_reject": 100,
        "signal": 5,
        "undecided": 40,
    }
    rows = [*verdicts(counts), *verdicts({"auto_accept": 50}, "dog")]
    items = draw_audit(rows, seed=1, count=20)
    drawn = Counter((item.category, item.path) for item in items)
    assert drawn == {
        ("drum", "auto_accept"): 20,
        ("drum", "people_accept"): 20,
        ("drum", "auto_reject"): 20,
        ("drum", "signal"): 5,
        ("dog", "auto_accept"): 20,
    }
    weights: Counter[tuple[str, str]] = Counter()
    for item in items:
        weights[item.category, item.path] += item.weight  # type: ignore[assignment]
    assert weights["drum", "auto_accept"] == pytest.approx(200)
    assert weights["drum", "signal"] == pytest.approx(5)
    assert draw_audit(rows[::-1], seed=1, count=20) == items
    assert {item.key for item in draw_audit(rows, seed=2, count=20)} != {item.key for item in items}


def test_an_audit_never_draws_an_excluded_video_and_weights_count_the_others() -> None:
    rows = verdicts({"auto_accept": 100}, each=5)
    gone = {f"autoaccept-{n}" for n in range(10)}
    items = draw_audit(rows, seed=1, count=10, exclude=gone)
    assert not gone & {item.video_id for item in items}
    assert sum(item.weight for item in items) == pytest.approx(50)


def test_the_order_of_an_audit_tells_nothing_about_the_path() -> None:
    """As many changes of path from one item to the next as a shuffled order has, never the few of a sorted one."""
    items = draw_audit(verdicts({"auto_accept": 100, "auto_reject": 100}), seed=1, count=100)
    paths = [item.path for item in items]
    changes = sum(a != b for a, b in itertools.pairwise(paths))
    assert abs(changes - 100) < 4 * math.sqrt(50)


def judged(items: Sequence[AuditItem], shares: dict[Path, float], random: Random) -> dict[tuple[str, str], bool]:
    return {item.key: random.random() < shares[item.path] for item in items}


def test_a_report_weighs_strata_by_the_windows_they_stand_for() -> None:
    rows = verdicts({"auto_accept": 900, "people_accept": 100, "auto_reject": 500})
    items = draw_audit(rows, seed=1, count=50)
    present = {item.key: item.path == "auto_accept" for item in items}
    (drum,) = report(items, present)
    assert drum.precision is not None
    assert drum.recall is not None
    assert drum.precision.value == pytest.approx(0.9)
    assert drum.recall.value == 1.0
    assert [(row.path, row.windows, row.drawn, row.judged, row.present) for row in drum.strata] == [
        ("auto_accept", 900, 50, 50, 50),
        ("people_accept", 100, 50, 50, 0),
        ("auto_reject", 500, 50, 50, 0),
    ]
    assert drum.strata[0].share is not None
    assert drum.strata[0].share.low == pytest.approx(0.025 ** (1 / 50))


def test_intervals_cover_the_truth_at_least_as_often_as_they_say() -> None:
    shares: dict[Path, float] = {"auto_accept": 0.96, "people_accept": 0.99, "auto_reject": 0.08, "signal": 0.02}
    rows = verdicts({"auto_accept": 600, "people_accept": 300, "auto_reject": 400, "signal": 100}, each=5)
    world = draw_audit(rows, seed=0, count=10_000)
    precision_held = recall_held = stratum_held = 0
    for seed in range(RUNS):
        truth = judged(world, shares, Random(seed))
        (drum,) = report(draw_audit(rows, seed=seed, count=40), truth)
        kept = [truth[item.key] for item in world if item.path.endswith("accept")]
        own = [truth[item.key] for item in world if item.path == "auto_accept"]
        first = drum.strata[0].share
        assert drum.precision is not None
        assert drum.recall is not None
        assert first is not None
        precision_held += drum.precision.low <= sum(kept) / len(kept) <= drum.precision.high
        recall_held += drum.recall.low <= sum(kept) / sum(truth.values()) <= drum.recall.high
        stratum_held += first.low <= sum(own) / len(own) <= first.high
    assert min(precision_held, recall_held, stratum_held) >= 0.95 * RUNS - 3.7 * math.sqrt(RUNS * 0.95 * 0.05)


def test_what_was_not_judged_gives_no_number() -> None:
    items = draw_audit(verdicts({"auto_accept": 20, "auto_reject": 20}), seed=1, count=10)
    (nothing,) = report(items, {})
    assert (nothing.precision, nothing.recall) == (None, None)
    assert all(row.share is None and row.judged == 0 for row in nothing.strata)
    (half,) = report(items, {item.key: True for item in items if item.path == "auto_accept"})
    assert half.precision is not None
    assert half.recall is None


def test_a_category_without_accepted_windows_has_no_precision() -> None:
    items = draw_audit(verdicts({"auto_reject": 20}), seed=1, count=10)
    (drum,) = report(items, {item.key: False for item in items})
    assert (drum.precision, drum.recall) == (None, None)


def test_attrition_per_category() -> None:
    rows = [*verdicts({"auto_accept": 30, "people_reject": 10, "undecided": 5}), *verdicts({"signal": 2}, "cat")]
    drum, dog = attrition(rows, {"drum": 12, "dog": 3}, {"drum": 9}, {"drum": 8})
    assert (drum.clips, drum.fetched, drum.windows, drum.accepted, drum.undecided, drum.examples) == (
        12,
        9,
        45,
        30,
        5,
        8,
    )
    assert drum.kept == 0.75
    assert (dog.category, dog.windows, dog.kept) == ("dog", 0, None)
    assert pytest.approx(0.74, abs=0.005) == PAPER_KEPT

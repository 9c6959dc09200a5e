"""Verdicts against what was planted."""

import dataclasses

import pytest
from report_records import make_clip, make_media, make_truth, make_verdicts

from vegas_data.records import Decision
from vegas_data.report import Failure, ReportData, Threshold
from vegas_data.report.truth import Confusion, by_side, confusion, endings, side_confusion, wilson


def one_clip(expected: str, truth: tuple[bool, ...], reasons: tuple[str, ...], failed: str = "") -> ReportData:
    clip = make_clip("one", "drum")
    return ReportData(
        recipe_name="x",
        clips=(clip,),
        media={} if failed else {clip.id: make_media(clip)},
        failures=(Failure(clip_id=clip.id, code=failed, message=""),) if failed else (),
        verdicts=tuple(make_verdicts(clip, "drum", *reasons)),
        truth=(make_truth(clip, "drum", "fault", expected, *truth),),
    )


def test_confusion_of_the_hand_made_workspace(planted: ReportData) -> None:
    found = confusion(planted)
    assert found == Confusion(present_accepted=6, present_rejected=1, absent_rejected=4)
    assert (found.precision, found.recall) == (1.0, 6 / 7)
    assert confusion(planted, "dog") == Confusion(absent_rejected=2)


def test_each_side_by_itself_is_measured_by_its_own_truth(planted: ReportData) -> None:
    assert by_side(planted) == {
        "heard": Confusion(present_accepted=7, absent_rejected=2),
        "seen": Confusion(present_accepted=6, present_rejected=1, absent_accepted=2),
    }
    assert by_side(planted, "dog") == {}, "the signals dropped them before anybody was asked"
    only_heard = tuple(dataclasses.replace(t, sides={"heard": (True,) * len(t.window_truth)}) for t in planted.truth)
    found = by_side(dataclasses.replace(planted, truth=only_heard))
    assert found == {"heard": Confusion(present_accepted=7, present_rejected=2)}


def test_scorers_of_one_side_that_contradict_each_other_are_undecided(planted: ReportData) -> None:
    second = Threshold(scorer="eyes", side="heard", accept=0.95, reject=0.2)
    data = dataclasses.replace(planted, thresholds=(*planted.thresholds, second))
    found = side_confusion(data, "heard", "drum")
    assert (found.present_accepted, found.present_undecided, found.absent_undecided) == (0, 7, 2)


def test_nothing_accepted_has_no_precision() -> None:
    assert Confusion(present_rejected=2).precision is None
    assert Confusion(present_rejected=2).recall == 0.0
    assert Confusion(absent_accepted=2).recall is None


def test_an_undecided_window_lowers_recall_only() -> None:
    found = confusion(one_clip("accepted", (True, True, False), ("ok", "tie", "not_seen")))
    assert (found.precision, found.recall) == (1.0, 0.5)


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_agrees_with_published_values(hits: int, trials: int, low: float, high: float) -> None:
    """Newcombe 1998, table I (81 of 263: 0.2553 to 0.3662)."""
    assert wilson(hits, trials) == pytest.approx((low, high), abs=1e-4)


def test_wilson_of_no_trials_is_none() -> None:
    assert wilson(0, 0) is None


@pytest.mark.parametrize(
    ("expected", "truth", "reasons", "failed", "ok", "observed"),
    [
        ("accepted", (True, True, True), ("ok", "ok", "ok"), "", True, "accepted: all of 3 windows"),
        ("accepted", (True, True, True), ("ok", "ok", "not_seen"), "", True, "2 of 3 windows; else not seen"),
        ("accepted", (False, True, False), ("not_heard", "ok", "not_seen"), "", True, "else not heard, not seen"),
        ("accepted", (False, True, False), ("ok", "ok", "not_seen"), "", False, "2 of 3"),
        ("accepted", (True, True, True), ("not_seen",) * 3, "", False, "rejected: not seen; all of 3 windows"),
        ("accepted", (True, True, True), (), "removed", False, "failed: removed"),
        ("accepted", (True, True, True), (), "", None, "fetched, not verified yet"),
        ("rejected:silent", (False,) * 3, ("silent",) * 3, "", True, "rejected: silent"),
        ("rejected:silent", (False,) * 3, ("not_heard",) * 3, "", False, "rejected: not heard"),
        ("rejected:silent", (False,) * 3, ("silent", "silent", "ok"), "", False, "1 of 3"),
        ("rejected:not_seen", (False,) * 3, ("tie",) * 3, "", False, "undecided: tie"),
        ("rejected:not_seen", (False,) * 3, ("people_not_seen",) * 3, "", True, "rejected: people not seen"),
        ("rejected:not_seen", (False,) * 3, ("people_not_heard",) * 3, "", False, "rejected: people not heard"),
        ("failed:removed", (), (), "removed", True, "failed: removed"),
        ("failed:removed", (), (), "private", False, "failed: private"),
        ("failed:no_audio", (), ("ok",) * 3, "", False, "accepted"),
    ],
)
def test_every_way_to_end(
    expected: str, truth: tuple[bool, ...], reasons: tuple[str, ...], failed: str, ok: bool | None, observed: str
) -> None:
    (end,) = endings(one_clip(expected, truth, reasons, failed))
    assert end.ok is ok
    assert observed.replace("\u00a0", " ") in end.observed.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("expected", "decision", "reason", "ok"),
    [
        ("rejected:not_heard", "rejected", "calibrated_reject", True),
        ("rejected:silent", "rejected", "calibrated_reject", False),
        ("rejected:not_heard", "accepted", "calibrated_accept", False),
        ("rejected:not_heard", "undecided", "between", None),
        ("accepted", "undecided", "between", None),
        ("accepted", "rejected", "calibrated_reject", False),
        ("failed:no_audio", "undecided", "between", False),
    ],
)
def test_a_calibrated_verdict_names_no_side(expected: str, decision: Decision, reason: str, ok: bool | None) -> None:
    data = one_clip(expected, (expected == "accepted",) * 3, ("ok",) * 3)
    verdicts = [dataclasses.replace(v, decision=decision, reason=reason, rule="calibrated") for v in data.verdicts]
    (end,) = endings(dataclasses.replace(data, verdicts=tuple(verdicts)))
    assert end.ok is ok


def test_a_clip_that_is_not_there_yet_is_pending(planted: ReportData) -> None:
    *_, later = endings(planted)
    assert (later.ok, later.observed) == (None, "not fetched yet")
    assert [end.ok for end in endings(planted)[:-1]] == [True] * 6
    assert [end.whole for end in endings(planted)] == [True, False, False, False, False, False, False]


def test_windows_are_matched_by_time_not_by_order(planted: ReportData) -> None:
    backwards = dataclasses.replace(planted, verdicts=planted.verdicts[::-1])
    assert confusion(backwards) == confusion(planted)

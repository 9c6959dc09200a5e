"""Which rule decides a window: signals, people, calibration, thresholds."""

from dataclasses import replace

import pytest
from verify_cases import FAKES, FINE, INFO, SILENT, STILL, YES, clip_scores

from vegas_data.records import Answer, Side, Verdict
from vegas_data.verify import judge
from vegas_data.verify.calibration import Calibration, SideFit
from vegas_data.verify.crowd import Question
from vegas_data.verify.scores import ClipScores, ScorerInfo, Signals
from vegas_data.verify.thresholds import Cut
from vegas_data.verify.triage import basis_of, decide_by_people, path_of, triage


def cut(threshold: float | None, target: float) -> Cut:
    return Cut(
        threshold=threshold,
        items=100,
        right=100,
        bound=0.97,
        tested=1,
        least_items=59,
        target=target,
        confidence=0.95,
    )


def calibration(accept: float | None = 0.6, reject: float | None = 0.05) -> Calibration:
    """The joint probability is the product of the two scores."""
    return Calibration(
        measured="",
        category="drum",
        scorers=tuple(sorted((name, info.digest) for name, info in INFO.items())),
        sides=(
            SideFit(side="heard", scorers=("loudness",), intercept=0.0, weights=(1.0,)),
            SideFit(side="seen", scorers=("brightness",), intercept=0.0, weights=(1.0,)),
        ),
        num_fit=40,
        num_test=160,
        num_present=120,
        accept=cut(accept, 0.95),
        reject=cut(reject, 0.9),
        draw="d" * 12,
    )


def one(
    scores: ClipScores,
    calibrations: dict[str, Calibration] | None = None,
    people: dict[tuple[str, Side], Answer] | None = None,
) -> Verdict:
    asked: dict[Question, Answer] = {
        (category, scores.clip_id, 0, side): answer for (category, side), answer in (people or {}).items()
    }
    judgments = judge(scores, FAKES, ("drum",))
    (verdict,) = triage(judgments, scores, FAKES, ("drum",), calibrations=calibrations or {}, people=asked)
    return verdict


def told(verdict: Verdict) -> tuple[str, str, str]:
    return verdict.decision, verdict.reason, verdict.rule


@pytest.mark.parametrize(
    ("heard", "seen", "expected"),
    [
        (0.9, 0.9, ("accepted", "calibrated_accept", "calibrated")),
        (0.9, 0.5, ("undecided", "between", "calibrated")),
        (0.9, 0.01, ("rejected", "calibrated_reject", "calibrated")),
        (0.0, 1.0, ("rejected", "calibrated_reject", "calibrated")),
    ],
)
def test_a_calibration_decides_beyond_its_thresholds_only(
    heard: float, seen: float, expected: tuple[str, str, str]
) -> None:
    assert told(one(clip_scores([(heard, seen, FINE)]), {"drum": calibration()})) == expected


def test_thresholds_are_inclusive_for_accepts_and_exclusive_for_rejects() -> None:
    scores = clip_scores([(0.5, 0.5, FINE)])
    probability = calibration().probability({"loudness": 0.5, "brightness": 0.5})
    assert one(scores, {"drum": calibration(accept=probability)}).decision == "accepted"
    assert one(scores, {"drum": calibration(accept=1.0, reject=probability)}).decision == "undecided"


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_a_calibration_without_thresholds_sends_everything_to_people(score: float) -> None:
    verdict = one(clip_scores([(score, score, FINE)]), {"drum": calibration(accept=None, reject=None)})
    assert told(verdict) == ("undecided", "between", "calibrated")


def test_a_calibration_of_other_scorers_does_not_apply() -> None:
    other = replace(calibration(), scorers=(("brightness", "9" * 12), ("loudness", "1" * 12)))
    scores = clip_scores([(YES, YES, FINE)])
    assert told(one(scores, {"drum": other})) == ("accepted", "ok", "all_sides")
    assert basis_of(one(scores, {"drum": other})) == "uncalibrated"
    (window,) = scores.windows
    wider = replace(
        scores,
        scorers={**INFO, "new": ScorerInfo(side="seen", digest="3" * 12)},
        windows=(replace(window, scores={**window.scores, "new": {"drum": YES}}),),
    )
    assert basis_of(one(wider, {"drum": calibration()})) == "uncalibrated"


def test_a_scorer_that_does_not_cover_the_category_does_not_matter() -> None:
    scores = clip_scores([(YES, YES, FINE)])
    (window,) = scores.windows
    wider = replace(
        scores,
        scorers={**INFO, "new": ScorerInfo(side="seen", digest="3" * 12)},
        windows=(replace(window, scores={**window.scores, "new": {"dog": YES}}),),
    )
    assert basis_of(one(wider, {"drum": calibration()})) == "calibrated"


def test_a_window_without_one_of_the_scores_is_for_people() -> None:
    scores = clip_scores([(YES, YES, FINE)])
    (window,) = scores.windows
    partial = replace(scores, windows=(replace(window, scores={"loudness": {"drum": 1.0}, "brightness": {}}),))
    assert told(one(partial, {"drum": calibration(accept=0.0)})) == ("undecided", "between", "calibrated")


@pytest.mark.parametrize("signals", [SILENT, STILL])
def test_a_flaw_comes_before_people_and_before_the_calibration(signals: Signals) -> None:
    verdict = one(
        clip_scores([(1.0, 1.0, signals)]),
        {"drum": calibration()},
        {("drum", "heard"): "yes", ("drum", "seen"): "yes"},
    )
    assert verdict.decision == "rejected"
    assert verdict.reason in ("silent", "still")
    assert (path_of(verdict), basis_of(verdict)) == ("signal", "signals")


@pytest.mark.parametrize(
    ("heard", "seen", "expected"),
    [
        ("yes", "yes", ("accepted", "people_accept")),
        ("sort_of", "yes", ("accepted", "people_accept")),
        ("no", "yes", ("rejected", "people_not_heard")),
        ("no", "no", ("rejected", "people_not_heard_not_seen")),
        ("unsure", "yes", ("undecided", "people_unsure_heard")),
        ("no", None, ("rejected", "people_not_heard")),
        ("yes", None, None),
        (None, None, None),
    ],
)
def test_people_decide_what_they_settled(
    heard: Answer | None, seen: Answer | None, expected: tuple[str, str] | None
) -> None:
    given_answers: dict[Side, Answer | None] = {"heard": heard, "seen": seen}
    sides = {side: answer for side, answer in given_answers.items() if answer is not None}
    assert decide_by_people(sides) == expected
    people: dict[tuple[str, Side], Answer] = {("drum", side): answer for side, answer in sides.items()}
    verdict = one(clip_scores([(0.9, 0.9, FINE)]), {"drum": calibration()}, people)
    assert told(verdict) == ((*expected, "people") if expected else ("accepted", "calibrated_accept", "calibrated"))


def test_people_of_another_category_or_clip_decide_nothing() -> None:
    people: dict[tuple[str, Side], Answer] = {("dog", "heard"): "no", ("dog", "seen"): "no"}
    assert one(clip_scores([(YES, YES, FINE)]), None, people).decision == "accepted"


@pytest.mark.parametrize(
    ("verdict", "path", "basis"),
    [
        (("accepted", "ok", "all_sides"), "auto_accept", "uncalibrated"),
        (("rejected", "not_heard", "all_sides"), "auto_reject", "uncalibrated"),
        (("undecided", "unsure_seen", "all_sides"), "undecided", "uncalibrated"),
        (("rejected", "silent", "all_sides"), "signal", "signals"),
        (("rejected", "black", "all_sides"), "signal", "signals"),
        (("accepted", "calibrated_accept", "calibrated"), "auto_accept", "calibrated"),
        (("rejected", "calibrated_reject", "calibrated"), "auto_reject", "calibrated"),
        (("undecided", "between", "calibrated"), "undecided", "calibrated"),
        (("accepted", "people_accept", "people"), "people_accept", "people"),
        (("rejected", "people_not_seen", "people"), "people_reject", "people"),
    ],
)
def test_paths_and_what_a_verdict_rests_on(verdict: tuple[str, str, str], path: str, basis: str) -> None:
    given_verdict = replace(
        one(clip_scores([(YES, YES, FINE)])),
        decision=verdict[0],  # type: ignore[arg-type]
        reason=verdict[1],
        rule=verdict[2],
    )
    assert (path_of(given_verdict), basis_of(given_verdict)) == (path, basis)

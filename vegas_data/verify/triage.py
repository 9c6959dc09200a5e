"""Scores, calibrations and people's answers → verdicts, each with its reason and the rule that gave it.

For each window and category, the first that applies decides:

    a flaw of the signals (``flaws``)          rejected, the flaw's name
    a copy of another clip (``duplicates``)    rejected, duplicate
    people, where their answers settle it      people_accept; people_not_heard, people_not_seen; people_unsure_…
    a calibration made with these scorers      calibrated_accept, calibrated_reject; between: undecided, for people
    the recipe's thresholds, uncalibrated      as ``aggregate.apply_all_sides`` says

Pure functions: no media, no clock.
"""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal

from vegas_data.records import Answer, Decision, Judgment, Side, Verdict
from vegas_data.verify.aggregate import answers_by_side, apply_all_sides
from vegas_data.verify.calibration import Calibration
from vegas_data.verify.crowd import Question
from vegas_data.verify.flaws import find_flaw
from vegas_data.verify.options import REQUIRED_SIDES, VerifyOptions
from vegas_data.verify.scores import ClipScores, ScorerInfo, covering

Basis = Literal["calibrated", "uncalibrated", "people", "signals"]
Path = Literal["auto_accept", "people_accept", "auto_reject", "people_reject", "signal", "undecided"]

CALIBRATED: Final = "calibrated"
PEOPLE: Final = "people"
DUPLICATE: Final = "duplicate"
BETWEEN: Final = "between"
_NOTHING: Final[Mapping[str, Calibration]] = MappingProxyType({})
_NOBODY: Final[Mapping[Question, Answer]] = MappingProxyType({})


def triage(
    judgments: Iterable[Judgment],
    scores: ClipScores,
    options: VerifyOptions,
    categories: Iterable[str],
    *,
    calibrations: Mapping[str, Calibration] = _NOTHING,
    people: Mapping[Question, Answer] = _NOBODY,
    copy_in: Collection[str] = (),
) -> list[Verdict]:
    """One verdict for every window of a clip and every given category, sorted by category and time.

    Args:
        judgments: of the clip, for the recipe's thresholds (``judge``); a side that nobody judged is unsure.
        categories: those that the clip is a candidate for.
        calibrations: by category; one that was made with other scorers does not apply.
        people: settled answers (``crowd.settle``).
        copy_in: categories in which the clip is a copy of one that stays (``duplicates.dropped_copies``).
    """
    answers = answers_by_side(judgments, options)
    decided: tuple[Decision, str]
    rule: str
    verdicts = []
    for category in sorted(set(categories)):
        calibration = calibrations.get(category)
        if calibration is not None and not calibration.fits(_asked(scores, category, calibration)):
            calibration = None
        for window in scores.windows:
            given = answers.get((category, window.start_ms), {})
            said: dict[Side, Answer] = {side: given.get(side, "unsure") for side in options.sides}
            settled = {
                side: people[question]
                for side in options.sides
                if (question := (category, scores.clip_id, window.start_ms, side)) in people
            }
            if flaw := find_flaw(window.signals, options.signals) or (DUPLICATE if category in copy_in else ""):
                decided, rule = ("rejected", flaw), options.rule
            elif (by_people := decide_by_people(settled)) is not None:
                decided, rule = by_people, PEOPLE
            elif calibration is not None:
                scored = {name: row[category] for name, row in window.scores.items() if category in row}
                decided, rule = decide_calibrated(calibration, scored), CALIBRATED
            else:
                decided, rule = apply_all_sides(said), options.rule
            verdicts.append(
                Verdict(
                    category=category,
                    clip_id=scores.clip_id,
                    video_id=scores.video_id,
                    start_ms=window.start_ms,
                    end_ms=window.end_ms,
                    decision=decided[0],
                    reason=decided[1],
                    rule=rule,
                )
            )
    return verdicts


def _asked(scores: ClipScores, category: str, calibration: Calibration) -> dict[str, ScorerInfo]:
    """The scorers that a calibration of the category has to know: those that cover it, and those it was made with."""
    known = covering(scores, category).keys() | {name for name, _ in calibration.scorers}
    return {name: info for name, info in scores.scorers.items() if name in known}


def decide_by_people(sides: Mapping[Side, Answer]) -> tuple[Decision, str] | None:
    """What people's settled answers say of a window; None while they do not settle it.

    A side that is *no* settles it alone. Otherwise heard and seen must both be answered; a tie that the recipe leaves
    *unsure* keeps the window undecided, whatever the scorers say.
    """
    refused = any(answer == "no" for answer in sides.values())
    if not refused and any(side not in sides for side in REQUIRED_SIDES):
        return None
    told: dict[Side, Answer] = {side: "yes" if answer == "sort_of" else answer for side, answer in sides.items()}
    decision, reason = apply_all_sides(told)
    return decision, "people_accept" if decision == "accepted" else f"people_{reason}"


def decide_calibrated(calibration: Calibration, scores: Mapping[str, float]) -> tuple[Decision, str]:
    """Where a window with these scores lies: beyond one of the tested thresholds, or between them."""
    if any(name not in scores for name, _ in calibration.scorers):
        return "undecided", BETWEEN
    probability = calibration.probability(scores)
    accept, reject = calibration.accept.threshold, calibration.reject.threshold
    if accept is not None and probability >= accept:
        return "accepted", "calibrated_accept"
    if reject is not None and probability < reject:
        return "rejected", "calibrated_reject"
    return "undecided", BETWEEN


def path_of(verdict: Verdict) -> Path:
    """The way by which a window came to its verdict: the strata of an audit."""
    if verdict.decision == "undecided":
        return "undecided"
    if verdict.decision == "accepted":
        return "people_accept" if verdict.rule == PEOPLE else "auto_accept"
    if verdict.rule == PEOPLE:
        return "people_reject"
    return "auto_reject" if verdict.rule == CALIBRATED or verdict.reason.startswith("not_") else "signal"


def basis_of(verdict: Verdict) -> Basis:
    """What a verdict rests on, for every output that shows one; scorers alone are ``uncalibrated``."""
    if verdict.rule == PEOPLE:
        return "people"
    if path_of(verdict) == "signal":
        return "signals"
    return "calibrated" if verdict.rule == CALIBRATED else "uncalibrated"

"""What models answered and what was decided, made again from scores, rules and people's answers.

Enters the rows of one clip and ``Rules``; leaves contradictions with the rows that the release has. Two things are
taken at their word: that a clip is a copy of another, which only their media show; and what Dawid and Skene's method
made of people's answers, which takes all answers at once and a package that not everybody has.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

from vegas_data.records import Answer, Judgment, Side, Verdict
from vegas_data.release.rules import Rules
from vegas_data.release.tables import Row
from vegas_data.verify import ClipScores, Question, judge, settle
from vegas_data.verify.scores import ScorerInfo, Signals, WindowScores
from vegas_data.verify.triage import CALIBRATED, DUPLICATE, PEOPLE, decide_by_people, triage

Trouble = tuple[str, str]  # key of the example, clip or video; what is wrong
SIGNALS: Final = tuple(one.name for one in fields(Signals))
_NEAR: Final = 1e-9  # thresholds are probabilities of windows: another machine's logarithm may differ in the last digit


@dataclass(frozen=True, slots=True)
class Said:
    """A person's judgment as ``verify.settle`` reads it."""

    category: str
    clip_id: str
    start_ms: int
    side: Side
    annotator: str
    answer: Answer


def said_by_people(judgments: Iterable[Row]) -> list[Said]:
    """The rows whose judge is a person."""
    return [
        Said(row["category"], row["clip_id"], row["start_ms"], row["side"], row["judge"], row["answer"])
        for row in judgments
        if row["judge"].startswith("human:")
    ]


def clip_scores(scores: Sequence[Row]) -> ClipScores:
    """The rows of one clip, complete and in order, as one record."""
    windows: dict[tuple[int, int], Row] = {}
    by_scorer: dict[tuple[int, int], dict[str, dict[str, float]]] = {}
    for row in scores:
        span = row["start_ms"], row["end_ms"]
        windows.setdefault(span, row)
        by_scorer.setdefault(span, {}).setdefault(row["scorer"], {})[row["category"]] = row["score"]
    return ClipScores(
        clip_id=scores[0]["clip_id"],
        video_id=scores[0]["video_id"],
        media_sha256=scores[0]["media_sha256"],
        scorers={row["scorer"]: ScorerInfo(side=row["side"], digest=row["digest"]) for row in scores},
        windows=tuple(
            WindowScores(
                start_ms=span[0],
                end_ms=span[1],
                signals=Signals(**{name: row[name] for name in SIGNALS}),
                scores=by_scorer[span],
            )
            for span, row in sorted(windows.items())
        ),
    )


def decisions_disagree(
    measured: ClipScores, asked: Iterable[str], judgments: Sequence[Row], verdicts: Sequence[Row], rules: Rules
) -> Iterator[Trouble]:
    """Judgments of models and verdicts of one clip that are not what its scores, the rules and people's answers give.

    Args:
        asked: categories that the clip is a candidate for.
    """
    wanted = sorted(set(asked))
    told = {_address(row): (row["answer"], row["score"]) for row in judgments if row["judge"].startswith("model:")}
    by_models = judge(measured, rules.options, wanted)
    made = {_address_of(one): (one.answer, one.score) for one in by_models}
    for address in sorted(made.keys() | told.keys()):
        if made.get(address) != told.get(address):
            where = f"{address[0]}, {address[1]} ms: {address[3]}"
            yield measured.id, f"{where}: a judgment is missing, or is not what its score and the thresholds give"
    people = _settled(judgments, verdicts, rules)
    copied = {row["category"] for row in verdicts if row["reason"] == DUPLICATE}  # as the table says
    due_ones = triage(
        by_models, measured, rules.options, wanted, calibrations=rules.calibrations, people=people, copy_in=copied
    )
    for row, again in zip(verdicts, due_ones, strict=True):
        if Verdict(**row) != again and not _as_near(row, again, measured, rules):
            said = f"{row['decision']} for {row['reason']} by {row['rule']}"
            due = f"{again.decision} for {again.reason} by {again.rule}"
            yield measured.id, f"{row['category']}, {row['start_ms']} ms: {said}; scores, rules and people give {due}"


def _address(row: Row) -> tuple[str, int, str, str]:
    return row["category"], row["start_ms"], row["side"], row["judge"]


def _address_of(one: Judgment) -> tuple[str, int, str, str]:
    return one.category, one.start_ms, one.side, one.judge


def _settled(judgments: Sequence[Row], verdicts: Sequence[Row], rules: Rules) -> dict[Question, Answer]:
    """People's answers, settled again; those of Dawid and Skene's method as the verdicts have them."""
    said, options = said_by_people(judgments), rules.options.triage
    return settle(said, options) if options.aggregation == "majority" else _at_their_word(said, verdicts, options.tie)


def _at_their_word(said: Sequence[Said], verdicts: Sequence[Row], tie: Answer) -> dict[Question, Answer]:
    """Answers that give the verdicts by people, if somebody, or the rule for ties, gave each of them."""
    given: dict[Question, set[Answer]] = {}
    for one in said:
        given.setdefault((one.category, one.clip_id, one.start_ms, one.side), set()).add(one.answer)
    people: dict[Question, Answer] = {}
    for row in verdicts:
        if row["rule"] != PEOPLE:
            continue
        here = {q: answers for q, answers in given.items() if (q[0], q[2]) == (row["category"], row["start_ms"])}
        for choice in _choices(here, tie):
            decided = decide_by_people({question[3]: answer for question, answer in choice.items()})
            if decided == (row["decision"], row["reason"]):
                people |= choice
                break
    return people


def _choices(given: Mapping[Question, set[Answer]], tie: Answer) -> Iterator[dict[Question, Answer]]:
    """Every way to settle some of these questions by an answer that was given, or as a tie."""
    options: list[list[Answer | None]] = [[None, *sorted({*answers, tie})] for answers in given.values()]
    for chosen in itertools.product(*options):
        yield {question: answer for question, answer in zip(given, chosen, strict=True) if answer is not None}


def _as_near(row: Row, again: Verdict, measured: ClipScores, rules: Rules) -> bool:
    """Whether the two differ only because a window stands at a threshold of its calibration."""
    calibration = rules.calibrations.get(row["category"])
    if calibration is None or row["rule"] != CALIBRATED or again.rule != CALIBRATED:
        return False
    window = next(one for one in measured.windows if one.start_ms == row["start_ms"])
    scored = {name: of[row["category"]] for name, of in window.scores.items() if row["category"] in of}
    if any(name not in scored for name, _ in calibration.scorers):
        return False
    probability = calibration.probability(scored)
    near = {
        ("accepted", "calibrated_accept"): calibration.accept.threshold,
        ("rejected", "calibrated_reject"): calibration.reject.threshold,
    }
    said, due = (row["decision"], row["reason"]), (again.decision, again.reason)
    between = ("undecided", "between")
    thresholds = [near[one] for one in (said, due) if one in near]
    return {said, due} <= {*near, between} and all(
        threshold is not None and math.isclose(probability, threshold, abs_tol=_NEAR) for threshold in thresholds
    )

"""Scores → judgments → answers, and verdicts → examples: pure functions, no media, no weights, no clock.

A model's judgment is its score against the recipe's thresholds. The rule ``all_sides`` is the paper's (Zhou et al.
2018, §3): a window is dropped if either side is *no*; "sort of" counts as present. What models add is *unsure*: a
window of which no side is no but some side is unsure is undecided, and waits for people. Judges of one side that
contradict each other make it unsure. ``triage`` makes verdicts of it, and of all else that is known.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from vegas_data.records import Answer, Decision, Example, Judgment, Side, Verdict
from vegas_data.verify.options import ScorerOptions, VerifyOptions
from vegas_data.verify.scores import ClipScores

OK: Final = "ok"
_PRESENT: Final = frozenset({"yes", "sort_of"})
_REASON_WORDS: Final[Mapping[Side, str]] = MappingProxyType({"heard": "heard", "seen": "seen", "pair": "paired"})


def judge(scores: ClipScores, options: VerifyOptions, categories: Iterable[str]) -> list[Judgment]:
    """What each scorer of ``options`` answers about each window, for the given categories it covers.

    Args:
        categories: names of those the clip is a candidate for and somebody asks about.
    """
    wanted = sorted(set(categories))
    return [
        Judgment(
            category=category,
            clip_id=scores.clip_id,
            video_id=scores.video_id,
            start_ms=window.start_ms,
            end_ms=window.end_ms,
            side=scorer.side,
            judge=f"{_judge_of(scorer.name)}@{scores.scorers[scorer.name].digest}",
            answer=answer_of(window.scores[scorer.name][category], scorer),
            score=window.scores[scorer.name][category],
        )
        for category in wanted
        for window in scores.windows
        for scorer in options.scorers
        if category in window.scores.get(scorer.name, {})
    ]


def _judge_of(name: str) -> str:
    return f"model:{name}"


def answer_of(score: float, thresholds: ScorerOptions) -> Answer:
    """A score as an answer: yes from ``accept`` on, no below ``reject``, unsure between them and from an adviser."""
    if thresholds.advisory:
        return "unsure"
    if score >= thresholds.accept:
        return "yes"
    return "no" if score < thresholds.reject else "unsure"


def answers_by_side(judgments: Iterable[Judgment], options: VerifyOptions) -> dict[tuple[str, int], dict[Side, Answer]]:
    """For each category and window (by its start) what its judges together answer about each side they judged.

    Args:
        judgments: of one clip, by whomever; those of advisers have no vote.
    """
    without_vote = {_judge_of(name) for name in options.advisers}
    answers: dict[tuple[str, int], dict[Side, list[Answer]]] = defaultdict(lambda: defaultdict(list))
    for judgment in judgments:
        if judgment.judge.partition("@")[0] not in without_vote:
            answers[judgment.category, judgment.start_ms][judgment.side].append(judgment.answer)
    return {window: {side: side_answer(said) for side, said in sides.items()} for window, sides in answers.items()}


def side_answer(answers: Sequence[Answer]) -> Answer:
    """Several judges of one side as one answer: what all of them say; contradiction or nobody is unsure."""
    if answers and all(answer in _PRESENT for answer in answers):
        return "yes"
    return "no" if answers and all(answer == "no" for answer in answers) else "unsure"


def apply_all_sides(sides: Mapping[Side, Answer]) -> tuple[Decision, str]:
    """The rule ``all_sides``: rejected if a side is no, undecided if one is unsure, accepted if all are yes."""
    refused = [side for side, answer in sides.items() if answer == "no"]
    if refused:
        return "rejected", "_".join(f"not_{_REASON_WORDS[side]}" for side in refused)
    unsure = [side for side, answer in sides.items() if answer == "unsure"]
    if unsure:
        return "undecided", "_".join(f"unsure_{_REASON_WORDS[side]}" for side in unsure)
    return "accepted", OK


def merge_examples(verdicts: Iterable[Verdict]) -> list[Example]:
    """Maximal runs of adjacent accepted windows of one clip and category, sorted by category and span."""
    accepted = sorted(
        (verdict for verdict in verdicts if verdict.decision == "accepted"),
        key=lambda verdict: (verdict.category, verdict.clip_id, verdict.start_ms),
    )
    examples = []
    for (category, clip_id), group in itertools.groupby(
        accepted, key=lambda verdict: (verdict.category, verdict.clip_id)
    ):
        runs: list[list[Verdict]] = []
        for verdict in group:
            if runs and runs[-1][-1].end_ms == verdict.start_ms:
                runs[-1].append(verdict)
            else:
                runs.append([verdict])
        examples += [
            Example(
                category=category,
                clip_id=clip_id,
                video_id=run[0].video_id,
                start_ms=run[0].start_ms,
                end_ms=run[-1].end_ms,
            )
            for run in runs
        ]
    return sorted(examples, key=lambda example: (example.category, example.video_id, example.start_ms, example.end_ms))

"""What several people answered about one side of one window → one answer, and how far these people agree.

Enters: answers (anything with the attributes of ``HumanAnswer``). Leaves: one answer per side by majority or by Dawid &
Skene 1979 (crowd-kit), Krippendorff's alpha, and for each person accuracy on gold questions and a hint at random
clicking. A person who answered the same question twice counts once, with what was said last.
"""

import math
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from vegas_data.errors import DependencyMissing
from vegas_data.records import Answer, Side
from vegas_data.verify.intervals import exact_interval, upper_bound
from vegas_data.verify.triage_options import TieRule, TriageOptions

Question = tuple[str, str, int, Side]  # category, clip id, start_ms, side
Level = Literal["nominal", "ordinal"]

SAID: Final[tuple[Answer, ...]] = ("yes", "sort_of", "no")  # in this order; what a person may say
_ANSWERS_TO_TELL: Final = 20
_SUSPECT_BELOW: Final = 0.5


class HumanAnswer(Protocol):
    """One person's answer about one side of one window."""

    @property
    def category(self) -> str: ...
    @property
    def clip_id(self) -> str: ...
    @property
    def start_ms(self) -> int: ...
    @property
    def side(self) -> Side: ...
    @property
    def annotator(self) -> str: ...
    @property
    def answer(self) -> Answer: ...


def question_of(said: HumanAnswer) -> Question:
    """What was asked."""
    return said.category, said.clip_id, said.start_ms, said.side


def by_question(answers: Iterable[HumanAnswer]) -> dict[Question, dict[str, Answer]]:
    """Answers by question and person, sorted; *unsure* is no answer."""
    found: dict[Question, dict[str, Answer]] = defaultdict(dict)
    for said in answers:
        if said.answer in SAID:
            found[question_of(said)][said.annotator] = said.answer
    return {question: dict(sorted(found[question].items())) for question in sorted(found)}


def needs_more(answers: Sequence[Answer], target: int = 2) -> bool:
    """Whether a side needs another judge: fewer than ``target``, or just as many, and present and absent are level."""
    if len(answers) < target:
        return True
    return len(answers) == target and 2 * sum(answer == "no" for answer in answers) == target


def majority(answers: Sequence[Answer], tie: TieRule) -> Answer:
    """What most say about whether the target is there; nobody's answer is unsure.

    *Yes* and *sort of* both say that it is there, so they stand together against *no*; among themselves a tie is
    *sort of*. As many on either side is for ``tie``.
    """
    counts = Counter(answer for answer in answers if answer in SAID)
    present = counts["yes"] + counts["sort_of"]
    if not counts:
        return "unsure"
    if present == counts["no"]:
        return tie
    if present < counts["no"]:
        return "no"
    return "yes" if counts["yes"] > counts["sort_of"] else "sort_of"


def settle(
    answers: Iterable[HumanAnswer], options: TriageOptions, *, judgments: int | None = None
) -> dict[Question, Answer]:
    """One answer for each question that has enough of them (``needs_more``).

    Args:
        judgments: how many are enough; ``options.judgments_per_window`` if not given.

    Raises:
        DependencyMissing: ``dawid_skene`` without the extra ``crowd``.
    """
    asked = by_question(answers)
    target = options.judgments_per_window if judgments is None else judgments
    settled = [question for question, said in asked.items() if not needs_more(list(said.values()), target)]
    if options.aggregation == "dawid_skene":
        together = dawid_skene(asked, options.tie)
        return {question: together[question] for question in settled}
    return {question: majority(list(asked[question].values()), options.tie) for question in settled}


def dawid_skene(asked: Mapping[Question, Mapping[str, Answer]], tie: TieRule) -> dict[Question, Answer]:
    """The most likely answers, each person's confusions estimated with them; heard and seen apart.

    *no* needs more than half of the probability, and so do the two others together; exactly half is for ``tie``.

    Raises:
        DependencyMissing: crowd-kit is not installed.
    """
    try:
        import pandas as pd
        from crowdkit.aggregation.classification import DawidSkene
    except ImportError:
        raise DependencyMissing(
            "dawid_skene needs the package crowd-kit",
            remedy="pip install 'vegas-data[crowd]', or set aggregation = \"majority\" in [verify.triage]",
        ) from None
    found: dict[Question, Answer] = {}
    for side in sorted({question[3] for question in asked}):
        questions = [question for question in asked if question[3] == side]
        rows = [(n, who, said) for n, q in enumerate(questions) for who, said in asked[q].items()]
        table = pd.DataFrame(rows, columns=["task", "worker", "label"])
        with warnings.catch_warnings():  # pandas 3 deprecates keywords that crowd-kit 1.4.2 still writes
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            chances = DawidSkene(n_iter=100).fit_predict_proba(table).reindex(columns=list(SAID), fill_value=0.0)
        for task, yes, sort_of, no in chances.fillna(0.0).itertuples():
            if math.isclose(no, 0.5, abs_tol=1e-9):
                found[questions[task]] = tie
            elif no > 0.5:
                found[questions[task]] = "no"
            else:
                found[questions[task]] = "yes" if yes >= sort_of else "sort_of"
    return {question: found[question] for question in asked}


def krippendorff_alpha(groups: Iterable[Sequence[Answer]], level: Level = "nominal") -> float | None:
    """Krippendorff's alpha: 1 is full agreement, 0 is chance. None where it is not defined.

    Args:
        groups: the answers to each question; a question with one answer tells nothing.
        level: ``nominal`` (different is different) or ``ordinal`` (yes and no differ more than yes and sort of).
    """
    together = [[0.0] * len(SAID) for _ in SAID]
    for answers in groups:
        counts = [sum(said == answer for said in answers) for answer in SAID]
        total = sum(counts)
        if total < 2:
            continue
        for a, count in enumerate(counts):
            for b, other in enumerate(counts):
                together[a][b] += count * (other - (a == b)) / (total - 1)
    margins = [sum(row) for row in together]
    total_pairs = sum(margins)

    def distance(a: int, b: int) -> float:
        if level == "nominal":
            return float(a != b)
        low, high = min(a, b), max(a, b)
        return (sum(margins[low : high + 1]) - (margins[a] + margins[b]) / 2) ** 2

    places = range(len(SAID))
    seen = sum(together[a][b] * distance(a, b) for a in places for b in places)
    by_chance = sum(margins[a] * margins[b] * distance(a, b) for a in places for b in places)
    return 1.0 - (total_pairs - 1) * seen / by_chance if by_chance else None


@dataclass(frozen=True, kw_only=True, slots=True)
class GoldAccuracy:
    """How one person answered questions whose answer is known, in one category.

    Args:
        right: said present or absent as the truth is; *yes* for *sort of* counts as right.
        low, high: exact interval of the share, at 0.95.
    """

    annotator: str
    category: str
    right: int
    count: int
    low: float
    high: float


def gold_accuracy(answers: Iterable[HumanAnswer], truth: Mapping[Question, Answer]) -> list[GoldAccuracy]:
    """Accuracy per person and category on the questions of ``truth``, sorted."""
    right: Counter[tuple[str, str]] = Counter()
    count: Counter[tuple[str, str]] = Counter()
    for question, said in by_question(answers).items():
        if question in truth:
            for annotator, answer in said.items():
                count[annotator, question[0]] += 1
                right[annotator, question[0]] += (answer == "no") == (truth[question] == "no")
    rows = []
    for annotator, category in sorted(count):
        told, known = right[annotator, category], count[annotator, category]
        low, high = exact_interval(told, known, 0.95)
        rows.append(GoldAccuracy(annotator=annotator, category=category, right=told, count=known, low=low, high=high))
    return rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Informedness:
    """How much one person's answers tell about what the others say (Youden's J).

    Args:
        value: P(present | others: present) + P(absent | others: absent) − 1; 0 for random clicking and for always
            the same answer, 1 for one who always agrees; None if the others never said one of the two.
        suspect: a hint, not a verdict: even the upper bound of ``value`` at 0.95 is below 0.5, or one answer was given
            to everything.
    """

    annotator: str
    count: int
    value: float | None
    suspect: bool


def informedness(answers: Iterable[HumanAnswer]) -> list[Informedness]:
    """Every person beside the majority of all others, question by question, sorted by name."""
    agreed: dict[str, dict[bool, list[int]]] = defaultdict(lambda: {True: [0, 0], False: [0, 0]})
    said_all: dict[str, Counter[Answer]] = defaultdict(Counter)
    for said in by_question(answers).values():
        for annotator, answer in said.items():
            said_all[annotator][answer] += 1
            others = [1 if other != "no" else -1 for who, other in said.items() if who != annotator]
            if balance := sum(others):
                tally = agreed[annotator][balance > 0]
                tally[0] += (answer != "no") == (balance > 0)
                tally[1] += 1
    rows = []
    for annotator in sorted(said_all):
        (right_yes, yes), (right_no, no) = agreed[annotator][True], agreed[annotator][False]
        value = right_yes / yes + right_no / no - 1 if yes and no else None
        count = yes + no
        suspect = False
        if count >= _ANSWERS_TO_TELL and value is not None:
            most = upper_bound(right_yes, yes, 0.975) + upper_bound(right_no, no, 0.975) - 1
            suspect = most < _SUSPECT_BELOW or len(said_all[annotator]) == 1
        rows.append(Informedness(annotator=annotator, count=count, value=value, suspect=suspect))
    return rows

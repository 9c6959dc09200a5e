"""People's answers: majority, ties, Dawid–Skene, agreement, and who clicks at random."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vegas_data.errors import DependencyMissing
from vegas_data.records import Answer, Side
from vegas_data.verify.crowd import (
    SAID,
    Question,
    by_question,
    dawid_skene,
    gold_accuracy,
    informedness,
    krippendorff_alpha,
    majority,
    needs_more,
    settle,
)
from vegas_data.verify.triage_options import TieRule, TriageOptions

OPTIONS = TriageOptions()


@dataclass(frozen=True, kw_only=True)
class Said:
    clip_id: str
    annotator: str
    answer: Answer
    category: str = "drum"
    start_ms: int = 0
    side: Side = "heard"


def says(clip: str, *answers: Answer, side: Side = "heard") -> list[Said]:
    return [Said(clip_id=clip, annotator=f"p{n}", answer=answer, side=side) for n, answer in enumerate(answers)]


def question(clip: str, side: Side = "heard") -> Question:
    return "drum", clip, 0, side


@pytest.mark.parametrize(
    ("answers", "tie", "joint"),
    [
        (["yes", "yes", "no"], "no", "yes"),
        (["no", "no", "yes"], "sort_of", "no"),
        (["yes", "sort_of", "no"], "sort_of", "sort_of"),
        (["yes", "sort_of", "no"], "unsure", "sort_of"),
        (["no", "no", "no", "yes", "yes", "sort_of", "sort_of"], "no", "sort_of"),
        (["no", "no", "yes", "sort_of"], "no", "no"),
        (["yes", "no"], "unsure", "unsure"),
        (["yes", "sort_of"], "no", "sort_of"),
        (["yes", "sort_of"], "unsure", "sort_of"),
        (["unsure", "yes"], "no", "yes"),
        (["unsure"], "no", "unsure"),
        ([], "no", "unsure"),
    ],
)
def test_majority_and_ties(answers: list[Answer], tie: TieRule, joint: Answer) -> None:
    assert majority(answers, tie) == joint


@pytest.mark.parametrize(
    ("answers", "target", "more"),
    [
        ([], 2, True),
        (["yes"], 2, True),
        (["yes", "yes"], 2, False),
        (["yes", "sort_of"], 2, False),
        (["yes", "no"], 2, True),
        (["sort_of", "no"], 2, True),
        (["yes", "no", "sort_of"], 2, False),
        (["yes", "no"], 3, True),
        (["yes", "no", "sort_of"], 3, False),
        (["yes"], 1, False),
        (["yes", "yes", "no", "no"], 4, True),
    ],
)
def test_two_judge_and_a_third_when_they_disagree(answers: list[Answer], target: int, more: bool) -> None:
    assert needs_more(answers, target) == more


@given(answers=st.lists(st.sampled_from(SAID), max_size=9), tie=st.sampled_from(["sort_of", "no", "unsure"]))
def test_majority_does_not_depend_on_the_order(answers: list[Answer], tie: TieRule) -> None:
    assert majority(answers, tie) == majority(sorted(answers), tie)
    assert majority(answers * 2, tie) == majority(answers, tie)


def test_only_settled_sides_have_an_answer() -> None:
    answers = [*says("a", "yes", "yes"), *says("b", "yes", "no"), *says("c", "yes", "no", "no"), *says("d", "no")]
    assert settle(answers, OPTIONS) == {question("a"): "yes", question("c"): "no"}
    assert settle(answers, OPTIONS, judgments=1)[question("d")] == "no"


def test_a_person_who_answers_again_counts_once_with_the_last_answer() -> None:
    answers = [*says("a", "yes", "yes"), Said(clip_id="a", annotator="p0", answer="no")]
    assert by_question(answers) == {question("a"): {"p0": "no", "p1": "yes"}}


def test_alpha_by_hand() -> None:
    """Two observers, four units, coincidences: yes–yes 4, no–no 2, yes–no 1, no–yes 1; expected from 5 and 3 of 8."""
    groups: list[list[Answer]] = [["yes", "yes"], ["yes", "yes"], ["no", "no"], ["yes", "no"]]
    assert krippendorff_alpha(groups) == pytest.approx(1 - 7 * (1 + 1) / (2 * 5 * 3))


def test_alpha_of_the_published_binary_example() -> None:
    """Krippendorff 2011, section A: two observers, ten units, alpha 0.095."""
    meg = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    owen = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    words: dict[int, Answer] = {0: "no", 1: "yes"}
    groups = [[words[a], words[b]] for a, b in zip(meg, owen, strict=True)]
    assert krippendorff_alpha(groups) == pytest.approx(0.095, abs=5e-4)
    assert krippendorff_alpha(groups, "ordinal") == pytest.approx(0.095, abs=5e-4), "two values have one distance"


def test_alpha_is_one_for_agreement_about_zero_for_chance_and_undefined_for_one_answer() -> None:
    random = Random(1)
    chance = [[random.choice(SAID) for _ in range(3)] for _ in range(3_000)]
    assert krippendorff_alpha(chance) == pytest.approx(0.0, abs=0.03)
    assert krippendorff_alpha([["yes", "yes"], ["no", "no", "no"]]) == 1.0
    assert krippendorff_alpha([["yes", "yes"], ["yes", "yes"]]) is None
    assert krippendorff_alpha([["yes"], ["no"]]) is None
    assert krippendorff_alpha([]) is None


def test_ordinal_alpha_by_hand() -> None:
    """One unit each of yes–yes, sort of–sort of, no–no, yes–sort of: margins 3, 3, 2 of 8.

    Squared distances: yes–sort of (6 − 3)² = 9, sort of–no (5 − 2.5)² = 6.25, yes–no (8 − 2.5)² = 30.25.
    """
    groups: list[list[Answer]] = [["yes", "yes"], ["sort_of", "sort_of"], ["no", "no"], ["yes", "sort_of"]]
    expected = 2 * (3 * 3 * 9 + 3 * 2 * 6.25 + 3 * 2 * 30.25)
    assert krippendorff_alpha(groups, "ordinal") == pytest.approx(1 - 7 * 2 * 9 / expected)


def test_near_misses_cost_less_where_answers_are_ordered() -> None:
    near: list[Sequence[Answer]] = [["yes", "sort_of"], ["no", "no"], ["yes", "yes"], ["sort_of", "sort_of"]]
    far: list[Sequence[Answer]] = [["yes", "no"], ["no", "no"], ["yes", "yes"], ["sort_of", "sort_of"]]
    near_alpha, far_alpha = krippendorff_alpha(near, "ordinal"), krippendorff_alpha(far, "ordinal")
    assert near_alpha is not None
    assert far_alpha is not None
    assert near_alpha > far_alpha


def test_gold_counts_presence_per_person_and_category() -> None:
    truth: dict[Question, Answer] = {question("a"): "sort_of", question("b"): "no"}
    answers = [*says("a", "yes", "no"), *says("b", "no", "yes"), *says("c", "no", "no")]
    good, bad = gold_accuracy(answers, truth)
    assert (good.annotator, good.category, good.right, good.count) == ("p0", "drum", 2, 2)
    assert (bad.annotator, bad.right, bad.count) == ("p1", 0, 2)
    assert good.low == pytest.approx(0.1581, abs=1e-4)
    assert good.high == 1.0


def panel(random: Random, questions: int, spammers: int, people: int = 12) -> tuple[list[Said], dict[Question, Answer]]:
    """Three answers each; the first ``spammers`` click at random or always say yes, the others are 93 % right."""
    answers, truth = [], {}
    for n in range(questions):
        right: Answer = random.choice(SAID)
        truth[question(f"c{n:04d}")] = right
        for who in random.sample(range(people), 3):
            if who < spammers:
                said: Answer = random.choice(SAID) if who % 2 == 0 else "yes"
            else:
                said = right if random.random() < 0.93 else random.choice([s for s in SAID if s != right])
            answers.append(Said(clip_id=f"c{n:04d}", annotator=f"p{who:02d}", answer=said))
    return answers, truth


def test_who_clicks_at_random_or_always_the_same_is_hinted_at_and_nobody_else() -> None:
    answers, _ = panel(Random(3), 600, 3)
    assert {row.annotator for row in informedness(answers) if row.suspect} == {"p00", "p01", "p02"}
    assert all(row.value is not None and row.value > 0.6 for row in informedness(answers) if not row.suspect)


def test_few_answers_are_no_ground_for_suspicion() -> None:
    answers, _ = panel(Random(3), 15, 3)
    assert not any(row.suspect for row in informedness(answers))


def accuracy(found: dict[Question, Answer], truth: dict[Question, Answer]) -> float:
    return sum((found[q] == "no") == (truth[q] == "no") for q in truth) / len(truth)


def test_dawid_skene_beats_the_majority_among_spammers() -> None:
    pytest.importorskip("crowdkit")
    answers, truth = panel(Random(5), 600, 5)
    counted = settle(answers, OPTIONS, judgments=3)
    together = settle(answers, replace(OPTIONS, aggregation="dawid_skene"), judgments=3)
    assert accuracy(together, truth) > accuracy(counted, truth) + 0.02
    shuffled = list(answers)
    Random(6).shuffle(shuffled)
    assert settle(shuffled, replace(OPTIONS, aggregation="dawid_skene"), judgments=3) == together


def test_dawid_skene_keeps_sides_apart_and_leaves_an_open_tie_to_the_rule() -> None:
    pytest.importorskip("crowdkit")
    asked = by_question([*says("a", "yes", "yes"), *says("a", "no", "no", side="seen")])
    assert dawid_skene(asked, "unsure") == {question("a", "heard"): "yes", question("a", "seen"): "no"}
    assert dawid_skene(by_question(says("a", "yes", "no")), "unsure") == {question("a"): "unsure"}
    assert dawid_skene({}, "no") == {}


def test_without_crowd_kit_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "crowdkit.aggregation.classification", None)
    monkeypatch.setitem(sys.modules, "crowdkit", None)
    options = replace(OPTIONS, aggregation="dawid_skene")
    with pytest.raises(DependencyMissing, match="crowd-kit") as caught:
        settle(says("a", "yes", "yes"), options)
    assert "vegas-data[crowd]" in caught.value.remedy


@given(order=st.randoms(use_true_random=False))
def test_aggregation_does_not_depend_on_the_order_of_people(order: Random) -> None:
    answers, _ = panel(Random(9), 20, 4)
    shuffled = list(answers)
    order.shuffle(shuffled)
    assert settle(shuffled, OPTIONS) == settle(answers, OPTIONS)

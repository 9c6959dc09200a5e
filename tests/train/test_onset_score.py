"""The onset score, against brute force: every matching, every derangement."""

import itertools
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.metrics.onset_score import (
    Counts,
    HeardExample,
    bootstrap_f1,
    count,
    count_pairs,
    score_onsets,
    shuffled_counts,
)

TIMES = st.lists(st.integers(0, 60), max_size=6).map(sorted)


def largest_matching(detected: Sequence[int], reference: Sequence[int], tolerance: int) -> int:
    """By trying everything: the first detected onset has no partner, or any of those in reach."""
    if not detected:
        return 0
    best = largest_matching(detected[1:], reference, tolerance)
    for j, time in enumerate(reference):
        if abs(detected[0] - time) <= tolerance:
            rest = [*reference[:j], *reference[j + 1 :]]
            best = max(best, 1 + largest_matching(detected[1:], rest, tolerance))
    return best


@given(TIMES, TIMES, st.integers(0, 20))
def test_no_matching_has_more_pairs(detected: list[int], reference: list[int], tolerance: int) -> None:
    assert count_pairs(detected, reference, tolerance_ms=tolerance) == largest_matching(detected, reference, tolerance)


def test_an_onset_has_one_partner_and_the_tolerance_is_inclusive() -> None:
    assert count_pairs([100, 110, 120], [110], tolerance_ms=50) == 1
    assert count_pairs([0], [100], tolerance_ms=100) == 1
    assert count_pairs([0], [101], tolerance_ms=100) == 0
    assert count_pairs([90, 190], [0, 100], tolerance_ms=100) == 2  # not the nearest, but both


def test_precision_recall_and_f1() -> None:
    counts = count([0, 500, 900], [10, 520], tolerance_ms=50)
    assert (counts.precision, counts.recall, counts.f1) == (2 / 3, 1.0, 4 / 5)
    assert (Counts().precision, Counts().recall, Counts().f1) == (0, 0, 0)


def heard(
    video: int, reference: Sequence[int], *draws: Sequence[int], true: Sequence[int] = (), duration_ms: float = 6000
) -> HeardExample:
    return HeardExample(
        video_id=f"demo-{video}", duration_ms=duration_ms, reference=reference, true=true, draws=tuple(draws)
    )


def random_examples(number: int, num_draws: int, *, equally_long: bool = True) -> list[HeardExample]:
    rng = random.Random(number)

    def times() -> list[int]:
        return sorted(rng.sample(range(6000), rng.randint(5, 15)))

    return [
        heard(
            i,
            times(),
            *(times() for _ in range(num_draws)),
            true=times(),
            duration_ms=6000 if equally_long else rng.randint(2000, 6000),
        )
        for i in range(number)
    ]


def f1_of_derangement(examples: list[HeardExample], order: Sequence[int]) -> float:
    pairs = detected = reference = 0
    for example, other in zip(examples, order, strict=True):
        for draw in example.draws:
            pairs += count_pairs(draw, examples[other].reference, tolerance_ms=100)
            detected += len(draw)
            reference += len(examples[other].reference)
    return 2 * pairs / (detected + reference)


@pytest.mark.parametrize("number", [2, 3, 5])
@pytest.mark.parametrize("num_draws", [1, 3])
def test_shuffled_is_the_mean_over_all_derangements(number: int, num_draws: int) -> None:
    examples = random_examples(number, num_draws)
    derangements = [
        order
        for order in itertools.permutations(range(number))
        if all(index != other for index, other in enumerate(order))
    ]
    mean = np.mean([f1_of_derangement(examples, order) for order in derangements])
    assert score_onsets(examples, reference="planted").f1_shuffled == pytest.approx(mean, abs=1e-6)


def test_shuffled_counts_are_proportional_to_the_mean_ones_when_lengths_differ() -> None:
    examples = random_examples(4, 1, equally_long=False)
    total = sum(shuffled_counts(examples, tolerance_ms=100), Counts())
    mean = np.zeros(3)
    derangements = [o for o in itertools.permutations(range(4)) if all(i != j for i, j in enumerate(o))]
    for order in derangements:
        for example, other in zip(examples, order, strict=True):
            end = min(example.duration_ms, examples[other].duration_ms)
            reference = [t for t in examples[other].reference if t < end]
            draw = [t for t in example.draws[0] if t < end]
            mean += np.array([count_pairs(draw, reference, tolerance_ms=100), len(draw), len(reference)])
    mean /= len(derangements)
    found = np.array([total.pairs, total.detected, total.reference])
    assert found / 3 == pytest.approx(mean)  # each sound meets three others


def test_examples_of_one_video_do_not_stand_in_for_each_other() -> None:
    examples = [heard(0, [100], [100]), heard(0, [100], [100]), heard(1, [3000], [3000])]
    assert score_onsets(examples, reference="planted").f1_shuffled == 0
    assert len(list(shuffled_counts(examples, tolerance_ms=100))) == 4


def test_what_lies_beyond_the_shorter_of_two_does_not_count() -> None:
    examples = [heard(0, [100, 4000], [100, 4000], duration_ms=5000), heard(1, [100], [100], duration_ms=2000)]
    assert score_onsets(examples, reference="planted").f1_shuffled == 1


def test_a_perfect_and_a_silent_model() -> None:
    perfect = [heard(i, [500 * i], [500 * i + 30], [500 * i - 30], true=[500 * i]) for i in range(1, 5)]
    score = score_onsets(perfect, reference="planted", tolerance_ms=50)
    assert (score.precision, score.recall, score.f1, score.f1_ceiling, score.f1_shuffled) == (1, 1, 1, 1, 0)
    assert (score.num_examples, score.num_draws, score.num_onsets, score.num_detected) == (4, 2, 4, 8)
    assert score.f1_interval == (1, 1)
    silent = score_onsets([heard(i, [500], []) for i in range(3)], reference="planted")
    assert (silent.precision, silent.recall, silent.f1, silent.f1_shuffled, silent.f1_interval) == (0, 0, 0, 0, (0, 0))


def test_the_score_is_over_all_onsets_not_over_sounds() -> None:
    examples = [heard(0, [100, 1000, 2000], [100, 1000, 2000]), heard(1, [100], [5000])]
    score = score_onsets(examples, reference="detected")
    assert score.f1 == pytest.approx(2 * 3 / (4 + 4))
    assert score.reference == "detected"


def test_the_interval_is_that_of_resampled_videos() -> None:
    videos = [Counts(pairs=p, detected=10, reference=10) for p in (1, 4, 5, 7, 10)]
    low, high = bootstrap_f1(videos, seed=0)
    exact = sorted(
        np.mean([videos[i].f1 for i in drawn]) for drawn in itertools.product(range(5), repeat=5)
    )  # equal sizes: the F1 of a resample is the mean of its videos'
    assert low == pytest.approx(np.percentile(exact, 2.5), abs=0.03)
    assert high == pytest.approx(np.percentile(exact, 97.5), abs=0.03)
    assert (low, high) == bootstrap_f1(videos, seed=0)
    assert (low, high) != bootstrap_f1(videos, seed=1)


def test_draws_of_one_video_are_resampled_together() -> None:
    once = [heard(i, [100], [100] if i % 2 else [3000]) for i in range(8)]
    ten = [heard(i, [100], *[[100] if i % 2 else [3000]] * 10) for i in range(8)]
    assert score_onsets(ten, reference="planted").f1_interval == score_onsets(once, reference="planted").f1_interval


def test_one_video_gives_no_score() -> None:
    with pytest.raises(ValueError, match="two source videos"):
        score_onsets([heard(0, [1], [1]), heard(0, [2], [2])], reference="planted")
    with pytest.raises(ValueError, match="as many draws"):
        score_onsets([heard(0, [1], [1]), heard(1, [2], [2], [3])], reference="planted")

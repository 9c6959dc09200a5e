"""Calibration: the promise on thousands of simulated draws, and what a record must be."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vegas_data.errors import VerificationError
from vegas_data.verify.calibration import (
    Calibration,
    CalibrationItem,
    PoolWindow,
    calibrate,
    from_json_data,
    to_json_data,
)
from vegas_data.verify.intervals import items_needed, shows_at_least
from vegas_data.verify.logistic import fit_monotone, log_odds
from vegas_data.verify.scores import ScorerInfo
from vegas_data.verify.thresholds import candidates, choose_cut, explain
from vegas_data.verify.triage_options import TriageOptions

SCORERS = {"ear": ScorerInfo(side="heard", digest="1" * 12), "eye": ScorerInfo(side="seen", digest="2" * 12)}
OPTIONS = TriageOptions()
BIG = 10_000
RUNS = 150
FEWEST_KEPT = 0.95 * RUNS - 3.7 * math.sqrt(RUNS * 0.95 * 0.05)  # fewer in one of 10,000 tests of a right method

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


def world(random: np.random.Generator, count: int, auc: float, prevalence: float = 0.6) -> tuple[Flags, Numbers]:
    """Truth [N, 2] and scores [N, 2] of independent windows; log-odds normal in both classes."""
    present = random.random((count, 2)) < math.sqrt(prevalence)
    apart = math.sqrt(2) * NormalDist().inv_cdf(auc)
    raw = apart * (present - 0.5) + random.standard_normal((count, 2))
    return present, 1 / (1 + np.exp(-2 * raw))


def make_items(present: Flags, scores: Numbers) -> list[CalibrationItem]:
    return [
        CalibrationItem(
            video_id=f"test-{i}",
            start_ms=0,
            scores={"ear": float(score[0]), "eye": float(score[1])},
            heard=bool(truth[0]),
            seen=bool(truth[1]),
        )
        for i, (truth, score) in enumerate(zip(present, scores, strict=True))
    ]


def make(seed: int, count: int, auc: float, options: TriageOptions = OPTIONS, prevalence: float = 0.6) -> Calibration:
    random = np.random.default_rng(seed)
    return calibrate("drum", SCORERS, make_items(*world(random, count, auc, prevalence)), options)


def probabilities(calibration: Calibration, scores: Numbers) -> Numbers:
    product = np.ones(len(scores))
    for column, fit in enumerate(calibration.sides):
        odds = np.log(scores[:, column]) - np.log1p(-scores[:, column])
        product *= 1 / (1 + np.exp(-(fit.intercept + fit.weights[0] * odds)))
    return product


def kept(draw: Callable[[np.random.Generator, int], tuple[Flags, Numbers]], options: TriageOptions) -> tuple[int, int]:
    """In how many of ``RUNS`` calibrations accepts, and rejects, keep their promise on a large fresh world."""
    accepts = rejects = 0
    for seed in range(RUNS):
        random = np.random.default_rng(seed)
        calibration = calibrate("drum", SCORERS, make_items(*draw(random, 300)), options)
        present, scores = draw(random, BIG)
        joint, probability = present.all(axis=1), probabilities(calibration, scores)
        accept, reject = calibration.accept.threshold, calibration.reject.threshold
        accepted = joint[probability >= (math.inf if accept is None else accept)]
        rejected = ~joint[probability < (-math.inf if reject is None else reject)]
        accepts += len(accepted) == 0 or bool(accepted.mean() >= options.target)
        rejects += len(rejected) == 0 or bool(rejected.mean() >= options.target_reject)
    return accepts, rejects


@pytest.mark.parametrize("auc", [0.5, 0.9, 0.97])
def test_the_promise_is_kept_in_at_least_its_share_of_draws(auc: float) -> None:
    """Lax targets, near what a scorer can just reach, are where a wrong method would fail most often."""
    options = replace(OPTIONS, target=0.8, target_reject=0.6, grid=30)
    accepts, rejects = kept(lambda random, size: world(random, size, auc), options)
    assert accepts >= FEWEST_KEPT
    assert rejects >= FEWEST_KEPT


def test_a_scorer_whose_best_scores_are_its_worst_windows_cannot_break_the_promise() -> None:
    """Precision that falls again at the strict end: the order of the tests must not matter to their validity."""

    def perverse(random: np.random.Generator, size: int) -> tuple[Flags, Numbers]:
        scores = random.uniform(0.01, 0.99, (size, 2))
        chance = np.where(scores > 0.9, 0.5, np.where(scores > 0.4, 0.93, 0.3))
        return random.random((size, 2)) < chance, scores

    accepts, _ = kept(perverse, replace(OPTIONS, target=0.75))
    assert accepts >= FEWEST_KEPT


def test_tests_of_many_thresholds_together_err_no_more_often_than_one() -> None:
    """Every null exactly at the border, labels alone random: the worst case, on 4,000 draws."""
    random = np.random.default_rng(0)
    wrong = 0
    for _ in range(4_000):
        right = (random.random(400) < 0.95).tolist()
        cut = choose_cut(((-n, right[:n]) for n in range(70, 401, 10)), 0.95 + 1e-12, 0.95)
        wrong += cut.threshold is not None
    assert 0.015 < wrong / 4_000 <= 0.05 + 3.7 * math.sqrt(0.05 * 0.95 / 4_000)


@pytest.mark.parametrize("seed", range(20))
def test_a_scorer_that_knows_nothing_sends_everything_to_people(seed: int) -> None:
    calibration = make(seed, 400, 0.5)
    assert calibration.accept.threshold is None
    assert calibration.reject.threshold is None


def test_noise_for_one_side_accepts_nothing_however_good_the_other_is() -> None:
    random = np.random.default_rng(5)
    for _ in range(20):
        present, scores = world(random, 600, 0.999)
        scores[:, 0] = random.uniform(0.01, 0.99, len(scores))
        assert calibrate("drum", SCORERS, make_items(present, scores), OPTIONS).accept.threshold is None


def test_good_scorers_decide_most_windows() -> None:
    found = [make(seed, 400, 0.999) for seed in range(30)]
    assert sum(c.accept.threshold is not None and c.reject.threshold is not None for c in found) >= 24
    for calibration in found:
        for cut in (calibration.accept, calibration.reject):
            if cut.threshold is not None:
                assert cut.bound >= cut.target
                assert shows_at_least(cut.right, cut.items, cut.target, cut.confidence)


def test_accept_and_reject_never_overlap() -> None:
    options = replace(OPTIONS, target=0.55, target_reject=0.3)
    for seed in range(20):
        calibration = make(seed, 300, 0.7, options)
        if calibration.accept.threshold is not None and calibration.reject.threshold is not None:
            assert calibration.reject.threshold <= calibration.accept.threshold


def test_too_few_items_give_no_threshold_and_say_how_many_it_takes() -> None:
    calibration = make(0, 60, 0.9999)
    assert calibration.accept.threshold is None
    assert calibration.accept.least_items == 59
    assert "at least 59" in explain(calibration.accept, calibration.num_test)
    assert "too few" in explain(calibration.accept, calibration.num_test)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_hardly_any_items_are_no_error(count: int) -> None:
    calibration = make(0, count, 0.99)
    assert calibration.accept.threshold is None
    assert calibration.num_fit + calibration.num_test == count
    assert 0 <= calibration.probability({"ear": 0.5, "eye": 0.5}) <= 1


def test_the_order_of_items_does_not_matter_and_neither_does_a_second_run() -> None:
    items = make_items(*world(np.random.default_rng(3), 300, 0.97))
    once = calibrate("drum", SCORERS, items, OPTIONS)
    again = calibrate("drum", dict(reversed(SCORERS.items())), items[::-1], OPTIONS)
    assert once == again
    assert once.digest == again.digest


def test_labels_of_the_test_part_touch_neither_the_fit_nor_the_order_of_thresholds() -> None:
    items = make_items(*world(np.random.default_rng(4), 120, 0.97))
    first = calibrate("drum", SCORERS, items, OPTIONS)
    moved = 0
    for index, item in enumerate(items):
        other = [*items[:index], replace(item, heard=not item.heard, seen=not item.seen), *items[index + 1 :]]
        changed = calibrate("drum", SCORERS, other, OPTIONS)
        moved += changed.sides != first.sides
        assert changed.draw != first.draw
    assert moved == first.num_fit, "exactly the labels of the fit part move the fit"


def test_windows_of_drawn_videos_in_the_pool_change_nothing() -> None:
    items = make_items(*world(np.random.default_rng(6), 300, 0.97))
    own = [PoolWindow(video_id=item.video_id, scores={"ear": 0.999, "eye": 0.999}) for item in items]
    assert calibrate("drum", SCORERS, items, OPTIONS, pool=own) == calibrate("drum", SCORERS, items, OPTIONS)


def test_two_windows_of_one_video_are_refused() -> None:
    items = make_items(*world(np.random.default_rng(7), 10, 0.9))
    with pytest.raises(ValueError, match="one window per source video"):
        calibrate("drum", SCORERS, [*items, replace(items[0], start_ms=2_000)], OPTIONS)


def test_a_side_without_a_scorer_is_refused() -> None:
    with pytest.raises(ValueError, match="seen"):
        calibrate("drum", {"ear": SCORERS["ear"]}, [], OPTIONS)


def test_a_scorer_of_the_pair_counts_for_both_sides() -> None:
    scorers = {**SCORERS, "pair": ScorerInfo(side="pair", digest="3" * 12)}
    items = [
        replace(item, scores={**item.scores, "pair": 0.9 if item.present else 0.2})
        for item in make_items(*world(np.random.default_rng(8), 300, 0.6))
    ]
    calibration = calibrate("drum", scorers, items, OPTIONS)
    assert [fit.scorers for fit in calibration.sides] == [("ear", "pair"), ("eye", "pair")]
    assert all(fit.weights[1] > fit.weights[0] for fit in calibration.sides)


unit = st.floats(0.0, 1.0)


@settings(max_examples=50)
@given(scores=st.tuples(unit, unit), raised=st.tuples(unit, unit), seed=st.integers(0, 20))
def test_a_higher_score_never_lowers_the_probability(
    scores: tuple[float, float], raised: tuple[float, float], seed: int
) -> None:
    calibration = make(seed, 60, 0.3)  # worse than chance: the weights must not turn round
    low = {"ear": scores[0], "eye": scores[1]}
    high = {"ear": max(scores[0], raised[0]), "eye": max(scores[1], raised[1])}
    assert calibration.probability(low) <= calibration.probability(high)


def test_the_fit_finds_the_weights_that_made_the_labels() -> None:
    random = np.random.default_rng(1)
    rows = random.standard_normal((20_000, 2)) * [1.0, 3.0]
    present = random.random(20_000) < 1 / (1 + np.exp(-(0.5 + 1.5 * rows[:, 0] + 0.2 * rows[:, 1])))
    intercept, weights = fit_monotone(rows.tolist(), present.tolist())
    assert (intercept, *weights) == pytest.approx((0.5, 1.5, 0.2), abs=0.06)


def test_a_scorer_against_the_truth_or_without_change_gets_no_weight() -> None:
    random = np.random.default_rng(2)
    good, bad = random.standard_normal(500), random.standard_normal(500)
    present = good - bad + 0.3 * random.standard_normal(500) > 0
    rows = np.stack([good, bad, np.full(500, 2.0)], axis=1)
    _, weights = fit_monotone(rows.tolist(), present.tolist())
    assert weights[0] > 1
    assert weights[1:] == (0.0, 0.0)


def test_a_scorer_that_would_be_counted_against_a_better_one_gets_no_weight() -> None:
    """Alone it speaks for the target; beside the other only its noise is left, and the free solution is negative."""
    random = np.random.default_rng(3)
    better, noise = random.standard_normal(2_000), random.standard_normal(2_000)
    present = 0.7 * better - 0.3 * noise + 0.3 * random.standard_normal(2_000) > 0
    rows = np.stack([better, better + noise], axis=1)
    _, weights = fit_monotone(rows.tolist(), present.tolist())
    assert weights[0] > 1
    assert weights[1] == 0.0


@pytest.mark.parametrize("present", [[True] * 5, [False] * 5])
def test_one_kind_of_answer_gives_a_finite_fit(present: list[bool]) -> None:
    intercept, weights = fit_monotone([[log_odds(score)] for score in (0.0, 0.2, 0.5, 0.9, 1.0)], present)
    assert math.isfinite(intercept)
    assert all(math.isfinite(weight) for weight in weights)
    assert (intercept > 0) == present[0]


def test_a_record_comes_back_from_json_and_another_schema_is_refused() -> None:
    for calibration in (make(0, 400, 0.999), make(0, 60, 0.9)):
        data = json.loads(json.dumps(to_json_data(calibration)))
        assert from_json_data(data, where="x.json") == calibration
    with pytest.raises(VerificationError, match="schema"):
        from_json_data({**data, "schema": 2}, where="x.json")
    with pytest.raises(VerificationError, match=r"x\.json"):
        from_json_data({**data, "accept": 3}, where="x.json")


def test_a_calibration_fits_its_own_scorers_only() -> None:
    calibration = make(0, 60, 0.9)
    assert calibration.fits(SCORERS)
    assert not calibration.fits({**SCORERS, "eye": ScorerInfo(side="seen", digest="9" * 12)})
    assert not calibration.fits({"ear": SCORERS["ear"]})


def test_scorers_that_made_no_error_yet_begin_where_a_few_errors_can_be_borne() -> None:
    ordered = [1 - place / 1000 for place in range(1000)]
    weak, good = (candidates(ordered, 0.64, 320, 0.95, 0.95, grid=20, sure=sure)[0] for sure in (0.1, 0.64))
    assert good < weak
    beyond = [round(320 * (1 - first)) for first in (weak, good)]
    assert [sum(items_needed(0.95, 0.95, wrong) <= count for wrong in range(9)) - 1 for count in beyond] == [0, 2]


def test_a_sequence_stops_at_its_first_failure() -> None:
    good, bad = [True] * 60, [True] * 30 + [False] * 30
    cut = choose_cut([(0.9, good), (0.8, bad), (0.7, [True] * 500)], 0.95, 0.95)
    assert (cut.threshold, cut.tested, cut.items, cut.right) == (0.9, 2, 60, 60)


@given(known=st.lists(unit, min_size=1, max_size=200), num_test=st.integers(0, 500), grid=st.integers(1, 40), sure=unit)
def test_candidates_go_from_strict_to_lax(known: list[float], num_test: int, grid: int, sure: float) -> None:
    ordered = sorted(known, reverse=True)
    found = candidates(ordered, sum(known) / len(known), num_test, 0.95, 0.95, grid=grid, sure=sure)
    assert found == sorted(set(found), reverse=True)
    assert len(found) <= grid
    assert bool(found) == (num_test >= 59)

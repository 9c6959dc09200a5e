"""Exact bounds: against published values, against the definition, and by what they promise."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vegas_data.verify.intervals import exact_interval, items_needed, lower_bound, shows_at_least, upper_bound


def tail(right: int, count: int, share: float) -> float:
    """P(X ≥ right), the definition, in exact arithmetic."""
    p = Fraction(share)
    return float(sum(math.comb(count, k) * p**k * (1 - p) ** (count - k) for k in range(right, count + 1)))


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [  # R: binom.test(right, count)$conf.int
        (0, 10, 0.0, 0.3084971),
        (10, 10, 0.6915029, 1.0),
        (7, 10, 0.3475471, 0.9332605),
        (50, 100, 0.3983211, 0.6016789),
        (1, 20, 0.001265089, 0.2487328),
    ],
)
def test_two_sided_intervals_are_the_published_ones(right: int, count: int, low: float, high: float) -> None:
    assert exact_interval(right, count, 0.95) == pytest.approx((low, high), abs=1e-6)


@given(count=st.integers(1, 60), data=st.data(), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_at_the_bound_what_was_seen_has_just_the_chance_that_is_left(
    count: int, data: st.DataObject, confidence: float
) -> None:
    right = data.draw(st.integers(1, count))
    bound = lower_bound(right, count, confidence)
    assert tail(right, count, bound) == pytest.approx(1 - confidence, rel=1e-6)
    assert upper_bound(count - right, count, confidence) == pytest.approx(1 - bound)


@given(count=st.integers(0, 400), data=st.data(), target=st.floats(0.01, 0.99))
def test_passing_is_having_a_bound_that_reaches_the_target(count: int, data: st.DataObject, target: float) -> None:
    right = data.draw(st.integers(0, count))
    bound = lower_bound(right, count, 0.95)
    if abs(bound - target) > 1e-9:
        assert shows_at_least(right, count, target, 0.95) == (bound >= target)


def test_large_counts_lose_nothing() -> None:
    assert lower_bound(95_300, 100_000, 0.95) == pytest.approx(0.9519, abs=1e-4)
    assert lower_bound(50_000, 100_000, 0.95) == pytest.approx(0.5 - 1.6449 * math.sqrt(0.25 / 1e5), abs=1e-5)


def test_nothing_seen_shows_nothing() -> None:
    assert exact_interval(0, 0, 0.95) == (0.0, 1.0)
    assert not shows_at_least(0, 0, 0.01, 0.95)


def test_59_items_without_an_error_are_the_fewest_for_the_default_promise() -> None:
    assert [items_needed(0.95, 0.95, wrong) for wrong in range(4)] == [59, 93, 124, 153]
    assert items_needed(0.9, 0.95) == 29
    assert lower_bound(59, 59, 0.95) >= 0.95 > lower_bound(58, 58, 0.95)


@pytest.mark.parametrize("target", [0.01, 0.5, 0.75, 0.95, 0.999])
@pytest.mark.parametrize("confidence", [0.01, 0.5, 0.75, 0.95, 0.999])
def test_no_fewer_items_would_do(target: float, confidence: float) -> None:
    fewest = items_needed(target, confidence)
    assert shows_at_least(fewest, fewest, target, confidence)
    assert fewest == 1 or not shows_at_least(fewest - 1, fewest - 1, target, confidence)


def test_a_promise_that_nobody_can_keep_is_told_at_once() -> None:
    assert items_needed(1 - 1e-12, 0.95) == pytest.approx(2.9957e12, rel=1e-3)


@pytest.mark.parametrize(("right", "count", "confidence"), [(-1, 3, 0.9), (4, 3, 0.9), (1, 3, 1.0), (1, 3, 0.0)])
def test_impossible_counts_are_refused(right: int, count: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="no bound"):
        lower_bound(right, count, confidence)


def test_nothing_right_shows_nothing() -> None:
    assert not any(shows_at_least(0, count, 0.01, 0.95) for count in range(1, 100))

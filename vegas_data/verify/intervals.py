"""Exact binomial bounds (Clopper & Pearson 1934): counts in, shares out, with no approximation at small numbers.

A bound is the share at which what was seen, or something more extreme, would have the chance 1 − confidence. It is
found by bisection of the binomial tail, and its last digit is rounded to the safe side.
"""

import functools
import math
from typing import Final

_STEPS: Final = 60  # bisections of [0, 1]: beyond the precision of a double


def lower_bound(right: int, count: int, confidence: float) -> float:
    """One-sided lower bound of a share of which ``right`` of ``count`` were seen; 0 if nothing was seen.

    Raises:
        ValueError: counts or confidence that cannot be.
    """
    _check(right, count, confidence)
    if right == 0:
        return 0.0
    low, high = 0.0, right / count
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _chance_of_at_least(right, count, middle) <= 1 - confidence:
            low = middle
        else:
            high = middle
    return low


def upper_bound(right: int, count: int, confidence: float) -> float:
    """One-sided upper bound; 1 if nothing was seen. Raises as ``lower_bound``."""
    return 1.0 - lower_bound(count - right, count, confidence)


def exact_interval(right: int, count: int, confidence: float) -> tuple[float, float]:
    """Two-sided Clopper–Pearson interval: either side may err with half of 1 − confidence."""
    each = (1 + confidence) / 2
    return lower_bound(right, count, each), upper_bound(right, count, each)


def shows_at_least(right: int, count: int, target: float, confidence: float) -> bool:
    """Whether ``lower_bound(right, count, confidence)`` is ``target`` or more, told without finding the bound."""
    _check(right, count, confidence)
    return count > 0 and _chance_of_at_least(right, count, target) <= 1 - confidence


@functools.cache
def items_needed(target: float, confidence: float, wrong: int = 0) -> int:
    """The fewest items that can show a share of at least ``target`` with ``wrong`` of them wrong.

    For 0.95 at confidence 0.95 these are 59 without an error, 93 with one, 124 with two.
    """
    if not (0 < target < 1 and 0 < confidence < 1 and wrong >= 0):
        raise ValueError(f"no number of items for {target} at confidence {confidence} with {wrong} wrong")
    shortly_before = int(math.log(1 - confidence) / math.log(target)) - 1  # target ** count = 1 - confidence
    count = items_needed(target, confidence, wrong - 1) if wrong else max(1, shortly_before)
    while not shows_at_least(count - wrong, count, target, confidence):
        count += 1
    return count


def _check(right: int, count: int, confidence: float) -> None:
    if not (0 <= right <= count and 0 < confidence < 1):
        raise ValueError(f"no bound for {right} of {count} at confidence {confidence}")


def _chance_of_at_least(right: int, count: int, share: float) -> float:
    """P(X ≥ right) for X ~ Binomial(count, share), summed over the shorter tail."""
    if share <= 0.0 or share >= 1.0:
        return float(share >= 1.0 or right == 0)
    if right == 0:
        return 1.0
    if 2 * right >= count:
        return _sum_of_chances(right, count, count, share)
    return 1.0 - _sum_of_chances(0, right - 1, count, share)


def _sum_of_chances(first: int, last: int, count: int, share: float) -> float:
    """P(first ≤ X ≤ last)."""
    log_ways = math.lgamma(count + 1) - math.lgamma(first + 1) - math.lgamma(count - first + 1)
    term = math.exp(log_ways + first * math.log(share) + (count - first) * math.log1p(-share))
    total = term
    odds = share / (1 - share)
    for k in range(first, last):
        term *= odds * (count - k) / (k + 1)
        total += term
    return total

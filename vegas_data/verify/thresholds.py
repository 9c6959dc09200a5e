"""Which threshold keeps the promise: a fixed sequence of exact tests, ended by the first failure.

Enters: thresholds from strict to lax, fixed without the items they are tested on. Leaves: the last one that passed.
Only a threshold that breaks the promise can be a wrong pass, and the first such one in the sequence is passed with a
chance of at most 1 − confidence; without passing it, no later one is reached. So one confidence covers all tests.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from vegas_data.verify.intervals import items_needed, lower_bound, shows_at_least

_NEARLY: Final = 0.85


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """One chosen threshold and the test it passed; without a threshold, nothing is decided on this side.

    Args:
        threshold: of the joint probability; None where no test was passed.
        items: of the test part beyond it. right: how many of them people agree with. bound: lower bound of the share.
        tested: how many candidates were tried, the failure included.
        least_items: items without one error that a pass takes at least.
        target, confidence: what was promised.
    """

    threshold: float | None
    items: int
    right: int
    bound: float
    tested: int
    least_items: int
    target: float
    confidence: float


def choose_cut(sequence: Iterable[tuple[float, Sequence[bool]]], target: float, confidence: float) -> Cut:
    """Test thresholds in the given order and stop at the first failure.

    Args:
        sequence: each threshold with whether each decision beyond it is right.
    """
    chosen: tuple[float | None, int, int, float] = (None, 0, 0, 0.0)
    tested = 0
    for threshold, outcomes in sequence:
        tested += 1
        if not shows_at_least(sum(outcomes), len(outcomes), target, confidence):
            break
        chosen = (threshold, len(outcomes), sum(outcomes), lower_bound(sum(outcomes), len(outcomes), confidence))
    threshold_or_none, count, right, bound = chosen
    return Cut(
        threshold=threshold_or_none,
        items=count,
        right=right,
        bound=bound,
        tested=tested,
        least_items=items_needed(target, confidence),
        target=target,
        confidence=confidence,
    )


def explain(cut: Cut, num_test: int) -> str:
    """In words, why a cut is where it is, and what is missing where there is none."""
    if cut.threshold is not None:
        return f"{cut.right} of {cut.items} right, at least {cut.bound:.3f} with confidence {cut.confidence:g}"
    if num_test < cut.least_items:
        return (
            f"too few judged windows to test with: {num_test}; a share of {cut.target:g} at confidence "
            f"{cut.confidence:g} takes at least {cut.least_items} beyond the threshold, without one error"
        )
    return f"no threshold reaches {cut.target:g} at confidence {cut.confidence:g}: all of these windows go to people"


def candidates(
    ordered: Sequence[float],
    hoped: float,
    num_test: int,
    target: float,
    confidence: float,
    *,
    grid: int,
    sure: float = 0.0,
) -> list[float]:
    """Thresholds from strict to lax, told without the test part.

    A very strict one could only fail for want of items, and with just enough of them a single wrong answer of a person
    is too much. So the first is placed where as many errors can be borne as half of the decisions hoped for allow, or
    as nearly all of those that the fit part is sure of, if these are more.

    Args:
        ordered: known probabilities, those that are decided first standing first.
        hoped: share of windows that could be decided rightly, by the fitted probability.
        sure: share of windows that stand before the first wrong one where the fit was made.
    """
    least = items_needed(target, confidence)
    if not ordered or num_test < least:
        return []
    right, wrong = hoped * num_test, 0
    bearable = max(right / 2, _NEARLY * sure * num_test)
    while _with_margin(items_needed(target, confidence, wrong + 1)) <= bearable:
        wrong += 1
    wanted = items_needed(target, confidence, wrong)
    first = min(num_test, _with_margin(wanted), max(wanted, _NEARLY * right)) / num_test
    shares = [first + (1.0 - first) * step / max(1, grid - 1) for step in range(grid)]
    places = [min(len(ordered), math.ceil(share * len(ordered))) - 1 for share in shares]
    return list(dict.fromkeys(ordered[place] for place in places))


def _with_margin(count: int) -> float:
    """A count that will be at least ``count`` after all: two standard deviations more."""
    return count + 2 * math.sqrt(count)

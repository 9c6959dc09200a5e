"""People's answers on a random draw → from which probability on windows are accepted, and below which rejected.

Enters, for one category and one set of scorers: windows drawn at random, one per source video, with their scores and
whether people say that the target is heard and seen ("sort of" is present). Leaves a ``Calibration``.

The draw is cut in two by a hash of the video ids. On the *fit part* one monotone logistic regression per side is
fitted; the joint probability is their product. The *test part* is touched by nothing but the tests. Candidate
thresholds are fixed before it is looked at: quantiles of the probability over the fit part and over windows that were
not drawn. They are tested from strict to lax, each by whether the exact one-sided lower bound of the share of right
decisions beyond it reaches the target; the first failure ends the sequence, the last pass is the threshold. Whatever
the scorers are worth, the chance that a threshold is chosen beyond which the true share is below the target is at most
1 − confidence (``docs/decisions/0014-calibrated-triage.md`` has the argument).
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vegas_data.config import canonical, digest, load_table
from vegas_data.errors import RecipeError, VerificationError
from vegas_data.records import Side
from vegas_data.split import rank
from vegas_data.verify.logistic import fit_monotone, log_odds, logistic
from vegas_data.verify.options import REQUIRED_SIDES
from vegas_data.verify.scores import ScorerInfo
from vegas_data.verify.thresholds import Cut, candidates, choose_cut
from vegas_data.verify.triage_options import TriageOptions

SCHEMA: Final = 1
_SPLIT_SEED: Final = 1934


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationItem:
    """One judged window of the draw.

    Args:
        scores: by scorer, all scorers of the set. heard, seen: what people say; "sort of" counts as present.
    """

    video_id: str
    start_ms: int
    scores: Mapping[str, float]
    heard: bool
    seen: bool

    @property
    def present(self) -> bool:
        """The joint verdict."""
        return self.heard and self.seen


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolWindow:
    """A window that nobody judged: only its scores help to place the candidate thresholds."""

    video_id: str
    scores: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class SideFit:
    """Probability that one side is present: logistic(intercept + Σ weight × log-odds of the scorer's score)."""

    side: Side
    scorers: tuple[str, ...]
    intercept: float
    weights: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """What automatic verdicts of one category by one set of scorers rest on.

    Args:
        scorers: name and digest of each, sorted; other scorers make it inapplicable.
        measured: digest of what they scored (``digests.measured_digest``); so do other windows or other prompts.
        num_fit, num_test: items in the two parts. num_present: of all items, how many people accept.
        accept: windows of at least this probability. reject: windows below this one; never above ``accept``.
        draw: digest of the judged draw.
    """

    schema: int = SCHEMA
    category: str
    scorers: tuple[tuple[str, str], ...]
    measured: str
    sides: tuple[SideFit, ...]
    num_fit: int
    num_test: int
    num_present: int
    accept: Cut
    reject: Cut
    draw: str

    @property
    def digest(self) -> str:
        """Of everything in it: stands in what verdicts depend on."""
        return digest("verify.calibration", self)

    def fits(self, scorers: Mapping[str, ScorerInfo]) -> bool:
        """Whether it was made with exactly these scorers."""
        return self.scorers == tuple(sorted((name, info.digest) for name, info in scorers.items()))

    def keeps(self, options: TriageOptions) -> bool:
        """Whether it promises at least what a recipe asks for."""
        return (
            self.accept.target >= options.target
            and self.reject.target >= options.target_reject
            and min(self.accept.confidence, self.reject.confidence) >= options.confidence
        )

    def probability(self, scores: Mapping[str, float]) -> float:
        """The joint probability of a window with these scores; KeyError if one of the set is missing."""
        return joint_probability(self.sides, scores)


def joint_probability(sides: Iterable[SideFit], scores: Mapping[str, float]) -> float:
    """Product of the sides' probabilities: rises, or stays, with every score."""
    product = 1.0
    for fit in sides:
        terms = (weight * log_odds(scores[name]) for name, weight in zip(fit.scorers, fit.weights, strict=True))
        product *= logistic(fit.intercept + sum(terms))
    return product


def calibrate(
    category: str,
    scorers: Mapping[str, ScorerInfo],
    items: Iterable[CalibrationItem],
    options: TriageOptions,
    *,
    pool: Iterable[PoolWindow] = (),
    measured: str = "",
) -> Calibration:
    """Fit the probability and choose the thresholds. The order of ``items`` does not matter.

    Args:
        scorers: by name; a scorer of the pair counts for both sides.
        pool: other windows of the category, as many as there are; those of videos in the draw are left out here.
        measured: see ``Calibration``.

    Raises:
        ValueError: two items of one video, or a side without a scorer.
        KeyError: an item lacks the score of a scorer.
    """
    drawn = sorted(items, key=lambda item: rank(_SPLIT_SEED, f"calibration/{item.video_id}"))
    videos = {item.video_id for item in drawn}
    if len(videos) < len(drawn):
        raise ValueError(f"{category}: one window per source video, not {len(drawn)} of {len(videos)} videos")
    num_fit = math.ceil(len(drawn) * options.fit_share)
    fit_part, test_part = drawn[:num_fit], drawn[num_fit:]
    sides = _fit_sides(category, scorers, fit_part)
    known = sorted(
        [joint_probability(sides, item.scores) for item in fit_part]
        + [joint_probability(sides, window.scores) for window in pool if window.video_id not in videos]
    )
    fitted = sorted((joint_probability(sides, item.scores), item.present) for item in fit_part)
    tested = [(joint_probability(sides, item.scores), item.present) for item in test_part]
    hoped = sum(known) / len(known) if known else 0.0
    accept = _choose(
        known[::-1],
        hoped,
        [present for _, present in fitted[::-1]],
        len(tested),
        lambda least: [present for probability, present in tested if probability >= least],
        options.target,
        options,
    )
    ceiling = math.inf if accept.threshold is None else accept.threshold
    reject = _choose(
        known,
        1 - hoped,
        [not present for _, present in fitted],
        len(tested),
        lambda most: [not present for probability, present in tested if probability < most],
        options.target_reject,
        options,
        ceiling=ceiling,
    )
    return Calibration(
        category=category,
        scorers=tuple(sorted((name, info.digest) for name, info in scorers.items())),
        measured=measured,
        sides=sides,
        num_fit=len(fit_part),
        num_test=len(test_part),
        num_present=sum(item.present for item in drawn),
        accept=accept,
        reject=reject,
        draw=digest("verify.draw", sorted((i.video_id, i.start_ms, i.heard, i.seen) for i in drawn)),
    )


def to_json_data(calibration: Calibration) -> Any:
    """Plain JSON data; ``from_json_data`` gives the same record back."""
    return canonical(calibration)


def from_json_data(data: Any, *, where: str) -> Calibration:
    """Read what ``to_json_data`` gave.

    Raises:
        VerificationError: damaged, or of another schema.
    """
    remedy = "delete the file and run `vegas-data audit calibrate` again"
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise VerificationError(f"{where}: not a calibration of schema {SCHEMA}", remedy=remedy)
    try:
        return load_table(Calibration, data, where=where)
    except RecipeError as error:
        raise VerificationError(str(error), remedy=remedy) from None


def _choose(
    known: Sequence[float],
    hoped: float,
    fitted: Sequence[bool],
    num_test: int,
    outcomes: Callable[[float], Sequence[bool]],
    target: float,
    options: TriageOptions,
    *,
    ceiling: float = math.inf,
) -> Cut:
    """One threshold, of accepts or of rejects; see ``candidates`` for the order.

    Args:
        fitted: whether a decision would be right, of the fit part's items in that order.
        outcomes: for a threshold, whether each decision beyond it in the test part is right. ceiling: highest one.
    """
    sure = fitted.index(False) if False in fitted else len(fitted)
    thresholds = candidates(
        known,
        hoped,
        num_test,
        target,
        options.confidence,
        grid=options.grid,
        sure=sure / len(fitted) if fitted else 0.0,
    )
    tests = ((threshold, outcomes(threshold)) for threshold in thresholds if threshold <= ceiling)
    return choose_cut(tests, target, options.confidence)


def _fit_sides(
    category: str, scorers: Mapping[str, ScorerInfo], fit_part: Sequence[CalibrationItem]
) -> tuple[SideFit, ...]:
    fits = []
    for side in REQUIRED_SIDES:
        names = tuple(sorted(name for name, info in scorers.items() if info.side in (side, "pair")))
        if not any(scorers[name].side == side for name in names):
            raise ValueError(f"{category}: no scorer judges the side {side!r}")
        rows = [[log_odds(item.scores[name]) for name in names] for item in fit_part]
        present = [item.heard if side == "heard" else item.seen for item in fit_part]
        intercept, weights = fit_monotone(rows, present) if rows else (0.0, (0.0,) * len(names))
        fits.append(SideFit(side=side, scorers=names, intercept=intercept, weights=weights))
    return tuple(fits)

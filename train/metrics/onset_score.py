"""Onsets of generated sounds and those they should have in, how well they agree out.

A detected onset and one of the reference may be a pair if they are at most ± tolerance apart; each is in one pair at
most. TP is the largest possible number of pairs. Over all sounds (examples × draws), E detected, R in the reference,

    precision = ΣTP / ΣE        recall = ΣTP / ΣR        F1 = 2 · ΣTP / (ΣE + ΣR)        and 0 for 0 / 0

*Shuffled* answers "how many would have been hit by chance, by sounds like these?": in a derangement each sound meets
the onsets of another source video. Each pair (sound, example of another video) occurs in equally many derangements, so
that the counts of all such pairs, summed, are proportional to their mean over all derangements,

    F1 shuffled = 2 · Σ_pairs TP / (Σ_pairs E + Σ_pairs R)

without drawing any. Both are cut to the shorter of the two lengths first: beyond it nothing can be hit. (Where all
lengths are equal, E + R is the same in every derangement, and this *is* the mean of their F1; where they are not, it
is the F1 of the mean counts. With several examples of one video it is the mean over pairs all the same.)

*Ceiling* is the F1 of the true sounds, as the model hears them, through the same detector: 1 where the reference is
what the detector found in them.

The interval is a percentile bootstrap over source videos: draws and examples of one video are not independent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from vegas_data.trained import OnsetScore, Reference

TOLERANCE_MS: Final = 100
_DIGITS: Final = 6  # recorded
_RESAMPLES: Final = 2000
_INTERVAL_PERCENT: Final = (2.5, 97.5)

Onsets = Sequence[float]


@dataclass(frozen=True, kw_only=True)
class HeardExample:
    """What is heard in the sounds of one example; all times in ms from its beginning, rising.

    Args:
        video_id: examples of one video never stand in for each other.
        duration_ms: of its true part.
        reference: when it should sound. true: the detector's, in the true sound. draws: in each generated one.
    """

    video_id: str
    duration_ms: float
    reference: Onsets
    true: Onsets
    draws: tuple[Onsets, ...]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Pairs, detected onsets, onsets of the reference."""

    pairs: int = 0
    detected: int = 0
    reference: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            pairs=self.pairs + other.pairs,
            detected=self.detected + other.detected,
            reference=self.reference + other.reference,
        )

    @property
    def precision(self) -> float:
        return _ratio(self.pairs, self.detected)

    @property
    def recall(self) -> float:
        return _ratio(self.pairs, self.reference)

    @property
    def f1(self) -> float:
        return _ratio(2 * self.pairs, self.detected + self.reference)


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0


def count_pairs(detected: Onsets, reference: Onsets, *, tolerance_ms: float) -> int:
    """The largest number of one-to-one pairs at most ``tolerance_ms`` apart; both lists rise.

    Whoever comes first has the fewest partners left: if it can be paired with the other list's first, some largest
    matching has that pair (any other partner of either lies later and can take the other's place), and if it cannot,
    it lies too early for all that follow.
    """
    i = j = pairs = 0
    while i < len(detected) and j < len(reference):
        if abs(detected[i] - reference[j]) <= tolerance_ms:
            pairs, i, j = pairs + 1, i + 1, j + 1
        elif detected[i] < reference[j]:
            i += 1
        else:
            j += 1
    return pairs


def count(detected: Onsets, reference: Onsets, *, tolerance_ms: float) -> Counts:
    """The counts of one sound."""
    pairs = count_pairs(detected, reference, tolerance_ms=tolerance_ms)
    return Counts(pairs=pairs, detected=len(detected), reference=len(reference))


def score_onsets(
    examples: Sequence[HeardExample], *, reference: Reference, tolerance_ms: int = TOLERANCE_MS, seed: int = 0
) -> OnsetScore:
    """The score of all draws of all examples, with its interval, its control and its ceiling.

    Args:
        reference: where the examples' reference comes from, to be recorded.
        seed: of the bootstrap.

    Raises:
        ValueError: there are less than two source videos, or not all examples have equally many draws.
    """
    num_draws = {len(example.draws) for example in examples}
    if len({example.video_id for example in examples}) < 2 or len(num_draws) != 1:
        raise ValueError("an onset score needs two source videos, and as many draws of each example")
    by_video: dict[str, Counts] = {}
    for example in examples:
        for draw in example.draws:
            counts = count(draw, example.reference, tolerance_ms=tolerance_ms)
            by_video[example.video_id] = by_video.get(example.video_id, Counts()) + counts
    total = sum(by_video.values(), Counts())
    ceiling = sum((count(one.true, one.reference, tolerance_ms=tolerance_ms) for one in examples), Counts())
    shuffled = sum(shuffled_counts(examples, tolerance_ms=tolerance_ms), Counts())
    low, high = bootstrap_f1(list(by_video.values()), seed=seed)
    return OnsetScore(
        reference=reference,
        tolerance_ms=tolerance_ms,
        num_examples=len(examples),
        num_draws=num_draws.pop(),
        num_onsets=sum(len(example.reference) for example in examples),
        num_detected=total.detected,
        precision=round(total.precision, _DIGITS),
        recall=round(total.recall, _DIGITS),
        f1=round(total.f1, _DIGITS),
        f1_interval=(round(low, _DIGITS), round(high, _DIGITS)),
        f1_shuffled=round(shuffled.f1, _DIGITS),
        f1_ceiling=round(ceiling.f1, _DIGITS),
    )


def shuffled_counts(examples: Sequence[HeardExample], *, tolerance_ms: float) -> Iterator[Counts]:
    """The counts of every sound against every example of another source video, cut to the shorter of the two."""
    for sounding in examples:
        for other in examples:
            if sounding.video_id == other.video_id:
                continue
            end_ms = min(sounding.duration_ms, other.duration_ms)
            reference = [onset for onset in other.reference if onset < end_ms]
            for draw in sounding.draws:
                yield count([onset for onset in draw if onset < end_ms], reference, tolerance_ms=tolerance_ms)


def bootstrap_f1(videos: Sequence[Counts], *, seed: int) -> tuple[float, float]:
    """95 % percentile interval of F1 over resamplings of source videos."""
    pairs_V, all_V = np.array([(2 * one.pairs, one.detected + one.reference) for one in videos]).T
    drawn_SV = np.random.default_rng(seed).integers(len(videos), size=(_RESAMPLES, len(videos)))
    f1_S = pairs_V[drawn_SV].sum(axis=1) / np.maximum(all_V[drawn_SV].sum(axis=1), 1)
    low, high = np.percentile(f1_S, _INTERVAL_PERCENT)
    return float(low), float(high)

"""Where two rows of bit words fit best, and in how many bits they then differ.

Enters: the words of two fingerprints, and which of them say anything. Leaves: a ``Match``. Integers only.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

UNRELATED: Final = 0.5  # what two strangers differ in: every second bit


@dataclass(frozen=True, kw_only=True)
class Match:
    """How well two fingerprints agree where they agree best.

    Args:
        error_rate: share of differing bits; 0 is identical, 0.5 is chance, or nothing that could be compared.
        offset_ms: where the second begins in the first; negative if it begins earlier.
        num_compared: words compared there; 0 if nothing could be.
    """

    error_rate: float
    offset_ms: int
    num_compared: int


def align(
    a: "npt.NDArray[np.unsignedinteger]",
    b: "npt.NDArray[np.unsignedinteger]",
    *,
    says_a: "npt.NDArray[np.bool_]",
    says_b: "npt.NDArray[np.bool_]",
    num_bits: int,
    step_ms: int,
    at_least: int,
) -> Match:
    """Try every offset at which half of the shorter lies in the longer, and take the best.

    A word that says nothing is ignored where the other says nothing either; where only one of the two says something,
    half of the bits count as wrong: a sound that is missing is as bad as another one. Few words agree by chance: an
    offset is tried only where both say something in ``at_least`` words, and where three quarters of what the one with
    less to say has to say are compared. The best offset is the least likely one: many words that agree well beat a few
    that agree better.

    Shape:
        a: [N], b: [M], of one unsigned type; says_a: [N], says_b: [M].
    """
    import numpy as np

    differing = 2 * np.bitwise_count(a[:, None] ^ b[None, :]).astype(np.int64)
    both = says_a[:, None] & says_b[None, :]
    either = says_a[:, None] | says_b[None, :]
    cost = np.where(both, differing, np.where(either, num_bits, 0))
    place = (np.arange(a.size)[:, None] - np.arange(b.size)[None, :] + b.size - 1).ravel()
    offsets = np.arange(-(b.size - 1), a.size)
    compared = np.bincount(place, either.ravel(), minlength=offsets.size)
    shared = np.bincount(place, both.ravel(), minlength=offsets.size)
    errors = np.bincount(place, cost.ravel(), minlength=offsets.size)
    overlap = np.minimum(a.size, b.size + offsets) - np.maximum(0, offsets)
    tried = (
        (overlap >= (min(a.size, b.size) + 1) // 2)
        & (compared >= 0.75 * min(int(says_a.sum()), int(says_b.sum())))
        & (shared >= at_least)
    )
    if not tried.any():
        return Match(error_rate=UNRELATED, offset_ms=0, num_compared=0)
    rates = errors / np.maximum(2 * num_bits * compared, 1)
    best = int(np.argmax(np.where(tried, (UNRELATED - rates) * np.sqrt(compared), -np.inf)))
    return Match(
        error_rate=float(rates[best]), offset_ms=int(offsets[best]) * step_ms, num_compared=int(compared[best])
    )

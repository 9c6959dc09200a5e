"""What a scorer is: the media it gets, what it answers, and what is known of it before it is loaded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from vegas_data.records import Category, Side, Window
from vegas_data.verify.options import ScorerOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE_HZ: Final = 16_000


def _no_motion() -> "NDArray[np.float32]":
    import numpy as np

    return np.zeros(0, dtype=np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowMedia:
    """What can be seen and heard in one window.

    Shape:
        frames: uint8 [T, H, W, 3], RGB, T pictures, one near the middle of each of T equal parts of the window.
        sound: float32 [S], mono at 16 kHz, in [-1, 1].
        motion: float32 [M], how much each of M + 1 pictures at the centres of equal parts of the window differs from
            the one before (``signals.motion_series``); none where nobody measured it.
    """

    window: Window
    frames: "NDArray[np.uint8]"
    sound: "NDArray[np.float32]"
    motion: "NDArray[np.float32]" = field(default_factory=_no_motion)

    @property
    def fps(self) -> float:
        """Pictures per second in ``frames``: the recipe's ``scored_fps``."""
        return 1000 * len(self.frames) / (self.window.end_ms - self.window.start_ms)


class Scorer(Protocol):
    """A loaded model that judges one side. ``digest`` stands for its weights and the code around them."""

    @property
    def name(self) -> str: ...

    @property
    def side(self) -> Side: ...

    @property
    def digest(self) -> str: ...

    def covers(self, category: Category) -> bool:
        """Whether it can judge this category.

        Raises:
            VerificationError: the category names a class that the scorer does not know.
        """
        ...

    def score(self, windows: Sequence[WindowMedia], categories: Sequence[Category]) -> "NDArray[np.float32]":
        """Score every window for every category.

        Shape:
            float32 [N, C], in [0, 1]; NaN in the columns of categories that it does not cover.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class ScorerEntry:
    """What is known of a scorer before its weights are loaded.

    Args:
        build: loads it, given its digest; called once per process. digest: of its weights, known without loading them.
        reads: the fields of a category it needs; it covers the categories in which none of them is empty.
        also_reads: further fields that change its scores, which may be empty.
        lacks: said of a category that it does not cover. requires: packages that must be importable.
        extra: the extra of this project that brings them. version: raised when its code changes scores.
        is_prior: it tells what was known beforehand and looks at nothing: it can only be ``advisory``.
    """

    side: Side
    build: Callable[[ScorerOptions, str], Scorer]
    digest: Callable[[ScorerOptions], str]
    reads: tuple[str, ...]
    lacks: str
    also_reads: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    extra: str = ""
    version: int = 1
    is_prior: bool = False

    def covers(self, category: Category) -> bool:
        """Whether it can judge this category, as far as the table of categories tells."""
        return all(getattr(category, name) for name in self.reads)


Registry = Mapping[str, ScorerEntry]

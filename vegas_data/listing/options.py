"""What a recipe says about the table of clips."""

from dataclasses import dataclass
from typing import Final

DEFAULT_SEED: Final = 2018


@dataclass(frozen=True, kw_only=True)
class ManifestOptions:
    """The table ``[manifest]`` of a recipe.

    Args:
        lists: names in ``manifests/sources.toml`` of the segments that clips are drawn from; of a clip in two of them
            the first counts.
        seed: of the queue in which the clips of a category are tried.
        cap: how many clips of a category are to be found alive; 0 for all of them.
    """

    lists: tuple[str, ...] = ("eval-segments", "balanced-train-segments", "unbalanced-train-segments")
    seed: int = DEFAULT_SEED
    cap: int = 0

    def __post_init__(self) -> None:
        if not self.lists or len(set(self.lists)) != len(self.lists):
            raise ValueError("lists names no list, or one twice")
        if not 0 <= self.seed < 1 << 63:
            raise ValueError("seed is negative or too large")
        if self.cap < 0:
            raise ValueError("cap is negative")

"""Example → train, val or test, by source video: sha256(seed, video id) ranks the videos, once and for all.

Walking down the ranking, a video goes to the test set while one of its categories still needs test examples, then
to the validation set, else to training. All examples of a video, in all its categories, are on one side. A video that
dies or is added moves at most the videos at the border: the ranking itself never changes.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from vegas_data.records import Example, Split


@dataclass(frozen=True, kw_only=True)
class SplitOptions:
    """How many examples of each category are held out (the paper: 128 for test, SPEC §1).

    Args:
        test_examples, val_examples: wanted in each category.
        max_test_share, max_val_share: never more than this share of a category, so that a small one can be trained on;
            a video that would take one of its categories beyond is passed over.
    """

    seed: int = 2018
    test_examples: int = 128
    val_examples: int = 64
    max_test_share: float = 0.25
    max_val_share: float = 0.15

    def __post_init__(self) -> None:
        if not (self.max_test_share >= 0 and self.max_val_share >= 0 and self.max_test_share + self.max_val_share <= 1):
            raise ValueError("max_test_share and max_val_share must be at least 0 and together at most 1")


def rank(seed: int, video_id: str) -> str:
    """The place of a video in the order of all videos: hex sha256 of seed and id."""
    return hashlib.sha256(f"{seed}:{video_id}".encode()).hexdigest()


def split_examples(examples: Iterable[Example], options: SplitOptions) -> dict[str, Split]:
    """Assign every source video of ``examples`` to a split, by video id. The order of ``examples`` does not matter."""
    per_video: dict[str, Counter[str]] = {}
    totals: Counter[str] = Counter()
    for example in examples:
        per_video.setdefault(example.video_id, Counter())[example.category] += 1
        totals[example.category] += 1
    held_out: tuple[tuple[Split, int, dict[str, int]], ...] = (
        ("test", options.test_examples, {c: int(n * options.max_test_share) for c, n in totals.items()}),
        ("val", options.val_examples, {c: int(n * options.max_val_share) for c, n in totals.items()}),
    )
    have: dict[str, Counter[str]] = {"test": Counter(), "val": Counter()}
    splits: dict[str, Split] = {}
    for video in sorted(per_video, key=lambda video: rank(options.seed, video)):
        splits[video] = "train"
        for split, wanted, most in held_out:
            needed = any(have[split][category] < wanted for category in per_video[video])
            if needed and all(have[split][c] + n <= most[c] for c, n in per_video[video].items()):
                splits[video] = split
                have[split].update(per_video[video])
                break
    return splits

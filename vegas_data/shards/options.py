"""What decides how examples are cut into shards, and which members they have."""

from dataclasses import dataclass
from typing import Final, Literal

Profile = Literal["train", "features", "media"]
MAX_EXAMPLES: Final = 10_000
MAX_SHARD_BYTES: Final = 8 * 2**30


@dataclass(frozen=True, kw_only=True)
class ShardOptions:
    """The shape of the working shards.

    Args:
        max_examples: examples in one shard at most.
        max_bytes: bytes in one shard at most, unless a single example is larger.
        profile: which members an example has: working shards hold every stream and the sound. (Those of a release, the
            profiles ``features`` and ``media``, are repacked from them.)
    """

    max_examples: int = 1000
    max_bytes: int = 512 * 2**20
    profile: Literal["train"] = "train"

    def __post_init__(self) -> None:
        if not 1 <= self.max_examples <= MAX_EXAMPLES:
            raise ValueError(f"max_examples must be between 1 and {MAX_EXAMPLES}, not {self.max_examples}")
        if not 1 <= self.max_bytes <= MAX_SHARD_BYTES:
            raise ValueError(f"max_bytes must be between 1 and {MAX_SHARD_BYTES} (8 GiB), not {self.max_bytes}")

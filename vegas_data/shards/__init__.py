"""Examples in uncompressed, sealed WebDataset tars: the contract between preparing the data and training on it.

``plan`` says which example goes into which shard, ``writer`` writes one, ``reader`` reads one, ``check`` proves
all; ``schema`` is what they agree on. Nothing here imports NumPy or PyAV before it needs them.
"""

from vegas_data.shards.check import (
    CheckedExample,
    CheckedShard,
    Finding,
    check_together,
    list_shards,
    look_at_shard,
    prove_folder,
    prove_shard,
    unreadable,
)
from vegas_data.shards.current import current_folder, set_current_folder
from vegas_data.shards.options import MAX_SHARD_BYTES, Profile, ShardOptions
from vegas_data.shards.plan import (
    ShardPlan,
    held_examples,
    is_fresh,
    outgrown_shards,
    plan_shards,
    shards_folder,
    surplus_shards,
)
from vegas_data.shards.reader import ShardExample, ShardReader, read_shard
from vegas_data.shards.schema import UNKNOWN_LICENCE, ExampleMeta, MediaMeta, StreamMeta, validate_example_json
from vegas_data.shards.side_car import read_side_car
from vegas_data.shards.sources import ExampleSource, FeatureFile, require_room
from vegas_data.shards.writer import make_shard_writer

__all__ = [
    "MAX_SHARD_BYTES",
    "UNKNOWN_LICENCE",
    "CheckedExample",
    "CheckedShard",
    "ExampleMeta",
    "ExampleSource",
    "FeatureFile",
    "Finding",
    "MediaMeta",
    "Profile",
    "ShardExample",
    "ShardOptions",
    "ShardPlan",
    "ShardReader",
    "StreamMeta",
    "check_together",
    "current_folder",
    "held_examples",
    "is_fresh",
    "list_shards",
    "look_at_shard",
    "make_shard_writer",
    "outgrown_shards",
    "plan_shards",
    "prove_folder",
    "prove_shard",
    "read_shard",
    "read_side_car",
    "require_room",
    "set_current_folder",
    "shards_folder",
    "surplus_shards",
    "unreadable",
    "validate_example_json",
]

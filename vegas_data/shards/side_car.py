"""A shard's side-car, ``drum-train-000000.tar.json``: records.ShardInfo, read without trusting it.

Enters the path of a shard, leaves a description whose names, keys and extents fit one another. Whether the tar
fits the description is for ``reader`` to say.
"""

import typing
from pathlib import Path
from typing import Final

from vegas_data.config import load_table
from vegas_data.errors import RecipeError
from vegas_data.records import MAX_STREAMS, ShardInfo
from vegas_data.shards.options import MAX_EXAMPLES, Profile
from vegas_data.shards.schema import (
    KEY,
    MAX_MEMBER_BYTES,
    SCHEMA,
    SHA256,
    SHARD_NAME,
    STREAM_NAME,
    member_names,
    refuse,
    require,
)
from vegas_data.shards.tar import MAX_NAME, end_of_archive, member_bytes
from vegas_data.store import parse_side_car

SUFFIX: Final = ".json"
MAX_SIDE_CAR_BYTES: Final = 16 * 2**20


def read_side_car(shard: Path) -> ShardInfo:
    """The checked side-car of ``shard``: from here on its names, keys and extents are consistent.

    Raises:
        SchemaMismatch: there is none, or it does not describe a shard of that name.
    """
    path = shard.with_name(shard.name + SUFFIX)
    if not path.is_file() or path.stat().st_size > MAX_SIDE_CAR_BYTES:
        refuse(shard, f"no side-car {path.name} (or more than {MAX_SIDE_CAR_BYTES} bytes): the shard does not exist")
    try:
        table = parse_side_car(path.read_bytes())
        info = load_table(ShardInfo, table, where=path.name)
        _check_info(info, shard)
    except (OSError, ValueError, RecursionError) as error:
        refuse(path, str(error))
    except RecipeError as error:
        refuse(path, f"{error} ({error.remedy})")
    return info


def _check_info(info: ShardInfo, shard: Path) -> None:
    require(info.schema == SCHEMA, f"schema {info.schema}; this version reads {SCHEMA}")
    name = SHARD_NAME.fullmatch(shard.name)
    require(name is not None, "the file name is not {category}-{split}-{number}.tar")
    assert name is not None
    require(info.name == shard.name, f"describes {info.name[:80]!r}")
    require((info.category, info.split) == name.group(1, 2), "category and split contradict the file name")
    require(info.profile in typing.get_args(Profile), f"unknown profile {info.profile[:40]!r}")
    streams = [stream for stream, _ in info.streams]
    require(all(STREAM_NAME.fullmatch(stream) for stream in streams), "an invalid stream name")
    require(len(set(streams)) == len(streams) <= MAX_STREAMS, "a stream stands twice, or there are too many")
    require([stream for stream, _ in info.weights] == streams, "weights do not name the streams")
    require(1 <= len(info.keys) == len(info.extents) <= MAX_EXAMPLES, "keys and extents do not go together")
    require(all(KEY.fullmatch(key) for key in info.keys), "an invalid key")
    require(sorted(set(info.keys)) == list(info.keys), "keys are not in order, or stand twice")
    require(SHA256.fullmatch(info.sha256) is not None, "sha256 is not 64 hex digits")
    members = member_names(typing.cast(Profile, info.profile), streams)
    largest = len(members) * member_bytes(MAX_MEMBER_BYTES)
    offset = 0
    for extent in info.extents:
        require(extent.offset == offset and 0 < extent.num_bytes <= largest, "extents do not follow one another")
        require(SHA256.fullmatch(extent.sha256) is not None, "an extent's sha256 is not 64 hex digits")
        offset += extent.num_bytes
    require(info.num_bytes == offset + len(end_of_archive(offset)), "num_bytes contradicts the extents")
    require(
        max(map(len, info.keys)) + 1 + max(map(len, members)) <= MAX_NAME, f"a member's name is longer than {MAX_NAME}"
    )

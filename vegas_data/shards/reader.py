"""A shard in, its examples out, in order: for ``train``, ``check`` and everybody else. Trusts nothing.

The side-car comes first: without it there is no shard. Size and sha256 are compared before anything is used; then
each example's extent must hold exactly the members that the schema names, in that order, under the one header that
each may have (``tar``), with arrays that are as large as they say (``npy``). So there is no way in for compressed
archives, links, path tricks, split or doubled keys, pickles, or an array of 373 GiB. Nothing is ever extracted, and
webdataset's ``decode()`` has no part in this.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, cast

from vegas_data.errors import ChecksumMismatch
from vegas_data.records import Extent, ShardInfo
from vegas_data.shards.npy import AUDIO_TYPE, STREAM_TYPE, parse_npy
from vegas_data.shards.options import Profile
from vegas_data.shards.schema import (
    AUDIO_MEMBER,
    JSON_MEMBER,
    MAX_JSON_BYTES,
    MAX_MEMBER_BYTES,
    REMAKE,
    VIDEO_MEMBER,
    ExampleMeta,
    member_names,
    refuse,
    validate_example_json,
)
from vegas_data.shards.side_car import read_side_car
from vegas_data.shards.tar import BLOCK, end_of_archive, member_bytes, padding, read_size

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_MP4_BEGINS: Final = b"ftyp"  # after four bytes of length


@dataclass(frozen=True, kw_only=True)
class ShardExample:
    """One example as it lies in a shard.

    Args:
        audio: the sound; None in shards of profile *features*, which hold its sha256 only.
        video: the example as mp4; None but in shards of profile *media*. Not decoded, so not to be trusted.

    Shape:
        streams: each float16 [T, …], before the ReLU (T = F for streams on the grid); audio: int16 [1024 F].
    """

    meta: ExampleMeta
    streams: "Mapping[str, npt.NDArray[np.float16]]"
    audio: "npt.NDArray[np.int16] | None"
    video: memoryview | None = None

    @property
    def key(self) -> str:
        return self.meta.key


class ShardReader:
    """One shard, proven on opening, whose examples can be read again and again.

    Args:
        verify: compare size and sha256 first. Leave it out only for a shard that this process has proven before.

    Raises:
        SchemaMismatch: no side-car, or one that does not describe this shard.
        ChecksumMismatch: other bytes than recorded; the message names the examples that are hit.
    """

    def __init__(self, path: Path, *, verify: bool = True) -> None:
        self.path = path
        self.info = read_side_car(path)
        if not path.is_file():
            refuse(path, "the tar is missing, its side-car is there")
        if verify:
            self.verify()

    def verify(self) -> None:
        """Compare size and sha256 with the side-car; raises ChecksumMismatch."""
        with self.path.open("rb") as file:
            num_bytes = file.seek(0, 2)
            if num_bytes != self.info.num_bytes:
                self._damaged(file, f"{num_bytes} bytes long, recorded were {self.info.num_bytes}")
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != self.info.sha256:
                self._damaged(file, f"sha256 is {digest[:12]}…, recorded was {self.info.sha256[:12]}…")

    def _damaged(self, file: BufferedReader, reason: str) -> NoReturn:
        keys = damaged_keys(file, self.info)
        hit = f"; damaged: {', '.join(keys[:5])}{', …' if len(keys) > 5 else ''}" if keys else ""
        raise ChecksumMismatch(f"{self.path}: {reason}{hit}", remedy=REMAKE)

    def __len__(self) -> int:
        return len(self.info.keys)

    def __iter__(self) -> Iterator[ShardExample]:
        """Yield the examples in order; raises SchemaMismatch at the first that breaks the schema."""
        with self.path.open("rb") as file:
            for key, extent in zip(self.info.keys, self.info.extents, strict=True):
                block = read_extent(file, extent)
                yield decode_example(split_example(block, key, self.info, self.path), key, self.info, self.path)
            check_end(file, self.info, self.path)

    def metas(self) -> Iterator[ExampleMeta]:
        """Yield the examples' JSON in order, and read nothing else; raises SchemaMismatch as iterating does."""
        with self.path.open("rb") as file:
            for key, extent in zip(self.info.keys, self.info.extents, strict=True):
                file.seek(extent.offset)
                block = file.read(BLOCK + MAX_JSON_BYTES)
                try:
                    size = read_size(block[:BLOCK], f"{key}.{JSON_MEMBER}")
                except ValueError as error:
                    refuse(self.path, str(error), key=key, member=JSON_MEMBER)
                yield validate_example_json(block[BLOCK : BLOCK + size], shard=self.path, key=key)


def read_shard(path: Path, *, verify: bool = True) -> Iterator[ShardExample]:
    """Prove a shard and iterate over its examples; raises as ShardReader does."""
    return iter(ShardReader(path, verify=verify))


def read_extent(file: BufferedReader, extent: Extent) -> bytearray:
    """The bytes of one extent, fewer where the file ends: never more memory than the file has bytes."""
    there = file.seek(0, 2) - extent.offset
    block = bytearray(max(0, min(extent.num_bytes, there)))
    file.seek(extent.offset)
    file.readinto(block)
    return block


def check_end(file: BufferedReader, info: ShardInfo, shard: Path) -> bytes:
    """Return what follows the last extent; raise SchemaMismatch unless it is the end of the archive."""
    last = info.extents[-1]
    offset = last.offset + last.num_bytes
    file.seek(offset)
    end = end_of_archive(offset)
    if file.read(len(end) + 1) != end:
        refuse(shard, "what follows the last example is not the end of the archive")
    return end


def damaged_keys(file: BufferedReader, info: ShardInfo) -> list[str]:
    """Keys of the examples whose bytes are not those that the side-car records."""
    return [
        key
        for key, extent in zip(info.keys, info.extents, strict=True)
        if hashlib.sha256(read_extent(file, extent)).hexdigest() != extent.sha256
    ]


def split_example(block: bytearray, key: str, info: ShardInfo, shard: Path) -> dict[str, memoryview]:
    """The contents of an example's members, by what stands after ``{key}.``; views of ``block``.

    Raises:
        SchemaMismatch: other members, another order, or a header that a shard's member cannot have.
    """
    members = member_names(cast(Profile, info.profile), [name for name, _ in info.streams])
    view = memoryview(block)
    contents: dict[str, memoryview] = {}
    offset = 0
    for member in members:
        try:
            size = read_size(bytes(view[offset : offset + BLOCK]), f"{key}.{member}")
        except ValueError as error:
            refuse(shard, str(error), key=key, member=member)
        if size > MAX_MEMBER_BYTES:
            refuse(shard, f"{size} bytes, more than {MAX_MEMBER_BYTES}", key=key, member=member)
        start, end = offset + BLOCK, offset + member_bytes(size)
        if end > len(view):
            refuse(shard, f"{size} bytes announced, the example ends before", key=key, member=member)
        if any(view[end - padding(size) : end]):
            refuse(shard, "the padding is not zero", key=key, member=member)
        contents[member] = view[start : start + size]
        offset = end
    if offset != len(view):
        refuse(shard, f"{len(view) - offset} bytes follow the last member", key=key)
    return contents


def decode_example(contents: Mapping[str, memoryview], key: str, info: ShardInfo, shard: Path) -> ShardExample:
    """The example in the members' ``contents``; its arrays are views of them.

    Raises:
        SchemaMismatch: the JSON breaks the schema or contradicts the side-car, or an array is not what the JSON says.
    """
    meta = validate_example_json(bytes(contents[JSON_MEMBER]), shard=shard, key=key)
    streams = {name: (stream.digest, stream.weights) for name, stream in meta.streams.items()}
    weights = dict(info.weights)
    if meta.profile != info.profile or streams != {name: (digest, weights[name]) for name, digest in info.streams}:
        refuse(shard, "profile or streams contradict the side-car", key=key, member=JSON_MEMBER)
    expected: dict[str, tuple[str, tuple[int, ...]]] = {
        f"{name}.npy": (STREAM_TYPE, meta.streams[name].shape) for name, _ in info.streams
    }
    if AUDIO_MEMBER in contents:
        expected[AUDIO_MEMBER] = (AUDIO_TYPE, (meta.num_samples,))
    arrays = {}
    for name, (kind, shape) in expected.items():
        try:
            arrays[name] = parse_npy(contents[name], kind=kind)
        except ValueError as error:
            refuse(shard, str(error), key=key, member=name)
        if arrays[name].shape != shape:
            refuse(shard, f"the shape is {arrays[name].shape}, the JSON says {shape}", key=key, member=name)
    video = contents.get(VIDEO_MEMBER)
    if video is not None and bytes(video[4:8]) != _MP4_BEGINS:
        refuse(shard, "not an mp4", key=key, member=VIDEO_MEMBER)
    audio = arrays.pop(AUDIO_MEMBER, None)
    streams_by_name = {name.removesuffix(".npy"): array for name, array in arrays.items()}
    return ShardExample(meta=meta, streams=streams_by_name, audio=audio, video=video)

"""A working shard in, a shard of the release out; nothing is encoded again but a piece of a clip.

The working shard is proven first. Its streams and its sound are copied byte for byte, its JSON is written anew with the
other profile. The mp4 of an example that is its whole clip is that clip; any other is cut from it as the clip was cut
from its video.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from vegas_data import __version__
from vegas_data.config import to_json
from vegas_data.errors import ChecksumMismatch, MediaError, ReleaseError
from vegas_data.media.cut import cut_clip
from vegas_data.media.sandbox import ffmpeg_version
from vegas_data.media.section import Section
from vegas_data.records import Extent, Media, ShardInfo
from vegas_data.release.options import ReleaseOptions
from vegas_data.release.plan import PlannedShard, ReleaseSource
from vegas_data.shards import ExampleMeta, ShardReader
from vegas_data.shards.plan import inputs_digest
from vegas_data.shards.reader import read_extent, split_example
from vegas_data.shards.schema import (
    JSON_MEMBER,
    MAX_MEMBER_BYTES,
    SCHEMA,
    VIDEO_MEMBER,
    example_json,
    member_names,
)
from vegas_data.shards.side_car import SUFFIX
from vegas_data.shards.sources import example_digest
from vegas_data.shards.tar import end_of_archive, header, padding

_REFETCH = "run `vegas-data fetch`, `verify` and `featurize` again"


@dataclass(frozen=True, kw_only=True)
class PackedShard:
    """A shard of the release that is written: its examples, and the sha256 of each one's mp4 (empty without)."""

    info: ShardInfo
    metas: tuple[ExampleMeta, ...]
    video_sha256: Mapping[str, str]


def pack_shard(planned: PlannedShard, folder: Path, source: ReleaseSource, options: ReleaseOptions) -> PackedShard:
    """Write the planned shard and its side-car into ``folder``.

    Raises:
        SchemaMismatch, ChecksumMismatch: the working shard, or a clip, is damaged.
        ReleaseError: an example cannot be cut from its clip, or is too large.
    """
    reader = ShardReader(planned.source)
    whole, extents, videos, offset = hashlib.sha256(), [], {}, 0
    wanted = {meta.key: meta for meta in planned.metas}
    with reader.path.open("rb") as working, (folder / planned.name).open("wb") as out:
        for key, extent in zip(reader.info.keys, reader.info.extents, strict=True):
            if key not in wanted:
                continue
            members = split_example(read_extent(working, extent), key, reader.info, reader.path)
            contents = {**members, JSON_MEMBER: memoryview(example_json(wanted[key]))}
            if options.profile == "media":
                contents[VIDEO_MEMBER] = memoryview(_video(wanted[key], source))
                videos[key] = hashlib.sha256(contents[VIDEO_MEMBER]).hexdigest()
            names = member_names(options.profile, [name for name, _ in reader.info.streams])
            block = b"".join(_tar(key, {name: contents[name] for name in names}))
            extents.append(Extent(offset=offset, num_bytes=len(block), sha256=hashlib.sha256(block).hexdigest()))
            offset += len(block)
            out.write(block)
            whole.update(block)
        end = end_of_archive(offset)
        out.write(end)
        whole.update(end)
    info = ShardInfo(
        schema=SCHEMA,
        name=planned.name,
        category=reader.info.category,
        split=reader.info.split,
        profile=options.profile,
        sha256=whole.hexdigest(),
        num_bytes=offset + len(end),
        keys=tuple(wanted),
        extents=tuple(extents),
        inputs=inputs_digest(planned.name, map(example_digest, planned.metas)),
        recipe=reader.info.recipe,
        streams=reader.info.streams,
        weights=reader.info.weights,
        tools=_tools(reader.info, options),
    )
    (folder / f"{planned.name}{SUFFIX}").write_text(to_json(info, indent=2), encoding="utf-8")
    return PackedShard(info=info, metas=planned.metas, video_sha256=videos)


def _tools(working: ShardInfo, options: ReleaseOptions) -> tuple[tuple[str, str], ...]:
    ours = {("vegas-data", __version__), *([("ffmpeg", ffmpeg_version())] if options.profile == "media" else [])}
    return tuple(sorted({*working.tools, *ours}))


def _tar(key: str, contents: Mapping[str, memoryview]) -> Iterator[bytes | memoryview]:
    for member, content in contents.items():
        if len(content) > MAX_MEMBER_BYTES:
            raise ReleaseError(
                f"{key}.{member}: {len(content)} bytes, more than {MAX_MEMBER_BYTES}",
                remedy="store clips smaller: a higher crf or a lower max_height_px in the recipe's [fetch.cut]",
            )
        yield header(f"{key}.{member}", len(content))
        yield content
        yield bytes(padding(len(content)))


def _video(meta: ExampleMeta, source: ReleaseSource) -> bytes:
    """The example as mp4: its clip's bytes, or a piece cut out of them."""
    media, key = source.media[meta.clip_id]
    try:
        source.workspace.verify_checksum(key, meta.media.sha256)
    except (ChecksumMismatch, FileNotFoundError) as error:
        raise ChecksumMismatch(
            f"{meta.key}: its clip is not the one it was made from: {error}", remedy=_REFETCH
        ) from None
    clip = source.workspace.path(key)
    start_ms, end_ms = meta.start_ms - media.start_ms, meta.end_ms - media.start_ms
    if start_ms == 0 and end_ms >= media.duration_ms:
        return clip.read_bytes()
    return _cut(clip, media, start_ms, end_ms, source)


def _cut(clip: Path, media: Media, start_ms: int, end_ms: int, source: ReleaseSource) -> bytes:
    options = replace(source.cut, min_ms=min(source.cut.min_ms, end_ms - start_ms))
    with source.workspace.scratch() as folder:
        target = folder / "example.mp4"
        try:
            cut_clip(Section(path=clip), target, start_ms=start_ms, end_ms=end_ms, options=options)
        except MediaError as error:
            raise ReleaseError(
                f"{media.clip_id}: {start_ms}–{end_ms} ms cannot be cut from it: {error}",
                remedy=error.remedy or _REFETCH,
            ) from error
        return target.read_bytes()

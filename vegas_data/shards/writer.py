"""A ShardPlan in, a sealed shard in the workspace out: tar first, side-car last.

Nothing but the plan, the feature files and the clips decides a byte: no clock, no user, no umask, no order of
directory entries. Every input is compared with its recorded sha256 before it is packed.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from vegas_data import __version__
from vegas_data.config import canonical
from vegas_data.errors import ChecksumMismatch, MediaError, SchemaMismatch, ShardError
from vegas_data.records import Extent, ShardInfo
from vegas_data.shards.npy import STREAM_TYPE, npy_bytes, parse_npy
from vegas_data.shards.options import ShardOptions
from vegas_data.shards.plan import ShardPlan
from vegas_data.shards.schema import MAX_MEMBER_BYTES, SCHEMA, StreamMeta, example_json, member_names
from vegas_data.shards.sound import audio_sha256, gain_db, to_int16
from vegas_data.shards.sources import PlannedExample
from vegas_data.shards.tar import end_of_archive, header, padding
from vegas_data.store import naming
from vegas_data.units import Grid
from vegas_data.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_REFEATURIZE = "delete it and its side-car, and run `vegas-data featurize` again"
_REFETCH = "delete it and its side-car, and run `vegas-data fetch` and `verify` again"


def make_shard_writer(options: ShardOptions, workspace: Workspace, grid: Grid) -> Callable[[ShardPlan], ShardInfo]:
    """Return the worker that writes one planned shard and commits it.

    The worker raises:
        ChecksumMismatch: a feature file or clip is not the one that was planned with.
        SchemaMismatch: a feature file is not the array its side-car describes.
        ShardError: a file is missing, or a clip's sound cannot be decoded: this is no word about the other examples,
            so it is not the clip's MediaError.
    """
    tools = _tools()

    def write_shard(plan: ShardPlan) -> ShardInfo:
        if plan.profile != options.profile:
            raise ValueError(f"{plan.name}: planned for profile {plan.profile}, not {options.profile}")
        whole = hashlib.sha256()
        extents: list[Extent] = []
        offset = 0
        with workspace.scratch() as folder:
            file = folder / plan.name
            with naming(workspace.path(plan.key)), file.open("wb") as out:
                for planned in plan.examples:
                    block = b"".join(_pack(planned, plan, workspace, grid))
                    out.write(block)
                    whole.update(block)
                    digest = hashlib.sha256(block).hexdigest()
                    extents.append(Extent(offset=offset, num_bytes=len(block), sha256=digest))
                    offset += len(block)
                end = end_of_archive(offset)
                out.write(end)
                whole.update(end)
            info = ShardInfo(
                schema=SCHEMA,
                name=plan.name,
                category=plan.category,
                split=plan.split,
                profile=plan.profile,
                sha256=whole.hexdigest(),
                num_bytes=offset + len(end),
                keys=tuple(planned.meta.key for planned in plan.examples),
                extents=tuple(extents),
                inputs=plan.inputs,
                recipe=plan.recipe,
                streams=plan.streams,
                weights=plan.weights,
                tools=tuple(sorted({*tools, *(tool for planned in plan.examples for tool in planned.tools)})),
            )
            workspace.commit_artefact(plan.key, file, canonical(info))
        return info

    return write_shard


def _tools() -> tuple[tuple[str, str], ...]:
    import av

    libraries = ("libavcodec", "libavformat", "libswresample")
    versions = ((name, ".".join(map(str, av.library_versions[name]))) for name in libraries)
    return (("av", av.__version__), *versions, ("vegas-data", __version__))


def _pack(planned: PlannedExample, plan: ShardPlan, workspace: Workspace, grid: Grid) -> Iterator[bytes]:
    """The example's members as tar bytes, in order."""
    meta = planned.meta
    streams = [
        _read_stream(workspace, key, meta.streams[name])
        for key, (name, _) in zip(planned.feature_keys, plan.streams, strict=True)
    ]
    audio = _read_sound(workspace, planned, grid)
    meta = dataclasses.replace(meta, gain_db=gain_db(audio), audio_sha256=audio_sha256(audio))
    contents = (example_json(meta), *streams, npy_bytes(audio))
    members = member_names(plan.profile, [name for name, _ in plan.streams])
    for member, content in zip(members, contents, strict=True):
        yield header(f"{meta.key}.{member}", len(content))
        yield content
        yield bytes(padding(len(content)))


def _read_stream(workspace: Workspace, key: str, stream: StreamMeta) -> bytes:
    """A feature file's bytes, proven to be the planned ones before they are packed."""
    import numpy as np

    path = workspace.path(key)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ShardError(f"{path}: missing", remedy="run `vegas-data featurize` again") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != stream.sha256:
        raise ChecksumMismatch(
            f"{path}: sha256 is {digest[:12]}…, its side-car says {stream.sha256[:12]}…", remedy=_REFEATURIZE
        )
    try:
        array = parse_npy(content, kind=STREAM_TYPE)
    except ValueError as error:
        raise SchemaMismatch(f"{path}: {error}", remedy=_REFEATURIZE) from None
    if array.shape != stream.shape or len(content) > MAX_MEMBER_BYTES:
        raise SchemaMismatch(
            f"{path}: {len(content)} bytes of shape {array.shape}, its side-car says {stream.shape}",
            remedy=_REFEATURIZE,
        )
    if not np.isfinite(array).all():
        raise SchemaMismatch(f"{path}: holds NaN or infinite features", remedy=_REFEATURIZE)
    return content


def _read_sound(workspace: Workspace, planned: PlannedExample, grid: Grid) -> "npt.NDArray[np.int16]":
    import numpy as np

    from vegas_data.media.decode import read_audio

    path = workspace.path(planned.media_key)
    if not path.is_file():
        raise ShardError(f"{path}: missing", remedy="run `vegas-data fetch` again")
    try:
        workspace.verify_checksum(planned.media_key, planned.meta.media.sha256)
    except ChecksumMismatch as error:
        raise ChecksumMismatch(str(error), remedy=_REFETCH) from None
    try:
        wave = read_audio(
            path,
            sample_rate_hz=grid.sample_rate_hz,
            start_ms=planned.start_in_media_ms,
            num_samples=planned.meta.num_samples,
        )
    except MediaError as error:
        raise ShardError(f"{path}: the sound of {planned.meta.key} is lost: {error}", remedy=_REFETCH) from error
    if not np.isfinite(wave).all():
        raise ShardError(f"{path}: the sound of {planned.meta.key} holds what is not a number", remedy=_REFETCH)
    return to_int16(wave)

"""Proves shards: every byte of every tar against its side-car, its JSON and the other shards of its folder.

Enters a workspace (or a folder of shards), leaves findings: an empty list is the proof. A damaged byte is traced
to its example and, where the JSON still tells, to its member. Nothing is changed.
"""

import hashlib
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vegas_data.config import to_json
from vegas_data.errors import ChecksumMismatch, SchemaMismatch, ShardError
from vegas_data.records import Extent, ShardInfo
from vegas_data.shards.options import Profile
from vegas_data.shards.plan import inputs_digest
from vegas_data.shards.reader import ShardExample, check_end, decode_example, read_extent, split_example
from vegas_data.shards.schema import AUDIO_MEMBER, JSON_MEMBER, REMAKE, SHARD_NAME, VIDEO_MEMBER, ExampleMeta, refuse
from vegas_data.shards.side_car import SUFFIX, read_side_car
from vegas_data.shards.sound import audio_sha256, gain_db
from vegas_data.shards.sources import example_digest
from vegas_data.workspace import Workspace

CODES: Final = (
    "checksum_mismatch",
    "schema_mismatch",
    "no_side_car",
    "no_tar",
    "missing_shard",
    "duplicate_key",
    "split_leak",
    "foreign_file",
    "unreadable",
)
_FOREIGN: Final = "vegas-data did not put it there: move it elsewhere"
_FEATURIZE: Final = "run `vegas-data featurize` again"
_GAIN_TOLERANCE_DB: Final = 1e-3
_MAX_GAPS: Final = 10  # one file with a wild number must not give a million findings


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is not as it must be.

    Args:
        file: what was looked at. key: the example, or empty. code: the kind of finding: one of ``CODES`` for shards.
    """

    file: str
    key: str
    code: str
    message: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class CheckedExample:
    """An example whose every byte was compared: its JSON, and the sha256 of its mp4 (empty if it has none)."""

    meta: ExampleMeta
    video_sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class CheckedShard:
    """A shard that was read through; ``examples`` are those in which nothing was found."""

    path: Path
    info: ShardInfo
    examples: tuple[CheckedExample, ...]


def check_shards(workspace: Workspace) -> list[Finding]:
    """Check all shards of a workspace; findings in the order of the files."""
    base = workspace.path("shards")
    findings: list[Finding] = []
    for path in sorted(base.iterdir()) if base.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            findings += check_folder(path)
        else:
            findings.append(_finding(path, "foreign_file", "only folders of shards belong here", remedy=_FOREIGN))
    return findings


def check_folder(folder: Path) -> list[Finding]:
    """Check the working shards in ``folder``, one by one and against each other."""
    return prove_folder(folder)[1]


def prove_folder(
    folder: Path, *, profile: Profile = "train", besides: Collection[str] = ()
) -> tuple[list[CheckedShard], list[Finding]]:
    """Check the shards in ``folder``, all of which must be of ``profile``; what was read, and what was found.

    Args:
        besides: names of files that belong there without being shards.
    """
    findings: list[Finding] = []
    tars: dict[str, Path] = {}
    side_cars: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name in besides:
            continue
        name = path.name.removesuffix(SUFFIX)
        if not stat.S_ISREG(path.lstat().st_mode) or not SHARD_NAME.fullmatch(name):
            findings.append(_finding(path, "foreign_file", "neither a shard nor a side-car", remedy=_FOREIGN))
        else:
            (tars if path.name == name else side_cars)[name] = path
    shards: list[CheckedShard] = []
    for name in sorted({*tars, *side_cars}):
        if name not in side_cars:
            reason = "a tar without side-car is not a shard: its writer was killed, or the side-car was deleted"
            findings.append(_finding(tars[name], "no_side_car", reason))
        elif name not in tars:
            findings.append(_finding(side_cars[name], "no_tar", f"the shard {name} is missing"))
        else:
            shard, found = _check_shard(tars[name], profile)
            findings += found
            if shard is not None:
                shards.append(shard)
    return shards, [*findings, *_check_numbers(folder, {*tars, *side_cars}), *_check_together(shards)]


def _finding(path: Path, code: str, message: str, *, key: str = "", remedy: str = REMAKE) -> Finding:
    assert code in CODES, code
    return Finding(file=str(path), key=key, code=code, message=message, remedy=remedy)


def _of_error(path: Path, error: ShardError, key: str = "") -> Finding:
    return _finding(path, error.code, str(error).removeprefix(f"{path}: "), key=key, remedy=error.remedy)


def _check_shard(path: Path, profile: Profile) -> tuple[CheckedShard | None, list[Finding]]:
    try:
        info = read_side_car(path)
        if info.profile != profile:
            refuse(path.with_name(path.name + SUFFIX), f"a shard of profile {info.profile}, {profile} belongs here")
    except SchemaMismatch as error:
        return None, [_of_error(path.with_name(path.name + SUFFIX), error)]
    findings: list[Finding] = []
    examples: list[CheckedExample] = []
    whole = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for key, extent in zip(info.keys, info.extents, strict=True):
                block = read_extent(file, extent)
                whole.update(block)
                try:
                    examples.append(_check_example(block, key, extent, info, path))
                except ShardError as error:
                    findings.append(_of_error(path, error, key))
            whole.update(check_end(file, info, path))
    except SchemaMismatch as error:
        findings.append(_of_error(path, error))
    except OSError as error:
        findings.append(_finding(path, "unreadable", f"cannot be read: {error.strerror}", remedy="check the disk"))
    if not findings:
        findings += _check_description(path, info, examples, whole.hexdigest())
    return CheckedShard(path=path, info=info, examples=tuple(examples)), findings


def _check_example(block: bytearray, key: str, extent: Extent, info: ShardInfo, path: Path) -> CheckedExample:
    """Raise ShardError unless the example is whole and is what its JSON says."""
    import numpy as np

    if hashlib.sha256(block).hexdigest() != extent.sha256:
        raise ChecksumMismatch(
            f"{path}: {key}: not the bytes that were recorded: {_what_is_hit(block, key, info, path)}", remedy=REMAKE
        )
    contents = split_example(block, key, info, path)
    example = decode_example(contents, key, info, path)
    member = _unlike_json(example, contents)
    if member:
        raise ChecksumMismatch(f"{path}: {key}: {member}: not the sha256 that the JSON records", remedy=REMAKE)
    for name, array in example.streams.items():
        if not np.isfinite(array).all():
            raise SchemaMismatch(f"{path}: {key}: {name}.npy: NaN or infinite features", remedy=REMAKE)
    if example.audio is not None and abs(gain_db(example.audio) - example.meta.gain_db) > _GAIN_TOLERANCE_DB:
        raise SchemaMismatch(f"{path}: {key}: gain_db does not bring the peak to full scale", remedy=REMAKE)
    video_sha256 = "" if example.video is None else hashlib.sha256(example.video).hexdigest()
    return CheckedExample(meta=example.meta, video_sha256=video_sha256)


def _unlike_json(example: ShardExample, contents: Mapping[str, memoryview]) -> str:
    """The first member that has not the sha256 which the JSON records for it, or nothing."""
    for name, stream in example.meta.streams.items():
        if hashlib.sha256(contents[f"{name}.npy"]).hexdigest() != stream.sha256:
            return f"{name}.npy"
    sounds_right = example.audio is None or audio_sha256(example.audio) == example.meta.audio_sha256
    return "" if sounds_right else AUDIO_MEMBER


def _what_is_hit(block: bytearray, key: str, info: ShardInfo, path: Path) -> str:
    """Say what is wrong with a damaged example, as far as its headers and its JSON still tell."""
    try:
        contents = split_example(block, key, info, path)
        member = _unlike_json(decode_example(contents, key, info, path), contents)
    except SchemaMismatch as error:
        return str(error).removeprefix(f"{path}: {key}: ")
    unproven = f"{JSON_MEMBER} or {VIDEO_MEMBER}" if VIDEO_MEMBER in contents else JSON_MEMBER
    return f"{member} is not what the JSON says" if member else f"{unproven}, in a place that only the side-car proves"


def _check_description(
    path: Path, info: ShardInfo, examples: Iterable[CheckedExample], sha256: str
) -> Iterator[Finding]:
    """What the side-car says of the shard as a whole, once each example is proven."""
    side_car = path.with_name(path.name + SUFFIX)
    if info.sha256 != sha256:
        yield _finding(side_car, ChecksumMismatch.code, "sha256 is not that of the tar, though each example's is right")
    if info.inputs != inputs_digest(info.name, (example_digest(example.meta) for example in examples)):
        yield _finding(side_car, SchemaMismatch.code, "inputs is not the digest of what the examples say")
    if side_car.read_bytes() != to_json(info, indent=2).encode():
        yield _finding(side_car, SchemaMismatch.code, "not in the form in which side-cars are written")


def _check_numbers(folder: Path, names: Iterable[str]) -> Iterator[Finding]:
    """Shards of one category and split are numbered from 0 without a gap."""
    numbers: dict[str, set[int]] = {}
    for name in names:
        series, _, number = name.removesuffix(".tar").rpartition("-")
        numbers.setdefault(series, set()).add(int(number))
    for series, found in sorted(numbers.items()):
        for missing in sorted(set(range(max(found))) - found)[:_MAX_GAPS]:
            path = folder / f"{series}-{missing:06d}.tar"
            yield _finding(path, "missing_shard", f"{series} goes on to {max(found):06d}", remedy=_FEATURIZE)


def _check_together(shards: Iterable[CheckedShard]) -> Iterator[Finding]:
    """An example stands once in its category; all examples of a source video are in one split."""
    keys: dict[tuple[str, str], Path] = {}
    splits: dict[str, tuple[str, Path]] = {}
    for shard in shards:
        for meta in (example.meta for example in shard.examples):
            first = keys.setdefault((meta.category, meta.key), shard.path)
            if first != shard.path:
                yield _finding(shard.path, "duplicate_key", f"{meta.key} is in {first.name} too", key=meta.key)
            split, where = splits.setdefault(meta.video_id, (meta.split, shard.path))
            if split != meta.split:
                reason = f"the source video {meta.video_id} is in {where.name} too, in another split"
                yield _finding(shard.path, "split_leak", reason, key=meta.key)

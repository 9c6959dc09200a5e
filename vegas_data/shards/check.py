"""Checks shards, in two depths: by names, side-cars and sizes; or by every byte of every tar, which is the proof.

Enters a workspace (or a folder of shards), leaves findings: an empty list says that nothing is wrong. A damaged byte
is traced to its example and, where the JSON still tells, to its member. Nothing is changed.
"""

import hashlib
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from vegas_data.errors import ChecksumMismatch, SchemaMismatch, ShardError
from vegas_data.records import Extent, ShardInfo, span_id
from vegas_data.shards.options import Profile
from vegas_data.shards.plan import inputs_digest
from vegas_data.shards.reader import ShardExample, check_end, decode_example, read_extent, split_example
from vegas_data.shards.schema import AUDIO_MEMBER, JSON_MEMBER, REMAKE, SHARD_NAME, VIDEO_MEMBER, ExampleMeta, refuse
from vegas_data.shards.side_car import SUFFIX, read_side_car
from vegas_data.shards.sound import audio_sha256, gain_db
from vegas_data.shards.sources import example_digest
from vegas_data.store import is_as_written
from vegas_data.workspace import Workspace

CODES: Final = (
    "checksum_mismatch",
    "schema_mismatch",
    "no_side_car",
    "no_tar",
    "missing_shard",
    "stale_shard",
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
        file: what was looked at. key: the example (or clip) that is hit, or empty. code: the kind of finding.
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
    """A shard that was looked at, or read through; ``examples`` are then those in which nothing was found."""

    path: Path
    info: ShardInfo
    examples: tuple[CheckedExample, ...] = ()


def list_shards(workspace: Workspace) -> tuple[list[Path], list[Finding]]:
    """The shards of a workspace that have their side-car, in order; and what else is found by names alone."""
    base = workspace.path("shards")
    paths: list[Path] = []
    findings: list[Finding] = []
    for path in sorted(base.iterdir()) if base.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            there, found = list_folder(path)
            paths += there
            findings += found
        else:
            findings.append(_finding(path, "foreign_file", "only folders of shards belong here", remedy=_FOREIGN))
    return paths, findings


def list_folder(folder: Path, *, besides: Collection[str] = ()) -> tuple[list[Path], list[Finding]]:
    """As ``list_shards``, of one folder.

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
    for name in sorted({*tars} ^ {*side_cars}):
        if name in tars:
            reason = "a tar without side-car is not a shard: its writer was killed, or the side-car was deleted"
            findings.append(_finding(tars[name], "no_side_car", reason))
        else:
            findings.append(_finding(side_cars[name], "no_tar", f"the shard {name} is missing"))
    findings += _check_numbers(folder, {*tars, *side_cars})
    return [tars[name] for name in sorted({*tars} & {*side_cars})], findings


def prove_folder(
    folder: Path, *, profile: Profile = "train", besides: Collection[str] = ()
) -> tuple[list[CheckedShard], list[Finding]]:
    """Prove the shards in ``folder``, one by one and against each other; what was read, and what was found."""
    paths, findings = list_folder(folder, besides=besides)
    shards: list[CheckedShard] = []
    for path in paths:
        shard, found = prove_shard(path, profile)
        findings += found
        shards += [shard] if shard else []
    return shards, [*findings, *check_together(shards)]


def look_at_shard(path: Path, profile: Profile = "train") -> tuple[CheckedShard | None, list[Finding]]:
    """Check a shard's side-car, and the size of its tar, which is not opened."""
    side_car = path.with_name(path.name + SUFFIX)
    try:
        info = read_side_car(path)
        if info.profile != profile:
            refuse(side_car, f"a shard of profile {info.profile}, {profile} belongs here")
        if not is_as_written(side_car.read_bytes()):
            raise ChecksumMismatch(f"{side_car}: not the bytes that were written", remedy=REMAKE)
        size = path.stat().st_size
    except (SchemaMismatch, ChecksumMismatch) as error:
        return None, [_of_error(side_car, error)]
    except OSError as error:
        return None, [unreadable(path, error)]
    findings = []
    if size != info.num_bytes:
        reason = f"{size} bytes long, recorded were {info.num_bytes}"
        findings.append(_finding(path, ChecksumMismatch.code, reason))
    return CheckedShard(path=path, info=info), findings


def _finding(path: Path, code: str, message: str, *, key: str = "", remedy: str = REMAKE) -> Finding:
    assert code in CODES, code
    return Finding(file=str(path), key=key, code=code, message=message, remedy=remedy)


def unreadable(path: Path, error: OSError) -> Finding:
    """The disk does not give the file back."""
    return _finding(path, "unreadable", f"cannot be read: {error.strerror}", remedy="check the disk")


def _of_error(path: Path, error: ShardError, key: str = "") -> Finding:
    return _finding(path, error.code, str(error).removeprefix(f"{path}: "), key=key, remedy=error.remedy)


def prove_shard(path: Path, profile: Profile = "train") -> tuple[CheckedShard | None, list[Finding]]:
    """Read a shard through: every byte against its side-car and its JSON."""
    shard, findings = look_at_shard(path, profile)
    if shard is None:
        return None, findings
    info, examples, whole = shard.info, [], hashlib.sha256()
    findings = []  # a wrong size shows again below, with the examples that it hits
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
        findings.append(unreadable(path, error))
    if not findings:
        findings += _check_description(path, info, examples, whole.hexdigest())
    return replace(shard, examples=tuple(examples)), findings


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


def check_together(shards: Iterable[CheckedShard | None]) -> Iterator[Finding]:
    """In one folder an example stands once in its category; all examples of a source video are in one split."""
    keys: dict[tuple[Path, str, str], Path] = {}
    splits: dict[tuple[Path, str], tuple[str, Path]] = {}
    for shard in filter(None, shards):
        path, info = shard.path, shard.info
        for key in info.keys:
            first = keys.setdefault((path.parent, info.category, key), path)
            if first != path:
                yield _finding(path, "duplicate_key", f"{key} is in {first.name} too", key=key)
            video_id = key[: -len(span_id("", 0, 0))]
            split, where = splits.setdefault((path.parent, video_id), (info.split, path))
            if split != info.split:
                reason = f"the source video {video_id} is in {where.name} too, in another split"
                yield _finding(path, "split_leak", reason, key=key)

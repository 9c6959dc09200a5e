"""What goes into a release and what is left out, decided before a byte is written.

Enters what the workspace holds (``ReleaseSource``) and the options; leaves the shards to be and a reason for every
example that will not be in one. Only the examples' JSON is read.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from vegas_data.errors import ReleaseError, ShardError
from vegas_data.media.cut import CutOptions
from vegas_data.records import Answer, Clip, Example, Judgment, Media, ShardInfo, Split
from vegas_data.release.licences import may_pass_on
from vegas_data.release.options import ReleaseOptions
from vegas_data.release.rules import Rules
from vegas_data.shards import ExampleMeta, ShardReader
from vegas_data.shards.npy import npy_num_bytes
from vegas_data.shards.schema import AUDIO_MEMBER, example_json, member_names, shard_name
from vegas_data.shards.tar import end_of_archive, member_bytes
from vegas_data.units import Grid
from vegas_data.verify import AuditItem, Question
from vegas_data.workspace import Workspace

_SHOWN: Final = 5


@dataclass(frozen=True, kw_only=True)
class AuditSource:
    """The audit of a workspace, as far as it is of the verdicts that are released.

    Args:
        items: all windows drawn in the audited categories. excluded: by category, videos that must not be drawn.
        judgments: what people said of them, side by side. settled: what follows from it.
        stale: categories that were audited, and whose verdicts have changed since.
    """

    items: tuple[AuditItem, ...] = ()
    excluded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    judgments: tuple[Judgment, ...] = ()
    settled: Mapping[Question, Answer] = field(default_factory=dict)
    stale: tuple[str, ...] = ()

    @property
    def categories(self) -> tuple[str, ...]:
        """The audited ones, sorted."""
        return tuple(sorted({item.category for item in self.items}))


@dataclass(frozen=True, kw_only=True)
class ReleaseSource:
    """What a release is made from.

    Args:
        clips: all that are listed. media: by clip id, of those that are here, with its key. failures: by clip id, the
            code of the last attempt, of those that are not. licences, credits: by clip id, where known: an SPDX
            expression, and who made it. licence_texts: by SPDX id, those at hand.
        examples: all of the workspace, in the order of its table. splits: by video id.
        shards: keys of the current working shards. grid, cut: how examples and clips were made.
        recipe, recipe_digest: name and digest. rules: what made the verdicts. audit: what people found in them.
    """

    workspace: Workspace
    clips: tuple[Clip, ...]
    media: Mapping[str, tuple[Media, str]]
    failures: Mapping[str, str]
    licences: Mapping[str, str]
    credits: Mapping[str, str]
    licence_texts: Mapping[str, bytes]
    examples: tuple[Example, ...]
    splits: Mapping[str, Split]
    shards: tuple[str, ...]
    grid: Grid
    cut: CutOptions
    recipe: str
    recipe_digest: str
    rules: Rules
    audit: AuditSource = field(default_factory=AuditSource)


@dataclass(frozen=True, kw_only=True)
class PlannedShard:
    """A shard of the release: these examples of this working shard.

    Args:
        num_bytes: about; the size of an mp4 that is still to be cut is estimated.
    """

    name: str
    source: Path
    info: ShardInfo
    metas: tuple[ExampleMeta, ...]
    num_bytes: int


@dataclass(frozen=True, kw_only=True)
class ReleasePlan:
    """The shards of a release, and why other examples are in none: by (category, example id)."""

    shards: tuple[PlannedShard, ...]
    left_out: Mapping[tuple[str, str], str]

    @property
    def num_examples(self) -> int:
        """Examples in the shards."""
        return sum(len(shard.metas) for shard in self.shards)

    @property
    def num_bytes(self) -> int:
        """Bytes of all shards, about."""
        return sum(shard.num_bytes for shard in self.shards)

    @property
    def left_out_by_reason(self) -> dict[str, int]:
        """How many examples are left out for each reason."""
        return dict(sorted(Counter(self.left_out.values()).items()))


def plan_release(source: ReleaseSource, options: ReleaseOptions) -> ReleasePlan:
    """Decide which example goes into which shard.

    Raises:
        ReleaseError: nothing would be left, or rows must not be passed on and ``skip_unlicensed`` was not given.
        SchemaMismatch: a working shard is damaged.
    """
    readers = [ShardReader(source.workspace.path(key), verify=False) for key in source.shards]
    held = [(reader, tuple(reader.metas())) for reader in readers]
    packed = {(meta.category, meta.key): meta for _, metas in held for meta in metas}
    examples = {(example.category, example.id) for example in source.examples}
    if packed.keys() - examples:
        raise ShardError(
            f"{source.workspace.root}: its shards hold examples that its tables do not",
            remedy="run `vegas-data featurize` again",
        )
    unlicensed = [
        address
        for address, meta in packed.items()
        if options.profile == "media" and not may_pass_on(meta.licence, credit=source.credits.get(meta.clip_id, ""))
    ]
    if unlicensed and not options.skip_unlicensed:
        rows = ", ".join(_told(packed[address]) for address in unlicensed[:_SHOWN])
        more = ", …" if len(unlicensed) > _SHOWN else ""
        raise ReleaseError(
            f"{len(unlicensed)} of {len(packed)} examples must not be passed on under their licence: {rows}{more}",
            remedy="add --skip-unlicensed to leave them out of the shards, or build --profile features",
        )
    left_out = dict.fromkeys(sorted(examples - packed.keys()), "no_features") | dict.fromkeys(unlicensed, "licence")
    planned = tuple(_shards(held, left_out, source, options))
    if not planned:
        raise ReleaseError(
            f"{source.workspace.root}: no example would be in a shard ({len(left_out)} are left out)",
            remedy="run `vegas-data featurize` first, or build --profile features",
        )
    return ReleasePlan(shards=planned, left_out=left_out)


def _told(meta: ExampleMeta) -> str:
    """An example that is not passed on, and why."""
    unnamed = ", author not known" if may_pass_on(meta.licence, credit="somebody") else ""
    return f"{meta.category} {meta.key} ({meta.licence}{unnamed})"


def _shards(
    held: list[tuple[ShardReader, tuple[ExampleMeta, ...]]],
    left_out: Mapping[tuple[str, str], str],
    source: ReleaseSource,
    options: ReleaseOptions,
) -> Iterator[PlannedShard]:
    """The working shards without what is left out, numbered anew where one becomes empty."""
    numbers: Counter[tuple[str, Split]] = Counter()
    for reader, metas in held:
        info = reader.info
        kept = tuple(
            replace(meta, profile=options.profile) for meta in metas if (meta.category, meta.key) not in left_out
        )
        if not kept:
            continue
        series = info.category, info.split
        used = sum(_num_bytes(meta, info, source, options) for meta in kept)
        yield PlannedShard(
            name=shard_name(*series, numbers[series]),
            source=reader.path,
            info=info,
            metas=kept,
            num_bytes=used + len(end_of_archive(used)),
        )
        numbers[series] += 1


def _num_bytes(meta: ExampleMeta, info: ShardInfo, source: ReleaseSource, options: ReleaseOptions) -> int:
    sizes = [len(example_json(meta)), *(npy_num_bytes(stream.shape) for stream in meta.streams.values())]
    if AUDIO_MEMBER in member_names(options.profile, [name for name, _ in info.streams]):
        media, _ = source.media[meta.clip_id]
        share = min(1.0, (meta.end_ms - meta.start_ms) / media.duration_ms)
        sizes += [npy_num_bytes((meta.num_samples,)), round(media.num_bytes * share)]
    return sum(map(member_bytes, sizes))

"""Which examples go into which shard, and which shards are already right.

Enter the examples with their split, their clip and their feature files; leaves one ShardPlan per shard: a job for
``writer``. Examples of one category and split, sorted by id, are cut into shards in that order, so that the plan
does not depend on the order in which they came. ``inputs`` digests all that decides a shard's bytes: a shard is
fresh if and only if its side-car carries the plan's ``inputs``. No media or feature file is opened here.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from vegas_data.config import digest
from vegas_data.errors import SchemaMismatch, ShardError, WorkspaceError
from vegas_data.records import Split
from vegas_data.shards.options import Profile, ShardOptions
from vegas_data.shards.schema import SCHEMA, SHARD_NAME, shard_name
from vegas_data.shards.side_car import SUFFIX, read_side_car
from vegas_data.shards.sources import ExampleSource, PlannedExample, plan_example
from vegas_data.shards.tar import end_of_archive
from vegas_data.units import Grid
from vegas_data.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardPlan:
    """A shard to be: the unit of work of ``writer``."""

    key: str
    category: str
    split: Split
    profile: Profile
    examples: tuple[PlannedExample, ...]
    inputs: str
    recipe: str
    streams: tuple[tuple[str, str], ...]
    weights: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """``drum-train-000000.tar``."""
        return PurePosixPath(self.key).name

    @property
    def id(self) -> str:
        return self.name


def shards_folder(options: ShardOptions, grid: Grid, streams: Mapping[str, str]) -> str:
    """Key of the folder that holds the shards made with these options: ``shards/<digest>``.

    The examples do not enter: after new verdicts the shards are rewritten in place, where their inputs changed.

    Args:
        streams: name and digest of each, in the order of the members.
    """
    return f"shards/{digest('shards', SCHEMA, options, grid, list(streams.items()))}"


def inputs_digest(name: str, examples: Iterable[str]) -> str:
    """Digest of all that decides the bytes of the shard ``name``: the digests of its examples, in order."""
    return digest(SCHEMA, name, list(examples))


def plan_shards(
    sources: Iterable[ExampleSource],
    *,
    streams: Mapping[str, str],
    options: ShardOptions,
    grid: Grid,
    recipe: str,
) -> list[ShardPlan]:
    """Cut the examples of each category and split into shards, in the order of their ids.

    Args:
        streams: name and digest of each, in the order of the members. recipe: digest of the recipe, for the side-car.

    Raises:
        ShardError: an example stands twice or not in its clip, or a source video is in two splits.
        SchemaMismatch: a feature file does not belong to its example, or a member's name is too long.
    """
    groups: dict[tuple[str, Split], list[PlannedExample]] = {}
    splits: dict[str, Split] = {}
    for source in sorted(sources, key=lambda s: (s.example.category, s.split, s.example.id)):
        example = source.example
        if splits.setdefault(example.video_id, source.split) != source.split:
            raise ShardError(
                f"{example.video_id}: its examples are in {splits[example.video_id]} and in {source.split}",
                remedy="a source video belongs to one split, in all categories: assign splits by video id",
            )
        group = groups.setdefault((example.category, source.split), [])
        if group and group[-1].meta.key == example.id:
            raise ShardError(
                f"{example.category}: the example {example.id} stands twice",
                remedy="two clips of one video overlap: remove one of them from the manifest",
            )
        group.append(plan_example(source, streams=streams, profile=options.profile, grid=grid))
    folder = shards_folder(options, grid, streams)
    return [
        ShardPlan(
            key=f"{folder}/{name}",
            category=category,
            split=split,
            profile=options.profile,
            examples=tuple(chunk),
            inputs=inputs_digest(name, (planned.digest for planned in chunk)),
            recipe=recipe,
            streams=tuple(streams.items()),
            weights=tuple((name, chunk[0].meta.streams[name].weights) for name in streams),
        )
        for (category, split), group in groups.items()
        for name, chunk in _chunks(category, split, group, options)
    ]


def _chunks(
    category: str, split: Split, group: Iterable[PlannedExample], options: ShardOptions
) -> Iterator[tuple[str, list[PlannedExample]]]:
    numbers = itertools.count()
    chunk: list[PlannedExample] = []
    used = 0
    for planned in group:
        total = used + planned.num_bytes
        if chunk and (len(chunk) == options.max_examples or total + len(end_of_archive(total)) > options.max_bytes):
            yield shard_name(category, split, next(numbers)), chunk
            chunk, used = [], 0
        chunk.append(planned)
        used += planned.num_bytes
    yield shard_name(category, split, next(numbers)), chunk


def is_fresh(workspace: Workspace, plan: ShardPlan) -> bool:
    """Whether the planned shard exists and was made from the same inputs; the tar is not opened."""
    if not workspace.has_artefact(plan.key):
        return False
    try:
        side_car = workspace.side_car(plan.key)
    except WorkspaceError:
        return False  # damaged: the shard is written again
    num_bytes = workspace.path(plan.key).stat().st_size
    return side_car.get("inputs") == plan.inputs and side_car.get("num_bytes") == num_bytes


def surplus_shards(
    workspace: Workspace, folder: str, plans: Iterable[ShardPlan], *, categories: Collection[str]
) -> list[str]:
    """Keys of shards of these categories that no plan asks for any more: to be removed, side-car first.

    Shards get fewer when examples leave. Leave out of ``categories`` what was not planned this time.
    """
    wanted = {plan.key for plan in plans}
    surplus = set()
    for key in workspace.keys(folder):
        tar = key.removesuffix(SUFFIX)
        name = SHARD_NAME.fullmatch(PurePosixPath(tar).name)
        if name is not None and name[1] in categories and tar not in wanted:
            surplus.add(tar)
    return sorted(surplus)


def outgrown_shards(
    workspace: Workspace, folder: str, streams: Mapping[str, str], *, categories: Collection[str]
) -> list[str]:
    """Keys of the shards of these categories in other folders than ``folder`` that hold the same streams: cut to
    another size, once.

    A folder in which no side-car is left is one whose removal was interrupted.
    """
    others: dict[str, list[str]] = {}
    for key in workspace.keys("shards"):
        parent, _, name = key.rpartition("/")
        if parent != folder and SHARD_NAME.fullmatch(name.removesuffix(SUFFIX)):
            others.setdefault(parent, []).append(key.removesuffix(SUFFIX))
    outgrown: set[str] = set()
    for keys in others.values():
        described = [key for key in keys if workspace.exists(key + SUFFIX)]
        try:
            if all(dict(read_side_car(workspace.path(key)).streams) == streams for key in described):
                outgrown.update(key for key in keys if _category(key) in categories)
        except SchemaMismatch:
            continue  # damaged: for ``check`` to say, not for us to remove
    return sorted(outgrown)


def held_examples(workspace: Workspace, streams: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """(category, id) of every example in the shards with these streams, and the key of a shard that holds it."""
    held: dict[tuple[str, str], str] = {}
    for tar in workspace.keys("shards", ".tar"):
        if SHARD_NAME.fullmatch(PurePosixPath(tar).name) and workspace.has_artefact(tar):
            try:
                info = read_side_car(workspace.path(tar))
            except SchemaMismatch:
                continue  # damaged: for ``check`` to say
            if dict(info.streams) == streams:
                held |= {(info.category, key): tar for key in info.keys}
    return held


def _category(key: str) -> str:
    return PurePosixPath(key).name.partition("-")[0]

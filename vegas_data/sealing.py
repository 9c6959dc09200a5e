"""From features to shards: which there must be, which are right, which may go.

Enter all examples of the workspace, each with the clip it lies in; leave sealed shards, one category and split each,
and the word which folder of them counts. ``pipeline`` runs it after *featurize*; ``checking`` and a release ask it
whether the shards are still those of the tables.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Final

from vegas_data import features, shards
from vegas_data.clips import licences
from vegas_data.config import digest
from vegas_data.context import Run
from vegas_data.records import Example
from vegas_data.run.driver import Work
from vegas_data.run.stage import Stage
from vegas_data.run.summary import Summary
from vegas_data.split import split_examples
from vegas_data.workspace import Workspace

SHARDS: Final = "shards"
_GONE: Final = "features of its examples are gone, so that nothing says whether the tables still ask for it"

Jobs = dict[Example, features.FeatureJob]


def run_shards(run: Run, jobs: Jobs, only: tuple[str, ...] = ()) -> Summary:
    """Seal what has all its features into shards, and remove shards that no plan asks for any more.

    Shards of another size are made beside the old ones, which go when all the new ones are there. Where features were
    removed since, a run on some of the examples or streams leaves the shards of these categories as they are.
    """
    options, grid, workspace = run.recipe.shards, run.recipe.grid, run.workspace
    streams = features.stream_digests(run.recipe.features, grid)
    folder, plans = plan_shards(run, jobs, streams)
    is_partial = run.selection.limit is not None or bool(run.selection.categories or only)
    kept = _irreplaceable(workspace, jobs, streams) if is_partial else {}
    plans = [plan for plan in plans if plan.category not in kept.values()]
    categories = set(run.categories).difference(kept.values())
    stage = Stage[shards.ShardPlan](
        name=SHARDS,
        digest=digest(folder, [plan.inputs for plan in plans]),
        make_worker=partial(shards.make_shard_writer, options, workspace, grid),
    )
    summary = run.do_all(Work(stage=stage, units=plans, is_done=lambda plan: shards.is_fresh(workspace, plan)))
    _remove(workspace, shards.surplus_shards(workspace, folder, plans, categories=categories), summary)
    summary.count_left(len(kept))
    if kept and shards.current_folder(workspace) != folder:
        return summary  # what there is of these examples is in the other one
    shards.set_current_folder(workspace, folder, recipe=run.recipe.digest)
    if summary.counts["done"] == len(plans):  # else the old ones are all that there is of some examples
        outgrown = shards.outgrown_shards(workspace, folder, streams, categories=categories)
        _remove(workspace, outgrown, summary)
    return summary


def _irreplaceable(workspace: Workspace, jobs: Jobs, streams: Mapping[str, str]) -> dict[str, str]:
    """Key and category of the shards with these streams that hold an example whose features are not here any more."""
    inventory = features.Inventory(streams, workspace)
    gone = {(example.category, example.id) for example, job in jobs.items() if inventory.missing(job)}
    held = shards.held_examples(workspace, streams) if gone else {}
    return {held[example]: example[0] for example in gone.intersection(held)}


def _remove(workspace: Workspace, keys: Iterable[str], summary: Summary) -> None:
    for key in keys:
        workspace.remove_artefact(key)
        summary.counts["removed"] += 1


def stale_shards(run: Run, jobs: Jobs) -> list[tuple[str, str]]:
    """The shards that are not what the tables ask for: key and reason. No tar and no feature file is opened.

    Nothing where no shards have been made so far. Streams are the ones that the shards have: whether the recipe still
    means these needs the weights of its encoders, and is for ``run_featurize`` to say.

    Raises:
        ShardError, SchemaMismatch: as ``shards.plan_shards``.
    """
    workspace, folder = run.workspace, shards.current_folder(run.workspace)
    if folder is None:
        return []
    made = next((key for key in workspace.keys(folder, ".tar") if workspace.has_artefact(key)), None)
    if made is None:
        return [(folder, f"the tables have {len(jobs)} examples, and no shard is there")] if jobs else []
    streams = dict(shards.read_side_car(workspace.path(made)).streams)
    asked, plans = plan_shards(run, jobs, streams)
    if asked != folder:
        return [(folder, "the recipe asks for shards of another size, or on another grid")]
    stale = {plan.key: "not what the tables ask for" for plan in plans if not shards.is_fresh(workspace, plan)}
    surplus = shards.surplus_shards(workspace, folder, plans, categories=run.categories)
    stale |= dict.fromkeys(surplus, "the tables do not ask for it")
    gone = _irreplaceable(workspace, jobs, streams)
    return [(key, _GONE if key in gone else reason) for key, reason in stale.items()]


def plan_shards(run: Run, jobs: Jobs, streams: Mapping[str, str]) -> tuple[str, list[shards.ShardPlan]]:
    """The folder of the shards with these streams (name and digest), and the shards that there must be."""
    options, grid = run.recipe.shards, run.recipe.grid
    plans = shards.plan_shards(
        _shard_sources(run, jobs, streams), streams=streams, options=options, grid=grid, recipe=run.recipe.digest
    )
    return shards.shards_folder(options, grid, streams), plans


def _shard_sources(run: Run, jobs: Jobs, digests: Mapping[str, str]) -> Iterator[shards.ExampleSource]:
    """The examples whose every stream is there."""
    workspace = run.workspace
    splits = split_examples(jobs, run.recipe.split)
    licence_of = licences(run)
    inventory = features.Inventory(digests, workspace)
    for example, job in jobs.items():
        if inventory.missing(job):
            continue
        keys = [features.feature_key(job, value) for value in digests.values()]
        yield shards.ExampleSource(
            example=example,
            split=splits[example.video_id],
            media=job.media,
            media_key=job.media_key,
            features=tuple(shards.FeatureFile.from_side_car(key, workspace.side_car(key)) for key in keys),
            licence=licence_of.get(example.clip_id, shards.UNKNOWN_LICENCE),
        )

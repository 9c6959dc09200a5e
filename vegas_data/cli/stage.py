"""What fetch, verify and featurize have in common: run or preview, print, exit code."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from vegas_data.cli.console import print_json, print_summary
from vegas_data.cli.session import Place, count_workers, previewing, take_selection, worst, writing
from vegas_data.context import Run
from vegas_data.errors import EXIT_OK, Interrupted
from vegas_data.recipe import AS_IT_STANDS, RecipeChanges
from vegas_data.records import Clip
from vegas_data.run.driver import Work
from vegas_data.run.summary import Summary

Manifest = Callable[[Run], tuple[Clip, ...] | None]


class More(Protocol):
    """What one verb tells beyond what all do; what it foresees or finds stands in ``--json`` as it is."""

    def foresee(self, run: Run, work: Work, workers: int) -> dict[str, Any]: ...
    def look_back(self, run: Run) -> dict[str, Any]: ...
    def show(self, told: dict[str, Any]) -> None: ...


def run_verb(
    options: dict[str, Any],
    do: Callable[[Run], list[Summary]],
    plan: Callable[[Run], Work],
    listing: Manifest = lambda _: None,
    more: More | None = None,
    changes: RecipeChanges = AS_IT_STANDS,
) -> int:
    """Take the shared options out of ``options`` and run a verb.

    Args:
        do: runs it. plan: what ``--dry-run`` previews. listing: clips that a preview lists instead of the workspace's.
        more: what else the verb has to tell when it ends. changes: what its flags change in the recipe.
    """
    place = Place.take(options, changes)
    selection = take_selection(options)
    workers, dry = options.pop("workers", None), options.pop("dry_run")
    told: dict[str, Any] = {}
    stop: Interrupted | None = None
    if dry:
        with previewing(place, selection) as run:
            run = replace(run, listed=listing(run))
            work = plan(run)
            summaries = [run.preview(work)]
            told = more.foresee(run, work, count_workers(workers)) if more else {}
    else:
        with writing(place, selection, workers) as run:
            try:
                summaries = do(run)
            except Interrupted as interrupted:
                stop, summaries = interrupted, [s for s in (*interrupted.earlier, interrupted.summary) if s]
            else:
                told = more.look_back(run) if more else {}
    if place.as_json:
        stages = [summary.as_json() for summary in summaries]
        print_json({"workspace": str(place.workspace_path), "dry_run": dry, "stages": stages, **told})
    else:
        for summary in summaries:
            print_summary(summary)
        if more:
            more.show(told)
    if stop is not None:
        raise stop
    return EXIT_OK if dry else worst(summaries)

"""What fetch, verify and featurize have in common: run or preview, print, exit code."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from vegas_data.cli.console import print_json, print_summary
from vegas_data.cli.session import Place, previewing, take_selection, worst, writing
from vegas_data.context import Run
from vegas_data.errors import EXIT_OK
from vegas_data.records import Clip
from vegas_data.run.driver import Summary, Work

Manifest = Callable[[Run], tuple[Clip, ...] | None]


def run_verb(
    options: dict[str, Any],
    do: Callable[[Run], list[Summary]],
    plan: Callable[[Run], Work],
    listing: Manifest = lambda _: None,
) -> int:
    """Take the shared options out of ``options`` and run a verb.

    Args:
        do: runs it. plan: what ``--dry-run`` previews. listing: clips that a preview lists instead of the workspace's.
    """
    place = Place.take(options)
    selection = take_selection(options)
    workers, dry = options.pop("workers", None), options.pop("dry_run")
    if dry:
        with previewing(place, selection) as run:
            run = replace(run, listed=listing(run))
            summaries = [run.preview(plan(run))]
    else:
        with writing(place, selection, workers) as run:
            summaries = do(run)
    if place.as_json:
        print_json({"workspace": str(place.workspace_path), "dry_run": dry, "stages": [s.as_json() for s in summaries]})
    else:
        for summary in summaries:
            print_summary(summary)
    return EXIT_OK if dry else worst(summaries)

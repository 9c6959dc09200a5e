"""What fetch, verify and featurize have in common: run or preview, print, exit code."""

from collections.abc import Callable
from typing import Any

from vegas_data.cli.console import print_json, print_summary
from vegas_data.cli.session import Place, take_selection, worst, writing
from vegas_data.pipeline import Run
from vegas_data.run.driver import Summary, Work, preview


def run_verb(
    options: dict[str, Any],
    do: Callable[[Run], list[Summary]],
    plan: Callable[[Run], Work],
    before: Callable[[Run], None] | None = None,
) -> int:
    """Take the shared options out of ``options`` and run a verb.

    Args:
        do: runs it. plan: what ``--dry-run`` previews. before: what both need done first.
    """
    place = Place.take(options)
    selection = take_selection(options)
    with writing(place, selection, options.pop("workers", None)) as run:
        if before is not None:
            before(run)
        dry = options.pop("dry_run")
        summaries = [preview(plan(run), run.ledger, again=selection.again)] if dry else do(run)
    if place.as_json:
        print_json({"workspace": str(place.workspace_path), "dry_run": dry, "stages": [s.as_json() for s in summaries]})
    else:
        for summary in summaries:
            print_summary(summary)
    return 0 if dry else worst(summaries)

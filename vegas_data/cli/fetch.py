"""``vegas-data fetch``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vegas_data.cli.options import access_options, selection_options, workspace_options
from vegas_data.errors import CLIP_CLASSES, CRASHED

if TYPE_CHECKING:
    from vegas_data.context import Run
    from vegas_data.run.driver import Work


@click.command("fetch", short_help="Bring clips here, cut to their spans.")
@click.option(
    "--manifest",
    "table",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Table of clips (CSV or Parquet: video_id, start_ms, end_ms, category) to put into the workspace first.",
)
@click.option(
    "--retry",
    multiple=True,
    type=click.Choice((*CLIP_CLASSES, CRASHED)),
    metavar="CLASS",
    help="Only clips whose last attempt ended in this class, refused for good or not; may be repeated.",
)
@click.option(
    "--local",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="A folder of videos, asked first for every id.",
)
@access_options
@selection_options
@workspace_options
def command(table: Path | None, local: Path | None, **options: Any) -> int:
    """Bring clips here: an mp4 of exactly each clip's span.

    A workspace without a table of clips gets one first, built from AudioSet's tables (see manifest build), if the
    recipe names them.

    Every clip that cannot be had is recorded under its reason. Stop it at any moment and run it again to go on:
    Ctrl-C once finishes what is in flight, twice stops at once.
    Exit code 4: some clips failed in a way that may pass; 5: a source's tool is broken or missing; 75: a host wants us
    to come back later, which is said.

    Example: vegas-data fetch --category drum --limit 100
    """
    from vegas_data import clips
    from vegas_data.categories import load_categories
    from vegas_data.cli.console import table_bar
    from vegas_data.cli.session import Place, take_access
    from vegas_data.cli.stage import run_verb
    from vegas_data.context import Run
    from vegas_data.manifest import read_table
    from vegas_data.run.summary import Summary

    access = take_access(options)
    place = Place.take(dict(options))
    categories = load_categories(place.find_categories())
    given = None if table is None else read_table(table, categories)  # refused before anything is done

    def do(run: Run) -> list[Summary]:
        clips.prepare_manifest(run, given, bar=table_bar(quiet=place.as_json))
        return clips.run_fetch(run, access, local)

    return run_verb(
        options,
        do=do,
        plan=clips.fetch_work,
        listing=lambda run: clips.preview_manifest(run, given),
        more=_More(local),
    )


class _More:
    """Before: what will be asked for and how long that takes. After: how many clips a category is short of the cap."""

    def __init__(self, local: Path | None) -> None:
        self._local = local

    def foresee(self, run: "Run", work: "Work", workers: int) -> dict[str, Any]:
        from dataclasses import asdict

        from vegas_data.clips import plan_fetch

        return {"plan": asdict(plan_fetch(run, work, workers=workers, local=self._local))}

    def look_back(self, run: "Run") -> dict[str, Any]:
        from vegas_data.clips import short_of_clips

        return {"short": short_of_clips(run)}

    def show(self, told: dict[str, Any]) -> None:
        from vegas_data.cli.console import print_plan, print_short

        if "plan" in told:
            print_plan(told["plan"])
        print_short(told.get("short", {}))

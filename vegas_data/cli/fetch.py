"""``vegas-data fetch``."""

from pathlib import Path
from typing import Any

import click

from vegas_data.cli.options import selection_options, workspace_options


@click.command("fetch", short_help="Bring clips here, cut to their spans.")
@click.option(
    "--manifest",
    "table",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Table of clips (CSV or Parquet: video_id, start_ms, end_ms, category) to put into the workspace first.",
)
@selection_options
@workspace_options
def command(table: Path | None, **options: Any) -> int:
    """Bring clips here: an mp4 of exactly each clip's span.

    A workspace without a table of clips gets one first, built from AudioSet's tables (see manifest build), if the
    recipe names them.

    Every clip that cannot be had is recorded under its reason. Stop it at any moment and run it again to go on.
    Exit code 4: some clips failed in a way that may pass; 75: a host asked us to come back later.

    Example: vegas-data fetch --category drum --limit 100
    """
    from vegas_data import clips
    from vegas_data.categories import load_categories
    from vegas_data.cli.console import table_bar
    from vegas_data.cli.session import Place
    from vegas_data.cli.stage import run_verb
    from vegas_data.context import Run
    from vegas_data.manifest import read_table
    from vegas_data.run.driver import Summary

    place = Place.take(dict(options))
    categories = load_categories(place.find_categories())
    given = None if table is None else read_table(table, categories)  # refused before anything is done

    def do(run: Run) -> list[Summary]:
        clips.prepare_manifest(run, given, bar=table_bar(quiet=place.as_json))
        return clips.run_fetch(run)

    return run_verb(options, do=do, plan=clips.fetch_work, listing=lambda run: clips.preview_manifest(run, given))

"""``vegas-data demo``."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from vegas_data.cli.options import workspace_options
from vegas_data.errors import EXIT_FINDINGS


@click.command("demo", short_help="Do the main job on the embedded corpus.")
@click.option("--workers", type=click.IntRange(0, 1024), help="Worker processes. [default: one per core]")
@workspace_options
@click.pass_context
def command(context: click.Context, /, workers: int | None, **options: Any) -> int:
    """Do the main job on the embedded corpus: fetch, verify, featurize, and a page that shows what happened.

    The corpus is rendered from real photographs and recordings, with planted faults whose truth is known; the real
    yt-dlp fetches it from a server on this machine. Exit code 1: a planted fault did not end as it must.

    Example: vegas-data demo
    """
    from vegas_data.cli.console import print_json, print_summary
    from vegas_data.cli.session import Place, worst, writing
    from vegas_data.context import Selection
    from vegas_data.overview import write_page
    from vegas_data.pipeline import FETCH, prepare_manifest, run_featurize, run_fetch, run_verify

    if context.get_parameter_source("workspace_path") is ParameterSource.DEFAULT:
        options["workspace_path"] = Path("demo-workspace")
    if options["recipe_name"] is None:
        options["recipe_name"] = "demo"
    place = Place.take(options)
    with writing(place, Selection(), workers) as run:
        prepare_manifest(run, None)
        summaries = []
        for stage in (run_fetch, run_verify, run_featurize):
            for summary in stage(run):
                summaries.append(summary)
                if not place.as_json:
                    print_summary(summary)
        result = write_page(run)
        page = run.workspace.path("report.html")
    if place.as_json:
        print_json(result)
    else:
        for wrong in result["mismatches"]:
            click.echo(f"{wrong['clip']}: expected {wrong['expected']}, observed {wrong['observed']}", err=True)
        click.echo(page)
    if result["mismatches"]:
        return EXIT_FINDINGS
    return worst([summary for summary in summaries if summary.stage != FETCH])  # the planted failures are no news

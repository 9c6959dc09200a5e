"""``vegas-data demo``."""

from pathlib import Path
from typing import Any

import click

from vegas_data.cli.options import workspace_options
from vegas_data.errors import EXIT_FINDINGS, EXIT_OK


@click.command("demo")
@click.option("--workers", type=click.IntRange(0, 1024), help="Worker processes. [default: one per core]")
@workspace_options
def command(workers: int | None, **options: Any) -> int:
    """Do the main job on the embedded corpus: fetch, verify, featurize, and a page that shows what happened.

    The corpus is rendered from real photographs and recordings, with planted faults whose truth is known; the real
    yt-dlp fetches it from a server on this machine. Exit code 1: a planted fault did not end as it must.

    Example: vegas-data demo
    """
    from vegas_data.cli.console import print_demo, print_json
    from vegas_data.cli.session import Place, writing
    from vegas_data.overview import write_page
    from vegas_data.pipeline import Selection, prepare_manifest, run_featurize, run_fetch, run_verify

    if options["workspace_path"] == Path("vegas-workspace"):
        options["workspace_path"] = Path("demo-workspace")
    if options["recipe_name"] is None:
        options["recipe_name"] = "demo"
    place = Place.take(options)
    with writing(place, Selection(), workers) as run:
        prepare_manifest(run, None)
        for stage in (run_fetch, run_verify, run_featurize):
            for summary in stage(run):
                if not place.as_json:
                    print_demo(summary)
        result = write_page(run)
        page = run.workspace.path("report.html")
    if place.as_json:
        print_json(result)
    else:
        click.echo(page)
    return EXIT_FINDINGS if result["mismatches"] else EXIT_OK

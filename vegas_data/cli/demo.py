"""``vegas-data demo``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from vegas_data.cli.options import workspace_options
from vegas_data.errors import EXIT_FINDINGS

if TYPE_CHECKING:
    from vegas_data.context import Run
    from vegas_data.shards import Finding


@click.command("demo", short_help="Do the main job on the embedded corpus.")
@click.option("--workers", type=click.IntRange(0, 1024), help="Worker processes. [default: one per core]")
@workspace_options
@click.pass_context
def command(context: click.Context, /, workers: int | None, **options: Any) -> int:
    """Do the main job on the embedded corpus: from a URL to shards, three models, their sound and a release.

    The corpus is rendered from real photographs and recordings, with planted faults whose truth is known, and
    fetched from a server on this machine. Three small models learn from the shards and make sound for videos they have
    not seen; a page shows all of it. Exit code 1: a planted fault did not end as it must, or the release
    fails its own check.

    Example: vegas-data demo
    """
    from vegas_data.cli.console import command_bars, print_findings, print_json, print_summary
    from vegas_data.cli.session import Place, default_workers, worst, writing
    from vegas_data.clips import FETCH, prepare_manifest, run_fetch
    from vegas_data.context import Selection
    from vegas_data.overview import write_page
    from vegas_data.pipeline import run_featurize, run_training, run_verify

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
        if run.recipe.training is not None:
            jobs = 2 * (workers or default_workers())  # of one thread each: all cores are busy to the end
            with command_bars(quiet=place.as_json) as tell:
                run_training(run, run.recipe.training, jobs=jobs, tell=tell)
        release, findings = _release(run)
        result = write_page(run)
        page = run.workspace.path("report.html")
    if place.as_json:
        print_json(result)
    else:
        print_findings({"releases": 1}, findings)
        for wrong in result["mismatches"]:
            click.echo(f"{wrong['clip']}: expected {wrong['expected']}, observed {wrong['observed']}", err=True)
        click.echo(release)
        click.echo(page)
    if result["mismatches"] or findings:
        return EXIT_FINDINGS
    return worst([summary for summary in summaries if summary.stage != FETCH])  # the planted failures are no news


def _release(run: "Run") -> "tuple[Path, list[Finding]]":
    """Build the release of features, and check it as a stranger would."""
    from vegas_data.pipeline import run_release
    from vegas_data.release import ReleaseOptions, check_release

    options = ReleaseOptions(profile="features", version="0.1.0")
    built = run_release(run, options, run.workspace.path("releases") / options.name)
    return built.folder, check_release(built.folder)[1]

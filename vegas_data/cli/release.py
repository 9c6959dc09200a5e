"""``vegas-data release build | check | availability``."""

from pathlib import Path
from typing import Any

import click

from vegas_data.cli.options import access_options, json_option, workspace_options
from vegas_data.errors import EXIT_FINDINGS, EXIT_OK, ReleaseError


def _semver(_: click.Context, __: click.Parameter, value: str) -> str:
    from vegas_data.release import check_version

    try:
        return check_version(value)
    except ReleaseError as error:
        raise click.BadParameter(f"{error}: {error.remedy}") from None


@click.group("release", short_help="Build and check a release.")
def command() -> None:
    """Build a release that others can load, and check one, whoever built it.

    Example: vegas-data release build
    """


@command.command("build")
@click.option(
    "--profile",
    type=click.Choice(["features", "media"]),
    default="features",
    show_default=True,
    help="features: streams, no sound. media: sound and mp4 too, where the licence allows passing them on.",
)
@click.option(
    "--version", default="0.1.0", show_default=True, metavar="X.Y.Z", callback=_semver, help="Semantic version."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder to build. [default: WORKSPACE/releases/PROFILE-VERSION]",
)
@click.option("--skip-unlicensed", is_flag=True, help="Leave out of the shards what must not be passed on.")
@click.option("--dry-run", is_flag=True, help="Say what would be in it, and do nothing.")
@workspace_options
def build(
    profile: Any, version: str, output: Path | None, skip_unlicensed: bool, dry_run: bool, **options: Any
) -> None:
    """Repack the shards and tables of a workspace as a release: a folder that appears whole or not at all.

    The same workspace gives the same bytes. A release that stands there already is left as it is.

    Example: vegas-data release build --profile features --version 1.0.0
    """
    from contextlib import nullcontext

    from vegas_data.cli.console import download_bar, print_json
    from vegas_data.cli.session import Place, reading
    from vegas_data.pipeline import run_release
    from vegas_data.release import ReleaseOptions

    asked = ReleaseOptions(profile=profile, version=version, skip_unlicensed=skip_unlicensed)
    place = Place.take(options)
    target = output or place.workspace_path / "releases" / asked.name
    with (
        reading(place) as run,
        nullcontext() if dry_run else run.workspace.lock(),
        download_bar("shards", quiet=place.as_json or dry_run) as tell,
    ):
        result = run_release(run, asked, target, dry_run=dry_run, tell=tell)
    if place.as_json:
        print_json(result.as_json())
        return
    size = f"{'about ' if dry_run else ''}{result.num_bytes:,} bytes"
    click.echo(f"{result.folder}: {result.outcome}: {result.shards} shards, {result.examples} examples, {size}")
    for reason, count in result.left_out.items():
        click.echo(f"  {count} examples are in no shard: {reason}")
    for category in result.stale_audits:
        click.echo(f"  {category}: its audit is of older verdicts and left out: vegas-data audit draw --anew")
    if not result.audited:
        click.echo("  no audit: the card says that precision was not measured")


@command.command("check")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@json_option
def check(folder: Path, as_json: bool) -> int:
    """Prove a release: files, tables, shards, cards, and each against the others. Needs no workspace and no network.

    Exit code 1: something was found; each finding names file, example, reason and remedy.

    Example: vegas-data release check demo-workspace/releases/features-0.1.0
    """
    from dataclasses import asdict

    from vegas_data.cli.console import print_findings, print_json
    from vegas_data.release import check_release

    checked, findings = check_release(folder)
    if as_json:
        print_json({"checked": checked, "findings": [asdict(finding) for finding in findings]})
    else:
        print_findings(checked, findings)
    return EXIT_FINDINGS if findings else EXIT_OK


@command.command("availability")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.parquet",
    help="Where to write it. [default: WORKSPACE/tables/availability.parquet]",
)
@click.option(
    "--diff",
    nargs=2,
    metavar="A B",
    help="Write nothing: say what changed between two dates (2026-08-01) or two such files.",
)
@click.option("--check", "ask", is_flag=True, help="First ask the hosts again; nothing is brought.")
@click.option("--category", "category_names", multiple=True, help="Ask for this category only; may be repeated.")
@click.option("--limit", type=click.IntRange(1), help="Ask for so many clips, those asked for longest ago.")
@click.option("--workers", type=click.IntRange(0, 1024), help="Worker processes. [default: one per core]")
@access_options
@workspace_options
def availability(output: Path | None, diff: tuple[str, str] | None, ask: bool, **options: Any) -> int:
    """Write the link-rot ledger: one row for every time that a clip came or was refused for good, with its class.

    What is a host's or the network's fault stands in no row: it says nothing about a video.

    Example: vegas-data release availability --diff 2026-08-01 2026-09-01
    """
    from vegas_data.cli.availability import ask_again, show_changes, write_ledger

    if diff is not None and (ask or output is not None):
        raise click.UsageError("--diff only compares: it goes with neither --check nor --output")
    if diff is not None:
        return show_changes(diff, options)
    return ask_again(output, options) if ask else write_ledger(output, options)

"""``vegas-data manifest build | show | check | diff | import``."""

from pathlib import Path
from typing import Any

import click

from vegas_data.cli.options import workspace_options
from vegas_data.errors import EXIT_FINDINGS, EXIT_OK, ManifestError

_FILE = click.Path(path_type=Path)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_SHOWN = 20


@click.group("manifest", short_help="Build, show, check and compare the table of clips.")
def command() -> None:
    """Build the table of clips from AudioSet's tables, look at it, prove it, compare it.

    Example: vegas-data manifest build
    """


@command.command("build")
@click.option("--from", "folder", type=_FOLDER, metavar="DIR", help="Read AudioSet's tables here; download nothing.")
@click.option("--with-priors", "priors", is_flag=True, help="Also download strong labels and raters' counts.")
@click.option("--skip-bad-rows", is_flag=True, help="Leave out rows that cannot be used, and count them.")
@click.option("--dry-run", is_flag=True, help="Say what would be listed, and write nothing.")
@workspace_options
def build(folder: Path | None, priors: bool, skip_bad_rows: bool, dry_run: bool, **options: Any) -> None:
    """Build the table of clips from AudioSet's segments and ontology: every clip whose labels select a category.

    Nothing is cut: each clip has a rank in its category's queue, and fetching goes down the queue until as many as the
    recipe asks for are alive. Strong labels and raters' counts are used if they are there. Interrupted, the same
    command goes on with the tables that are still missing.

    Example: vegas-data manifest build --from audioset
    """
    from vegas_data import clips
    from vegas_data.cli.console import print_json, print_listing, table_bar
    from vegas_data.cli.session import Place, previewing, writing
    from vegas_data.context import Selection
    from vegas_data.manifest import CLIPS, read_workspace_table, write_table
    from vegas_data.manifest.compare import compare_tables, count_clips

    place = Place.take(options)
    with previewing(place, Selection()) if dry_run else writing(place, Selection()) as run:
        made = clips.build_manifest(
            run, folder, priors=priors, skip_bad_rows=skip_bad_rows, bar=table_bar(quiet=place.as_json)
        )
        changes: dict[str, dict[str, int]] | None = {}
        if run.workspace.exists(CLIPS):
            try:
                before = read_workspace_table(run.workspace, run.categories)
                changes = compare_tables(before, made.table).by_category()
            except ManifestError as error:  # of other categories, say: a reason to build it anew
                changes = None
                click.echo(f"the table that was there could not be compared: {error}", err=True)
        if not dry_run:
            write_table(run.workspace, made.table, made.sources)
    counts = count_clips(made.table)
    if place.as_json:
        result = {"workspace": str(place.workspace_path), "dry_run": dry_run, "rows": len(made.table), "clips": counts}
        print_json({**result, "left_out": made.left_out, "absent": made.absent, "changes": changes})
        return
    print_listing(counts)
    for name in made.absent:
        click.echo(f"{name}: not in {folder}", err=True)
    _tell_left_out(made.left_out)
    _tell_changes(changes or {})


@command.command("show")
@click.argument("file", type=_FILE, metavar="[FILE]", required=False)
@workspace_options
def show(file: Path | None, **options: Any) -> None:
    """Say how many clips a table lists, by category and origin: the workspace's own, or FILE.

    Example: vegas-data manifest show --json
    """
    from vegas_data.cli.console import print_json, print_listing
    from vegas_data.manifest.compare import count_clips

    place, table = _open(file, options)
    counts = count_clips(table)
    if place.as_json:
        print_json({"rows": len(table), "columns": table.column_names, "clips": counts})
    else:
        print_listing(counts)


@command.command("check")
@click.argument("file", type=_FILE, metavar="[FILE]", required=False)
@click.option("--from", "folder", type=_FOLDER, metavar="DIR", help="Check AudioSet's tables in this folder instead.")
@workspace_options
def check(file: Path | None, folder: Path | None, **options: Any) -> int:
    """Try every rule on a table of clips (the workspace's own, or FILE), or on AudioSet's tables with --from.

    Exit code 1: something was found; each finding names file, line, reason and remedy.

    Example: vegas-data manifest check clips.csv
    """
    from dataclasses import asdict

    from vegas_data import listing
    from vegas_data.categories import load_categories
    from vegas_data.cli.console import print_findings, print_json
    from vegas_data.cli.session import Place
    from vegas_data.manifest.check import check_table, check_workspace
    from vegas_data.workspace import Workspace

    if file is not None and folder is not None:
        raise click.UsageError("give FILE or --from DIR, not both")
    place = Place.take(options)
    categories = load_categories(place.find_categories())
    if folder is not None:
        _, recipe = place.find_recipe()
        wanted = recipe.manifest or listing.ManifestOptions()
        checked, findings = listing.check_folder(wanted, categories.values(), folder)
    elif file is not None:
        count, findings = check_table(file, categories)
        checked = {"rows": count}
    else:
        count, findings = check_workspace(Workspace(place.workspace_path), categories)
        checked = {"rows": count}
    if place.as_json:
        print_json({"checked": checked, "findings": [asdict(finding) for finding in findings]})
    else:
        print_findings(checked, findings)
    return EXIT_FINDINGS if findings else EXIT_OK


@command.command("diff")
@click.argument("before", type=_FILE, metavar="A")
@click.argument("after", type=_FILE, metavar="[B]", required=False)
@workspace_options
def diff(before: Path, after: Path | None, **options: Any) -> int:
    """Say which rows came, went or changed from table A to table B (the workspace's own, if B is not given).

    A and B are CSV or Parquet files. Ranks in the queue are not compared. Exit code 1: the tables differ.

    Example: vegas-data manifest diff old.parquet new.parquet
    """
    from vegas_data.cli.console import print_json
    from vegas_data.manifest.compare import compare_tables

    _, old = _open(before, dict(options))
    place, new = _open(after, options)
    found = compare_tables(old, new)
    if place.as_json:
        changed = [{"row": key, "columns": columns} for key, columns in found.changed]
        print_json({"added": found.added, "removed": found.removed, "changed": changed})
    else:
        lines = [f"+ {_name(key)}" for key in found.added] + [f"- {_name(key)}" for key in found.removed]
        lines += [f"~ {_name(key)}: {', '.join(columns)}" for key, columns in found.changed]
        for line in lines[:_SHOWN]:
            click.echo(line)
        if len(lines) > _SHOWN:
            click.echo(f"… and {len(lines) - _SHOWN} more: --json lists all")
        _tell_changes(found.by_category())
    return EXIT_FINDINGS if found else EXIT_OK


@command.command("import")
@click.argument("form", type=click.Choice(["vggsound", "csv"]), metavar="vggsound|csv")
@click.argument("file", type=_FILE, metavar="FILE")
@click.option("--skip-bad-rows", is_flag=True, help="Leave out rows that cannot be used, and count them (vggsound).")
@workspace_options
def import_(form: Any, file: Path, skip_bad_rows: bool, **options: Any) -> None:
    """Add candidates from elsewhere to the workspace's table: VGGSound's list, or a CSV with our own columns.

    What is listed already stays as it is; what overlaps a listed clip of its video and category is left out.

    Example: vegas-data manifest import vggsound vggsound.csv
    """
    from vegas_data import clips
    from vegas_data.cli.console import print_json, print_listing
    from vegas_data.cli.session import Place, writing
    from vegas_data.context import Selection
    from vegas_data.manifest import write_table
    from vegas_data.manifest.compare import count_clips

    place = Place.take(options)
    with writing(place, Selection()) as run:
        made, added = clips.import_manifest(run, file, form=form, skip_bad_rows=skip_bad_rows)
        write_table(run.workspace, made.table, made.sources)
    counts = count_clips(made.table)
    if place.as_json:
        print_json({"rows": len(made.table), "clips": counts, "import": dict(added), "left_out": made.left_out})
        return
    print_listing(counts)
    words = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in added.items())
    click.echo(f"{file}: {words}", err=True)
    _tell_left_out(made.left_out)


def _open(file: Path | None, options: dict[str, Any]) -> tuple[Any, Any]:
    """The options of the command, and the table at ``file`` or in the workspace."""
    from vegas_data.categories import load_categories
    from vegas_data.cli.session import Place
    from vegas_data.manifest import read_table, read_workspace_table
    from vegas_data.workspace import Workspace

    place = Place.take(options)
    categories = load_categories(place.find_categories())
    if file is not None:
        return place, read_table(file, categories)
    return place, read_workspace_table(Workspace(place.workspace_path), categories)


def _name(key: tuple[str, int, str]) -> str:
    return f"{key[0]}_{key[1]:09d} {key[2]}"


def _tell_left_out(left_out: Any) -> None:
    for name, reasons in left_out.items():
        for reason, count in reasons.items():
            click.echo(f"{name}: {count} rows left out: {reason}", err=True)


def _tell_changes(changes: dict[str, dict[str, int]]) -> None:
    for category, counts in changes.items():
        words = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
        click.echo(f"{category}: {words}", err=True)

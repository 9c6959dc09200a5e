"""``vegas-data weights list | fetch | check``."""

from pathlib import Path
from typing import Any

import click

from vegas_data.cli.options import json_option
from vegas_data.errors import EXIT_DEPENDENCY, EXIT_FINDINGS, EXIT_OK, WeightsMissing


@click.group("weights", short_help="List, fetch and check networks' weights.")
def command() -> None:
    """List, fetch and check the networks' weights.

    Example: vegas-data weights list
    """


@command.command("list")
@json_option
def list_weights(as_json: bool) -> None:
    """Say which weights are known, whether they are here, and under what licence.

    Example: vegas-data weights list --json
    """
    from vegas_data.cli.console import print_json, print_rows
    from vegas_data.weights import check, load_registry

    rows = []
    for entry in load_registry().values():
        found = check(entry)
        rows.append(
            {
                "name": entry.name,
                "kind": entry.kind,
                "status": found.status,
                "licence": entry.licence,
                "sha256": entry.sha256,
                "path": str(found.path or ""),
                "remedy": found.remedy,
            }
        )
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ("name", "kind", "status", "licence", "remedy"))


@command.command("fetch")
@click.argument("name")
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Take this file instead of the public address.",
)
@click.option("--yes", is_flag=True, help="Do not ask about the licence.")
@json_option
def fetch_weights(name: str, file: Path | None, yes: bool, as_json: bool) -> None:
    """Bring one network's weights here; the licence is told first, the sha256 is checked after.

    Example: vegas-data weights fetch vgg19-fc6
    """
    from vegas_data.cli.console import download_bar, print_json
    from vegas_data.weights import check, fetch, install, load_registry, select_model

    entry = select_model(load_registry(), name)
    here = check(entry).status == "ok"
    if not here:
        click.echo(f"{entry.name}: licence {entry.licence}. {entry.notes}", err=True)
        restricted = "non-commercial" in f"{entry.licence} {entry.notes}".lower()
        if restricted and not yes and (as_json or not click.confirm("Fetch under this licence?", err=True)):
            raise WeightsMissing(
                f"{entry.name}: not fetched: its licence was not accepted", remedy="add --yes to accept"
            )
    if file is not None:
        path = install(entry, file)
    else:
        with download_bar(entry.name, quiet=as_json or here) as progress:
            path = fetch(entry, progress)
    if as_json:
        print_json({"name": entry.name, "path": str(path)})
    else:
        click.echo(path)


@command.command("check")
@click.argument("names", nargs=-1)
@json_option
def check_weights(names: tuple[str, ...], as_json: bool) -> int:
    """Read every byte of the weights that are here and compare it with what is pinned.

    Exit code 1: some are not the pinned ones; 5: named ones are missing.

    Example: vegas-data weights check yamnet
    """
    from dataclasses import asdict

    from vegas_data.cli.console import print_json, print_rows
    from vegas_data.weights import check, load_registry, select_model

    registry = load_registry()
    found: list[Any] = [check(select_model(registry, name)) for name in (names or registry)]
    rows: list[dict[str, Any]] = [{**asdict(result), "path": str(result.path or "")} for result in found]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ("name", "status", "sha256", "message", "remedy"))
    if any(result.status == "wrong" for result in found):
        return EXIT_FINDINGS
    return EXIT_DEPENDENCY if names and any(result.status == "missing" for result in found) else EXIT_OK

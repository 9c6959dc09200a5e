"""``vegas-data weights list | fetch | convert | check``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from vegas_data.cli.options import json_option
from vegas_data.errors import EXIT_DEPENDENCY, EXIT_FINDINGS, EXIT_OK, WeightsMissing

if TYPE_CHECKING:
    from vegas_data.models import ModelEntry

_yes_option: Final = click.option("--yes", is_flag=True, help="Do not ask about the licence.")


@click.group("weights", short_help="List, fetch, convert and check networks' weights.")
def command() -> None:
    """List, fetch, convert and check the networks' weights.

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
@_yes_option
@json_option
def fetch_weights(name: str, file: Path | None, yes: bool, as_json: bool) -> None:
    """Bring one network's weights here; the licence is told first, the sha256 is checked after.

    Those of vgg19-fc6 and temporal-vgg16-fc6 are kept as safetensors, up to fc6: --from takes a .caffemodel (of the
    temporal network), a torch state dict or a .safetensors, told apart by what is in it.

    Example: vegas-data weights fetch temporal-vgg16-fc6 --from cuhk_action_temporal_vgg_16_split1.caffemodel
    """
    from vegas_data.cli.console import download_bar
    from vegas_data.weights import check, fetch, install, load_registry, select_model

    entry = select_model(load_registry(), name)
    here = check(entry).status == "ok"
    if not here:
        _tell_licence(entry, accepted=yes, ask=not as_json)
    convert = None
    if entry.is_converted:
        from vegas_data.networks.conversion import converter_of

        convert = converter_of(name)
    if file is not None:
        path = install(entry, file, convert=convert)
    else:
        with download_bar(entry.name, quiet=as_json or here) as progress:
            path = fetch(entry, progress, convert=convert)
    _print_kept(name, path, as_json=as_json)


@command.command("convert")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--as", "name", metavar="NAME", required=True, help="Whose weights the file holds.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write this .safetensors, and its record beside it, instead of installing the weights.",
)
@_yes_option
@json_option
def convert_weights(file: Path, name: str, output: Path | None, yes: bool, as_json: bool) -> None:
    """Convert a .caffemodel or a torch file to safetensors with torchvision's names, up to fc6.

    Caffe is not needed, and nothing in the file is executed. The same numbers give the same bytes, whichever kind of
    file they came in. Without --output this is `weights fetch NAME --from FILE`. Exit code 3: FILE is damaged or holds
    another network; 2: NAME is not one of vgg19-fc6 (not from Caffe) and temporal-vgg16-fc6.

    Example: vegas-data weights convert vgg19-dcbb9e9d.pth --as vgg19-fc6
    """
    from vegas_data.networks.conversion import NETWORKS, converter_of
    from vegas_data.weights import convert_file, install, load_registry, read_record, select_model

    entry = select_model(load_registry(), name)
    if name not in NETWORKS:
        raise click.BadParameter(f"nothing is converted to {name}, only to {', '.join(NETWORKS)}", param_hint="--as")
    convert = converter_of(name)
    if output is None:
        _tell_licence(entry, accepted=yes, ask=not as_json)
        path = install(entry, file, convert=convert)
    else:
        if output.exists() or read_record(output):
            raise click.BadParameter(f"{output}, or its record, is there already", param_hint="--output")
        _tell_licence(entry, accepted=True, ask=False)
        path = convert_file(entry, file, output, convert=convert)
    _print_kept(name, path, as_json=as_json)


def _tell_licence(entry: "ModelEntry", *, accepted: bool, ask: bool) -> None:
    """Say the licence; where it restricts, go on only if it is accepted."""
    click.echo(f"{entry.name}: licence {entry.licence}. {entry.notes.strip()}", err=True)
    restricted = "non-commercial" in f"{entry.licence} {entry.notes}".lower()
    if restricted and not accepted and not (ask and click.confirm("Take them under this licence?", err=True)):
        raise WeightsMissing(f"{entry.name}: not taken: its licence was not accepted", remedy="add --yes to accept")


def _print_kept(name: str, path: Path, *, as_json: bool) -> None:
    from vegas_data.cli.console import print_json
    from vegas_data.weights import read_record

    if as_json:
        print_json({**read_record(path), "name": name, "path": str(path)})
    else:
        click.echo(path)


@command.command("check")
@click.argument("names", nargs=-1)
@json_option
def check_weights(names: tuple[str, ...], as_json: bool) -> int:
    """Read every byte of the weights that are here and compare it with what is pinned.

    Converted weights are proved by the sha256 that was recorded when they were made, and the file that they were made
    from by its own, which stands in the record beside them.

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

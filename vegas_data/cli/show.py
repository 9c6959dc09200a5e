"""``vegas-data show``."""

import re
from pathlib import Path
from typing import Any, Final

import click

from vegas_data.cli.options import workspace_options
from vegas_data.errors import EXIT_OK

_SUFFIXES: Final = (".html", ".png")
_DASHED: Final = re.compile(r"-[A-Za-z0-9_-]{10}_[0-9]{9}(_[0-9]{9})?", re.ASCII)


class _Show(click.Command):
    """About one YouTube id in 64 begins with ``-``: what has the form of an id is one, and no option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ids = [arg for arg in args if _DASHED.fullmatch(arg)]
        if ids and "--" not in args:
            args = [*(arg for arg in args if arg not in ids), "--", *ids]
        return super().parse_args(ctx, args)


@click.command("show", cls=_Show, short_help="One example or clip on a sheet.")
@click.argument("unit", metavar="EXAMPLE_ID|CLIP_ID")
@click.option("--category", help="Only this category, where the clip is a candidate for several.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html|FILE.png",
    help="Where to write it. [default: EXAMPLE_ID.html in this folder]",
)
@workspace_options
def command(unit: str, category: str | None, output: Path | None, **options: Any) -> int:
    """Write one example or clip on a sheet: pictures, flow, sound, spectrogram, verdicts and features on one time axis.

    The page stands for itself: one file that loads nothing and runs no script. A PNG holds the essentials.

    Example: vegas-data show demo-drum_004_000000400_000006400 --workspace demo-workspace
    """
    if output is not None and output.suffix.lower() not in _SUFFIXES:
        raise click.UsageError(f"--output {output}: a sheet is {' or '.join(_SUFFIXES)}")
    if output is not None and not output.absolute().parent.is_dir():
        raise click.UsageError(f"--output {output}: there is no folder {output.parent}")

    from vegas_data.cli.console import print_json
    from vegas_data.cli.session import Place, reading, take_selection
    from vegas_data.sheet.facts import describe
    from vegas_data.showing import write_sheet

    place = Place.take(options)
    with reading(place, take_selection({"category_names": (category,) if category else ()})) as run:
        path, data = write_sheet(run, unit, output, category=category)
    if place.as_json:
        print_json({"output": str(path), **describe(data)})
    else:
        for note in data.notes:
            click.echo(note, err=True)
        click.echo(f"./{path}" if str(path).startswith("-") else path)
    return EXIT_OK

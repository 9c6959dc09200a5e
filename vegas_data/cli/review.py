"""``vegas-data review``."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vegas_data.cli.options import workspace_options

if TYPE_CHECKING:
    from vegas_data.annotate import Binding
    from vegas_data.cli.session import Place
    from vegas_data.context import Run


@click.command("review", short_help="Let people judge what is undecided.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to serve the page on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port. [default: any free one]")
@click.option("--public-url", default="", metavar="URL", help="How people reach the page, if through a proxy.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the page's token, which only you can read. [default: a new token each time, on loopback only]",
)
@click.option("--category", "category_names", multiple=True, help="Only this category; may be repeated.")
@click.option(
    "--purpose",
    type=click.Choice(["review", "calibration", "audit"]),
    default="review",
    show_default=True,
    help="Undecided windows, or those that were drawn for calibration or an audit.",
)
@click.option("--gold", type=click.Path(path_type=Path, dir_okay=False), help="Table of known answers to mix in.")
@click.option(
    "--judges", type=click.IntRange(1, 9), help="People asked about each side. [default: the recipe's number]"
)
@click.option("--alone", is_flag=True, help="One judge is enough, and may see a clip again for another category.")
@click.option("--clips-per-person", type=click.IntRange(0), default=0, help="After so many somebody is done.")
@click.option("--completion-code", default="", help="Shown to people who are done.")
@click.option("--completion-url", default="", metavar="URL", help="Where people go who are done (https).")
@click.option(
    "--import",
    "imported",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Take judgments from a CSV or JSON export (Label Studio, a plain table) instead of serving the page.",
)
@click.option("--dry-run", is_flag=True, help="Say what there is to judge, and do nothing.")
@click.option("--no-browser", is_flag=True, help="Do not open the page in a browser.")
@workspace_options
def command(**options: Any) -> None:
    """Serve the page on which people judge two-second pieces by ear and by eye, until you press Ctrl-C.

    Every answer is on disk before it is confirmed. Start it again to go on. Others can reach the page only with a token
    file and --host or --public-url.

    Example: vegas-data review --category drum
    """
    from vegas_data import reviewing
    from vegas_data.cli.console import print_json
    from vegas_data.cli.session import Place, reading, take_selection

    place = Place.take(options)
    imported, dry, purpose, gold = (options.pop(name) for name in ("imported", "dry_run", "purpose", "gold"))
    binding = _binding(options)
    with reading(place, take_selection(options)) as run:
        if dry:
            found = reviewing.preview_review(run, purpose, gold)
            print_json(found) if place.as_json else click.echo(_words(found))
        elif imported is not None:
            counts = reviewing.import_file(run, imported, purpose)
            table = reviewing.export_judgments(run)
            if place.as_json:
                print_json({"new": counts.new, "known": counts.known, "judgments": table})
            else:
                click.echo(f"{imported}: {counts.new} judgments taken, {counts.known} were there before")
        else:
            _serve(run, place, binding, purpose, gold, options)


def _binding(options: dict[str, Any]) -> "Binding":
    """Where to serve; refuses an address that others could reach without a token file."""
    from vegas_data.annotate import Binding, binding_problem, read_token

    host, port, url, file = (options.pop(name) for name in ("host", "port", "public_url", "token_file"))
    problem = binding_problem(host, has_token_file=file is not None, public_url=url)
    if problem:
        raise click.UsageError(problem)
    return Binding(host=host, port=port, public_url=url, token="" if file is None else read_token(file))


def _serve(
    run: "Run", place: "Place", binding: "Binding", purpose: Any, gold: Path | None, options: dict[str, Any]
) -> None:
    from vegas_data import reviewing
    from vegas_data.annotate import ReviewOptions
    from vegas_data.cli.console import print_json

    alone, quiet, needed = options.pop("alone"), options.pop("no_browser"), reviewing.judges_needed(run, purpose)
    try:
        asked = ReviewOptions(
            judgments_per_side=1 if alone else options["judges"] or needed,
            same_clip_again=alone,
            clips_per_person=options["clips_per_person"],
            completion_code=options["completion_code"],
            completion_url=options["completion_url"],
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None

    if asked.judgments_per_side < needed:
        key = "calibration_judgments" if purpose == "calibration" else "judgments_per_window"
        click.echo(
            f"The recipe counts a side once {needed} people have judged it, and this page asks "
            f"{asked.judgments_per_side}: no verdict changes until others have judged, too, or the recipe has "
            f"{key} = {asked.judgments_per_side} in [verify.triage].",
            err=True,
        )

    def started(url: str) -> None:
        if place.as_json:
            print_json({"url": url})
        else:
            click.echo(f"Open {url}\nCtrl-C ends it; every answer is kept.")
        sys.stdout.flush()
        if not quiet and not place.as_json and _has_screen():
            click.launch(url)

    try:
        if not reviewing.run_review(run, asked, binding, purpose=purpose, gold=gold, started=started):
            if place.as_json:
                print_json({"url": None})
            click.echo("No window waits for people.", err=place.as_json)
    finally:
        count = reviewing.export_judgments(run)
        words = f"{count} judgments in the table" if count is not None else "the table is written the next time"
        click.echo(f"\n{words}; the answers themselves are in judgments.sqlite", err=True)


def _has_screen() -> bool:
    return sys.stdout.isatty() and (
        sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    )


def _words(found: dict[str, Any]) -> str:
    windows = ", ".join(f"{count} of {name}" for name, count in found["windows"].items()) or "none"
    return f"{found['purpose']}: {found['clips']} clips, windows: {windows}; {found['judgments']} judgments so far"

"""What ``vegas-data release availability`` does: write the link-rot ledger, ask the hosts again, compare."""

import re
from collections import Counter
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any, Final

import click

from vegas_data import release
from vegas_data.cli.console import print_json, print_summary
from vegas_data.cli.session import Place, reading, take_access, take_selection, writing
from vegas_data.context import Run
from vegas_data.errors import EXIT_OK, Interrupted
from vegas_data.recheck import check_again, known_checks
from vegas_data.run.summary import Summary
from vegas_data.store import place_bytes

KEY: Final = "tables/availability.parquet"
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def write_ledger(output: Path | None, options: dict[str, Any]) -> int:
    """Write what is known."""
    place = Place.take(options)
    with reading(place) as run:
        if output is None:
            with run.workspace.lock():
                told = _write(run, None)
        else:
            told = _write(run, output)
    _tell(place, told)
    return EXIT_OK


def ask_again(output: Path | None, options: dict[str, Any]) -> int:
    """Ask the hosts, then write what is known; the exit code is that of the asking."""
    access, place, selection = take_access(options), Place.take(options), take_selection(options)
    stop: Interrupted | None = None
    summary: Summary | None
    with writing(place, selection, options["workers"]) as run:
        try:
            summary = check_again(run, access)
        except Interrupted as interrupted:
            stop, summary = interrupted, interrupted.summary
        told = _write(run, output)
    if not place.as_json and summary is not None:
        print_summary(summary)
    _tell(place, {**told, "stages": [] if summary is None else [summary.as_json()]})
    if stop is not None:
        raise stop
    return EXIT_OK if summary is None else summary.exit_code


def show_changes(sides: tuple[str, str], options: dict[str, Any]) -> int:
    """Say what changed between two moments or two files."""
    place = Place.take(options)
    before, after = (_state(side, place) for side in sides)
    changes = release.compare_states(before, after)
    if place.as_json:
        print_json({"before": len(before), "after": len(after), "counts": changes.counts(), "clips": changes.as_json()})
        return EXIT_OK
    for kind, counts in changes.counts().items():
        click.echo(f"{kind}: {sum(counts.values()):,}")
        for change, number in counts.items():
            click.echo(f"  {number:,} {change}")
    return EXIT_OK


def _write(run: Run, output: Path | None) -> dict[str, Any]:
    checks = known_checks(run)
    data = release.availability_bytes(checks)
    if output is None:
        run.workspace.commit_bytes(KEY, data)
    else:
        place_bytes(output.absolute(), data, tmp=output.absolute().parent)
    return {
        "file": str(output or run.workspace.path(KEY)),
        "rows": len(checks),
        "classes": dict(sorted(Counter(release.state_of(checks).values()).items())),
    }


def _tell(place: Place, told: dict[str, Any]) -> None:
    if place.as_json:
        print_json(told)
        return
    classes = ", ".join(f"{number:,} {name}" for name, number in told["classes"].items()) or "nothing known"
    click.echo(f"{told['file']}: {told['rows']:,} rows; clips by latest class: {classes}")


def _state(side: str, place: Place) -> dict[str, str]:
    """Clip → class at the end of a day (UTC), or by a file's latest rows."""
    if not _DATE.fullmatch(side):
        if not side.endswith(".parquet"):
            raise click.UsageError(f"--diff {side}: neither a date such as 2026-08-01 nor a .parquet file")
        return release.state_of(release.read_availability(Path(side)))
    try:
        day = datetime.combine(datetime.strptime(side, "%Y-%m-%d").date(), time.max, UTC)  # noqa: DTZ007 - a date
    except ValueError as error:
        raise click.UsageError(f"--diff {side}: {error}") from None
    with reading(place) as run:
        return release.state_of(known_checks(run), until=int(day.timestamp() * 1000))

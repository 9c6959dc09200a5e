"""What a person sees when a command ends: tables of results on stdout, what went wrong on stderr.

The course of a stage is in ``progress``; the bars here are of downloads and of commands that run side by side.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Table

from vegas_data.cli.progress import SAID_EVERY_S, in_time
from vegas_data.run.summary import Summary

SHOWN_FAILURES = 10
S_PER_HOUR = 3600


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_summary(summary: Summary) -> None:
    """One line of counts, then the reasons and the first failures by name."""
    console = Console(file=sys.stderr, highlight=False)
    counts = ", ".join(f"{n} {status}" for status, n in sorted(summary.counts.items())) or "nothing to do"
    before = f" ({summary.already} settled before)" if summary.already else ""
    console.print(f"[bold]{summary.stage}[/]: {counts}{before} in {summary.seconds:.1f} s")
    if summary.computed:
        console.print(f"  computed: {', '.join(f'{n} {name}' for name, n in sorted(summary.computed.items()))}")
    for stop in summary.stopped:
        who = f"{stop.party}: asked nothing more in this run: " if stop.party else "stopped: "
        console.print(f"  {who}{stop.message}", markup=False, soft_wrap=True)
        if stop.remedy:
            console.print(f"  remedy: {stop.remedy}", markup=False, soft_wrap=True)
    if summary.come_back_after_s is not None:
        at = datetime.now().astimezone() + timedelta(seconds=summary.come_back_after_s)
        when = f"{at:%H:%M}" if at.date() == datetime.now().astimezone().date() else f"{at:%Y-%m-%d %H:%M}"
        console.print(f"  come back at {when} (in {in_time(summary.come_back_after_s)})")
    if not summary.failures:
        return
    for attempt in summary.failures[:SHOWN_FAILURES]:
        reason = attempt.message.removeprefix(f"{attempt.unit}: ")
        console.print(f"  {attempt.unit}  {attempt.code}: {reason}", markup=False, soft_wrap=True)
    for remedy in sorted({attempt.remedy for attempt in summary.failures if attempt.remedy}):
        console.print(f"  remedy: {remedy}", markup=False, soft_wrap=True)
    if len(summary.failures) > SHOWN_FAILURES:
        console.print(f"  … and {len(summary.failures) - SHOWN_FAILURES} more: vegas-data status --failures")


def print_plan(plan: dict[str, Any]) -> None:
    """What a fetch would ask for, and how long that takes."""
    console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
    if not plan["clips"]:
        return
    if plan["local_clips"]:
        console.print(f"  {plan['local_clips']:,} clips from a local folder, as far as they lie there")
    console.print(f"  {plan['clips'] - plan['local_clips']:,} clips of {plan['videos']:,} videos to ask for")
    for source in plan["sources"]:
        pace = "no limit of its own"
        if source["videos_per_hour"]:
            pace = f"at {source['videos_per_hour']:,g} an hour: {in_time(source['pace_hours'] * S_PER_HOUR)}"
        console.print(f"  {source['source']}: {source['videos']:,} videos, {pace}", markup=False)
    if plan["seconds_per_clip"] is None:
        console.print("  no clip fetched here so far: time per clip not known")
    else:
        work = in_time(plan["work_hours"] * S_PER_HOUR)
        per_clip = f"{plan['seconds_per_clip']:.1f} s a clip (median of {plan['measured_clips']} here)"
        console.print(f"  {per_clip}, {plan['workers']} at a time: {work}")
    if plan["hours"] is not None:
        console.print(f"  so at least {in_time(plan['hours'] * S_PER_HOUR)}")


def print_short(short: dict[str, int]) -> None:
    """Categories whose queue ends before the cap."""
    console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
    for category, missing in short.items():
        console.print(f"  {category}: {missing:,} clips short of the cap at the end of its queue", markup=False)


def print_findings(checked: dict[str, int], findings: list[Any], *, how: str = "read") -> None:
    """What a check found, each finding with its remedy; what was checked, and how."""
    for finding in findings:
        where = f"{finding.file}, {finding.key}" if finding.key else finding.file
        click.echo(f"{click.style(finding.code, fg='red', bold=True)} {where}: {finding.message}")
        click.echo(f"  remedy: {finding.remedy}")
    things = ", ".join(f"{count} {kind}" for kind, count in checked.items())
    click.echo(f"{things}: {how}, {len(findings)} findings")


def print_rows(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    """Rows as a plain table on stdout."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(str(row[column]) for column in columns))
    Console(highlight=False).print(table, markup=False)


def print_listing(counts: dict[str, dict[str, int]]) -> None:
    """Clips by category and origin as a table on stdout, with sums."""
    origins = sorted({origin for by_origin in counts.values() for origin in by_origin})
    names = tuple(origin or "(no origin)" for origin in origins)
    rows = [
        {"category": name, **{n: by.get(o, 0) for n, o in zip(names, origins, strict=True)}, "all": sum(by.values())}
        for name, by in counts.items()
    ]
    total = {n: sum(by.get(o, 0) for by in counts.values()) for n, o in zip(names, origins, strict=True)}
    rows.append({"category": "all", **total, "all": sum(total.values())})
    print_rows(rows, ("category", *names, "all"))


@contextmanager
def download_bar(name: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar for one download; told of (bytes so far, bytes in all or 0)."""
    with RichProgress(console=Console(stderr=True, quiet=quiet)) as bars:
        task = bars.add_task(name, total=None)

        def tell(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total or None)

        yield tell


def table_bar(*, quiet: bool) -> Callable[[str], AbstractContextManager[Callable[[int, int], None]]]:
    """What draws a ``download_bar`` for each of several files, by name."""
    return lambda name: download_bar(name, quiet=quiet)


@contextmanager
def command_bars(*, quiet: bool) -> Iterator[Callable[[str, int, int, str], None]]:
    """A bar for each of several commands that run side by side; without a terminal a line for each now and then.

    Yields what is told of (``drum frame: train.run``, done, total, a word on how it goes); what stands before the
    colon has one bar.
    """
    console = Console(stderr=True, quiet=quiet, highlight=False)
    if not console.is_terminal:
        said: dict[str, float] = {}

        def say(name: str, done: int, total: int, note: str) -> None:
            now = time.monotonic()
            if name not in said or note == "done" or now - said[name] >= SAID_EVERY_S:
                said[name] = now
                how = f": {note}" if note == "done" else f": {done}/{total} {note}" if done else ""
                console.print(f"{name}{how}", markup=False)

        yield say
        return
    columns = (TextColumn("{task.description:<28}"), BarColumn(), TextColumn("{task.fields[note]:<12}"))
    with RichProgress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def draw(name: str, done: int, total: int, note: str) -> None:
            who = name.partition(":")[0]
            if who not in tasks:
                tasks[who] = bars.add_task(name, total=total, note="")
            bars.update(tasks[who], description=name, completed=done, total=total, note=note)

        yield draw

"""What a person sees: a progress bar on a terminal, plain lines elsewhere, and tables of results. All on stderr;
stdout is for results, so that ``--json`` can be piped.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Table

from vegas_data.run.driver import Summary
from vegas_data.run.stage import Outcome

SHOWN_FAILURES = 10
SAID_EVERY_S = 20.0


class Bars:
    """A stage's progress: one bar with counts and time left; without a terminal one line at start and end."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._bars: RichProgress | None = None
        self._task = TaskID(0)
        self._bad = 0

    def start(self, stage: str, total: int) -> None:
        self._bad = 0
        if not total:
            return
        if not self._console.is_terminal:
            self._console.print(f"{stage}: {total} to do")
            return
        self._bars = RichProgress(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._bars.start()
        self._task = self._bars.add_task(stage, total=total, note="")

    def advance(self, outcome: Outcome) -> None:
        self._bad += outcome.status != "done"
        if self._bars is not None:
            self._bars.update(self._task, advance=1, note=f"{self._bad} not done" if self._bad else "")

    def finish(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_summary(summary: Summary) -> None:
    """One line of counts, then the reasons and the first failures by name."""
    console = Console(file=sys.stderr, highlight=False)
    counts = ", ".join(f"{n} {status}" for status, n in sorted(summary.counts.items())) or "nothing to do"
    before = f" ({summary.already} settled before)" if summary.already else ""
    console.print(f"[bold]{summary.stage}[/]: {counts}{before} in {summary.seconds:.1f} s")
    if not summary.failures:
        return
    for attempt in summary.failures[:SHOWN_FAILURES]:
        reason = attempt.message.removeprefix(f"{attempt.unit}: ")
        console.print(f"  {attempt.unit}  {attempt.code}: {reason}", markup=False, soft_wrap=True)
    for remedy in sorted({attempt.remedy for attempt in summary.failures if attempt.remedy}):
        console.print(f"  remedy: {remedy}", markup=False, soft_wrap=True)
    if len(summary.failures) > SHOWN_FAILURES:
        console.print(f"  … and {len(summary.failures) - SHOWN_FAILURES} more: vegas-data status --failures")


def print_status(result: dict[str, Any]) -> None:
    """A workspace's state as a small table."""
    console = Console(highlight=False)
    clips, verify, examples = result["clips"], result["verify"], result["examples"]
    recipe = result["recipe"]
    table = Table(box=None, pad_edge=False, show_header=False, title_justify="left")
    table.add_row("workspace", f"{result['workspace']} (recipe {recipe['name']}, {recipe['digest']})")
    reasons = ", ".join(f"{n} {code}" for code, n in clips["failed"].items()) or "none failed"
    table.add_row("clips", f"{clips['listed']} listed, {clips['fetched']} fetched; {reasons}")
    verdicts = f"{verify['accepted']} accepted, {verify['rejected']} rejected, {verify['undecided']} undecided"
    table.add_row("windows", f"{verify['windows']}: {verdicts} (uncalibrated)")
    if result["later_failures"]:
        table.add_row("gave up", ", ".join(f"{n} {what}" for what, n in result["later_failures"].items()))
    by_category = ", ".join(f"{n} {name}" for name, n in examples["by_category"].items() if n)
    table.add_row(
        "examples", f"{examples['count']}, {examples['hours']:.2f} h" + (f": {by_category}" if by_category else "")
    )
    table.add_row(
        "shards", f"{len(result['shards'])} with {sum(shard['examples'] for shard in result['shards'])} examples"
    )
    for category, models in result["train"].items():
        told = [_describe_model(name, one, result["evaluate"].get(category, {})) for name, one in models.items()]
        table.add_row(f"models, {category}", "\n".join(told))
    for trouble in result["damaged"]:
        table.add_row("damaged", trouble)
    console.print(table, markup=False)
    for failure in result.get("failures", ()):
        reason = failure["message"].removeprefix(f"{failure['clip']}: ")
        console.print(f"{failure['clip']}  {failure['reason']}: {reason}", markup=False, soft_wrap=True)


def _describe_model(name: str, trained: dict[str, Any], scores: dict[str, Any]) -> str:
    """One trained model in a line: how far it is, and what is known of it."""
    words = [f"{name}: {trained['steps']} updates" + (" on other shards than those of now" if trained["stale"] else "")]
    if trained["test_nats"] is not None:
        words.append(f"test loss {trained['test_nats']:.2f} nats")
    if name in scores:
        score = scores[name]
        words.append(f"onset F1 {score['onset_f1']:.2f} ({score['onset_f1_shuffled']:.2f} shuffled)")
    return ", ".join(words)


def print_findings(checked: dict[str, int], findings: list[Any]) -> None:
    """What ``check`` found, each finding with its remedy."""
    for finding in findings:
        where = f"{finding.file}, {finding.key}" if finding.key else finding.file
        click.echo(f"{click.style(finding.code, fg='red', bold=True)} {where}: {finding.message}")
        click.echo(f"  remedy: {finding.remedy}")
    read = ", ".join(f"{count} {kind}" for kind, count in checked.items())
    click.echo(f"{read} read, {len(findings)} findings")


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

"""What a person sees: a progress bar on a terminal, plain lines elsewhere, and tables of results. All on stderr;
stdout is for results, so that ``--json`` can be piped.
"""

import json
import sys
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Table

from vegas_data.run.driver import Summary
from vegas_data.run.stage import Outcome

SHOWN_FAILURES = 10


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
    table = Table(box=None, pad_edge=False, show_header=False)
    for attempt in summary.failures[:SHOWN_FAILURES]:
        table.add_row("  " + attempt.unit, attempt.code, attempt.message)
    console.print(table, markup=False)
    if len(summary.failures) > SHOWN_FAILURES:
        console.print(f"  … and {len(summary.failures) - SHOWN_FAILURES} more: vegas-data status --failures")

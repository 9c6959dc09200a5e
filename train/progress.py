"""How far a train command is: a bar on a terminal, a line now and then elsewhere, JSON lines for programs.

On stdout with ``--json``: results as they are made, and ``{"progress": [done, total], "note": "1.83 nats"}`` between
them. For people all progress goes to stderr.
"""

import json
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_JSON_EVERY_S: Final = 0.25
_LINE_EVERY_S: Final = 10.0


class Meter:
    """Tells how much of ``total`` is done; a context manager.

    Args:
        title: what is at work, such as ``drum, frame``. done: before this process began.
    """

    def __init__(self, title: str, total: int, *, as_json: bool, quiet: bool, done: int = 0) -> None:
        self.title, self.total, self.as_json, self.quiet = title, total, as_json, quiet
        self._first = self._done = done
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._begun = time.monotonic()
        self._told = self._begun - (0 if not as_json else _JSON_EVERY_S)

    def __enter__(self) -> "Meter":
        if self._console.is_terminal and not self.quiet and not self.as_json:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._bar.start()
            self._task = self._bar.add_task(self.title, total=self.total, completed=self._done, note="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def tell(self, done: int, note: str = "") -> None:
        """``done`` of the total; ``note`` is the latest loss, or whatever is worth a glance."""
        self._done = done
        if self._bar is not None:
            self._bar.update(self._task, completed=done, note=note)
            return
        now, last = time.monotonic(), done >= self.total
        if self.as_json and (last or now - self._told >= _JSON_EVERY_S):
            self._told = now
            print_line({"progress": [done, self.total], "note": note})
        elif not self.as_json and not self.quiet and (last or now - self._told >= _LINE_EVERY_S):
            self._told = now
            parts = [f"{self.title}: {done}/{self.total}", note, "" if last else self._left(now)]
            click.echo(", ".join(part for part in parts if part), err=True)

    def say(self, text: str) -> None:
        """A line for people, above the bar."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, soft_wrap=True)
        elif not self.quiet and not self.as_json:
            click.echo(text, err=True)

    def _left(self, now: float) -> str:
        done = self._done - self._first
        if not done:
            return ""
        return f"{as_time((now - self._begun) / done * (self.total - self._done))} left"


def warn(text: str) -> None:
    """A warning on stderr: always, whatever was asked to be quiet."""
    click.echo(f"{click.style('warning:', fg='yellow', bold=True)} {text}", err=True)


def print_line(value: Mapping[str, Any]) -> None:
    """One JSON object as a line on stdout, at once."""
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def as_time(seconds: float) -> str:
    """Seconds for people: ``45 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

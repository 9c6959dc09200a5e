"""How far a stage is: bars on a terminal, elsewhere a plain line every now and then. All on stderr.

Shown are units done and to do, bytes that came over the network and their rate, what went wrong by class, and how long
it will still take at the pace so far. ``NO_COLOR`` takes the colours, ``TERM=dumb`` the bars.
"""

import time
from collections import Counter
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from vegas_data.run.stage import Outcome

SAID_EVERY_S: Final = 20.0
_SHOWN_CLASSES: Final = 3
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


class Bars:
    """A stage's progress."""

    def __init__(self, *, quiet: bool, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, quiet=quiet, highlight=False)
        self._bars: RichProgress | None = None
        self._task = TaskID(0)
        self._course = _Course("", 0)
        self._said = 0.0

    def start(self, stage: str, total: int) -> None:
        self._course = _Course(stage, total)
        self._said = time.monotonic()
        if not total:
            return
        if not self._console.is_terminal or self._console.is_dumb_terminal:
            self._say(f"{stage}: {total} to do")
            return
        self._bars = RichProgress(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
            console=self._console,
        )
        self._bars.start()
        self._task = self._bars.add_task(stage, total=total, note="")

    def advance(self, outcome: Outcome) -> None:
        course = self._course
        course.note(outcome)
        if self._bars is not None:
            self._bars.update(self._task, completed=course.done, note=", ".join(course.words()))
        elif time.monotonic() - self._said >= SAID_EVERY_S:
            self._said = time.monotonic()
            self._say(", ".join((f"{course.stage}: {course.done}/{course.total}", *course.words())))

    def finish(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)


class _Course:
    """What has become of a stage's units so far."""

    def __init__(self, stage: str, total: int) -> None:
        self.stage, self.total = stage, total
        self.done = 0
        self._start = time.monotonic()
        self._num_bytes = 0
        self._classes: dict[str, str] = {}  # the latest of each unit that is not done

    def note(self, outcome: Outcome) -> None:
        self._num_bytes += outcome.received_bytes or 0
        self._classes.pop(outcome.unit, None)
        if outcome.status != "done":
            self._classes[outcome.unit] = outcome.code
        self.done += outcome.status != "retry"

    def words(self) -> list[str]:
        seconds = max(time.monotonic() - self._start, 0.001)
        words = []
        if self._num_bytes:
            words.append(f"{in_bytes(self._num_bytes)}, {in_bytes(self._num_bytes / seconds)}/s")
        classes = Counter(self._classes.values()).most_common()
        words += [f"{number} {code}" for code, number in classes[:_SHOWN_CLASSES]]
        if others := sum(number for _, number in classes[_SHOWN_CLASSES:]):
            words.append(f"{others} others not done")
        if 0 < self.done < self.total:
            words.append(f"about {in_time(seconds / self.done * (self.total - self.done))} to go")
        return words


def in_bytes(number: float) -> str:
    """A number of bytes for people: ``35.2 MB``."""
    power = 0
    while number >= 999.5 and power < len(_UNITS) - 1:
        number, power = number / 1000, power + 1
    return f"{number:.1f} {_UNITS[power]}" if power else f"{number:.0f} B"


def in_time(seconds: float) -> str:
    """A time span for people, in the unit that fits: ``40 s``, ``14 min``, ``3.5 h``, ``289 days``."""
    for limit, divisor, digits, unit in ((90, 1, 0, "s"), (5400, 60, 0, "min"), (172_800, 3600, 1, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.{digits}f} {unit}"
    return f"{seconds / 86_400:,.{1 if seconds < 864_000 else 0}f} days"

"""The log of a run, ``log.jsonl``: a line is added when its update is made, and cut off when that update is lost."""

import os
from types import TracebackType

from vegas_data.config import to_json
from vegas_data.store import Store
from vegas_data.trained import LOG, LogEntry, read_log


class Journal:
    """The log of a run that goes on after ``step`` updates; a context manager.

    Lines of later updates are cut off, with the file replaced as a whole: those updates will be made again.

    Raises:
        WorkspaceError: the log is damaged.
    """

    def __init__(self, run: Store, *, step: int) -> None:
        self.path = run.path(LOG)
        before = b"".join(_line(entry) for entry in read_log(run) if entry.step <= step)
        if not self.path.exists() or self.path.read_bytes() != before:
            run.commit_bytes(LOG, before)
        self._file = self.path.open("ab")

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, entry: LogEntry) -> None:
        """Add a line, at once."""
        self._file.write(_line(entry))
        self._file.flush()

    def sync(self) -> None:
        """Make all lines durable: before the checkpoint that takes them for granted."""
        os.fsync(self._file.fileno())


def _line(entry: LogEntry) -> bytes:
    return to_json(entry).encode() + b"\n"

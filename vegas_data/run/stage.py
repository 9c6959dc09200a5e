"""What a stage is, and one attempt at one unit of it.

A stage package gives a *worker factory*; the factory runs once per process, the worker takes one unit, commits its
artefact, returns a record and raises. ``attempt`` is the only place of the project that catches ``Exception``.
"""

import errno
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

from vegas_data.errors import CRASHED, EXIT_DEPENDENCY, MediaError, VegasError, VideoUnavailable, WorkspaceError

Status = Literal["done", "rejected", "failed", "retry", "crashed", "fatal"]

DEADLINE: Final = "timed_out"
MAX_MESSAGE: Final = 500
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_DISK_ERRORS: Final = _FULL | {errno.EROFS, errno.EIO}


class Unit(Protocol):
    """What a stage works on: a frozen, picklable record with an id."""

    @property
    def id(self) -> str: ...


U = TypeVar("U", bound=Unit)
Worker = Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True)
class Stage(Generic[U]):
    """A name, the digest of everything that decides its results, and how to make a worker.

    Args:
        make_worker: picklable; called once in each process.
        deadline_s: wall-clock seconds one attempt may take. max_attempts: before a retryable error is final.
        affinity: units with the same key are taken up side by side, by the same worker: it may remember what it has
            just found out.
        party: on whom else a unit depends; a party that keeps refusing is left alone (``gate``).
    """

    name: str
    digest: str
    make_worker: Callable[[], Worker]
    deadline_s: float = 600.0
    max_attempts: int = 3
    affinity: Callable[[Any], str] | None = None
    party: Callable[[Any], str] | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one attempt.

    ``done``; ``rejected``: the world's last word; ``failed``: an error that another attempt would repeat now;
    ``retry``: it may pass (a killed worker, too), or it is not the unit's fault; ``crashed``: our bug; ``fatal``: the
    whole stage must stop.
    """

    unit: str
    status: Status
    result: Any = None
    code: str = ""
    message: str = ""
    remedy: str = ""
    seconds: float = 0.0
    error: VegasError | None = None

    @property
    def is_party_fault(self) -> bool:
        """Whether it says something about the party (it refuses, or nobody understands it), nothing about the unit."""
        return self.error is not None and self.error.stops_after > 0

    @property
    def received_bytes(self) -> int | None:
        """What came over the network for it, if the worker's record says so."""
        received = getattr(self.result, "received_bytes", None)
        return received if isinstance(received, int) else None

    @property
    def origin(self) -> str:
        """Where it came from, if the worker's record says so."""
        return str(getattr(self.result, "origin", ""))

    @property
    def computed(self) -> tuple[str, ...]:
        """What a worker had to compute for it because it was not there, if its record says so."""
        return tuple(getattr(self.result, "computed", ()))


def printable(text: str) -> str:
    """Of a text what cannot steer a terminal: one line, and no more of it than is worth keeping."""
    return "".join(c if c.isprintable() else " " for c in text)[:MAX_MESSAGE]


def outcome_of_error(unit: str, error: VegasError, seconds: float) -> Outcome:
    """Classify an error of the project's own tree."""
    status: Status = "failed"
    if error.retryable or error.stops_after:
        status = "retry"
    elif error.exit_code == EXIT_DEPENDENCY or isinstance(error, WorkspaceError):
        status = "fatal"
    elif isinstance(error, MediaError | VideoUnavailable):
        status = "rejected"
    return Outcome(
        unit=unit,
        status=status,
        code=error.code,
        message=printable(str(error)),
        remedy=printable(error.remedy),
        seconds=seconds,
        error=error,
    )


def attempt(worker: Worker, unit: Unit) -> Outcome:
    """Let ``worker`` try ``unit`` once; every exception becomes an outcome."""
    start = time.monotonic()
    try:
        result = worker(unit)
    except VegasError as error:
        return outcome_of_error(unit.id, error, time.monotonic() - start)
    except Exception as error:  # noqa: BLE001 - the one place: a bug in one unit must not lose the others
        seconds = time.monotonic() - start
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            remedy = "make room" if error.errno in _FULL else "mend the disk"
            broken = WorkspaceError(
                f"{error.filename or 'workspace'}: {error.strerror}",
                remedy=f"{remedy}, then run the same command again: what is done stays done",
            )
            return outcome_of_error(unit.id, broken, seconds)
        where = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__}: {error} ({where.filename.rpartition('/')[2]}:{where.lineno})"
        return Outcome(unit=unit.id, status="crashed", code=CRASHED, message=printable(message), seconds=seconds)
    return Outcome(unit=unit.id, status="done", result=result, seconds=time.monotonic() - start)

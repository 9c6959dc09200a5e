"""Map a stage over units: in this process (serial), or in worker processes (pool). Same outcomes from each.

The pool is our own because the standard ones cannot say which unit a killed worker held: ``multiprocessing.Pool``
never returns then, ``ProcessPoolExecutor`` gives up on every unit. Here each worker has its own pipe and holds one
unit at a time; a worker that dies or overstays the deadline is replaced, and its unit is named in the outcome.

Every executor asks the ``Gate`` right before a unit is taken up, passes over what is not admitted, and tells of each
that was. Units of one affinity that stand next to each other go to one worker, one after the other.
"""

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, Pipe, wait
from multiprocessing.process import BaseProcess
from typing import Any, Final, Protocol

from vegas_data.child import be_child, start_child
from vegas_data.errors import CRASHED, DependencyMissing, VegasError, WorkerDied
from vegas_data.run.gate import Gate
from vegas_data.run.stage import DEADLINE, Outcome, Stage, Unit, Worker, attempt, outcome_of_error

_READY: Final = "ready"
START_DEADLINE_S: Final = 600.0
_LOOK_UP_S: Final = 0.25


class Executor(Protocol):
    """Anything that maps a stage over units; outcomes come in any order, one for each unit that is admitted."""

    @property
    def workers(self) -> int:
        """How many units are worked on at a time."""
        ...

    def map(self, stage: Stage[Any], units: Iterable[Unit], gate: Gate) -> Generator[Outcome, None, None]: ...


class _DeadlinePassed(BaseException):
    """Raised by the alarm inside a serial attempt; no worker may catch it."""


class SerialExecutor:
    """One unit after the other in this process: for debugging. The deadline holds in the main thread only."""

    workers: Final = 1

    def map(self, stage: Stage[Any], units: Iterable[Unit], gate: Gate) -> Generator[Outcome, None, None]:
        worker: Worker | None = None
        for unit in filter(gate.admits, units):
            worker = worker or stage.make_worker()
            yield self._attempt(worker, unit, stage.deadline_s)

    @staticmethod
    def _attempt(worker: Worker, unit: Unit, deadline_s: float) -> Outcome:
        if threading.current_thread() is not threading.main_thread():
            return attempt(worker, unit)

        def on_alarm(*_: object) -> None:
            raise _DeadlinePassed

        before = signal.signal(signal.SIGALRM, on_alarm)
        signal.setitimer(signal.ITIMER_REAL, deadline_s)
        try:
            return attempt(worker, unit)
        except _DeadlinePassed:
            return _late(unit, deadline_s)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def _late(unit: Unit, deadline_s: float) -> Outcome:
    message = f"{unit.id}: no result within {deadline_s:.0f} s"
    return Outcome(unit=unit.id, status="retry", code=DEADLINE, message=message, seconds=deadline_s)


def _work(make_worker: Callable[[], Worker], pipe: Connection) -> None:
    """A worker process: build the worker once, then one outcome per unit, until the pipe closes."""
    be_child()
    try:
        worker = make_worker()
    except VegasError as error:
        pipe.send(replace(outcome_of_error("", error, 0.0), status="fatal"))
        return
    except ImportError as error:
        missing = DependencyMissing(f"a package cannot be imported: {error}", remedy="vegas-data doctor")
        pipe.send(outcome_of_error("", missing, 0.0))
        return
    pipe.send(_READY)
    while True:
        try:
            unit = pipe.recv()
        except EOFError:
            return
        pipe.send(attempt(worker, unit))


@dataclass
class _Seat:
    """One worker process, its pipe, what it holds, and what is kept for it."""

    process: BaseProcess
    pipe: Connection
    ready: bool = False
    unit: Unit | None = None
    since: float = 0.0
    key: str | None = None
    backlog: deque[Unit] = field(default_factory=deque)


class _Queue:
    """Units in order, each taken when a seat is free; those that another seat has an affinity to go to its backlog."""

    def __init__(self, stage: Stage[Any], units: Iterable[Unit], gate: Gate) -> None:
        self._affinity = stage.affinity
        self._gate = gate
        self._units = deque(units)

    def take(self, seat: _Seat, seats: list[_Seat]) -> Unit | None:
        """The next unit for ``seat``; None if there is none for it."""
        while seat.backlog:
            if self._gate.admits(unit := seat.backlog.popleft()):
                return unit
        while self._units:
            unit = self._units.popleft()
            key = self._affinity(unit) if self._affinity else None
            holder = next((other for other in seats if other.key == key), None) if key is not None else None
            if holder is not None and holder is not seat:
                holder.backlog.append(unit)
            elif self._gate.admits(unit):
                seat.key = key
                return unit
        return None

    def is_empty(self, seats: list[_Seat]) -> bool:
        """Whether nothing is left that any seat could take."""
        return self._gate.is_closed or not (self._units or any(seat.backlog for seat in seats))


class PoolExecutor:
    """``workers`` processes, started fresh (never forked), each with one unit at a time."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ValueError("a pool needs at least one worker")
        self.workers = workers

    def map(self, stage: Stage[Any], units: Iterable[Unit], gate: Gate) -> Generator[Outcome, None, None]:
        todo = list(units)
        queue = _Queue(stage, todo, gate)
        seats: list[_Seat] = []
        try:
            seats += (self._hire(stage) for _ in todo[: self.workers])
            while True:
                for seat in seats:
                    if seat.ready and seat.unit is None and (unit := queue.take(seat, seats)) is not None:
                        self._give(seat, unit)
                if queue.is_empty(seats) and not any(seat.unit for seat in seats):
                    return
                yield from self._collect(stage, seats)
        finally:
            self._dismiss(seats)

    @staticmethod
    def _hire(stage: Stage[Any]) -> _Seat:
        ours, theirs = Pipe()
        process = start_child(_work, stage.make_worker, theirs)
        theirs.close()
        return _Seat(process=process, pipe=ours, since=time.monotonic())

    @staticmethod
    def _give(seat: _Seat, unit: Unit) -> None:
        seat.unit, seat.since = unit, time.monotonic()
        try:
            seat.pipe.send(unit)
        except BrokenPipeError:  # it died while idle: ``_collect`` sees that and names the unit
            return

    def _collect(self, stage: Stage[Any], seats: list[_Seat]) -> Iterator[Outcome]:
        """Yield what has come in; replace workers that died or are late."""
        now = time.monotonic()
        busy = [seat for seat in seats if seat.unit or not seat.ready]
        due = min((seat.since + (stage.deadline_s if seat.unit else START_DEADLINE_S) for seat in busy), default=now)
        came = set(wait([seat.pipe for seat in busy], timeout=min(max(0.0, due - now), _LOOK_UP_S)))
        for number, seat in enumerate(seats):
            unit = seat.unit
            if seat.pipe in came:
                message = self._receive(seat)
                if isinstance(message, Outcome):
                    seat.unit = None
                    yield message
                elif message == _READY:
                    seat.ready = True
                else:  # the pipe closed: the process is gone
                    cause = _cause(seat.process)
                    if unit is None:
                        raise _never_started(stage, cause)
                    seats[number] = self._replace(stage, seat)
                    died = f"{unit.id}: the worker process died at work on it ({cause})"
                    yield Outcome(
                        unit=unit.id,
                        status="retry",
                        code=CRASHED,
                        message=died,
                        seconds=time.monotonic() - seat.since,
                    )
            elif unit is not None and time.monotonic() - seat.since > stage.deadline_s:
                seats[number] = self._replace(stage, seat)
                yield _late(unit, stage.deadline_s)
            elif not seat.ready and time.monotonic() - seat.since > START_DEADLINE_S:
                raise _never_started(stage, f"not ready after {START_DEADLINE_S:.0f} s")

    @staticmethod
    def _receive(seat: _Seat) -> object:
        try:
            return seat.pipe.recv()
        except (EOFError, OSError):  # OSError: it was killed in the middle of a message
            return None

    def _replace(self, stage: Stage[Any], seat: _Seat) -> _Seat:
        self._dismiss([seat])
        return replace(self._hire(stage), key=seat.key, backlog=seat.backlog)

    @staticmethod
    def _dismiss(seats: list[_Seat]) -> None:
        for seat in seats:
            seat.pipe.close()
            if seat.unit is not None or not seat.ready:
                seat.process.kill()
        for seat in seats:
            seat.process.join(timeout=5)
            if seat.process.is_alive():
                seat.process.kill()
                seat.process.join()


def _never_started(stage: Stage[Any], cause: str) -> WorkerDied:
    return WorkerDied(
        f"stage {stage.name}: a worker process died while starting ({cause})",
        remedy="its message stands above; --workers 0 works in this process; fewer --workers need less memory",
    )


def _cause(process: BaseProcess) -> str:
    process.join(timeout=2)
    code = process.exitcode
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"{name}, perhaps out of memory" if -code == signal.SIGKILL else name
    return f"exit code {code}"

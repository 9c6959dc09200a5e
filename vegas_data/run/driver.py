"""Run one stage over its units: what is pending goes to the executor, what comes back goes to the ledger.

A unit is *settled* when its artefact exists (the truth) or when the ledger says that the world spoke its last word
about it (``rejected``). Everything else is pending, so that a run killed at any moment is simply run again. Retryable
errors are tried again in rounds, with back-off and full jitter, up to the stage's ``max_attempts``. What is the fault
of the party that a unit depends on is never held against the unit: it stays pending, and a party that keeps refusing
is asked nothing more in this run (``gate``). A first Ctrl-C lets finish what is in flight (``interrupt``).
"""

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from vegas_data.errors import CRASHED, HostRefuses, Interrupted
from vegas_data.ledger import Attempt, Ledger
from vegas_data.run.executors import Executor
from vegas_data.run.gate import Gate
from vegas_data.run.interrupt import Stop, watch_signals
from vegas_data.run.stage import Outcome, Stage, Unit
from vegas_data.run.summary import Summary, attempt_of

FIRST_DELAY_S: Final = 1.0
LONGEST_DELAY_S: Final = 30.0


class Progress(Protocol):
    """Told of a stage's course; the CLI draws bars with it."""

    def start(self, stage: str, total: int) -> None: ...
    def advance(self, outcome: Outcome) -> None: ...
    def finish(self) -> None: ...


def in_part(unit_id: str, part: tuple[int, int] | None) -> bool:
    """Whether a unit belongs to part I of N (1-based), by hash: stable whatever else is in the list."""
    if part is None:
        return True
    return int.from_bytes(hashlib.sha256(unit_id.encode()).digest()[:8], "big") % part[1] == part[0] - 1


@dataclass(frozen=True, kw_only=True)
class Work:
    """A stage bound to its units.

    Args:
        is_done: whether a unit's artefact exists and is fresh.
    """

    stage: Stage[Any]
    units: Sequence[Unit]
    is_done: Callable[[Any], bool]


def pending_units(work: Work, ledger: Ledger, *, again: bool = False) -> list[Unit]:
    """The units that ``run_stage`` would work on."""
    stage = work.stage
    before = ledger.latest(stage.name, stage.digest)
    return _pending(work, before, Summary(stage=stage.name, digest=stage.digest), again=again)


def preview(work: Work, ledger: Ledger, *, again: bool = False, limit: int | None = None) -> Summary:
    """Say what ``run_stage`` would find, and do nothing: settled units by status, the others as ``pending``."""
    stage = work.stage
    summary = Summary(stage=stage.name, digest=stage.digest, total=len(work.units))
    pending = _pending(work, ledger.latest(stage.name, stage.digest), summary, again=again)
    summary.already = summary.total - len(pending)
    summary.counts["pending"] = len(pending[:limit])
    summary.count_left(len(pending) - summary.counts["pending"])
    return summary


def run_stage(
    work: Work,
    *,
    ledger: Ledger,
    executor: Executor,
    progress: Progress,
    again: bool = False,
    limit: int | None = None,
) -> Summary:
    """Bring every unit to its end and say what became of each.

    Args:
        again: try rejected units once more, too. limit: take up at most so many pending units.

    Raises:
        VegasError: a fatal one (missing dependency, full disk) stopped the stage; what is done stays done.
        Interrupted: the user did; so does what was in flight, after a first signal.
    """
    start = time.monotonic()
    stage = work.stage
    summary = Summary(stage=stage.name, digest=stage.digest, total=len(work.units))
    before = ledger.latest(stage.name, stage.digest)
    pending = _pending(work, before, summary, again=again)
    waiting = {unit.id for unit in pending}
    lost = [  # with the ledger, or by a run killed between artefact and ledger; nobody knows when it was
        Attempt(unit=unit.id, status="done")
        for unit in work.units
        if unit.id not in waiting and ((last := before.get(unit.id)) is None or last.status not in ("done", "rejected"))
    ]
    ledger.record(stage.name, stage.digest, *lost)
    summary.already = len(work.units) - len(pending)
    beyond = len(pending[limit:]) if limit else 0
    pending = _side_by_side(pending[:limit], stage)
    still_open: dict[str, Outcome | None] = {unit.id: None for unit in pending}
    stop = Stop()
    gate = Gate(stage, lambda: stop.is_asked)
    with watch_signals(stop, in_flight=lambda: gate.in_flight):
        progress.start(stage.name, len(pending))
        try:
            for outcome in _rounds(stage, pending, executor, gate, stop):
                attempt = _record(ledger, stage, outcome)
                progress.advance(outcome)
                summary.computed.update(outcome.computed)
                if outcome.status == "retry":
                    still_open[outcome.unit] = outcome
                else:
                    summary.count(attempt)
                    del still_open[outcome.unit]
        finally:
            progress.finish()
            summary.seconds = time.monotonic() - start
            summary.stopped, summary.is_interrupted = gate.stopped, stop.is_asked
            for refused in filter(None, still_open.values()):
                summary.count_refused(refused, away_s=gate.away_s)
            summary.count_left(beyond + len(still_open))
            ledger.record_run(stage.name, stage.digest, len(pending), summary.seconds)
    if stop.signum is not None:
        raise Interrupted(stop.signum, summary)
    return summary


def _pending(work: Work, before: Mapping[str, Attempt], summary: Summary, *, again: bool) -> list[Unit]:
    """The units that are not settled; the settled ones are counted."""
    pending: list[Unit] = []
    for unit in work.units:
        last = before.get(unit.id)
        if work.is_done(unit):
            summary.counts["done"] += 1
        elif last is not None and last.status == "rejected" and not again:
            summary.count(last)
        else:
            pending.append(unit)
    return pending


def _side_by_side(units: Sequence[Unit], stage: Stage[Any]) -> list[Unit]:
    """The units in their order, except that all of one affinity stand at the place of the first."""
    if stage.affinity is None:
        return list(units)
    groups: dict[str, list[Unit]] = {}
    for unit in units:
        groups.setdefault(stage.affinity(unit), []).append(unit)
    return [unit for group in groups.values() for unit in group]


def _rounds(
    stage: Stage[Any], pending: Iterable[Unit], executor: Executor, gate: Gate, stop: Stop
) -> Iterator[Outcome]:
    """Outcomes of all units; one may come several times as ``retry`` before its last, or stay at that."""
    todo = {unit.id: unit for unit in pending}
    for turn in range(1, stage.max_attempts + 1):
        again: dict[str, Outcome] = {}
        with closing(executor.map(stage, list(todo.values()), gate)) as outcomes:
            for outcome in outcomes:
                if outcome.status == "fatal":
                    assert outcome.error is not None
                    raise outcome.error
                gate.note(outcome, todo[outcome.unit], turn=turn)
                if outcome.status == "retry" and turn < stage.max_attempts:
                    again[outcome.unit] = outcome
                elif outcome.status == "retry" and not outcome.is_party_fault:
                    outcome = replace(outcome, status="crashed" if outcome.code == CRASHED else "failed")
                yield outcome
        todo = {name: unit for name, unit in todo.items() if name in again and _may_pass_soon(again[name])}
        if gate.is_closed or all(map(gate.has_stopped, todo.values())):
            return
        longest = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2**turn)
        asked = max((_asked_to_wait_s(again[name]) for name in todo), default=0.0)
        stop.sleep(max(asked, random.uniform(FIRST_DELAY_S, longest)))  # noqa: S311 - jitter, not a secret


def _may_pass_soon(outcome: Outcome) -> bool:
    """Whether a retry within this run is worth while, and polite."""
    if outcome.error is None:  # the worker was killed, or the deadline passed
        return True
    return outcome.error.retryable and _asked_to_wait_s(outcome) <= LONGEST_DELAY_S


def _asked_to_wait_s(outcome: Outcome) -> float:
    asked = outcome.error.retry_after_s if isinstance(outcome.error, HostRefuses) else None
    return asked or 0.0


def _record(ledger: Ledger, stage: Stage[Any], outcome: Outcome) -> Attempt:
    attempt = attempt_of(outcome)
    ledger.record(stage.name, stage.digest, attempt)
    return attempt

"""Run one stage over its units: what is pending goes to the executor, what comes back goes to the ledger.

A unit is *settled* when its artefact exists (the truth) or when the ledger says that the world spoke its last word
about it (``rejected``). Everything else is pending, so that a run killed at any moment is simply run again. Retryable
errors are tried again in rounds, with back-off and full jitter, up to the stage's ``max_attempts``. A host that asks
us to slow down several times in a row is asked nothing more in this run: the rest stays pending, exit code 75.
"""

import hashlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from vegas_data.errors import EXIT_LATER, EXIT_OK, EXIT_RETRY, RateLimited
from vegas_data.ledger import Attempt, Ledger
from vegas_data.run.executors import Executor
from vegas_data.run.stage import CRASHED, Outcome, Stage, Unit

FIRST_DELAY_S: Final = 1.0
LONGEST_DELAY_S: Final = 30.0
RATE_LIMITS_IN_A_ROW: Final = 5


class Progress(Protocol):
    """Told of a stage's course; the CLI draws bars with it."""

    def start(self, stage: str, total: int) -> None: ...
    def advance(self, outcome: Outcome) -> None: ...
    def finish(self) -> None: ...


@dataclass
class Summary:
    """What one run of a stage came to.

    ``counts`` are units by final status, those settled before included; ``left`` are units that were not taken up,
    because of a limit or because a host asked us to slow down.
    """

    stage: str
    digest: str
    total: int = 0
    already: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    failures: list[Attempt] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0, or 75 when a host asked us to slow down, or 4 when a retry could help."""
        if self.codes[RateLimited.code]:
            return EXIT_LATER
        return EXIT_RETRY if self.counts["failed"] or self.counts["crashed"] else EXIT_OK

    def as_json(self) -> dict[str, Any]:
        return {
            "stage": self.stage,
            "digest": self.digest,
            "units": self.total,
            "already_settled": self.already,
            "outcomes": dict(sorted(self.counts.items())),
            "reasons": dict(sorted(self.codes.items())),
            "seconds": round(self.seconds, 3),
            "failures": [
                {"unit": a.unit, "status": a.status, "reason": a.code, "message": a.message, "remedy": a.remedy}
                for a in self.failures
            ],
        }


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
    _count_left(summary, len(pending) - summary.counts["pending"])
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
    """
    start = time.monotonic()
    stage = work.stage
    summary = Summary(stage=stage.name, digest=stage.digest, total=len(work.units))
    before = ledger.latest(stage.name, stage.digest)
    pending = _pending(work, before, summary, again=again)
    waiting = {unit.id for unit in pending}
    for unit in work.units:  # a ledger that was lost, or a run killed between artefact and ledger
        last = before.get(unit.id)
        if unit.id not in waiting and (last is None or last.status not in ("done", "rejected")):
            ledger.record(stage.name, stage.digest, Attempt(unit=unit.id, status="done"))
    summary.already = len(work.units) - len(pending)
    beyond = len(pending[limit:]) if limit else 0
    pending = pending[:limit]
    open_units = len(pending)
    progress.start(stage.name, len(pending))
    try:
        for outcome in _rounds(stage, pending, executor):
            attempt = _record(ledger, stage, outcome)
            if outcome.status != "retry":
                _count(summary, attempt)
                progress.advance(outcome)
                open_units -= 1
        if open_units:
            summary.codes[RateLimited.code] += open_units
    finally:
        progress.finish()
        summary.seconds = time.monotonic() - start
        _count_left(summary, beyond + open_units)
        ledger.record_run(stage.name, stage.digest, len(pending), summary.seconds)
    return summary


def _pending(work: Work, before: Mapping[str, Attempt], summary: Summary, *, again: bool) -> list[Unit]:
    """The units that are not settled; the settled ones are counted."""
    pending: list[Unit] = []
    for unit in work.units:
        last = before.get(unit.id)
        if work.is_done(unit):
            summary.counts["done"] += 1
        elif last is not None and last.status == "rejected" and not again:
            _count(summary, last)
        else:
            pending.append(unit)
    return pending


def _count_left(summary: Summary, left: int) -> None:
    if left:
        summary.counts["left"] = left


class _Breaker:
    """Stops feeding a stage when a host has asked us to slow down several times in a row."""

    def __init__(self) -> None:
        self._in_a_row = 0

    @property
    def open(self) -> bool:
        return self._in_a_row >= RATE_LIMITS_IN_A_ROW

    def note(self, outcome: Outcome) -> None:
        self._in_a_row = self._in_a_row + 1 if outcome.code == RateLimited.code else 0

    def feed(self, units: Iterable[Unit]) -> Iterator[Unit]:
        for unit in units:
            if self.open:
                return
            yield unit


def _rounds(stage: Stage[Any], pending: Iterable[Unit], executor: Executor) -> Iterable[Outcome]:
    """Outcomes of all units; a unit may come several times as ``retry`` before its last one."""
    todo = {unit.id: unit for unit in pending}
    breaker = _Breaker()
    for attempt_number in range(1, stage.max_attempts + 1):
        retry: dict[str, Unit] = {}
        if not todo or breaker.open:
            return
        for outcome in executor.map(stage, breaker.feed(list(todo.values()))):
            breaker.note(outcome)
            if outcome.status == "fatal":
                assert outcome.error is not None
                raise outcome.error
            if outcome.status == "retry" and attempt_number < stage.max_attempts:
                retry[outcome.unit] = todo[outcome.unit]
            elif outcome.status == "retry":
                outcome = replace(outcome, status="crashed" if outcome.code == CRASHED else "failed")
            yield outcome
        todo = retry
        if todo:
            longest = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2**attempt_number)
            time.sleep(random.uniform(FIRST_DELAY_S, longest))  # noqa: S311 - jitter, not a secret


def _record(ledger: Ledger, stage: Stage[Any], outcome: Outcome) -> Attempt:
    message = "".join(c if c.isprintable() else " " for c in outcome.message)[:500]
    attempt = Attempt(
        unit=outcome.unit,
        status=outcome.status,
        code=outcome.code,
        message=message,
        remedy=outcome.remedy,
        seconds=outcome.seconds,
    )
    ledger.record(stage.name, stage.digest, attempt)
    return attempt


def _count(summary: Summary, attempt: Attempt) -> None:
    summary.counts[attempt.status] += 1
    if attempt.status != "done":
        summary.codes[attempt.code] += 1
        summary.failures.append(attempt)

"""What one run of a stage came to, for people, for programs, and as an exit code."""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from vegas_data.errors import EXIT_LATER, EXIT_OK, EXIT_RETRY, HostRefuses
from vegas_data.ledger import Attempt
from vegas_data.run.gate import Stopped
from vegas_data.run.stage import Outcome


@dataclass
class Summary:
    """What one run of a stage came to.

    ``counts`` are units by final status, those settled before included; ``left`` are units that stay pending: not taken
    up (a limit, a party that was stopped, a signal), or refused by a party whose fault it was. ``stopped`` are the
    parties that were asked nothing more; ``come_back_after_s`` is how long those that refused are to be left alone.
    ``computed`` counts what workers had to compute anew, by name.
    """

    stage: str
    digest: str
    total: int = 0
    already: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    computed: Counter[str] = field(default_factory=Counter)
    failures: list[Attempt] = field(default_factory=list)
    stopped: list[Stopped] = field(default_factory=list)
    come_back_after_s: float | None = None
    is_interrupted: bool = False
    refused: int = 0

    @property
    def exit_code(self) -> int:
        """0; or that of a party that was stopped (5 before 75); or 75 when one refused us; or 4 when a retry helps."""
        if self.stopped:
            return min(stop.exit_code for stop in self.stopped)
        if self.come_back_after_s is not None:
            return EXIT_LATER
        return EXIT_RETRY if self.refused or self.counts["failed"] or self.counts["crashed"] else EXIT_OK

    def count(self, attempt: Attempt) -> None:
        """Take the last attempt at a unit into account."""
        self.counts[attempt.status] += 1
        if attempt.status != "done":
            self.codes[attempt.code] += 1
            self.failures.append(attempt)

    def count_refused(self, outcome: Outcome, *, away_s: float | None) -> None:
        """Tell of a unit that was tried, and stays pending: nothing is held against it."""
        self.codes[outcome.code] += 1
        self.failures.append(attempt_of(outcome))
        self.refused += 1
        if isinstance(outcome.error, HostRefuses):
            self.come_back_after_s = away_s

    def count_left(self, left: int) -> None:
        """Take units into account that stay pending."""
        if left:
            self.counts["left"] = left

    def as_json(self) -> dict[str, Any]:
        return {
            "stage": self.stage,
            "digest": self.digest,
            "units": self.total,
            "already_settled": self.already,
            "outcomes": dict(sorted(self.counts.items())),
            "reasons": dict(sorted(self.codes.items())),
            "computed": dict(sorted(self.computed.items())),
            "seconds": round(self.seconds, 3),
            "interrupted": self.is_interrupted,
            "come_back_after_s": self.come_back_after_s,
            "stopped": [
                {
                    "party": stop.party,
                    "reason": stop.code,
                    "message": stop.message,
                    "remedy": stop.remedy,
                    "come_back_at": None if stop.come_back_at is None else _utc(stop.come_back_at),
                }
                for stop in self.stopped
            ],
            "failures": [
                {"unit": a.unit, "status": a.status, "reason": a.code, "message": a.message, "remedy": a.remedy}
                for a in self.failures
            ],
        }


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def attempt_of(outcome: Outcome) -> Attempt:
    """What the ledger keeps of an outcome that has just come; of one that is done, where it came from."""
    return Attempt(
        unit=outcome.unit,
        status=outcome.status,
        code=outcome.code,
        message=outcome.message or outcome.origin,
        remedy=outcome.remedy,
        seconds=outcome.seconds,
        at=time.time_ns() // 1_000_000,
    )

"""Which units may still be taken up: none of a party that keeps refusing, and none at all once we were told to stop.

Enters: each outcome as it comes. Leaves: a yes or no for each unit right before it is given to a worker, and who was
stopped why. A *party* is whoever a unit depends on (the host a clip comes from). What it does to us says nothing about
the unit, so it is never held against the unit.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from vegas_data.errors import HostRefuses
from vegas_data.run.stage import Outcome, Stage, Unit

COME_BACK_AFTER_S: Final = 3600.0
"""Where the party names no time: YouTube limits a session "for up to an hour", in yt-dlp's words."""
LONGEST_AWAY_S: Final = 86_400.0
"""A host may ask for a year; a day later it costs one request to ask again."""


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """A party that is asked nothing more in this run, and the words it was stopped for.

    Args:
        come_back_at: UTC seconds since 1970, where waiting helps. exit_code: of the class of error.
    """

    party: str
    code: str
    message: str
    remedy: str
    exit_code: int
    come_back_at: float | None


class Gate:
    """Asked before every unit, told of every outcome.

    Args:
        is_closing: whether nothing more may be taken up.
    """

    def __init__(self, stage: Stage[Any], is_closing: Callable[[], bool] = lambda: False) -> None:
        self._stage = stage
        self._is_closing = is_closing
        self._in_a_row: dict[tuple[str, str], set[tuple[int, str]]] = {}
        self._stopped: dict[str, Stopped] = {}
        self._away_s: dict[str, float] = {}
        self.in_flight = 0

    @property
    def stopped(self) -> list[Stopped]:
        """The parties that were stopped, in that order."""
        return list(self._stopped.values())

    @property
    def away_s(self) -> float | None:
        """The longest time that a party which refused us is to be left alone; None: none did."""
        return max(self._away_s.values(), default=None)

    @property
    def is_closed(self) -> bool:
        """Whether no unit at all will be admitted any more."""
        return self._is_closing()

    def admits(self, unit: Unit) -> bool:
        """Whether a worker may take up ``unit`` now; yes means that it does."""
        if self.is_closed or self.has_stopped(unit):
            return False
        self.in_flight += 1
        return True

    def has_stopped(self, unit: Unit) -> bool:
        """Whether the party that ``unit`` depends on is asked nothing more."""
        return self._party(unit) in self._stopped

    def note(self, outcome: Outcome, unit: Unit, *, turn: int) -> None:
        """Take an outcome into account; ``turn`` counts how often the unit was tried in this run.

        In a row means: without a clip that came, or was refused for good, in between. Units of one key count once a
        turn, for they may all have been told the same answer.
        """
        self.in_flight -= 1
        party = self._party(unit)
        if outcome.is_party_fault:
            assert outcome.error is not None
            if isinstance(outcome.error, HostRefuses):
                self._away_s[party] = max(self._away_s.get(party, 0.0), _away_s(outcome.error))
            key = self._stage.affinity(unit) if self._stage.affinity else unit.id
            seen = self._in_a_row.setdefault((party, outcome.code), set())
            seen.add((turn, key))
            if len(seen) >= outcome.error.stops_after and party not in self._stopped:
                self._stopped[party] = self._stop(party, outcome)
        elif outcome.status == "rejected" or (outcome.status == "done" and outcome.received_bytes != 0):
            for who, code in list(self._in_a_row):
                if who == party:
                    del self._in_a_row[who, code]

    def _party(self, unit: Unit) -> str:
        return self._stage.party(unit) if self._stage.party else ""

    def _stop(self, party: str, outcome: Outcome) -> Stopped:
        error = outcome.error
        assert error is not None
        away_s = self._away_s.get(party) if isinstance(error, HostRefuses) else None
        return Stopped(
            party=party,
            code=outcome.code,
            message=outcome.message,
            remedy=outcome.remedy,
            exit_code=error.exit_code,
            come_back_at=None if away_s is None else time.time() + away_s,
        )


def _away_s(error: HostRefuses) -> float:
    asked = error.retry_after_s
    if asked is None or not math.isfinite(asked) or asked < 0:
        return COME_BACK_AFTER_S
    return min(asked, LONGEST_AWAY_S)

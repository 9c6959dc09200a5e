"""Every attempt at every unit of every stage, in SQLite: what is settled, what failed and why.

The ledger is the last in the order of truth (manifest, then artefacts, then ledger). Losing it loses no data: a
unit whose artefact exists is done, and a unit that failed is tried again.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vegas_data.errors import WorkspaceError

BUSY_TIMEOUT_S: Final = 60.0
SCHEMA_VERSION: Final = 1
_SCHEMA: Final = f"""
BEGIN IMMEDIATE;
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY,
    stage TEXT NOT NULL,
    digest TEXT NOT NULL,
    unit TEXT NOT NULL,
    status TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    remedy TEXT NOT NULL,
    seconds REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS attempts_by_unit ON attempts (stage, digest, unit, id);
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY,
    stage TEXT NOT NULL,
    digest TEXT NOT NULL,
    units INTEGER NOT NULL,
    seconds REAL NOT NULL
);
COMMIT;
"""
_INSERT: Final = """
INSERT INTO attempts (stage, digest, unit, status, code, message, remedy, seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_LATEST: Final = (
    "SELECT unit, status, code, message, remedy, seconds FROM attempts WHERE id IN (SELECT max(id) FROM attempts"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """The latest attempt at one unit; ``status`` is done, rejected, failed, retry or crashed."""

    unit: str
    status: str
    code: str = ""
    message: str = ""
    remedy: str = ""
    seconds: float = 0.0


class Ledger:
    """Append-only record of attempts; several processes may hold it at once.

    Args:
        read_only: only look; a ledger that is not there is an empty one.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        try:
            if read_only and path.is_file() and path.stat().st_size:
                address = f"{path.resolve().as_uri()}?mode=ro"
                self._db = sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            else:
                where = ":memory:" if read_only else path
                self._db = sqlite3.connect(where, timeout=BUSY_TIMEOUT_S, isolation_level=None)
                self._db.execute("PRAGMA journal_mode = DELETE")
                self._db.execute("PRAGMA synchronous = FULL")
                if not self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    self._db.executescript(_SCHEMA)
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error as error:
            raise self._broken(error) from None
        if version != SCHEMA_VERSION:
            raise WorkspaceError(
                f"{path}: a ledger of version {version}, this version reads {SCHEMA_VERSION}",
                remedy="use the version that made it, or delete the file: it is rebuilt from the artefacts",
            )

    def _broken(self, error: sqlite3.Error) -> WorkspaceError:
        return WorkspaceError(
            f"{self.path}: {error}",
            remedy="if the disk is full make room; if the file is damaged delete it: it is rebuilt from the artefacts",
        )

    def close(self) -> None:
        self._db.close()

    def record(self, stage: str, digest: str, attempt: Attempt) -> None:
        """Append one attempt, durably."""
        row = (
            stage,
            digest,
            attempt.unit,
            attempt.status,
            attempt.code,
            attempt.message,
            attempt.remedy,
            attempt.seconds,
        )
        try:
            self._db.execute(_INSERT, row)
        except sqlite3.Error as error:
            raise self._broken(error) from None

    def record_run(self, stage: str, digest: str, units: int, seconds: float) -> None:
        """Append how long one run of a stage took, and how many units it settled."""
        try:
            self._db.execute(
                "INSERT INTO runs (stage, digest, units, seconds) VALUES (?,?,?,?)", (stage, digest, units, seconds)
            )
        except sqlite3.Error as error:
            raise self._broken(error) from None

    def latest(self, stage: str, digest: str) -> dict[str, Attempt]:
        """The latest attempt at each unit of a stage, by unit."""
        return self._query(f"{_LATEST} WHERE stage = ? AND digest = ? GROUP BY unit) ORDER BY unit", (stage, digest))

    def _query(self, query: str, values: tuple[str, ...]) -> dict[str, Attempt]:
        try:
            rows = self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._broken(error) from None
        return {
            unit: Attempt(unit=unit, status=status, code=code, message=message, remedy=remedy, seconds=seconds)
            for unit, status, code, message, remedy, seconds in rows
        }

    def latest_of_all(self, stage: str) -> dict[str, Attempt]:
        """The latest attempt at each unit of a stage whatever the digest, by unit."""
        return self._query(f"{_LATEST} WHERE stage = ? GROUP BY unit) ORDER BY unit", (stage,))

    def seconds_by_stage(self) -> dict[str, float]:
        """Wall-clock seconds of each stage over all runs that settled at least one unit, in order of first run."""
        query = "SELECT stage, sum(seconds) FROM runs WHERE units > 0 GROUP BY stage ORDER BY min(id)"
        try:
            return dict(self._db.execute(query).fetchall())
        except sqlite3.Error as error:
            raise self._broken(error) from None


@contextmanager
def open_ledger(path: Path, *, read_only: bool = False) -> Iterator[Ledger]:
    """Open the ledger at ``path``, making it if need be, and close it at the end."""
    ledger = Ledger(path, read_only=read_only)
    try:
        yield ledger
    finally:
        ledger.close()

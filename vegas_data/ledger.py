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
SCHEMA_VERSION: Final = 2
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
    seconds REAL NOT NULL,
    at INTEGER NOT NULL DEFAULT 0
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
INSERT INTO attempts (stage, digest, unit, status, code, message, remedy, seconds, at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_COLUMNS: Final = "unit, status, code, message, remedy, seconds"


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One attempt at one unit; ``status`` is done, rejected, failed, retry or crashed.

    Args:
        at: UTC milliseconds since 1970 when it ended; 0: nobody knows.
    """

    unit: str
    status: str
    code: str = ""
    message: str = ""
    remedy: str = ""
    seconds: float = 0.0
    at: int = 0


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
            version = self._version()
            if version == 1 and not read_only:
                self._migrate()
                version = self._version()
        except sqlite3.Error as error:
            raise self._broken(error) from None
        if version not in ((1, SCHEMA_VERSION) if read_only else (SCHEMA_VERSION,)):
            raise WorkspaceError(
                f"{path}: a ledger of version {version}, this version reads {SCHEMA_VERSION}",
                remedy="use the version that made it, or delete the file: it is rebuilt from the artefacts",
            )

        self._at = "at" if version > 1 else "0"

    def _version(self) -> int:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        return int(version)

    def _migrate(self) -> None:
        """From version 1, which did not say when. Killed in the middle it is version 1 as before."""
        with self._db:  # which commits at the end, and rolls back if anything is raised
            self._db.execute("BEGIN IMMEDIATE")
            if self._version() == 1:  # nobody was faster
                self._db.execute("ALTER TABLE attempts ADD COLUMN at INTEGER NOT NULL DEFAULT 0")
                self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _broken(self, error: sqlite3.Error) -> WorkspaceError:
        return WorkspaceError(
            f"{self.path}: {error}",
            remedy="if the disk is full make room; if the file is damaged delete it: it is rebuilt from the artefacts",
        )

    def close(self) -> None:
        self._db.close()

    def record(self, stage: str, digest: str, *attempts: Attempt) -> None:
        """Append attempts, durably: all of them, or none."""
        rows = [
            (stage, digest, one.unit, one.status, one.code, one.message, one.remedy, one.seconds, one.at)
            for one in attempts
        ]
        if not rows:
            return
        try:
            with self._db:  # which commits at the end, and rolls back if anything is raised
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany(_INSERT, rows)
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
        return self._latest("stage = ? AND digest = ?", (stage, digest))

    def latest_of_all(self, stage: str) -> dict[str, Attempt]:
        """The latest attempt at each unit of a stage whatever the digest, by unit."""
        return self._latest("stage = ?", (stage,))

    def _latest(self, which: str, values: tuple[str, ...]) -> dict[str, Attempt]:
        newest = f"SELECT max(id) FROM attempts WHERE {which} GROUP BY unit"  # noqa: S608 - our own words
        return {found.unit: found for found in self._attempts(f"id IN ({newest}) ORDER BY unit", values)}

    def settled(self, stage: str) -> list[Attempt]:
        """Every attempt of a stage, whatever the digest, that ended as done or rejected; in the order they ended."""
        return self._attempts("stage = ? AND status IN ('done', 'rejected') ORDER BY id", (stage,))

    def _attempts(self, which: str, values: tuple[str, ...]) -> list[Attempt]:
        query = f"SELECT {_COLUMNS}, {self._at} FROM attempts WHERE {which}"  # noqa: S608 - our own words
        try:
            rows = self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._broken(error) from None
        return [
            Attempt(unit=unit, status=status, code=code, message=message, remedy=remedy, seconds=seconds, at=at)
            for unit, status, code, message, remedy, seconds, at in rows
        ]

    def seconds_of_done(self, stage: str, *, last: int) -> list[float]:
        """Seconds that each of the ``last`` successful attempts at units of a stage took, whatever the digest."""
        query = (
            "SELECT seconds FROM attempts WHERE stage = ? AND status = 'done' AND seconds > 0 ORDER BY id DESC LIMIT ?"
        )
        try:
            return [seconds for (seconds,) in self._db.execute(query, (stage, last))]
        except sqlite3.Error as error:
            raise self._broken(error) from None

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

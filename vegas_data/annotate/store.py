"""The log of what people said: one SQLite file that is only ever added to.

Judgments of people cannot be recomputed. An event is in the file before anybody is told that it was taken: rollback
journal, every commit synced, the folder too (``synchronous = EXTRA``). Triggers refuse every change of a row, and
constraints refuse what must not be there twice: a key, a clip for one person, an answer to one question, an undo.

Whoever annotates is known by a pseudonym: their id, hashed with a salt that never leaves this file. The id itself is
not kept.
"""

import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from vegas_data.annotate.events import Answered, Completion, Event, Lease, Renewal, Undo
from vegas_data.annotate.tasks import HumanJudgment, Question
from vegas_data.errors import AnnotationError, JudgmentConflict, JudgmentsBusy

E = TypeVar("E", bound=Event)

SCHEMA_VERSION: Final = 1
BUSY_TIMEOUT_S: Final = 5.0
_KINDS: Final[dict[str, type[Event]]] = {
    "lease": Lease,
    "renewal": Renewal,
    "answer": Answered,
    "undo": Undo,
    "completion": Completion,
}
_SCHEMA: Final = """
BEGIN IMMEDIATE;
PRAGMA user_version = 1;
CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('lease', 'renewal', 'answer', 'undo', 'completion')),
    at_ms INTEGER NOT NULL,
    annotator TEXT NOT NULL,
    scope TEXT,
    task TEXT,
    purpose TEXT CHECK (purpose IN ('review', 'calibration', 'audit')),
    category TEXT,
    clip_id TEXT,
    video_id TEXT,
    is_gold INTEGER CHECK (is_gold IN (0, 1)),
    questions TEXT,
    lease INTEGER REFERENCES events (seq),
    key TEXT UNIQUE,
    start_ms INTEGER,
    end_ms INTEGER CHECK (end_ms > start_ms),
    side TEXT CHECK (side IN ('heard', 'seen', 'pair')),
    answer TEXT CHECK (answer IN ('yes', 'sort_of', 'no')),
    revision INTEGER,
    played_ms INTEGER,
    undoes INTEGER UNIQUE REFERENCES events (seq),
    UNIQUE (kind, annotator, scope),
    UNIQUE (lease, side, start_ms, revision),
    CHECK (kind <> 'lease' OR (scope IS NOT NULL AND purpose IS NOT NULL AND clip_id IS NOT NULL)),
    CHECK (kind <> 'answer' OR (lease IS NOT NULL AND key IS NOT NULL AND answer IS NOT NULL AND side IS NOT NULL
        AND start_ms IS NOT NULL AND end_ms IS NOT NULL AND revision IS NOT NULL)),
    CHECK (kind <> 'undo' OR (undoes IS NOT NULL AND key IS NOT NULL)),
    CHECK (kind <> 'completion' OR scope IS NOT NULL)
);
CREATE TRIGGER events_never_change BEFORE UPDATE ON events BEGIN SELECT raise(ABORT, 'the log is append-only'); END;
CREATE TRIGGER events_never_go BEFORE DELETE ON events BEGIN SELECT raise(ABORT, 'the log is append-only'); END;
CREATE VIEW judgments AS
    SELECT given.purpose, given.category, given.clip_id, given.video_id, said.start_ms, said.end_ms, said.side,
           said.annotator, said.answer, said.at_ms, given.is_gold
    FROM events AS said JOIN events AS given ON given.seq = said.lease
    WHERE said.kind = 'answer' AND NOT EXISTS (SELECT 1 FROM events AS back WHERE back.undoes = said.seq);
COMMIT;
"""
_JUDGMENT: Final = tuple(field.name for field in fields(HumanJudgment))
_ORDER: Final = "category, clip_id, start_ms, side, purpose, annotator"


class JudgmentStore:
    """The log at ``path``, made if need be. One thread at a time may use it.

    Raises:
        AnnotationError: the file is damaged, of another version, or cannot be written. JudgmentsBusy: it is locked.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = path
        with _translated(path):
            self._db = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = DELETE")
            self._db.execute("PRAGMA synchronous = EXTRA")
            self._db.execute("PRAGMA foreign_keys = ON")
            if not self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                path.chmod(0o600)
                self._db.executescript(_SCHEMA)
            _check_version(self._db, path)
            self._db.execute("INSERT OR IGNORE INTO secrets VALUES ('salt', ?)", (secrets.token_bytes(32),))
            (self._salt,) = self._db.execute("SELECT value FROM secrets WHERE name = 'salt'").fetchone()

    def close(self) -> None:
        self._db.close()

    def pseudonym(self, raw: str) -> str:
        """The name under which a person's judgments are kept: the same for the same id in this file only."""
        return "p" + hmac.digest(self._salt, raw.encode("utf-8", "replace"), hashlib.sha256).hex()[:12]

    def append(self, event: E) -> E:
        """Put one event into the log; when this returns it is on disk. Raises as ``append_all``."""
        return self.append_all([event])[0]

    def append_all(self, events: Iterable[E]) -> list[E]:
        """Put events into the log, all or none, and return them with their places.

        Raises:
            JudgmentConflict: one of them is there already, or contradicts what is there. JudgmentsBusy: another
                program holds the file. AnnotationError: the disk is full or the file damaged.
        """
        with self.transaction():
            return [self.put(event) for event in events]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is ``put`` inside, or nothing; on disk at the end. Raises as ``append_all``."""
        with _translated(self.path), self._db:  # which commits at the end, and rolls back if anything is raised
            self._db.execute("BEGIN IMMEDIATE")
            yield

    def put(self, event: E) -> E:
        """One event, inside a transaction; returned with its place."""
        row = _row_of(event)
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        done = self._db.execute(f"INSERT INTO events ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608
        assert done.lastrowid is not None
        return replace(event, seq=done.lastrowid)

    def events(self) -> Iterator[Event]:
        """The whole log in its order."""
        with _translated(self.path):
            cursor = self._db.execute("SELECT * FROM events ORDER BY seq")
            names = [column[0] for column in cursor.description]
            for values in cursor:
                yield _event_of(dict(zip(names, values, strict=True)))

    def judgments(self) -> list[HumanJudgment]:
        """What people said and did not take back, by category, clip and time."""
        with _translated(self.path):
            return _judgments(self._db)


def read_judgments(path: Path) -> list[HumanJudgment]:
    """The valid judgments in the log at ``path``; none where there is no such file.

    Raises:
        AnnotationError: damaged or of another version. JudgmentsBusy: locked for longer than some seconds.
    """
    if not path.is_file():
        return []
    with _translated(path):
        # Not read-only: a journal that a killed server left is rolled back by whoever opens the file next.
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S)
        try:
            _check_version(db, path)
            return _judgments(db)
        finally:
            db.close()


def _judgments(db: sqlite3.Connection) -> list[HumanJudgment]:
    rows = db.execute(f"SELECT {', '.join(_JUDGMENT)} FROM judgments ORDER BY {_ORDER}")  # noqa: S608 (our own names)
    judgments = (HumanJudgment(**dict(zip(_JUDGMENT, row, strict=True))) for row in rows)
    return [replace(judgment, is_gold=bool(judgment.is_gold)) for judgment in judgments]


def _check_version(db: sqlite3.Connection, path: Path) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        raise AnnotationError(
            f"{path}: judgments of version {version}, this version reads {SCHEMA_VERSION}",
            remedy="use the version of vegas-data that made it; never delete it: nobody can judge again from memory",
        )


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise JudgmentConflict(f"{path}: {error}", remedy="reload the page") from None
    except sqlite3.Error as error:
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            raise JudgmentsBusy(f"{path}: {error}", remedy="end the other program that holds it") from None
        raise AnnotationError(
            f"{path}: {error}", remedy="make room if the disk is full; if the file is damaged restore a copy of it"
        ) from None


def _row_of(event: Event) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": next(name for name, kind in _KINDS.items() if isinstance(event, kind))}
    for field in fields(event):
        value = getattr(event, field.name)
        if isinstance(value, Question):
            row |= {"start_ms": value.start_ms, "end_ms": value.end_ms, "side": value.side}
        elif field.name == "questions":
            row["questions"] = json.dumps([[q.start_ms, q.end_ms, q.side] for q in value], separators=(",", ":"))
        elif field.name != "seq":
            row[field.name] = value
    return row


def _event_of(row: dict[str, Any]) -> Event:
    kind = _KINDS[row["kind"]]
    if row["questions"] is not None:
        row["questions"] = tuple(
            Question(start_ms=s, end_ms=e, side=side) for s, e, side in json.loads(row["questions"])
        )
    if kind is Answered:
        row["question"] = Question(start_ms=row["start_ms"], end_ms=row["end_ms"], side=row["side"])
    if kind is Lease:
        row["is_gold"] = bool(row["is_gold"])
    return kind(**{field.name: row[field.name] for field in fields(kind)})

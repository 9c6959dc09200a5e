"""The ledger remembers the latest attempt, survives two writers, and says how to mend itself."""

import sqlite3
from pathlib import Path

import pytest

from vegas_data.errors import WorkspaceError
from vegas_data.ledger import Attempt, Ledger, open_ledger


def attempt(unit: str, status: str, code: str = "") -> Attempt:
    return Attempt(unit=unit, status=status, code=code, message="", seconds=0.5)


def test_the_latest_attempt_counts(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "l.sqlite") as ledger:
        ledger.record("fetch", "d1", attempt("a", "retry", "rate_limited"))
        ledger.record("fetch", "d1", attempt("a", "done"))
        ledger.record("fetch", "d2", attempt("a", "failed"))
        ledger.record("fetch", "d1", attempt("b", "rejected", "removed"))
    with open_ledger(tmp_path / "l.sqlite") as ledger:
        latest = ledger.latest("fetch", "d1")
    assert {unit: (a.status, a.code) for unit, a in latest.items()} == {"a": ("done", ""), "b": ("rejected", "removed")}


def test_two_processes_worth_of_writers(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "l.sqlite") as one, open_ledger(tmp_path / "l.sqlite") as two:
        for i in range(20):
            (one if i % 2 else two).record("s", "d", attempt(f"u{i:02}", "done"))
        assert len(one.latest("s", "d")) == 20


def test_seconds_count_runs_that_did_something(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "l.sqlite") as ledger:
        ledger.record_run("fetch", "d", 3, 2.0)
        ledger.record_run("fetch", "d", 0, 9.0)
        ledger.record_run("verify", "d", 1, 1.5)
        assert ledger.seconds_by_stage() == {"fetch": 2.0, "verify": 1.5}


def test_a_damaged_file_is_named_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "l.sqlite").write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(WorkspaceError, match=r"l\.sqlite") as caught:
        Ledger(tmp_path / "l.sqlite")
    assert "delete it" in caught.value.remedy


def test_only_looking_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    with open_ledger(path, read_only=True) as none_yet:
        assert none_yet.latest("s", "d") == {}
    assert list(tmp_path.iterdir()) == []
    with open_ledger(path) as ledger:
        ledger.record("s", "d", attempt("a", "done"))
        with open_ledger(path, read_only=True) as reader:
            assert reader.latest("s", "d").keys() == {"a"}
    assert [p.name for p in tmp_path.iterdir()] == ["l.sqlite"]


def test_a_ledger_of_another_version_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    with open_ledger(path):
        pass
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 7")
    db.close()
    with pytest.raises(WorkspaceError, match="version 7"):
        Ledger(path)


VERSION_1 = """
PRAGMA user_version = 1;
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY, stage TEXT NOT NULL, digest TEXT NOT NULL, unit TEXT NOT NULL, status TEXT NOT NULL,
    code TEXT NOT NULL, message TEXT NOT NULL, remedy TEXT NOT NULL, seconds REAL NOT NULL
);
CREATE INDEX attempts_by_unit ON attempts (stage, digest, unit, id);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, stage TEXT NOT NULL, digest TEXT NOT NULL, units INTEGER NOT NULL, seconds REAL NOT NULL
);
INSERT INTO attempts VALUES (1, 's', 'd', 'old', 'rejected', 'removed', 'gone', '', 0.5);
"""


def test_a_ledger_of_version_1_is_read_as_it_is_and_migrated_by_the_first_writer(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    db = sqlite3.connect(path)
    db.executescript(VERSION_1)
    db.close()
    before = path.read_bytes()
    old = Attempt(unit="old", status="rejected", code="removed", message="gone", seconds=0.5, at=0)
    with open_ledger(path, read_only=True) as reader:
        assert reader.latest("s", "d") == {"old": old}
    assert path.read_bytes() == before
    new = Attempt(unit="new", status="done", seconds=1.5, at=1_750_000_000_123)
    with open_ledger(path) as ledger, open_ledger(path) as other:
        other.record("s", "d", new)
        assert ledger.latest("s", "d") == {"new": new, "old": old}
        assert ledger.settled("s") == [old, new]
        assert ledger.seconds_of_done("s", last=9) == [1.5]


def test_a_migration_that_fails_leaves_version_1(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    db = sqlite3.connect(path)
    db.executescript(VERSION_1 + "ALTER TABLE attempts ADD COLUMN at TEXT;")  # in the way of ours
    db.close()
    with pytest.raises(WorkspaceError, match="duplicate column"):
        Ledger(path)
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    db.close()

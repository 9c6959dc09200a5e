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

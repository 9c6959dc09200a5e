"""The link-rot ledger: what stands in it, what changed between two moments, and files that are no such table."""

import io
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from vegas_data.errors import ReleaseError
from vegas_data.ledger import Attempt
from vegas_data.release import (
    Check,
    availability_bytes,
    checks_of,
    compare_states,
    latest_checks,
    read_availability,
    state_of,
)

A, B, C, D = (f"{letter * 11}_000000000" for letter in "abcd")


def done(clip: str, at: int) -> Attempt:
    return Attempt(unit=clip, status="done", at=at)


def refused(clip: str, code: str, at: int) -> Attempt:
    return Attempt(unit=clip, status="rejected", code=code, message=f"{code}!", at=at)


def test_rows_are_sorted_and_read_back(tmp_path: Path) -> None:
    checks = checks_of([refused(B, "removed", 7), done(A, 9), done(A, 0), refused(A, "private", 12)])
    assert [(check.clip_id, check.checked_at, check.kind) for check in checks] == [
        (A, 0, "alive"),
        (A, 9, "alive"),
        (A, 12, "private"),
        (B, 7, "removed"),
    ]
    (tmp_path / "a.parquet").write_bytes(availability_bytes(checks))
    assert availability_bytes(checks) == (tmp_path / "a.parquet").read_bytes()
    table = pyarrow.parquet.read_table(tmp_path / "a.parquet")
    assert table.schema.field("checked_at").type == pyarrow.timestamp("ms", tz="UTC")
    assert table["checked_at"].null_count == 1, "nobody knows when"
    assert table["message"].to_pylist() == ["", "", "private!", "removed!"]
    assert table["video_id"].to_pylist() == ["a" * 11] * 3 + ["b" * 11]
    assert state_of(read_availability(tmp_path / "a.parquet")) == {A: "private", B: "removed"}


def test_the_state_at_a_moment() -> None:
    checks = checks_of([done(A, 0), refused(A, "private", 10), done(A, 20)])
    assert [state_of(checks, until=moment) for moment in (0, 9, 10, 25)] == [
        {A: "alive"},
        {A: "alive"},
        {A: "private"},
        {A: "alive"},
    ]
    assert latest_checks(checks)[A].checked_at == 20


def test_what_changed() -> None:
    before = {A: "alive", B: "removed", C: "private", D: "alive"}
    after = {A: "account_terminated", B: "alive", C: "removed", "e" * 11 + "_000000000": "alive"}
    changes = compare_states(before, after)
    assert changes.counts() == {
        "died": {"alive → account_terminated": 1},
        "back": {"removed → alive": 1},
        "changed": {"private → removed": 1},
        "new": {"? → alive": 1},
        "missing": {"alive → ?": 1},
    }
    assert compare_states({A: "alive"}, {A: "no_audio"}).changed == ((A, "alive", "no_audio"),), "still there"
    assert compare_states({A: "no_audio"}, {A: "removed"}).died
    assert compare_states(before, before).counts()["changed"] == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": ["../../etc/passwd"]}, "row 1: not a valid id"),
        ({"id": [7]}, "row 1: not a valid id"),
        ({"class": [None]}, "row 1: not a valid class"),
        ({"class": ["\x1b[31m"]}, "row 1: not a valid class"),
        ({"checked_at": ["soon"]}, "not a table of availability"),
        ({"extra": [1]}, "not a table of availability"),
    ],
)
def test_a_foreign_table_is_refused(tmp_path: Path, change: dict[str, list[object]], words: str) -> None:
    good = pyarrow.parquet.read_table(io.BytesIO(availability_bytes([Check(clip_id=A, checked_at=1, kind="alive")])))
    columns = {name: good[name] for name in good.column_names} | {n: pyarrow.array(v) for n, v in change.items()}
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "x.parquet")
    with pytest.raises(ReleaseError, match=words):
        read_availability(tmp_path / "x.parquet")

"""Outside tables: downloaded once, whole or not at all, and from then on the same bytes or an error."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.loopback import Handler, serving
from vegas_data.download import part_file
from vegas_data.errors import (
    ChecksumMismatch,
    FetchError,
    LimitExceeded,
    ManifestError,
    TransferFailed,
    WorkspaceLocked,
)
from vegas_data.sources import SourceEntry, cache_folder, fetch_source, find_cached, find_in, load_sources

BODY = b"a,b\n1,2\n"
SHA256 = hashlib.sha256(BODY).hexdigest()
ENTRY = SourceEntry(
    name="x", title="X", kind="classes", url="https://x.invalid/", file="x.csv", licence="CC0-1.0", sha256="0" * 64
)
FIRST = replace(ENTRY, sha256="recorded at first fetch")


class Answers(Handler):
    """The path says what; every request is counted."""

    asked = 0

    def answer(self) -> None:
        type(self).asked += 1
        if self.path == "/gone":
            self.send_error(404)
            return
        body = {"/other": b"other", "/long": b"x" * 1000}.get(self.path, BODY)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) + (10 if self.path == "/cut" else 0)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VEGAS_DATA_TABLES", str(tmp_path / "cache"))
    Answers.asked = 0
    return tmp_path / "cache"


def at(entry: SourceEntry, address: str) -> SourceEntry:
    """The entry with an address on this machine, which no file may hold."""
    moved = replace(entry)
    object.__setattr__(moved, "url", address)
    return moved


def test_a_table_is_downloaded_once_and_its_first_bytes_are_recorded(cache: Path) -> None:
    assert find_cached(FIRST) is None
    with serving(Answers) as server:
        entry = at(FIRST, f"{server}/x")
        found = fetch_source(entry, allow_loopback=True)
        assert (found.sha256, found.num_bytes, found.path) == (SHA256, len(BODY), cache / "x.csv")
        assert fetch_source(entry, allow_loopback=True) == found == find_cached(entry)
        assert Answers.asked == 1
    record = json.loads((cache / "x.csv.json").read_text(encoding="utf-8"))
    assert {key: record[key] for key in ("sha256", "num_bytes", "name")} == {
        "sha256": SHA256,
        "num_bytes": len(BODY),
        "name": "x",
    }
    assert len(record["date"]) == 10
    assert sorted(path.name for path in cache.iterdir()) == ["x.csv", "x.csv.json"]


def test_other_bytes_than_those_recorded_are_refused(cache: Path) -> None:
    with serving(Answers) as server:
        fetch_source(at(FIRST, f"{server}/x"), allow_loopback=True)
        (cache / "x.csv").write_bytes(b"edited")
        with pytest.raises(ChecksumMismatch, match=r"x\.csv: sha256 is") as caught:
            find_cached(FIRST)
        assert "x.csv.json" in caught.value.remedy
        (cache / "x.csv").unlink()
        with pytest.raises(ChecksumMismatch):
            fetch_source(at(FIRST, f"{server}/other"), allow_loopback=True)
        assert fetch_source(at(FIRST, f"{server}/x"), allow_loopback=True).sha256 == SHA256


def test_a_pinned_table_must_be_the_pinned_one(cache: Path) -> None:
    with serving(Answers) as server:
        with pytest.raises(ChecksumMismatch, match="expected 000"):
            fetch_source(at(ENTRY, f"{server}/x"), allow_loopback=True)
        assert not (cache / "x.csv").exists()
        pinned = at(replace(ENTRY, sha256=SHA256), f"{server}/x")
        assert fetch_source(pinned, allow_loopback=True).sha256 == SHA256


@pytest.mark.parametrize(("path", "error"), [("/gone", FetchError), ("/cut", TransferFailed), ("/long", LimitExceeded)])
def test_what_goes_wrong_leaves_nothing(cache: Path, path: str, error: type[Exception]) -> None:
    with serving(Answers) as server, pytest.raises(error):
        fetch_source(at(replace(FIRST, num_bytes=100), server + path), allow_loopback=True)
    assert list(cache.iterdir()) == []


def test_a_killed_download_is_begun_anew_and_a_running_one_is_respected(cache: Path) -> None:
    cache.mkdir()
    (cache / "x.csv.part").write_bytes(b"left by a killed process")
    (cache / "x.csv").write_bytes(b"without a record: nobody knows what it is")
    with serving(Answers) as server:
        with part_file(cache / "x.csv"), pytest.raises(WorkspaceLocked):
            fetch_source(at(FIRST, f"{server}/x"), allow_loopback=True)
        assert fetch_source(at(FIRST, f"{server}/x"), allow_loopback=True).sha256 == SHA256


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    assert find_in(FIRST, tmp_path) is None
    (tmp_path / "x.csv").write_bytes(b"another form of it")
    found = find_in(ENTRY, tmp_path)
    assert found is not None, "a re-exported table has other bytes than the pinned one"
    assert found.num_bytes == 18
    with (tmp_path / "x.csv").open("r+b") as file:
        file.truncate((1 << 30) + 1)
    with pytest.raises(ManifestError, match=r"x\.csv: longer than"):
        find_in(ENTRY, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "abc"}, "sha256"),
        ({"url": "http://x.invalid/"}, "not https"),
        ({"file": "../x"}, "plain file name"),
        ({"date": "yesterday"}, "YYYY-MM-DD"),
        ({"origin": "x"}, "origin"),
        ({"kind": "segments"}, "origin"),
    ],
)
def test_entries_that_cannot_be(change: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ENTRY, **change)  # type: ignore[arg-type]


def test_the_shipped_table() -> None:
    entries = load_sources()
    assert [entry.origin for entry in entries.values() if entry.origin] == [
        "audioset/eval",
        "audioset/balanced",
        "audioset/unbalanced",
    ]
    assert cache_folder().name == "cache"

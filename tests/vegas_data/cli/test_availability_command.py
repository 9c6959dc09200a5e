"""``vegas-data release availability``: the hosts are asked, the table is written, two of them are compared."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.commands import vegas, vegas_json
from vegas_data.cli.main import cli
from vegas_data.cli.session import Place, writing
from vegas_data.clips import prepare_manifest
from vegas_data.context import Selection
from vegas_data.errors import ManifestError
from vegas_data.manifest import read_table
from vegas_data.recheck import check_again
from vegas_data.release import Check, availability_bytes, read_availability

GONE = "demo-drum_gone_404_000_000000400"


def test_the_hosts_are_asked_again_and_nothing_is_brought(fetched: Path, tmp_path: Path) -> None:
    place = ("--workspace", fetched)
    first = vegas_json("release", "availability", *place)
    assert (first["rows"], first["classes"]) == (6, {"alive": 5, "removed": 1})
    table = fetched / "tables" / "availability.parquet"
    assert first["file"] == str(table)
    before = set((fetched / "clips").rglob("*"))
    asked = vegas_json("release", "availability", *place, "--check", "--limit", "2", "--workers", "0")
    assert asked["stages"][0]["outcomes"] == {"done": 2}
    asked = vegas_json("release", "availability", *place, "--check", "--category", "drum", "--workers", "2")
    assert asked["stages"][0]["outcomes"] == {"done": 4, "rejected": 1}
    assert asked["rows"] == 6 + 2 + 5
    assert set((fetched / "clips").rglob("*")) == before
    checks = read_availability(table)
    assert checks == sorted(checks, key=lambda c: (c.video_id, c.clip_id, c.checked_at))
    assert [c.kind for c in checks if c.clip_id == GONE] == ["removed"] * 2
    today = datetime.now(UTC)
    assert all(abs(check.checked_at / 1000 - today.timestamp()) < 3600 for check in checks)
    assert vegas_json("status", *place)["clips"]["fetched"] == 5
    again = vegas_json("fetch", *place)["stages"][-1]
    assert again["units"] == again["already_settled"], "a check settles nothing for fetch"
    other = vegas_json("release", "availability", *place, "--output", tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == table.read_bytes()
    assert other["rows"] == asked["rows"]


def test_two_files_and_two_dates_are_compared(fetched: Path, tmp_path: Path) -> None:
    a, b = tmp_path / "a.parquet", tmp_path / "b.parquet"
    a.write_bytes(availability_bytes([Check(clip_id="-aaaaaaaaaa_000000000", checked_at=1, kind="alive")]))
    b.write_bytes(availability_bytes([Check(clip_id="-aaaaaaaaaa_000000000", checked_at=2, kind="private")]))
    told = vegas_json("release", "availability", "--diff", a, b)
    assert told["counts"]["died"] == {"alive → private": 1}
    assert told["clips"]["died"] == [{"id": "-aaaaaaaaaa_000000000", "before": "alive", "after": "private"}]
    shown = vegas("release", "availability", "--workspace", fetched, "--diff", "2001-01-01", "2999-01-01")
    assert shown.returncode == 0, shown.stderr
    assert "new: 6" in shown.stdout
    assert "5 ? → alive" in shown.stdout
    none = vegas_json("release", "availability", "--workspace", fetched, "--diff", "2001-01-01", "2002-01-01")
    assert (none["before"], none["after"]) == (0, 0)


def test_what_cannot_be_compared_is_a_usage_error(tmp_path: Path) -> None:
    runner = CliRunner()
    for sides in (("yesterday", "2026-08-01"), ("2026-02-31", "2026-03-01")):
        done = runner.invoke(cli, ["release", "availability", "--diff", *sides])
        assert done.exit_code == 2, done.output
        assert sides[0] in done.output
    assert runner.invoke(cli, ["release", "availability", "--diff", "a", "b", "--check"]).exit_code == 2


def test_nobody_has_been_asked_yet(tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    table.write_text("video_id,start_ms,end_ms,category\n-aaaaaaaaaa,0,2000,drum\n", encoding="utf-8")
    place = Place(workspace_path=tmp_path / "w", recipe_name="vegas", categories_file=None, as_json=True)
    with writing(place, Selection()) as run:
        prepare_manifest(run, read_table(table, run.categories))
        with pytest.raises(ManifestError, match="no host has been asked"):
            check_again(run)

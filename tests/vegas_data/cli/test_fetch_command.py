"""``vegas-data fetch`` and ``status`` as a user types them: what is planned, tried again, told and left behind."""

import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.commands import vegas, vegas_json
from vegas_data.cli.main import cli
from vegas_data.config import shipped
from vegas_data.errors import CLIP_CLASSES
from vegas_data.workspace import Workspace

GONE = "demo-drum_gone_404_000_000000400"


def test_status_by_category_and_class(fetched: Path) -> None:
    rows = {row["category"]: row for row in vegas_json("status", "--workspace", fetched)["categories"]}
    assert {name: (row["listed"], row["fetched"], row["untried"], row["classes"]) for name, row in rows.items()} == {
        "dog": (1, 1, 0, {}),
        "drum": (5, 4, 0, {"removed": 1}),
    }
    assert rows["drum"]["short"] is None, "the recipe has no cap"
    with sqlite3.connect(fetched / "ledger.sqlite") as db:
        db.execute(
            "UPDATE attempts SET status = 'failed', code = 'unclassified', message = 'Odd words' WHERE code <> ''"
        )
    db.close()
    told = vegas("status", "--workspace", fetched, "--failures").stdout
    assert "1 unclassified" in told
    assert "unclassified: Odd words" in told, "in its own words"


def test_retry_asks_again_for_one_class_only(fetched: Path) -> None:
    place = ("--workspace", fetched, "--workers", "0")
    clip = next((fetched / "clips").rglob("demo-dog*.json"))
    clip.unlink()
    asked = vegas_json("fetch", *place, "--retry", "removed")["stages"][-1]
    assert (asked["units"], asked["outcomes"]) == (1, {"rejected": 1})
    assert not clip.exists(), "what is merely missing is not of that class"
    assert vegas_json("fetch", *place, "--retry", "private", "--retry", "timed_out")["stages"][-1]["units"] == 0
    plan = vegas_json("fetch", *place, "--retry", "removed", "--dry-run")
    assert (plan["stages"][0]["outcomes"], plan["plan"]["clips"]) == ({"pending": 1}, 1)
    assert vegas_json("fetch", *place)["stages"][-1]["outcomes"] == {"done": 5, "rejected": 1}


def test_an_unknown_class_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["fetch", "--workspace", str(tmp_path / "w"), "--retry", "gone"])
    assert done.exit_code == 2
    assert all(f"'{name}'" in done.output for name in CLIP_CLASSES)
    assert not (tmp_path / "w").exists()


def test_a_plan_is_honest_about_what_it_knows(fetched: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "slow.toml"
    text = shipped("pipelines/smoke.toml").read_text(encoding="utf-8")
    recipe.write_text(text.replace('name = "demo"', 'name = "demo"\nvideos_per_hour = 4', 1), encoding="utf-8")
    new = vegas("fetch", "--workspace", tmp_path / "new", "--recipe", recipe, "--dry-run")
    assert new.returncode == 0
    assert "demo: 6 videos, at 4 an hour: 90 min" in new.stderr.replace("1.5 h", "90 min")
    assert "no clip fetched here so far: time per clip not known" in new.stderr
    dry = ("fetch", "--workspace", fetched, "--recipe", recipe, "--again", "--workers", "2", "--dry-run")
    plan = vegas_json(*dry)["plan"]
    assert (plan["clips"], plan["sources"][0]["pace_hours"], plan["measured_clips"]) == (1, 0.25, 5)
    assert plan["seconds_per_clip"] > 0
    assert plan["hours"] == 0.25
    assert "a clip (median of 5 here), 2 at a time" in vegas(*dry).stderr


def test_a_second_fetch_at_the_same_time_is_told_to_come_back_later(fetched: Path) -> None:
    with Workspace(fetched).lock():
        error = vegas_json("fetch", "--workspace", fetched, expect=75)
    assert error["error"] == "locked"


@pytest.mark.parametrize("there", [False, True], ids=["no folder", "an empty folder"])
def test_a_refused_command_leaves_things_as_they_were(tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "w").mkdir()
    done = vegas("manifest", "build", "--from", tmp_path / "none", "--workspace", tmp_path / "w")
    assert done.returncode == 3
    assert (tmp_path / "w").exists() is there
    assert not there or list((tmp_path / "w").iterdir()) == []


def test_a_refused_command_keeps_a_workspace_that_was_there(fetched: Path, tmp_path: Path) -> None:
    before = sorted(fetched.rglob("*"))
    assert vegas("manifest", "build", "--from", tmp_path / "none", "--workspace", fetched).returncode == 3
    assert sorted(fetched.rglob("*")) == before


def test_a_cookies_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        cli, ["fetch", "--workspace", str(tmp_path / "w"), "--cookies", str(tmp_path / "none.txt")]
    )
    assert done.exit_code == 2
    assert "none.txt" in done.output

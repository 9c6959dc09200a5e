"""An audit from its draw to the card of a release, by the commands a user types; and a changed number is found."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.end_to_end.test_people_flow import judge, smoke_recipe, table
from tests.vegas_data.release.release_bench import edit_table, edit_text
from vegas_data.annotate.tasks import HumanAnswer
from vegas_data.cli.main import cli
from vegas_data.errors import WorkspaceError
from vegas_data.release import check_release

Row = dict[str, Any]


def run(*arguments: str | Path) -> Result:
    """A command in this process: a dozen processes would cost more than what they do."""
    return CliRunner().invoke(cli, list(map(str, arguments)))


def told(*arguments: str | Path) -> Any:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


def all_present(row: Row, side: str) -> HumanAnswer:
    return "yes"


@pytest.fixture
def workspace(smoke: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(smoke, tmp_path / "w"))


def test_an_audit_goes_into_the_release_and_cannot_be_changed_there(workspace: Path, tmp_path: Path) -> None:
    place = ("--workspace", workspace)
    assert "nothing is drawn for an audit: vegas-data audit draw" in run("audit", "report", *place).stdout
    drawn = told("audit", "draw", *place)["drawn"]
    assert {name: (one["outcome"], one["paths"]) for name, one in drawn.items()} == {
        "dog": ("drawn", {"auto_accept": 2}),
        "drum": ("drawn", {"auto_accept": 8}),
    }
    words = run("audit", "report", *place).stdout
    assert "none of 10 drawn windows judged: vegas-data review --purpose audit" in words
    assert "drum: precision not measured" in words

    rows = table(workspace, "audit/drum.parquet")
    refused = rows[0]["clip_id"], rows[0]["start_ms"]

    def says(row: Row, side: str) -> HumanAnswer:
        return "no" if side == "heard" and (row["clip_id"], row["start_ms"]) == refused else "sort_of"

    judge(workspace, rows, says, people=2, purpose="audit")
    report = told("audit", "report", *place)
    (precision,) = [one["precision"] for one in report["categories"] if one["category"] == "drum"]
    assert precision["value"] == pytest.approx(7 / 8)
    assert (report["judged"], report["drawn"], report["stale"]) == (8, 10, [])
    assert report["people"]["alpha"]["drum"]["heard"] == pytest.approx(1.0)
    words = run("audit", "report", *place).stdout
    assert "8 of 10 drawn windows judged" in words
    people = {one["annotator"] for one in report["people"]["annotators"]}
    gold = tmp_path / "gold.csv"
    known = ",".join(map(str, (rows[0]["clip_id"], rows[0]["start_ms"], rows[0]["end_ms"])))
    gold.write_text(f"category,clip_id,start_ms,end_ms,side,answer\ndrum,{known},heard,no\ndrum,{known},seen,no\n")
    accuracy = told("audit", "report", *place, "--gold", gold)["people"]["gold"]
    assert [(one["annotator"], one["right"], one["count"]) for one in accuracy] == [
        (who, 1, 2) for who in sorted(people)
    ]
    assert "drum 50.0 % [" in run("audit", "report", *place, "--gold", gold).stdout
    assert len(people) == 2
    assert all(name in words for name in people)

    built = told("release", "build", *place, "--output", tmp_path / "r")
    assert (built["audited"], built["stale_audits"]) == (["drum"], [])
    assert check_release(tmp_path / "r")[1] == []
    card = (tmp_path / "r" / "README.md").read_text(encoding="utf-8")
    low, high = (f"{100 * precision[name]:.1f}" for name in ("low", "high"))
    assert f"| drum | 87.5 % [{low}, {high}] |" in card
    assert "| dog | not measured | not measured |" in card
    assert "8 of 8 drawn windows are judged" in card
    assert "human:person" not in card
    assert {
        row["judge"].removeprefix("human:") for row in table(tmp_path / "r", "manifest/audit_judgments.parquet")
    } == (people)

    def flip(rows: list[Row]) -> list[Row]:
        return [{**row, "present": "yes"} for row in rows]

    tampered: dict[str, Callable[[Path], None]] = {
        "present no and not yes": lambda folder: edit_table(folder, "audit", flip),
        "drawn for the audit, and not in its table": lambda folder: edit_table(folder, "audit", lambda rows: rows[1:]),
        "the tables say": lambda folder: edit_text(folder, "README.md", "| drum | 87.5 %", "| drum | 97.5 %"),
    }
    for reason, change in tampered.items():
        folder = Path(shutil.copytree(tmp_path / "r", tmp_path / "tampered", dirs_exist_ok=True))
        change(folder)
        assert reason in "\n".join(finding.message for finding in check_release(folder)[1])


def test_a_draw_stays_until_it_is_stale_and_a_judged_one_until_somebody_says_so(
    workspace: Path, tmp_path: Path
) -> None:
    place = ("--workspace", workspace)
    few = smoke_recipe(tmp_path / "few.toml", triage="\n[verify.triage]\naudit_windows = 2\n")
    more = smoke_recipe(tmp_path / "more.toml", triage="\n[verify.triage]\naudit_windows = 3\n")
    told("verify", *place, "--recipe", few)
    told("audit", "draw", *place)
    first = (workspace / "audit" / "drum.parquet").read_bytes()
    judge(workspace, table(workspace, "audit/drum.parquet"), all_present, people=2, purpose="audit")
    assert {one["outcome"] for one in told("audit", "draw", *place)["drawn"].values()} == {"unchanged"}
    assert (workspace / "audit" / "drum.parquet").read_bytes() == first

    told("verify", *place, "--recipe", more)
    assert told("audit", "report", *place)["stale"] == ["drum"], "dog has no more than two windows"
    drawn = told("audit", "draw", *place)["drawn"]
    assert {name: one["outcome"] for name, one in drawn.items()} == {"dog": "unchanged", "drum": "extended"}
    report = told("audit", "report", *place)
    assert (report["judged"], report["drawn"], report["stale"]) == (2, 5, []), "what was judged still counts"
    second = (workspace / "audit" / "drum.parquet").read_bytes()

    audited = {(row["clip_id"], row["start_ms"]) for row in table(workspace, "audit/drum.parquet")}
    verdicts = table(workspace, "tables/verdicts.parquet")
    other = [row for row in verdicts if row["category"] == "drum" and (row["clip_id"], row["start_ms"]) not in audited]
    judge(workspace, other[:1], all_present, people=2, purpose="review")
    told("verify", *place)
    assert "verdicts have changed since its draw" in run("audit", "report", *place).stdout
    refused = run("audit", "draw", *place)
    assert isinstance(refused.exception, WorkspaceError)
    assert "people have judged 2 of 3 windows of drum" in str(refused.exception)
    assert "--anew" in refused.exception.remedy
    assert (workspace / "audit" / "drum.parquet").read_bytes() == second
    left_out = run("release", "build", *place, "--output", tmp_path / "r")
    assert "drum: its audit is of older verdicts and left out: vegas-data audit draw --anew" in left_out.stdout
    card = (tmp_path / "r" / "README.md").read_text(encoding="utf-8")
    assert "An audit of drum was of older verdicts." in card
    assert "**Precision was not measured.**" in card
    assert check_release(tmp_path / "r")[1] == []

    drawn = told("audit", "draw", *place, "--anew")["drawn"]
    assert (drawn["drum"]["outcome"], drawn["drum"]["paths"]) == ("drawn anew", {"auto_accept": 3, "people_accept": 1})
    report = told("audit", "report", *place)
    assert report["stale"] == []
    assert report["judged"] >= 2, "windows that are drawn again keep their answers"
    assert told("release", "build", *place, "--output", tmp_path / "s")["audited"] == ["drum"]
    assert check_release(tmp_path / "s")[1] == []

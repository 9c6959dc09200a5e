"""People's answers on real scores, by the commands a user types: review, calibrate, audit."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.commands import vegas, vegas_json
from vegas_data.annotate import opened_log
from vegas_data.annotate.imports import Imported, import_judgments
from vegas_data.annotate.tasks import HumanAnswer, Purpose
from vegas_data.config import shipped
from vegas_data.workspace import Workspace

Row = dict[str, Any]
Says = Callable[[Row, str], HumanAnswer]
TRIAGE = """
[verify.triage]
target = 0.5
target_reject = 0.5
confidence = 0.5
fit_share = 0.4
calibration_windows = 2
calibration_judgments = 1
"""


def smoke_recipe(file: Path, *, unsure: bool = False, triage: str = "") -> Path:
    text = shipped("pipelines/smoke.toml").read_text(encoding="utf-8")
    if unsure:
        for side in ("0.08", "0.3"):
            text = text.replace(f"accept = {side}", "accept = 0.9999").replace(f"reject = {side}", "reject = 0.0")
    file.write_text(text + triage, encoding="utf-8")
    return file


def table(workspace: Path, key: str) -> list[Row]:
    import pyarrow.parquet as pq

    rows: list[Row] = pq.read_table(workspace / key).to_pylist()
    return rows


def judge(workspace: Path, rows: Iterable[Row], says: Says, *, people: int, purpose: Purpose) -> int:
    """A panel that answers every row for both sides, put straight into the log; how many answers are new."""
    said = [
        Imported(
            line=1,
            category=row["category"],
            clip_id=row["clip_id"],
            video_id=row["video_id"],
            start_ms=row["start_ms"],
            end_ms=row["end_ms"],
            side=side,
            answer=says(row, side),
            annotator=f"person {number}",
        )
        for row in rows
        for side in ("heard", "seen")
        for number in range(people)
    ]
    with opened_log(Workspace(workspace)) as store:
        return import_judgments(store, said, workspace / "panel", purpose=purpose, at_ms=1_700_000_000_000).new


def test_what_people_settle_changes_verdicts_and_examples(smoke: Path, tmp_path: Path) -> None:
    place = ("--workspace", tmp_path / "w")
    shutil.copytree(smoke, tmp_path / "w")
    vegas_json("verify", *place, "--recipe", smoke_recipe(tmp_path / "unsure.toml", unsure=True))
    undecided = [row for row in table(tmp_path / "w", "tables/verdicts.parquet") if row["decision"] == "undecided"]
    assert undecided
    assert table(tmp_path / "w", "tables/examples.parquet") == []
    refused = next(row["clip_id"] for row in undecided if row["video_id"] == "demo-drum_000")  # not alone in its shard

    def says(row: Row, side: str) -> HumanAnswer:
        return "no" if row["clip_id"] == refused and side == "heard" else "sort_of"

    judge(tmp_path / "w", undecided, says, people=1, purpose="review")
    stale = vegas("featurize", *place)
    assert stale.returncode == 3
    assert "answers of people" in stale.stderr
    vegas_json("verify", *place)
    assert not table(tmp_path / "w", "tables/examples.parquet"), "the recipe asks for two people"
    judge(tmp_path / "w", undecided, says, people=2, purpose="review")
    vegas_json("verify", *place)
    windows = {(row["clip_id"], row["start_ms"]) for row in undecided}
    for row in table(tmp_path / "w", "tables/verdicts.parquet"):
        if (row["clip_id"], row["start_ms"]) in windows:
            expected = ("rejected", "people_not_heard") if row["clip_id"] == refused else ("accepted", "people_accept")
            assert (row["decision"], row["reason"], row["rule"]) == (*expected, "people")
    clips = {row["clip_id"] for row in table(tmp_path / "w", "tables/examples.parquet")}
    assert clips == {row["clip_id"] for row in undecided} - {refused}
    judges = {row["judge"] for row in table(tmp_path / "w", "tables/judgments.parquet")}
    assert sum(judge.startswith("human:p") for judge in judges) == 2
    assert not any("person" in judge for judge in judges), "pseudonyms only"
    assert vegas_json("review", *place, "--dry-run")["clips"] == 0
    status = vegas_json("status", *place)
    assert status["verify"]["basis"]["people"] == len(undecided)
    spans = {(row["clip_id"], row["start_ms"], row["end_ms"]) for row in table(smoke, "tables/examples.parquet")}
    now = {(row["clip_id"], row["start_ms"], row["end_ms"]) for row in table(tmp_path / "w", "tables/examples.parquet")}
    features, shards = vegas_json("featurize", *place)["stages"]
    assert features["computed"] == ({name: len(now - spans) for name in ("flow_lite0", "lite0")} if now - spans else {})
    assert features["already_settled"] == len(now & spans) > 0
    assert shards["outcomes"]["done"] > shards["already_settled"], "shards follow people's answers"
    told = vegas("status", *place).stdout
    assert "people" in told
    assert "uncalibrated" not in told
    vegas_json("featurize", *place)
    vegas_json("release", "build", *place)
    (release,) = (tmp_path / "w" / "releases").iterdir()
    assert vegas_json("release", "check", release)["findings"] == []
    card = (release / "README.md").read_text(encoding="utf-8")
    assert "by people (rule `people`)" in card
    assert "uncalibrated" not in card


def test_from_a_draw_to_calibrated_verdicts_to_an_audit(smoke: Path, tmp_path: Path) -> None:
    place = ("--workspace", tmp_path / "w")
    shutil.copytree(smoke, tmp_path / "w")
    vegas_json("verify", *place, "--recipe", smoke_recipe(tmp_path / "promise.toml", triage=TRIAGE))
    before = table(tmp_path / "w", "tables/verdicts.parquet")
    assert vegas_json("status", *place)["verify"]["basis"].keys() <= {"uncalibrated", "signals"}
    assert "audit calibrate --draw" in vegas("audit", "calibrate", *place).stderr

    drawn = vegas_json("audit", "calibrate", "--draw", *place, "--category", "drum")["drawn"]
    assert drawn == {"drum": {"category": "drum", "outcome": "drawn", "windows": 2}}
    draw = table(tmp_path / "w", "calibration/drum.parquet")
    assert len({row["video_id"] for row in draw}) == 2, "one window per source video"
    shown = vegas_json("review", *place, "--purpose", "calibration", "--dry-run")
    assert (shown["clips"], shown["windows"]) == (2, {"drum": 2})

    early = vegas("audit", "calibrate", *place)
    assert early.returncode == 3
    assert "0 of 2 drum" in early.stderr
    judge(tmp_path / "w", draw, lambda row, side: "yes", people=1, purpose="calibration")
    told = vegas("audit", "calibrate", *place).stdout
    assert "drum: 2 of 2 drawn windows are judged" in told
    (fit,) = vegas_json("audit", "calibrate", *place)["calibrations"]
    assert fit["calibration"]["accept"]["threshold"] is not None
    assert fit["calibration"]["reject"]["threshold"] is None
    assert "no threshold" in told
    assert vegas("featurize", *place).returncode == 3, "verdicts of another calibration are refused"

    vegas_json("verify", *place)
    after = table(tmp_path / "w", "tables/verdicts.parquet")
    assert len(after) == len(before)
    rules = {row["rule"] for row in after if row["category"] == "drum" and row["reason"] not in ("silent", "still")}
    assert rules <= {"calibrated", "people"}
    assert "calibrated" in rules
    assert any(row["rule"] == "all_sides" for row in after), "nobody calibrated the other category"
    basis = vegas_json("status", *place)["verify"]["basis"]
    assert basis["calibrated"] > 0
    assert basis["uncalibrated"] > 0
    assert "calibrated" in vegas("status", *place).stdout
    vegas_json("report", *place)
    page = (tmp_path / "w" / "report.html").read_text(encoding="utf-8")
    assert f"do not apply to {basis['calibrated']} windows" in page

    audited = vegas_json("audit", "draw", *place)["drawn"]
    assert set(audited) == {"drum", "dog"}
    rows = table(tmp_path / "w", "audit/drum.parquet")
    assert not {row["video_id"] for row in rows} & {row["video_id"] for row in draw}
    judge(tmp_path / "w", rows, lambda row, side: "yes", people=2, purpose="audit")
    report = vegas_json("audit", "report", *place)
    (drum,) = [one for one in report["categories"] if one["category"] == "drum"]
    assert sum(one["judged"] for one in drum["strata"]) == len(rows)
    assert drum["precision"]["value"] == 1.0
    assert 0 < drum["precision"]["low"] < 1
    (dog,) = [one for one in report["categories"] if one["category"] == "dog"]
    assert dog["precision"] is None
    assert report["stale"] == []
    assert report["kept_in_the_paper"] == pytest.approx(0.74, abs=0.005)
    assert {one["category"] for one in report["attrition"]} == {"drum", "dog"}
    words = vegas("audit", "report", *place).stdout
    assert "drum: precision 100.0 % [" in words
    assert "dog: precision not measured" in words
    assert "74 % in the paper" in words
    assert vegas_json("verify", *place)
    assert table(tmp_path / "w", "tables/verdicts.parquet") == after, "an audit changes no verdict"
    vegas_json("featurize", *place)
    built = vegas_json("release", "build", *place, "--output", tmp_path / "r")
    assert built["audited"] == ["drum"]
    assert vegas_json("release", "check", tmp_path / "r")["findings"] == [], "calibrated verdicts are made again"
    card = (tmp_path / "r" / "README.md").read_text(encoding="utf-8")
    assert "What automatic verdicts promise" in card
    assert "Videos on which thresholds were chosen (2) were left out of the draw" in card


def test_a_judged_draw_for_calibration_is_kept_extended_or_defended(smoke: Path, tmp_path: Path) -> None:
    place = ("--workspace", tmp_path / "w", "--category", "drum")
    shutil.copytree(smoke, tmp_path / "w")

    def drawn(*options: str) -> tuple[str, list[Row]]:
        told = vegas_json("audit", "calibrate", "--draw", *options, *place)["drawn"]["drum"]
        rows = table(tmp_path / "w", "calibration/drum.parquet")
        assert told["windows"] == len(rows)
        return told["outcome"], rows

    def recipe(text: str) -> None:
        vegas_json("verify", *place[:2], "--recipe", smoke_recipe(tmp_path / "other.toml", triage=text))

    recipe(TRIAGE.replace("windows = 2", "windows = 1"))
    first, (one,) = drawn()
    judge(tmp_path / "w", [one], lambda row, side: "yes", people=1, purpose="calibration")
    recipe(TRIAGE)
    second, two = drawn()
    assert (first, second, drawn()) == ("drawn", "extended", ("unchanged", two))
    assert one in two
    judge(tmp_path / "w", two, lambda row, side: "yes", people=1, purpose="calibration")
    recipe(TRIAGE.replace("windows = 2", "windows = 1"))
    refused = vegas("audit", "calibrate", "--draw", *place)
    assert refused.returncode == 3
    assert "2 windows of drum" in refused.stderr
    assert table(tmp_path / "w", "calibration/drum.parquet") == two
    assert drawn("--anew") == ("drawn anew", [one])
    assert vegas("audit", "calibrate", "--anew", *place).returncode == 2


def test_weak_promises_and_damaged_calibrations_are_not_used(smoke: Path, tmp_path: Path) -> None:
    place = ("--workspace", tmp_path / "w")
    shutil.copytree(smoke, tmp_path / "w")
    vegas_json("verify", *place, "--recipe", smoke_recipe(tmp_path / "promise.toml", triage=TRIAGE))
    vegas_json("audit", "calibrate", "--draw", *place)
    draw = table(tmp_path / "w", "calibration/drum.parquet")
    judge(tmp_path / "w", draw[:1], lambda row, side: "yes", people=1, purpose="calibration")
    assert vegas("audit", "calibrate", *place).returncode == 3
    (fit, *_) = vegas_json("audit", "calibrate", "--partial", *place, "--category", "drum")["calibrations"]
    assert (fit["judged"], fit["calibration"]["accept"]["threshold"]) == (1, None)
    assert "too few judged windows" in fit["accept"]
    vegas_json("verify", *place)
    assert vegas_json("status", *place)["verify"]["basis"]["calibrated"] > 0
    vegas_json("verify", *place, "--recipe", smoke_recipe(tmp_path / "plain.toml"))
    assert "calibrated" not in vegas_json("status", *place)["verify"]["basis"], "it promised less than is asked for now"
    (tmp_path / "w" / "calibration" / "drum.json").write_text("{}")
    damaged = vegas("verify", *place)
    assert damaged.returncode == 3
    assert "drum.json" in damaged.stderr

"""``vegas-data show`` on a finished workspace: a sheet that agrees with the tables, and what it refuses."""

import csv
import json
import shutil
from pathlib import Path

import cv2
import pytest

from tests.commands import Here
from vegas_data.store import sha256_of
from vegas_data.verify import read_verdicts
from vegas_data.workspace import Workspace


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command, in a folder of its own."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return Here(capsys, "show")


@pytest.fixture
def workspace(smoke: Path, tmp_path: Path) -> Path:
    """A copy, to do anything with."""
    shutil.copytree(smoke, tmp_path / "w")
    return tmp_path / "w"


@pytest.fixture
def drum(smoke: Path) -> dict[str, str]:
    """The row of the first example of drum."""
    with (smoke / "tables" / "examples.csv").open(encoding="utf-8", newline="") as file:
        return next(row for row in csv.DictReader(file) if row["category"] == "drum")


def test_an_example_s_sheet_agrees_with_the_tables(show: Here, smoke: Path, drum: dict[str, str]) -> None:
    before = {path: sha256_of(path) for path in smoke.rglob("*") if path.is_file()}
    said = show.json(drum["id"], "--workspace", smoke)
    assert said["output"] == f"{drum['id']}.html"
    html = Path(said["output"]).read_text(encoding="utf-8")
    assert [path.name for path in Path().iterdir()] == [f"{drum['id']}.html"]
    verdicts = [v for v in read_verdicts(Workspace(smoke)) if v.clip_id == drum["clip_id"]]
    assert [v["decision"] for v in said["verdicts"]] == [v.decision for v in verdicts]
    assert html.count('<li class="block accepted">') == sum(v.decision == "accepted" for v in verdicts)
    assert {stream["stream"]: stream["shape"][1] for stream in said["streams"]} == {"lite0": 1280, "flow_lite0": 1280}
    assert all(stream["from"].startswith("features/") for stream in said["streams"])
    (place,) = said["examples"]
    side_car = next((smoke / "shards").rglob(f"{place['shard']}.json"))
    info = json.loads(side_car.read_text(encoding="utf-8"))
    assert drum["id"] in info["keys"]
    assert said["split"] == info["split"]
    for stream in said["streams"]:
        assert stream["digest"] == dict(info["streams"])[stream["stream"]]
        assert stream["digest"] in html
    assert said["onsets_ms"]
    assert said["licence"] in html
    assert said["notes"] == []
    assert {path: sha256_of(path) for path in smoke.rglob("*") if path.is_file()} == before


def test_a_clip_s_sheet_as_a_picture(show: Here, smoke: Path, drum: dict[str, str], tmp_path: Path) -> None:
    done = show(drum["clip_id"], "--workspace", smoke, "--category", "drum", "--output", tmp_path / "a.PNG")
    assert (done.returncode, done.stdout.strip()) == (0, str(tmp_path / "a.PNG"))
    picture = cv2.imread(str(tmp_path / "a.PNG"))
    assert picture is not None
    assert picture.shape[1] == 1600


def test_an_unknown_id_is_answered_with_the_nearest(show: Here, smoke: Path, drum: dict[str, str]) -> None:
    done = show(drum["id"][:-1], "--workspace", smoke)
    assert done.returncode == 3
    assert f"did you mean {drum['id']}" in done.stderr
    said = show.json("../../etc/passwd\x1b[31m<script>", "--workspace", smoke, expect=3)
    assert said["error"] == "workspace"
    assert said["remedy"]
    assert list(Path().iterdir()) == []


def test_an_id_that_begins_with_a_dash_is_no_option(show: Here, smoke: Path) -> None:
    for unit in ("-hJ0aB_x9Qz_000000400", "-kJ0aB_x9Qz_000000400_000002400"):
        done = show(unit, "--workspace", smoke)
        assert done.returncode == 3
        assert f"no example and no clip {unit!r}" in done.stderr


def test_what_is_not_of_a_category_or_has_no_place_is_refused(show: Here, smoke: Path, drum: dict[str, str]) -> None:
    done = show(drum["id"], "--workspace", smoke, "--category", "dog")
    assert done.returncode == 3
    assert "it is of drum" in done.stderr
    assert show(drum["id"], "--workspace", smoke, "--category", "drumm").returncode == 2
    assert show(drum["id"], "--workspace", smoke, "--output", "a.jpg").returncode == 2
    assert show(drum["id"], "--workspace", smoke, "--output", "nowhere/a.png").returncode == 2


def test_a_clip_that_never_came_is_named_with_its_reason(show: Here, smoke: Path) -> None:
    with (smoke / "manifest" / "clips.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if "gone" in row["video_id"]]
    done = show(f"{rows[0]['video_id']}_{int(rows[0]['start_ms']):09d}", "--workspace", smoke)
    assert done.returncode == 3
    assert "its media is not here: removed" in done.stderr
    assert "vegas-data fetch" in done.stderr


def test_an_example_whose_clip_is_gone_is_a_typed_error(show: Here, workspace: Path, drum: dict[str, str]) -> None:
    for path in (workspace / "clips").rglob(f"{drum['clip_id']}.mp4*"):
        path.unlink()
    done = show(drum["id"], "--workspace", workspace)
    assert done.returncode == 3
    assert "its media is not here" in done.stderr


def test_an_example_whose_clip_is_not_listed_any_more_is_a_typed_error(
    show: Here, workspace: Path, drum: dict[str, str]
) -> None:
    table = workspace / "manifest" / "clips.csv"
    rows = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join(row for row in rows if not row.startswith(f"{drum['video_id']},")), encoding="utf-8")
    done = show(drum["id"], "--workspace", workspace)
    assert done.returncode == 3
    assert "not listed any more" in done.stderr


def test_a_damaged_clip_is_a_typed_error(show: Here, workspace: Path, drum: dict[str, str]) -> None:
    media = next((workspace / "clips").rglob(f"{drum['clip_id']}.mp4"))
    data = bytearray(media.read_bytes())
    data[len(data) // 2] ^= 1
    media.write_bytes(data)
    said = show.json(drum["id"], "--workspace", workspace, expect=3)
    assert said["error"] == "checksum_mismatch"
    assert list(Path().iterdir()) == []


def test_features_that_are_gone_are_read_from_the_shard(show: Here, workspace: Path, drum: dict[str, str]) -> None:
    whole = show.json(drum["id"], "--workspace", workspace)
    shutil.rmtree(workspace / "features")
    said = show.json(drum["id"], "--workspace", workspace)
    assert [stream["shape"] for stream in said["streams"]] == [stream["shape"] for stream in whole["streams"]]
    assert all(stream["from"].startswith("shards/") and not stream["trouble"] for stream in said["streams"])
    assert said["notes"] == []
    for tar in (workspace / "shards").rglob("*.tar"):
        data = bytearray(tar.read_bytes())
        data[1000::4096] = bytes(255 - byte for byte in data[1000::4096])
        tar.write_bytes(data)
    hurt = show.json(drum["id"], "--workspace", workspace)
    assert all("recorded" in stream["trouble"] and stream["shape"] is None for stream in hurt["streams"])
    shutil.rmtree(workspace / "shards")
    bare = show.json(drum["id"], "--workspace", workspace)
    assert bare["streams"] == []
    assert "vegas-data featurize" in bare["notes"][0]


def test_a_damaged_feature_says_so_and_the_rest_is_shown(show: Here, workspace: Path, drum: dict[str, str]) -> None:
    for path in (workspace / "features").rglob("*.npy"):
        path.write_bytes(path.read_bytes()[:-2] + b"xx")
    said = show.json(drum["id"], "--workspace", workspace)
    assert all("sha256" in stream["trouble"] and stream["shape"] is None for stream in said["streams"])
    for path in (workspace / "features").rglob("*.npy.json"):
        path.write_text("{}", encoding="utf-8")
    said = show.json(drum["id"], "--workspace", workspace)
    assert all(stream["trouble"] and stream["shape"] is None for stream in said["streams"])
    assert len(said["streams"]) == 2


def test_verdicts_of_another_recipe_are_shown_as_such(
    show: Here, workspace: Path, tmp_path: Path, drum: dict[str, str]
) -> None:
    strict = tmp_path / "strict.toml"
    text = (workspace / "recipe.toml").read_text(encoding="utf-8")
    strict.write_text(text.replace("accept = 0.08\nreject = 0.08", "accept = 1.0\nreject = 1.0"), encoding="utf-8")
    said = show.json(drum["id"], "--workspace", workspace, "--recipe", strict)
    assert any("`vegas-data verify`" in note for note in said["notes"])


def test_people_s_answers_stand_in_their_window(
    show: Here, workspace: Path, tmp_path: Path, drum: dict[str, str]
) -> None:
    start, end = int(drum["start_ms"]), int(drum["start_ms"]) + 2000
    table = tmp_path / "said.csv"
    table.write_text(
        f"category,clip_id,start_ms,end_ms,side,answer,annotator\ndrum,{drum['clip_id']},{start},{end},heard,no,ann\n",
        encoding="utf-8",
    )
    imported = Here(show._capsys, "review")("--workspace", workspace, "--import", table, "--json")
    assert imported.returncode == 0, imported
    said = show.json(drum["id"], "--workspace", workspace)
    (one,) = said["people"]
    assert (one["side"], one["answer"], one["start_ms"]) == ("heard", "no", start)
    assert one["who"] != "ann", "people go by pseudonyms"
    assert any("`vegas-data verify`" in note for note in said["notes"]), "the answer has not been taken in yet"
    html = Path(said["output"]).read_text(encoding="utf-8")
    assert "heard: no" in html
    assert one["who"] in html


def test_a_workspace_that_was_not_verified_shows_its_clips(show: Here, workspace: Path, drum: dict[str, str]) -> None:
    shutil.rmtree(workspace / "tables")
    said = show.json(drum["clip_id"], "--workspace", workspace)
    assert said["verdicts"] == []
    assert "Not verified yet" in said["notes"][0]
    assert show(drum["id"], "--workspace", workspace).returncode == 3


def test_a_place_where_nothing_can_be_written_is_named(show: Here, smoke: Path, drum: dict[str, str]) -> None:
    done = show(drum["id"], "--workspace", smoke, "--output", "/proc/sheet.html")
    assert done.returncode == 3
    assert "/proc/sheet.html: cannot be written" in done.stderr
    assert "--output" in done.stderr

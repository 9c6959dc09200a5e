"""Flags of ``vegas-data featurize`` that change results: the recipe in the workspace says so from then on."""

import json
import shutil
import tomllib
from pathlib import Path

import pytest

from tests.commands import vegas, vegas_json
from vegas_data.features.options import MAX_SEED


@pytest.fixture
def copy(smoke: Path, tmp_path: Path) -> Path:
    shutil.copytree(smoke, tmp_path / "w")
    return tmp_path / "w"


def _recipe(workspace: Path) -> dict:
    return tomllib.loads((workspace / "recipe.toml").read_text(encoding="utf-8"))


def _current_shards(workspace: Path) -> dict[str, str]:
    folder = json.loads((workspace / "tables/shards.json").read_text(encoding="utf-8"))["folder"]
    cars = sorted((workspace / folder).glob("*.tar.json"))
    return {car.name: json.loads(car.read_text(encoding="utf-8"))["sha256"] for car in cars}


def _side_cars(workspace: Path, stream: str) -> list[dict]:
    cars = [json.loads(path.read_text(encoding="utf-8")) for path in workspace.glob("features/*/*.npy.json")]
    return [car for car in cars if car["stream"] == stream]


def test_another_size_of_shards_makes_other_shards_and_computes_nothing(copy: Path) -> None:
    before = _current_shards(copy)
    result = vegas_json("featurize", "--workspace", copy, "--shard-size", "1kB")
    (features, shards) = result["stages"]
    assert features["already_settled"] == features["units"] > 0
    assert len(_current_shards(copy)) > len(before), "one example each"
    assert _recipe(copy)["shards"]["max_bytes"] == 1000
    again = vegas_json("featurize", "--workspace", copy)
    assert all(stage["already_settled"] == stage["units"] for stage in again["stages"]), "it is remembered"
    vegas_json("featurize", "--workspace", copy, "--recipe", "smoke")
    assert _current_shards(copy) == before
    assert vegas_json("check", "--read-data", "--workspace", copy)["findings"] == []
    assert shards["stage"] == "shards"


def test_another_engine_computes_flow_anew_and_nothing_else(copy: Path) -> None:
    pictures = sorted(path.name for path in copy.glob("features/*/*.npy"))
    vegas_json("featurize", "--workspace", copy, "--flow-engine", "opencv", "--only", "flow")
    assert _recipe(copy)["features"]["streams"][1]["flow"]["engine"] == "opencv"
    engines = {dict(car["tools"]).get("flow", "") for car in _side_cars(copy, "flow_lite0")}
    assert len(engines) == 2, engines
    assert any("opencv" in engine for engine in engines), engines
    assert len(list(copy.glob("features/*/*.npy"))) == len(pictures) * 3 // 2
    assert vegas_json("check", "--read-data", "--workspace", copy)["findings"] == []


def test_random_weights_are_asked_for_at_every_run_and_named_everywhere(copy: Path, tmp_path: Path) -> None:
    vegas_json("featurize", "--workspace", copy, "--random-weights", "7")
    assert _recipe(copy)["features"]["random_weights"] == 7
    assert {car["weights"] for car in _side_cars(copy, "lite0")} > {"random-7"}
    refused = vegas("featurize", "--workspace", copy)
    assert refused.returncode == 2
    assert "at random (seed 7)" in refused.stderr
    assert "--random-weights 7" in refused.stderr
    other = vegas("featurize", "--workspace", copy, "--random-weights", str(MAX_SEED), "--dry-run")
    assert other.returncode == 0
    release = tmp_path / "release"
    built = vegas("release", "build", "--workspace", copy, "--output", release, "--profile", "features")
    assert built.returncode == 0, built.stderr
    assert "random-7" in (release / "README.md").read_text(encoding="utf-8")
    assert vegas("release", "check", release).returncode == 0


def test_a_stream_that_is_not_there_is_refused(copy: Path) -> None:
    refused = vegas("featurize", "--workspace", copy, "--only", "flow_lite")
    assert refused.returncode == 2
    assert "flow_lite0" in refused.stderr


@pytest.mark.parametrize("size", ["0", "9GiB", "many", "1.5B"])
def test_sizes_that_no_shard_has_are_refused(copy: Path, size: str) -> None:
    assert vegas("featurize", "--workspace", copy, "--shard-size", size).returncode == 2


def test_one_stream_needs_no_weights_of_another(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEGAS_DATA_WEIGHTS", str(tmp_path / "no weights"))
    recipe = tmp_path / "two.toml"
    text = (copy / "recipe.toml").read_text(encoding="utf-8")
    recipe.write_text(text.replace("[shards]", '[[features.streams]]\nname = "fc6"\nencoder = "vgg19-fc6"\n\n[shards]'))
    done = vegas("featurize", "--workspace", copy, "--recipe", recipe, "--only", "flow", "--json")
    assert done.returncode == 0, done.stderr
    assert [stage["stage"] for stage in json.loads(done.stdout)["stages"]] == ["featurize"]
    assert "no shards yet" in done.stderr
    assert "vegas-data weights fetch vgg19-fc6" in done.stderr
    assert vegas("featurize", "--workspace", copy, "--recipe", recipe).returncode == 5

"""``vegas-data demo`` to its end: shards, a trained model, its sound, a release, the page. With a tiny model."""

import json
import shutil
from pathlib import Path

import pytest

from tests.commands import vegas, vegas_json
from vegas_data.config import shipped

EXPERIMENT = """
[model.conditioning]
picture_stream = "lite0"
flow_stream = "flow_lite0"
standardise = true
[model.samplernn]
frame_sizes = [64, 16]
width = 16
embedding = 16
[data]
num_frames = 62
[train]
num_steps = 20
batch_size = 4
piece_samples = 512
"""
RECIPE = """
[training]
categories = ["drum"]
models = ["frame", "flow"]
experiment = "{experiment}"
draws = 2
"""


@pytest.mark.slow
def test_the_demo_goes_from_a_url_to_a_release(tmp_path: Path) -> None:
    experiment, recipe = tmp_path / "tiny.toml", tmp_path / "recipe.toml"
    experiment.write_text(EXPERIMENT, encoding="utf-8")
    smoke = shipped("pipelines/smoke.toml").read_text(encoding="utf-8").replace("drum = 3", "drum = 7")
    smoke = smoke.replace("test_examples = 1", "test_examples = 2")
    recipe.write_text(smoke + RECIPE.format(experiment=experiment), encoding="utf-8")
    workspace = tmp_path / "w"

    summary = vegas_json("demo", "--workspace", workspace, "--recipe", recipe)
    assert summary["train"].keys() == summary["evaluate"].keys() == {"drum"}
    assert summary["train"]["drum"].keys() == {"frame", "flow"}
    for model in ("frame", "flow"):
        trained, evaluated = summary["train"]["drum"][model], summary["evaluate"]["drum"][model]
        assert trained["steps"] == 20
        assert 0 < trained["train_nats"] < 8
        assert 0 < trained["test_nats"] < 8
        assert evaluated["onset_f1_ceiling"] > 0.8
        assert 0 <= evaluated["onset_f1"] <= 1
        assert 0 <= evaluated["onset_f1_shuffled"] <= 1
    assert json.loads((workspace / "summary.json").read_text(encoding="utf-8"))["train"] == summary["train"]
    assert "train" in summary["seconds"]

    release = workspace / "releases" / "features-0.1.0"
    assert vegas_json("release", "check", release)["findings"] == []
    assert "Table 1" in (workspace / "report.html").read_text(encoding="utf-8")

    sums = (release / "SHA256SUMS").read_bytes()
    weights = {path: path.read_bytes() for path in workspace.rglob("*.safetensors")}
    assert len(weights) >= 2
    again = vegas("demo", "--workspace", workspace, "--recipe", recipe)
    assert again.returncode == 0, again.stderr
    assert (release / "SHA256SUMS").read_bytes() == sums
    assert {path: path.read_bytes() for path in weights} == weights

    shutil.rmtree(workspace / "train")
    experiment.write_text(EXPERIMENT.replace("num_steps = 20", "num_steps = 0"), encoding="utf-8")
    refused = vegas("demo", "--workspace", workspace, "--recipe", recipe)
    assert refused.returncode == 3
    assert "num_steps" in refused.stderr

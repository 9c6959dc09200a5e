"""A stream that a recipe gets later, a map at a rate of its own: computed beside what is there, sealed, passed over."""

import shutil
from pathlib import Path

import pytest

from tests.commands import vegas_json
from train.config import DataConfig
from train.data import Examples, find_shards
from vegas_data.config import shipped
from vegas_data.errors import TrainError
from vegas_data.shards import read_shard
from vegas_data.workspace import Workspace

PLACES = """
[[features.streams]]
name = "places"
encoder = "efficientnet-lite0-map"
rate_hz = 2

[shards]
"""


@pytest.mark.slow
def test_a_map_at_a_rate_of_its_own_goes_through_all_stages(smoke: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(smoke, tmp_path / "w"))
    smoke_recipe = shipped("pipelines/smoke.toml").read_text(encoding="utf-8")
    (tmp_path / "smoke.toml").write_text(smoke_recipe.replace("\n[shards]\n", PLACES), encoding="utf-8")
    workspace = Workspace(root)
    before = {key: workspace.path(key).stat().st_mtime_ns for key in workspace.keys("features", ".npy")}
    vegas_json("featurize", "--workspace", root, "--recipe", tmp_path / "smoke.toml")
    after = {key: workspace.path(key).stat().st_mtime_ns for key in workspace.keys("features", ".npy")}
    assert before.items() <= after.items(), "what was there is as it was"
    assert len(after) == len(before) // 2 * 3
    vegas_json("check", "--workspace", root)
    shards = find_shards(workspace, "drum", "train")
    for example in (example for shard in shards for example in read_shard(shard)):
        seconds = (example.meta.end_ms - example.meta.start_ms) / 1000
        assert example.streams["places"].shape == (int(2 * seconds), 7, 7, 1280)
        assert example.meta.streams["places"].rate_hz == 2.0
    config = DataConfig(num_frames=8)
    assert len(Examples(shards, streams=("lite0", "flow_lite0"), config=config)[0].streams) == 2
    with pytest.raises(TrainError, match=r"'places' .* at 2\.0 Hz is not one row of numbers"):
        Examples(shards, streams=("places",), config=config)

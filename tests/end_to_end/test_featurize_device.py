"""*featurize* through the real pool with the process of a device, and stream by stream: the same shards."""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.commands import shard_digests, vegas
from vegas_data import features, pipeline
from vegas_data.cli.session import Place, writing
from vegas_data.context import Run, Selection
from vegas_data.errors import EXIT_DEPENDENCY, RecipeError
from vegas_data.pipeline import run_featurize


@pytest.fixture
def run(smoke: Path, tmp_path: Path) -> Iterator[Run]:
    """Two workers on a workspace that has everything up to examples, and nothing after them."""
    shutil.copytree(smoke, tmp_path / "w")
    for folder in ("features", "shards"):
        shutil.rmtree(tmp_path / "w" / folder)
    place = Place(workspace_path=tmp_path / "w", recipe_name=None, categories_file=None, as_json=True)
    with writing(place, Selection(), workers=2) as found:
        yield found


@pytest.mark.slow
def test_the_process_of_a_device_makes_the_same_shards(smoke: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def serving(options: features.FeatureOptions, device: str, *, workers: int) -> AbstractContextManager[str]:
        asked.append((device, workers))
        return features.serving(options, "cpu", workers=workers)  # a GPU that computes as a CPU does

    monkeypatch.setattr(pipeline, "require_device", lambda _device: None)
    monkeypatch.setattr(pipeline, "features", SimpleNamespace(**vars(features) | {"serving": serving}))
    summary, _ = pipeline.run_featurize(run, "cuda")
    num = summary.total
    assert (summary.counts, summary.computed) == (Counter(done=num), Counter(lite0=num, flow_lite0=num))
    assert shard_digests(run.workspace.root) == shard_digests(smoke)
    again, _ = pipeline.run_featurize(run, "cuda")
    assert (again.already, again.computed) == (num, Counter())
    assert asked == [("cuda", 2)], "nobody is started where nothing is to be done"


@pytest.mark.slow
def test_streams_can_be_made_one_after_the_other(smoke: Path, run: Run) -> None:
    flow, shards = run_featurize(run, only=("flow",))
    assert (set(flow.computed), shards.total) == ({"flow_lite0"}, 0)
    assert shard_digests(run.workspace.root) == {}
    rest, _ = run_featurize(run)
    assert set(rest.computed) == {"lite0"}
    assert shard_digests(run.workspace.root) == shard_digests(smoke)
    with pytest.raises(RecipeError, match="'lite1'") as caught:
        run_featurize(run, only=("lite1",))
    assert "'lite0'" in caught.value.remedy


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_said_at_once(smoke: Path) -> None:
    done = vegas("featurize", "--workspace", smoke, "--gpu")
    assert done.returncode == EXIT_DEPENDENCY
    assert "no CUDA device" in done.stderr
    assert "without --gpu" in done.stderr

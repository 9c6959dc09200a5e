"""The model in docs/extending.md, taken from the page, installed as a package, trained, and opened again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from run_bench import write_drums
from train_bench import ShardBench

from tests.extending_page import installed, toml_of
from train.config import Experiment, load_experiment
from train.runs import load_model, open_run
from train.session import Session
from vegas_data.errors import DependencyMissing, RecipeError
from vegas_data.trained import model_names, trained_models

_, EXPERIMENT = toml_of("A model")
CPU = torch.device("cpu")


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Experiment]:
    """The page's experiment, for two updates on 8 frames."""
    (tmp_path / "mean.toml").write_text(EXPERIMENT, encoding="utf-8")
    with installed("A model", tmp_path, monkeypatch):
        whole = load_experiment(tmp_path / "mean.toml")
        yield replace(whole, data=replace(whole.data, num_frames=8), train=replace(whole.train, num_steps=2))


def session(bench: ShardBench, experiment: Experiment) -> Session:
    return Session(
        workspace=bench.workspace,
        category="drum",
        model="mean",
        experiment=experiment,
        experiment_name="mean",
        device=CPU,
    )


def test_the_page_builds_a_model_that_is_trained(bench: ShardBench, experiment: Experiment) -> None:
    write_drums(bench)
    assert model_names() == ("frame", "seq", "flow", "mean")
    session(bench, experiment).train(as_json=False, quiet=True)
    assert trained_models(bench.workspace) == [("drum", "mean")]
    run = open_run(bench.workspace, "drum", "mean")
    model, step, _ = load_model(run, CPU)
    assert (step, run.info.stream_widths) == (2, (("lite0", 3),))
    frames = torch.randn(2, 8, 3)
    told = model.encode({"lite0": frames})
    assert told.initial_state.shape == (2, 64)
    backwards = model.encode({"lite0": frames.flip(1)})
    torch.testing.assert_close(told.initial_state, backwards.initial_state)
    assert not torch.allclose(told.initial_state, model.encode({"lite0": frames + 1}).initial_state)


def test_a_package_that_cannot_be_loaded_is_named(bench: ShardBench, experiment: Experiment, tmp_path: Path) -> None:
    write_drums(bench)
    (tmp_path / "site" / "mean_model.py").write_text("import no_such_module_of_models\n", encoding="utf-8")
    with pytest.raises(DependencyMissing, match=r"model 'mean' .*no_such_module_of_models"):
        session(bench, experiment).new_trainer()


def test_uninstalled_it_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "mean.toml").write_text(EXPERIMENT, encoding="utf-8")
    with pytest.raises(RecipeError, match="kind 'mean' is not allowed: one of frame, seq, flow"):
        load_experiment(tmp_path / "mean.toml")


@pytest.mark.slow
@pytest.mark.usefixtures("experiment")
def test_the_command_of_the_page_knows_it(bench: ShardBench, tmp_path: Path) -> None:
    write_drums(bench)
    line = [sys.executable, "-m", "train.run", "--model", "mean", "--category", "drum", "--dry-run"]
    places = ["--experiment", str(tmp_path / "mean.toml"), "--workspace", str(bench.workspace.root)]
    path = os.pathsep.join([str(tmp_path / "site"), *sys.path])
    done = subprocess.run(
        [*line, *places], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "mean" in done.stdout

"""What a run is: its name follows from all that decides its weights, and later commands open it with care."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from run_bench import CPU, RunBench, new_trainer, open_examples, small_experiment, write_drums
from train_bench import ShardBench

from train import runs
from train.config import Experiment
from train.data import Examples
from train.runs import load_model, open_run, run_name
from vegas_data.errors import CheckpointCorrupt, TrainError, WorkspaceError
from vegas_data.workspace import Workspace


@pytest.fixture
def run_bench(bench: ShardBench, tmp_path: Path) -> RunBench:
    write_drums(bench)
    return RunBench(bench, tmp_path)


def name_of(experiment: Experiment, examples: Examples, *, category: str = "drum") -> str:
    kind = experiment.model.conditioning.kind
    return run_name(category, kind, experiment, shards=examples.shards, shape=examples.shape)


def test_the_name_follows_from_what_decides_the_weights(
    bench: ShardBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_drums(bench)
    experiment = small_experiment(tmp_path)
    examples = open_examples(bench, experiment)
    name = name_of(experiment, examples)
    assert name.startswith("drum-frame-")
    assert name_of(small_experiment(tmp_path), open_examples(bench, experiment)) == name
    others = {
        name_of(experiment, examples, category="dog"),
        name_of(experiment.with_kind("seq"), examples),
        *(name_of(small_experiment(tmp_path, **{key: 3}), examples) for key in ("num_steps", "seed", "batch_size")),
        name_of(replace(experiment, data=replace(experiment.data, gain=False)), examples),
    }
    bench.write(bench.source(0), bench.source(2))
    others.add(name_of(experiment, open_examples(bench, experiment)))
    monkeypatch.setattr(runs, "TRAINING", runs.TRAINING + 1)
    others.add(name_of(experiment, examples))
    assert len(others | {name}) == 9


def test_threads_device_and_place_have_no_part_in_it(run_bench: RunBench) -> None:
    run_bench.run("--steps", "1", "--device", "cpu")
    name = run_bench.store().root.name
    moved = run_bench.root.rename(run_bench.root.with_name("elsewhere"))
    bench = RunBench(ShardBench(Workspace(moved), clip_of=run_bench.shards.clip_of), run_bench.folder)
    bench.run("--steps", "1", "--threads", "2", "--device", "auto", "--checkpoint-every", "1")
    torch.set_num_threads(1)
    assert bench.store().root.name == name


def test_a_run_is_opened_as_it_was_trained(run_bench: RunBench) -> None:
    run_bench.run("--steps", "3")
    run = open_run(run_bench.shards.workspace, "drum", "frame")
    assert run.experiment == small_experiment(run_bench.folder, num_steps=3)
    assert run.info.experiment == "small"
    assert (run.info.num_steps, run.info.seed, run.info.samples_per_frame) == (3, 0, 1024)
    assert open_run(run_bench.shards.workspace, "drum", "frame", name=run.info.name).info == run.info
    model, step, sha256 = load_model(run, CPU)
    assert step == 3
    assert not model.training
    assert not any(weight.requires_grad for weight in model.parameters())
    side_car = json.loads(next(run.store.root.glob("checkpoints/*.json")).read_text())
    assert side_car["sha256"] == sha256
    assert sum(weight.numel() for weight in model.parameters()) == run.info.num_parameters
    examples = open_examples(run_bench.shards, run.experiment)
    trainer = new_trainer(run.experiment, examples)
    for _ in trainer.updates(examples):
        pass
    for name, weight in trainer.model.state_dict().items():
        assert torch.equal(model.state_dict()[name], weight)


def test_without_a_run_it_is_said_how_to_make_one(run_bench: RunBench) -> None:
    with pytest.raises(TrainError, match="no run of drum, seq") as caught:
        open_run(run_bench.shards.workspace, "drum", "seq")
    assert "python -m train.run --model seq --category drum" in caught.value.remedy


def test_without_a_checkpoint_there_is_no_model(run_bench: RunBench) -> None:
    run_bench.run("--steps", "1")
    for path in run_bench.checkpoints():
        path.with_name(f"{path.name}.json").unlink()
    with pytest.raises(TrainError, match="has no checkpoint yet"):
        load_model(open_run(run_bench.shards.workspace, "drum", "frame"), CPU)


def test_a_corrupt_newest_checkpoint_is_an_error_here(run_bench: RunBench) -> None:
    """Another one would make other sounds than those that people think they hear."""
    run_bench.run("--steps", "2", "--checkpoint-every", "1")
    newest = run_bench.checkpoints()[-1]
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.raises(CheckpointCorrupt, match=newest.name):
        load_model(open_run(run_bench.shards.workspace, "drum", "frame"), CPU)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("run.json", {"samples_per_frame": 0}),
        ("run.json", {"samples_per_frame": 1000}),
        ("run.json", {"stream_widths": [["lite0", 4]]}),
        ("run.json", {"stream_widths": [["lite0", 10**12]]}),
        ("run.json", {"stream_widths": []}),
        ("run.json", {"category": "dog"}),
        ("run.json", {"name": "drum-frame-000000000000"}),
        ("run.json", {"extra": 1}),
        ("experiment.json", {"train": {}}),
        ("experiment.json", {"data": {"num_frames": 0}}),
    ],
)
def test_a_run_whose_files_do_not_fit_is_refused(run_bench: RunBench, file: str, change: dict[str, object]) -> None:
    run_bench.run("--steps", "1")
    path = run_bench.store().path(file)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(WorkspaceError, match=r"run\.json|experiment\.json"):
        open_run(run_bench.shards.workspace, "drum", "frame")
    run_bench.run("--steps", "1")  # mends it
    open_run(run_bench.shards.workspace, "drum", "frame")

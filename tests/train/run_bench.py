"""Runs small enough for a test: a workspace with drums to learn from, and an experiment of 8 frames."""

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from train_bench import ShardBench

from train.config import (
    Experiment,
    ModelKind,
    load_experiment,
)
from train.data import Examples, find_shards
from train.fit import Trainer
from train.run import command
from vegas_data.store import Store
from vegas_data.trained import run_store

CPU = torch.device("cpu")
NUM_FRAMES = 4
NUM_PIECES = 4
TOML = f"""
[model.conditioning]
picture_stream = "lite0"
flow_stream = "flow_lite0"
[model.samplernn]
frame_sizes = [64, 16]
width = 12
embedding = 8
[data]
num_frames = {NUM_FRAMES}
[train]
num_steps = 10
learning_rate = 0.01
batch_size = 2
piece_samples = 1024
"""


def write_drums(bench: ShardBench) -> None:
    """Three examples of drums to train on, the second silent; one for validation, one to test on."""
    bench.write(
        bench.source(0),
        bench.source(1),
        bench.source(2),
        bench.source(3, split="val"),
        bench.source(4, split="test"),
    )


def small_experiment(folder: Path, kind: ModelKind = "frame", **train: Any) -> Experiment:
    path = folder / "small.toml"
    path.write_text(TOML)
    experiment = load_experiment(path).with_kind(kind)
    return replace(experiment, train=replace(experiment.train, **train))


def open_examples(bench: ShardBench, experiment: Experiment) -> Examples:
    shards = find_shards(bench.workspace, "drum", "train")
    return Examples(shards, streams=experiment.model.conditioning.streams, config=experiment.data)


def new_trainer(experiment: Experiment, examples: Examples) -> Trainer:
    return Trainer(experiment, examples.shape, num_examples=len(examples), device=CPU)


def weights_of(trainer: Trainer) -> dict[str, bytes]:
    return {name: weight.numpy().tobytes() for name, weight in trainer.model.state_dict().items()}


@dataclass
class RunBench:
    """The command ``train.run``, in this process and as one of its own."""

    shards: ShardBench
    folder: Path

    @property
    def root(self) -> Path:
        return self.shards.workspace.root

    def arguments(self, *more: str, model: str = "frame", category: str = "drum") -> list[str]:
        experiment = self.folder / "small.toml"
        experiment.write_text(TOML)
        common = ["--model", model, "--category", category, "--workspace", str(self.root), "--threads", "1"]
        return [*common, "--experiment", str(experiment), *more]

    def run(self, *more: str, model: str = "frame", category: str = "drum") -> None:
        """In this process; raises what the command raises."""
        command.main(self.arguments(*more, model=model, category=category), prog_name="run", standalone_mode=False)

    def start(self, *more: str) -> "subprocess.Popen[str]":
        line = [sys.executable, "-m", "train.run", *self.arguments("--json", *more)]
        return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def store(self, model: str = "frame") -> Store:
        pointer = json.loads((self.root / f"train/current/drum-{model}.json").read_text())
        return run_store(self.shards.workspace, pointer["run"])

    def checkpoints(self) -> list[Path]:
        return sorted((self.store().root / "checkpoints").glob("*.safetensors"))

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.store().root / "log.jsonl").read_text().splitlines()]

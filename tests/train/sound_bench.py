"""A run of two updates, and the commands that make its sounds and measure them."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from run_bench import NUM_FRAMES as _OF_RUNS
from run_bench import TOML, RunBench
from train_bench import ShardBench

from train import evaluate, generate
from vegas_data.store import Store
from vegas_data.trained import SOUNDS, SoundSet, read_record
from vegas_data.workspace import Workspace

NUM_FRAMES = 2  # of each sound, at most


def write_run(bench: ShardBench, folder: Path) -> None:
    """Two examples to train on, one for validation, three to test on, the second half as long; and a run."""
    bench.write(
        bench.source(0),
        bench.source(2),
        bench.source(3, split="val"),
        bench.source(4, split="test"),
        bench.source(5, split="test", end_ms=65),
        bench.source(6, split="test"),
        max_examples=3,
    )
    experiment = folder / "short.toml"
    experiment.write_text(TOML.replace(f"num_frames = {_OF_RUNS}", f"num_frames = {NUM_FRAMES}"))
    RunBench(bench, folder).run("--steps", "2", "--quiet", "--experiment", str(experiment))


@dataclass
class SoundBench:
    """A workspace with such a run."""

    root: Path

    def copy(self, to: Path) -> "SoundBench":
        return SoundBench(Path(shutil.copytree(self.root, to)))

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.root)

    @property
    def store(self) -> Store:
        pointer = json.loads((self.root / "train/current/drum-frame.json").read_text())
        return Store(self.root / "train" / pointer["run"])

    @property
    def sounds(self) -> SoundSet:
        found = read_record(self.store, SOUNDS, SoundSet)
        assert found is not None
        return found

    @property
    def folder(self) -> Path:
        return self.store.path(self.sounds.folder)

    def shard_bench(self, *, width: int) -> ShardBench:
        """To write other shards of the same clips."""

        def clip_of(number: int) -> bytes:
            return next((self.root / "clips").rglob(f"demo-{number:03d}_*.mp4")).read_bytes()

        return ShardBench(workspace=self.workspace, clip_of=clip_of, width=width)

    def generate(self, *more: str, quiet: bool = True) -> None:
        """In this process; raises what the command raises."""
        self._call(generate.command, "--batch-size", "3", *more, *(["--quiet"] if quiet else []))

    def evaluate(self, *more: str) -> None:
        self._call(evaluate.command, "--quiet", *more)

    def _call(self, command: click.Command, *more: str) -> None:
        command.main(self.arguments(*more), prog_name="train", standalone_mode=False)

    def arguments(self, *more: str, model: str = "frame") -> list[str]:
        return ["--model", model, "--category", "drum", "--workspace", str(self.root), "--threads", "1", *more]

    def start(self, module: str, *more: str) -> "subprocess.Popen[str]":
        """As a process of its own."""
        line = [sys.executable, "-m", module, *self.arguments("--json", *more)]
        return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, module: str, *more: str) -> tuple[int, list[dict[str, Any]], str]:
        """Exit code, the JSON lines of stdout, stderr."""
        with self.start(module, *more) as process:
            out, err = process.communicate(timeout=120)
        return process.returncode, [json.loads(line) for line in out.splitlines()], err

    def kill_after_the_first_wav(self, *more: str) -> None:
        """Start ``train.generate`` and kill it once a wav and its side-car are there."""
        with self.start("train.generate", *more) as process:
            while process.poll() is None and not list(self.store.root.glob("sounds/*/*.wav.json")):
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under ``folder``."""
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

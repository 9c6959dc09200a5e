"""Memory: the estimate is near what a process takes, and what does not fit is refused before it begins."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from train_bench import KINDS

from train import memory
from train.config import DataShape, Experiment, ModelKind, load_experiment
from train.memory import Footprint, free_memory
from vegas_data.errors import TrainError

MIB = 2**20

MEASURE = """
import json, re, sys
from pathlib import Path
import numpy as np
import torch
from train.config import DataShape, load_experiment
from train.data import TrainingExample
from train.fit import Trainer
from train.memory import Footprint

torch.set_num_threads(1)


class Zeros:  # 16 examples that are made when they are read, as those of shards are
    keys = tuple(map(str, range(16)))

    def __getitem__(self, i):
        features = {name: np.zeros((156, 1280), np.float16) for name in ("lite0", "flow_lite0")}
        return TrainingExample(key=self.keys[i], levels=np.zeros(156 * 1024, np.uint8), streams=features,
                               num_frames=156, num_samples=156 * 1024)


def status(name):
    return int(re.search(rf"{name}:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024


def train(path):
    experiment = load_experiment(path)
    shape = DataShape(stream_widths=(("lite0", 1280), ("flow_lite0", 1280)), samples_per_frame=1024)
    trainer = Trainer(experiment, shape, num_examples=16, device=torch.device("cpu"))
    for update in trainer.updates(Zeros()):
        pass
    return Footprint(experiment, shape).estimate(rows=experiment.train.batch_size, piece=experiment.train.piece_samples)


small, large = sys.argv[1:]
train(small)  # what libraries allocate for good is not the experiment's
before = status("VmRSS")
estimate = train(large)
print(json.dumps([estimate.total, status("VmHWM") - before]))
"""


def demo(kind: ModelKind = "frame") -> tuple[Experiment, DataShape]:
    experiment = load_experiment("demo").with_kind(kind)
    widths = tuple((name, 1280) for name in experiment.model.conditioning.streams)
    return experiment, DataShape(stream_widths=widths, samples_per_frame=1024)


def test_the_estimate_is_near_what_a_process_takes(tmp_path: Path) -> None:
    def write(name: str, width: int, batch: int) -> str:
        path = tmp_path / name
        path.write_text(
            '[model.conditioning]\nkind="flow"\npicture_stream="lite0"\nflow_stream="flow_lite0"\n'
            f"[model.samplernn]\nframe_sizes=[64, 16, 4]\nwidth={width}\n"
            f"[train]\nnum_steps=3\nbatch_size={batch}\npiece_samples=1024\n"
        )
        return str(path)

    arguments = [write("small.toml", 8, 1), write("large.toml", 128, 16)]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    estimate, measured = json.loads(done.stdout)
    assert measured > 100 * MIB
    assert 0.7 < estimate / measured < 2, f"{estimate / MIB:.0f} MiB estimated, {measured / MIB:.0f} MiB measured"


@pytest.mark.parametrize("kind", KINDS)
def test_four_small_forwards_give_the_large_one(kind: ModelKind) -> None:
    experiment, shape = demo(kind)
    footprint = Footprint(experiment, shape)
    torch.manual_seed(0)
    model = memory.SoundModel(experiment.model, shape)
    saved = memory._saved_bytes(model, shape, rows=6, frames=experiment.data.num_frames, piece=512)
    units = 512 / footprint._unit
    predicted = (
        footprint._fixed + 6 * footprint._per_row + units * footprint._per_unit + 6 * units * footprint._per_both
    )
    assert predicted == pytest.approx(saved, rel=0.01)
    assert footprint.num_parameters == sum(weight.numel() for weight in model.parameters())
    assert 0.4 < memory._least_parameters(experiment, shape) / footprint.num_parameters < 1


def test_what_does_not_fit_is_refused_with_a_batch_size_that_does() -> None:
    experiment, shape = demo()
    footprint = Footprint(experiment, shape)
    free = int(footprint.estimate(rows=8, piece=experiment.train.piece_samples).total / memory.HEADROOM) + MIB
    with pytest.raises(TrainError, match="for 16 examples × 512 audio samples") as caught:
        footprint.check(rows=16, free=free)
    assert caught.value.remedy == "--batch-size 8 fits; it is another run"
    footprint.check(rows=8, free=free)


def test_where_one_example_is_too_much_shorter_pieces_are_named() -> None:
    experiment, shape = demo()
    footprint = Footprint(experiment, shape)
    free = int(footprint.estimate(rows=1, piece=256).total / memory.HEADROOM) + MIB // 4
    with pytest.raises(TrainError) as caught:
        footprint.check(rows=16, free=free)
    assert caught.value.remedy == "--batch-size 1 with piece_samples = 256 in the experiment fits; it is another run"
    with pytest.raises(TrainError) as caught:
        footprint.check(rows=16, free=MIB)
    assert "smaller width" in caught.value.remedy


def test_a_monstrous_model_is_refused_before_it_is_built() -> None:
    experiment, shape = demo()
    samplernn = replace(experiment.model.samplernn, width=1_000_000)
    monster = replace(experiment, model=replace(experiment.model, samplernn=samplernn))
    with pytest.raises(TrainError, match="the model alone needs more than"):
        Footprint(monster, shape, free=2**40)


def test_endless_examples_are_refused_before_they_are_made() -> None:
    experiment, shape = demo()
    endless = replace(experiment, data=replace(experiment.data, num_frames=10**12))
    with pytest.raises(TrainError, match="features of 1000000000000 video frames") as caught:
        Footprint(endless, shape, free=2**40)
    assert "num_frames" in caught.value.remedy


def test_a_node_as_long_as_the_only_frame_is_measured() -> None:
    experiment, shape = demo()
    samplernn = replace(experiment.model.samplernn, frame_sizes=(1024, 64), width=8)
    short = replace(
        experiment,
        model=replace(experiment.model, samplernn=samplernn),
        data=replace(experiment.data, num_frames=1),
        train=replace(experiment.train, piece_samples=1024),
    )
    assert Footprint(short, shape).estimate(rows=2, piece=1024).activations > 0


# --- what is free -----------------------------------------------------------------------------------------------------


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 8000 MiB, whose files can be written."""
    for name in ("_MEMINFO", "_CGROUP", "_CGROUPS"):
        monkeypatch.setattr(memory, name, tmp_path / name)
    (tmp_path / "_MEMINFO").write_text(f"MemTotal: 1 kB\nMemAvailable:   {8000 * 1024} kB\n")
    return tmp_path


def free_mib() -> int:
    return free_memory(torch.device("cpu")) // MIB


def group(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content + "\n")


def test_without_limits_the_machines_memory_counts(kernel: Path) -> None:
    assert free_mib() == 8000
    (kernel / "_CGROUP").write_text("0::/\n")
    group(kernel / "_CGROUPS", {"memory.max": "max", "memory.current": "5"})
    assert free_mib() == 8000


def test_the_tightest_limit_above_us_counts(kernel: Path) -> None:
    (kernel / "_CGROUP").write_text("0::/outer/inner\n")
    group(kernel / "_CGROUPS/outer", {"memory.max": str(1000 * MIB), "memory.current": str(600 * MIB)})
    group(kernel / "_CGROUPS/outer/inner", {"memory.max": str(900 * MIB), "memory.current": str(100 * MIB)})
    assert free_mib() == 400
    group(kernel / "_CGROUPS/outer", {"memory.stat": f"anon 1\ninactive_file {300 * MIB}"})
    assert free_mib() == 700


def test_the_first_version_of_cgroups_is_read_too(kernel: Path) -> None:
    (kernel / "_CGROUP").write_text("3:cpu:/x\n2:memory:/box\n")
    files = {"memory.limit_in_bytes": str(500 * MIB), "memory.usage_in_bytes": str(100 * MIB)}
    group(kernel / "_CGROUPS/memory/box", files)
    group(kernel / "_CGROUPS/memory", {"memory.limit_in_bytes": str(2**63 - 4096), "memory.usage_in_bytes": "0"})
    assert free_mib() == 400

"""Fixtures: one thread for torch, and a workspace with shards to train on."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from sound_bench import SoundBench, write_run
from train_bench import ShardBench

from vegas_data.media.mux import write_mp4
from vegas_data.workspace import Workspace


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Two clips of 4 s: a tone at a third of full scale, and silence."""
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(48_000 * 4) / 48_000)
    contents = []
    for number, sound in enumerate((tone, np.zeros_like(tone))):
        path = tmp_path_factory.mktemp("clips") / f"{number}.mp4"
        pictures = (np.full((48, 64, 3), level, dtype=np.uint8) for level in range(100))
        write_mp4(path, pictures, size=(64, 48), fps=Fraction(25), audio=sound.astype(np.float32))
        contents.append(path.read_bytes())
    return contents


@pytest.fixture
def bench(tmp_path: Path, clips: list[bytes]) -> ShardBench:
    """An empty workspace in which clip 1 is silent and every other one a tone."""
    return ShardBench(workspace=Workspace.create(tmp_path / "workspace", ""), clip_of=lambda n: clips[n == 1])


@pytest.fixture(scope="session")
def _trained_once(tmp_path_factory: pytest.TempPathFactory, clips: list[bytes]) -> SoundBench:
    folder = tmp_path_factory.mktemp("trained")
    workspace = Workspace.create(folder / "workspace", "")
    write_run(ShardBench(workspace=workspace, clip_of=lambda n: clips[n == 1]), folder)
    return SoundBench(workspace.root)


@pytest.fixture
def trained(_trained_once: SoundBench, tmp_path: Path) -> SoundBench:
    """A workspace with a run of the frame model on drums."""
    return _trained_once.copy(tmp_path / "workspace")

"""Fixtures: one real clip, and benches on which shards are made from it."""

import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from shard_bench import Bench

from vegas_data.media.mux import write_mp4
from vegas_data.workspace import Workspace


@pytest.fixture(scope="session")
def clip_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An mp4 of 4 s: two seconds of a tone at half of full scale, then silence."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    pictures = (np.full((48, 64, 3), 2 * level, dtype=np.uint8) for level in range(100))
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000 * 4) / 48_000)
    tone[48_000 * 2 :] = 0
    write_mp4(path, pictures, size=(64, 48), fps=Fraction(25), audio=tone.astype(np.float32))
    return path.read_bytes()


@pytest.fixture
def make_bench(tmp_path: Path, clip_bytes: bytes) -> Callable[..., Bench]:
    def make(name: str = "workspace", **arguments: object) -> Bench:
        workspace = Workspace.create(tmp_path / name, "")
        return Bench(**{"workspace": workspace, "clip": clip_bytes, **arguments})  # type: ignore[arg-type]

    return make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


@pytest.fixture(scope="session")
def good_shard(tmp_path_factory: pytest.TempPathFactory, clip_bytes: bytes) -> Path:
    """A shard of two examples, not to be touched."""
    bench = Bench(workspace=Workspace.create(tmp_path_factory.mktemp("good"), ""), clip=clip_bytes)
    return bench.shard(bench.source("demo-000"), bench.source("demo-001"))


@pytest.fixture
def tar(good_shard: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may harm."""
    folder = tmp_path / good_shard.parent.name
    shutil.copytree(good_shard.parent, folder)
    return folder / good_shard.name

"""Fixtures: one workspace to be released, and the release of each profile; tests that harm one take a copy."""

import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from release_bench import make_source

from vegas_data.media.mux import write_mp4
from vegas_data.release import ReleaseOptions, ReleaseSource, build_release


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> ReleaseSource:
    """A workspace ready to be released, not to be touched."""
    folder = tmp_path_factory.mktemp("release")
    path = folder / "clip.mp4"
    pictures = (np.full((48, 64, 3), 2 * level, dtype=np.uint8) for level in range(100))
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000 * 4) / 48_000)
    write_mp4(path, pictures, size=(64, 48), fps=Fraction(25), audio=tone.astype(np.float32))
    return make_source(folder / "workspace", path.read_bytes())


@pytest.fixture(scope="session")
def features_release(source: ReleaseSource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of profile features, not to be touched."""
    target = tmp_path_factory.mktemp("features") / "release"
    build_release(source, ReleaseOptions(), target)
    return target


@pytest.fixture(scope="session")
def media_release(source: ReleaseSource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of profile media without what must not be passed on, not to be touched."""
    target = tmp_path_factory.mktemp("media") / "release"
    build_release(source, ReleaseOptions(profile="media", skip_unlicensed=True), target)
    return target


@pytest.fixture
def release(features_release: Path, tmp_path: Path) -> Path:
    """A copy of the release of profile features that a test may harm."""
    return Path(shutil.copytree(features_release, tmp_path / "release"))


@pytest.fixture
def media(media_release: Path, tmp_path: Path) -> Path:
    """A copy of the release of profile media that a test may harm."""
    return Path(shutil.copytree(media_release, tmp_path / "media"))

"""What several rooms' tests need: a small real video, and the folder of shared data if it is there."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vegas_data.media.mux import write_mp4

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real tables and recordings that are not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("no shared data folder beside the project")
    return SHARED


@pytest.fixture(scope="session")
def counting_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 s at 25 fps whose picture i has the grey level i, with a click at every full second; 128 × 96."""
    path = tmp_path_factory.mktemp("video") / "counting.mp4"
    frames = (np.full((96, 128, 3), level, dtype=np.uint8) for level in range(200))
    sound = np.zeros(8 * 48_000, dtype=np.float32)
    sound[::48_000] = 0.9
    write_mp4(path, frames, size=(128, 96), fps=Fraction(25), audio=sound, sample_rate_hz=48_000)
    return path

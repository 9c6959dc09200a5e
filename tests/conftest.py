"""What several rooms' tests need: a small real video, a browser, and the folder of shared data if it is there."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vegas_data.media.mux import write_mp4

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = Path("/usr/bin/chromium")
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


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Chromium without a screen. Of a module, for what drives it keeps an event loop in this thread."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()

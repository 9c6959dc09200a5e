"""What several rooms' tests need: a small real video, a browser, and the folder of shared data if it is there."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vegas_data.media.mux import write_mp4

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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


@pytest.fixture
def open_file(browser: "Browser") -> "Iterator[Callable[[Path, int, str], Page]]":
    """Open a page of ours in a window of some width, light or dark: no complaint, and no request to anywhere."""
    complaints: list[str] = []
    contexts = []

    def open_at(file: Path, width: int, scheme: str) -> "Page":
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or complaints.append(request.url))
        page.goto(file.as_uri())
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert complaints == []

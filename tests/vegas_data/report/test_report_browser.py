"""The page in a real browser: silent, still towards the network, and inside its window at 400 pixels."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vegas_data.report import ReportData
from vegas_data.report.page import write_report
from vegas_data.workspace import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Page


# Elements that stick out of the window and do not lie in a box that scrolls by itself.
OVERFLOWING = """() => [...document.body.querySelectorAll("*")].filter((element) => {
  const box = element.getBoundingClientRect();
  if (!box.width || (box.right <= innerWidth + 0.5 && box.left >= -0.5)) return false;
  if (element.closest(".skip, .visually-hidden")) return false;
  for (let parent = element.parentElement; parent !== document.body; parent = parent.parentElement)
    if (["auto", "scroll"].includes(getComputedStyle(parent).overflowX)) return false;
  return true;
}).map((element) => element.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def report(learned: ReportData, media_path: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = Workspace.create(tmp_path_factory.mktemp("browser") / "workspace", 'name = "demo"\n')
    write_report(learned, workspace, media_path=media_path)
    return workspace.path("report.html")


@pytest.fixture
def open_page(open_file: "Callable[[Path, int, str], Page]", report: Path) -> "Callable[[int, str], Page]":
    return partial(open_file, report)


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (400, "light"), (400, "dark")])
def test_fits_its_window(open_page: "Callable[[int, str], Page]", width: int, scheme: str) -> None:
    page = open_page(width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(OVERFLOWING) == []


def test_the_chart_gives_way_to_the_table_on_narrow_screens(open_page: "Callable[[int, str], Page]") -> None:
    assert open_page(1400, "light").locator(".sankey").is_visible()
    assert not open_page(400, "light").locator(".sankey").is_visible()


def test_light_and_dark_differ(open_page: "Callable[[int, str], Page]") -> None:
    papers = {
        open_page(800, scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    }
    assert len(papers) == 2


def test_a_click_on_the_tracks_moves_the_player_and_its_line(open_page: "Callable[[int, str], Page]") -> None:
    page = open_page(1400, "light")
    article = page.locator(".timeline").first
    video = article.locator("video")
    video.evaluate("v => v.readyState >= 1 || new Promise((done) => v.addEventListener('loadedmetadata', done))")
    assert video.evaluate("v => v.duration") == pytest.approx(6, abs=0.1)
    article.locator(".waveform").scroll_into_view_if_needed()
    box = article.locator(".waveform").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator(".timeline.started").wait_for()
    assert video.evaluate("v => v.currentTime") == pytest.approx(3, abs=0.1)
    left = article.locator(".cursor").evaluate("c => parseFloat(c.style.left)")
    assert left == pytest.approx(50, abs=2)


def states(page: "Page") -> dict[str, tuple[bool, bool]]:
    """Name of each film → (is seen, is paused)."""
    found = page.locator(".heard video").evaluate_all("all => all.map(v => [v.dataset.name, !v.hidden, v.paused])")
    return {name: (seen, paused) for name, seen, paused in found}


def test_a_button_plays_its_sound_with_the_pictures_and_stops_the_others(
    open_page: "Callable[[int, str], Page]",
) -> None:
    page = open_page(1400, "light")
    assert states(page) == {"original": (True, True), "frame": (False, True), "seq": (False, True)}
    frame = page.get_by_role("button", name="Play frame")
    frame.focus()
    page.keyboard.press("Enter")
    page.locator('.take.frame button[aria-pressed="true"]').wait_for()
    assert states(page) == {"original": (False, True), "frame": (True, False), "seq": (False, True)}
    assert page.locator(".now b").inner_text() == "frame"
    page.locator(".timeline:not(.heard) video").first.evaluate("v => v.play()")
    page.locator('.take.frame button[aria-pressed="false"]').wait_for()
    assert states(page)["frame"] == (True, True)


def test_another_sound_goes_on_where_the_first_was(open_page: "Callable[[int, str], Page]") -> None:
    page = open_page(1400, "dark")
    page.locator('.heard video[data-name="seq"]').evaluate(
        "v => v.readyState >= 1 || new Promise((done) => v.addEventListener('loadedmetadata', done))"
    )
    box = page.locator(".take.seq .waveform").bounding_box()
    assert box is not None
    page.mouse.move(0, 0)
    page.locator(".take.seq .waveform").click(position={"x": box["width"] / 2, "y": 20})
    page.locator(".heard.started").wait_for()
    left = page.locator(".heard .cursor").evaluate("c => parseFloat(c.style.left)")
    assert left == pytest.approx(50, abs=2)
    page.get_by_role("button", name="Play frame").click()
    page.locator('.take.frame button[aria-pressed="true"]').wait_for()
    at = page.locator('.heard video[data-name="frame"]').evaluate("v => v.currentTime")
    assert 2.9 <= at < 5

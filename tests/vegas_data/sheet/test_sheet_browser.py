"""A sheet in a real browser: silent, still towards the network, and inside its window from 1400 down to 400 pixels."""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sheet_case import FLASH_MS

from vegas_data.sheet import SheetData
from vegas_data.sheet.draw import Drawing
from vegas_data.sheet.page import render_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

# Elements that stick out of the window and do not lie in a box that scrolls by itself.
OVERFLOWING = """() => [...document.body.querySelectorAll("*")].filter((element) => {
  const box = element.getBoundingClientRect();
  if (!box.width || (box.right <= innerWidth + 0.5 && box.left >= -0.5)) return false;
  if (element.closest(".skip, .visually-hidden")) return false;
  for (let parent = element.parentElement; parent !== document.body; parent = parent.parentElement)
    if (["auto", "scroll"].includes(getComputedStyle(parent).overflowX)) return false;
  return true;
}).map((element) => element.outerHTML.slice(0, 120))"""
# Where 3.0 s is drawn: the middle of each box that stands for that moment, from the left edge of its lane's plot,
# in shares of the plot's width.
AT_FLASH = """() => {
  const share = (box, plot) => (box.left + box.width / 2 - plot.left) / plot.width;
  const found = {};
  for (const hit of document.querySelectorAll(".lane .hit")) {
    const plot = hit.closest(".plot");
    found["hit " + Object.keys(found).length] = share(hit.getBoundingClientRect(), plot.getBoundingClientRect());
  }
  for (const lane of document.querySelectorAll(".pictures")) {
    const plot = lane.querySelector(".plot").getBoundingClientRect();
    const image = [...lane.querySelectorAll("figure.centre")][1];
    found[lane.className] = share(image.getBoundingClientRect(), plot);
  }
  for (const ticks of document.querySelectorAll(".ticks")) {
    const tick = [...ticks.children].find((one) => one.textContent === "3");
    found["tick " + Object.keys(found).length] = share(tick.getBoundingClientRect(), ticks.getBoundingClientRect());
  }
  const blocks = document.querySelector(".blocks");
  found.verdict = share(blocks.children[1].getBoundingClientRect(), blocks.getBoundingClientRect());
  const plots = [...document.querySelectorAll(".tracks .plot")].map((one) => one.getBoundingClientRect());
  const [first] = plots;
  found.spread = Math.max(...plots.map((one) => Math.abs(one.left - first.left) + Math.abs(one.width - first.width)));
  return found;
}"""


@pytest.fixture(scope="module")
def page_file(sheet: SheetData, drawing: Drawing, case_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sheet-page") / "sheet.html"
    long = dataclasses.replace(sheet, credit="credit " * 60, notes=("A note. " * 20,))
    path.write_text(render_page(long, drawing, case_path), encoding="utf-8")
    return path


@pytest.fixture
def open_page(open_file: "Callable[[Path, int, str], Page]", page_file: Path) -> "Callable[[int, str], Page]":
    return partial(open_file, page_file)


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (800, "dark"), (400, "light"), (400, "dark")])
def test_fits_its_window(open_page: "Callable[[int, str], Page]", width: int, scheme: str) -> None:
    page = open_page(width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(OVERFLOWING) == []


@pytest.mark.parametrize("width", [1400, 400])
def test_one_moment_has_one_place_in_every_lane(open_page: "Callable[[int, str], Page]", width: int) -> None:
    found = open_page(width, "light").evaluate(AT_FLASH)
    assert found.pop("spread") < 0.5
    assert len(found) == 3 + 2 + 2 + 1
    assert all(share == pytest.approx(FLASH_MS / 6000, abs=0.004) for share in found.values()), found


def test_every_picture_is_there(open_page: "Callable[[int, str], Page]") -> None:
    page = open_page(1400, "dark")
    page.wait_for_load_state("load")
    assert page.evaluate("[...document.images].filter((one) => !one.naturalWidth).length") == 0


def test_flow_rests_in_the_colour_of_the_page(open_page: "Callable[[int, str], Page]") -> None:
    shown = {
        scheme: open_page(1400, scheme).locator(".motion img").first.evaluate("one => one.currentSrc")
        for scheme in ("light", "dark")
    }
    assert shown["light"] != shown["dark"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: "Browser", page_file: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    page = browser.new_page(viewport={"width": 1400, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(page_file.as_uri())
    found = axe.Axe().run(page)
    page.close()
    assert [violation["id"] for violation in found.response["violations"]] == []

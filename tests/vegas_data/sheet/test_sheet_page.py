"""The page of a sheet: what it says, where on the axis it says it, and that a stranger's words stay words."""

import base64
import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from sheet_case import FLASH_MS, attacked

from vegas_data.sheet import SheetData
from vegas_data.sheet.draw import Drawing, draw
from vegas_data.sheet.page import render_page

MIDDLE = f"{FLASH_MS / 60:g}"  # in percent of 6 s
ATTACK = "<script>alert('x')</script><img src=http://evil.example/x onerror=alert(1)>\"'&\udcff\u202e"


class _Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parse(html: str) -> _Page:
    page = _Page()
    page.feed(html)
    return page


@pytest.fixture(scope="module")
def html(sheet: SheetData, drawing: Drawing, case_path: Path) -> str:
    return render_page(sheet, drawing, case_path)


def test_it_names_what_it_is_of(html: str, sheet: SheetData) -> None:
    assert sheet.example is not None
    for words in (
        sheet.example.id,
        sheet.clip.id,
        sheet.media.sha256,
        "CC0-1.0",
        "drawn by a test",
        "drum-train-000000.tar",
        f"{sheet.example.id}.lite0.npy",
        "aaaaaaaaaaaa",
        "opencv",
        "0123456789ab",
        "1\u00a0planted onset",
    ):
        assert words in html, words


def test_the_strip_says_the_same_as_the_table(html: str, sheet: SheetData) -> None:
    strip = re.findall(r'<li class="block (\w+)">', html)
    table = re.findall(r'<td><span class="verdict (\w+)">', html)
    assert strip == table == [verdict.decision for verdict in sheet.report.verdicts]
    assert re.search(r'class="blocks"[^>]*grid-template-columns: 2000fr 2000fr 2000fr"', html)
    assert "0.625 ≥ 0.08" in html
    assert "0.010 &lt; 0.08" in html
    assert "seen: sort of" in html
    assert "calibration" in html


def test_onsets_example_and_features_stand_at_their_times(html: str) -> None:
    assert html.count(f'<i class="hit" style="left: {MIDDLE}%">') == 3
    assert 'style="left: 33.33%; width: 66.67%"><span>Drum 2 – 6' in html
    assert html.count('<div class="part" style="left: 33.333%; width: 66.133%">') == 2


def test_the_largest_change_stands_at_the_flash(html: str) -> None:
    path = re.search(r'class="needles" d="([^"]+)"|d="([^"]+)" class="needles"', html)
    assert path is not None
    needles = re.findall(r"M([\d.]+) 100V([\d.]+)", path[1] or path[2])
    assert float(min(needles, key=lambda needle: float(needle[1]))[0]) == pytest.approx(500, abs=7)


def test_the_spectrogram_s_click_stands_in_the_middle(html: str) -> None:
    data = re.search(r'<img src="data:image/webp;base64,([^"]+)" alt="Spectrogram', html)
    assert data is not None
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(data[1]), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    upper = picture[: len(picture) // 8].astype(int).sum(axis=(0, 2))
    assert (float(upper.argmax()) + 0.5) / upper.size == pytest.approx(0.5, abs=0.006)


def test_it_loads_nothing_and_runs_nothing(html: str) -> None:
    page = parse(html)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "iframe", "object", "form"}
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "srcset", "href", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#"))


def test_every_picture_has_words(html: str) -> None:
    for tag, attributes in parse(html).tags:
        if tag == "img":
            assert "alt" in attributes
    assert "Picture at 3.00 s" in html
    assert "Flow from 1.00 s to 1.040 s" in html


@pytest.fixture(scope="module")
def hostile(sheet: SheetData, drawing: Drawing, case_path: Path) -> str:
    data = attacked(sheet, ATTACK)
    strips = tuple(dataclasses.replace(strip, stream=data.streams[0]) for strip in drawing.strips)
    return render_page(data, dataclasses.replace(drawing, strips=strips), case_path)


def test_a_stranger_s_words_stay_words(hostile: str, html: str) -> None:
    assert "<script" not in hostile
    assert "<img src=http" not in hostile
    assert hostile.count("&lt;script&gt;alert") > 15
    usual, attacked_tags = ({tag for tag, _ in parse(text).tags} for text in (html, hostile))
    assert attacked_tags == usual
    for _, attributes in parse(hostile).tags:
        assert "onerror" not in attributes


def test_random_weights_are_said_loudly(sheet: SheetData, drawing: Drawing, case_path: Path, html: str) -> None:
    assert "Random weights" not in html
    random = dataclasses.replace(sheet, streams=(dataclasses.replace(sheet.streams[0], weights="random-7"),))
    said = render_page(random, drawing, case_path)
    assert "Random weights" in said
    assert "RANDOM, not trained" in said


def test_a_clip_without_verdicts_or_features_still_has_a_sheet(sheet: SheetData, case_path: Path) -> None:
    report = dataclasses.replace(sheet.report, verdicts=(), scores=(), truth=())
    bare = dataclasses.replace(
        sheet,
        report=report,
        example=None,
        examples=(),
        streams=(),
        places=(),
        people=(),
        onsets_ms=(),
        onsets_are="",
        notes=("Not verified yet: there are no verdicts.",),
    )
    said = render_page(bare, draw(bare, case_path), case_path)
    assert "not verified yet" in said
    assert "Not verified yet" in said
    assert bare.clip.id in said


def test_two_examples_of_a_clip_stand_side_by_side(sheet: SheetData, case_path: Path) -> None:
    assert sheet.example is not None
    early = dataclasses.replace(sheet.example, start_ms=sheet.clip.start_ms, end_ms=sheet.clip.start_ms + 2000)
    rows = np.ones((31, 100), dtype=np.float16)
    rows[5, :10] = -1  # 1 − cos is 0.2
    first = dataclasses.replace(sheet.streams[0], start_ms=0, end_ms=2000, rows=rows)
    both = dataclasses.replace(sheet, example=None, examples=(early, sheet.example), streams=(first, *sheet.streams))
    said = render_page(both, draw(both, case_path), case_path)
    heights = re.findall(r'height="([\d.]+)" class="step"', said)
    assert [float(height) for height in heights] == pytest.approx([20, 20, 100, 100], abs=0.1), "one scale for both"
    assert 'style="left: 0.000%; width: 33.067%"' in said
    assert 'style="left: 33.333%; width: 66.133%"' in said
    assert "<b style=" not in said  # nothing is veiled

"""The PNG of a sheet: its size, and that one moment has one column in every lane."""

import dataclasses

import cv2
import numpy as np
import pytest
from sheet_case import FLASH_MS, attacked

from vegas_data.sheet import SheetData
from vegas_data.sheet.canvas import Canvas, fit, printable, text_width, wrap
from vegas_data.sheet.draw import Drawing
from vegas_data.sheet.facts import example_facts
from vegas_data.sheet.lanes import LEFT, RIGHT, Axis
from vegas_data.sheet.picture import WIDTH, paint, render_picture

SOUND = (47, 100, 149)
TINTS = {"accepted": (207, 232, 226), "rejected": (246, 217, 207)}
AT_FLASH = Axis(duration_s=6.0).x(FLASH_MS / 1000)


@pytest.fixture(scope="module")
def canvas(sheet: SheetData, drawing: Drawing) -> Canvas:
    """Without lines and veil."""
    return paint(dataclasses.replace(sheet, onsets_ms=(), example=None), drawing)


@pytest.fixture(scope="module")
def pixels(canvas: Canvas) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(canvas.png(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture[..., ::-1]


def mask(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (pixels[:, LEFT:RIGHT] == colour).all(axis=2)


def middle(found: np.ndarray) -> float:
    """The middle of the columns where anything was found."""
    return LEFT + float(np.flatnonzero(found.any(axis=0)).mean())


def test_it_is_as_wide_as_it_says(pixels: np.ndarray) -> None:
    assert pixels.shape[1] == WIDTH
    assert 1000 < pixels.shape[0] < 2500


def test_flash_and_click_stand_in_one_column(pixels: np.ndarray, canvas: Canvas) -> None:
    """The flash in picture and change, the click in waveform and spectrogram, the row unlike others in its features."""
    blue = mask(pixels, SOUND)
    flash = pixels[canvas.lanes["picture"], LEFT:RIGHT][10:60]
    assert middle((flash > 250).all(axis=2).all(axis=0, keepdims=True)) == pytest.approx(AT_FLASH, abs=3)
    needles = np.flatnonzero(blue[canvas.lanes["change"]][:12].any(axis=0))
    assert LEFT + needles.min() == pytest.approx(AT_FLASH, abs=1.5)
    assert LEFT + needles.max() == pytest.approx(Axis(duration_s=6.0).x(3.04), abs=2.5)
    assert middle(blue[canvas.lanes["sound"]][:12]) == pytest.approx(AT_FLASH, abs=3)
    spectrum = pixels[canvas.lanes["spectrum"], LEFT:RIGHT][:40].astype(int).sum(axis=(0, 2))
    assert LEFT + float(spectrum.argmax()) == pytest.approx(AT_FLASH, abs=6)
    axis = Axis(duration_s=6.0)
    unlike = np.flatnonzero(blue[canvas.lanes["lite0"]][:12].any(axis=0))
    assert (LEFT + unlike.min(), LEFT + unlike.max()) == pytest.approx((axis.x(3.024), axis.x(3.152)), abs=2)


def test_verdicts_have_their_colours_in_their_windows(pixels: np.ndarray, sheet: SheetData) -> None:
    axis = Axis(duration_s=6.0)
    for verdict in sheet.report.verdicts:
        tinted = np.flatnonzero(mask(pixels, TINTS[verdict.decision]).any(axis=0)) + LEFT
        start, end = (axis.x((ms - sheet.clip.start_ms) / 1000) for ms in (verdict.start_ms, verdict.end_ms))
        inside = tinted[(tinted >= start) & (tinted < end)]
        assert inside.size > 0.95 * (end - start - 2)
    rejected = np.flatnonzero(mask(pixels, TINTS["rejected"]).any(axis=0)) + LEFT
    assert rejected.max() < axis.x(2.0)


def test_an_onset_is_a_dashed_line_at_its_time(sheet: SheetData, drawing: Drawing) -> None:
    found = (paint(sheet, drawing).pixels[:, LEFT:RIGHT] == (180, 71, 43)).all(axis=2)
    at = np.flatnonzero(found.sum(axis=0) > 30)
    assert (LEFT + at).tolist() == [round(AT_FLASH)]


def test_what_lies_outside_the_example_is_veiled(
    sheet: SheetData, drawing: Drawing, pixels: np.ndarray, canvas: Canvas
) -> None:
    veiled = paint(dataclasses.replace(sheet, onsets_ms=()), drawing).pixels
    before = slice(LEFT, round(Axis(duration_s=6.0).x(2.0)) - 2)
    after = slice(round(Axis(duration_s=6.0).x(2.0)) + 2, RIGHT)
    rows = canvas.lanes["picture"]
    assert (veiled[rows, before] != pixels[rows, before]).any()
    assert (veiled[rows, after] == pixels[rows, after]).all()


def test_a_stranger_s_words_do_not_break_it(sheet: SheetData, drawing: Drawing) -> None:
    hostile = attacked(sheet, "<b>\udcff\u202e" + "x" * 5000)
    assert render_picture(hostile, drawing).startswith(b"\x89PNG")


def test_random_weights_are_said_at_the_top(sheet: SheetData, drawing: Drawing) -> None:
    random = dataclasses.replace(sheet, streams=(dataclasses.replace(sheet.streams[0], weights="random-7"),))
    alarm = (paint(random, drawing).pixels[:160] == (138, 47, 23)).all(axis=2)
    assert alarm.sum() > 100
    assert not (paint(sheet, drawing).pixels[:160] == (138, 47, 23)).all(axis=2).any()


def test_a_span_that_two_categories_accepted_is_the_example_in_both(sheet: SheetData, drawing: Drawing) -> None:
    assert sheet.example is not None
    both = (dataclasses.replace(sheet.example, category="dog"), sheet.example)
    earlier = dataclasses.replace(sheet.example, start_ms=sheet.clip.start_ms, end_ms=sheet.example.start_ms)
    data = dataclasses.replace(sheet, categories=("dog", "drum"), example=both[0], examples=(*both, earlier))
    assert data.shown == both
    assert [facts[1].value for _, facts in example_facts(data)] == ["dog", "Drum"]
    blue = (paint(data, drawing).pixels[90:210, LEFT:RIGHT] == SOUND).all(axis=2)
    axis = Axis(duration_s=6.0)
    edges = np.flatnonzero(blue.sum(axis=1) > axis.x(4) - axis.x(0) - 40)
    assert len(edges) == 4, "two lanes, each with an upper edge of two pixels"
    assert LEFT + np.flatnonzero(blue.any(axis=0)).min() == round(axis.x(2.0))


def test_no_label_runs_into_the_next_where_pictures_are_low(sheet: SheetData, drawing: Drawing) -> None:
    low = tuple(dataclasses.replace(moment, picture=moment.picture[:8]) for moment in drawing.watched.moments)
    watched = dataclasses.replace(drawing.watched, moments=low)
    lanes = paint(sheet, dataclasses.replace(drawing, watched=watched)).lanes
    assert min(rows.stop - rows.start for name, rows in lanes.items() if name in ("picture", "motion", "change")) >= 38


def test_lines_fit_and_wrap() -> None:
    assert text_width(fit("a long line of words", 14, 60), 14) <= 60
    assert fit("short", 14, 500) == "short"
    assert all(text_width(line, 14) <= 100 for line in wrap("some words and averyveryverylongwordindeed more", 14, 100))
    assert "\u202e" not in printable("a\u202eb")


def test_a_box_fills_what_it_says() -> None:
    canvas = Canvas(20, 10)
    canvas.box(2, 3, 5, 6, (1, 2, 3))
    assert np.argwhere((canvas.pixels == (1, 2, 3)).all(axis=2)).tolist() == [
        [y, x] for y in range(3, 6) for x in range(2, 5)
    ]

"""What is decoded and computed for a sheet, against what was planted in the clip."""

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from sheet_case import FLASH_MS, SHIFT_PX, TONE_HZ

from vegas_data.errors import DecodeFailed
from vegas_data.sheet import SheetData
from vegas_data.sheet.draw import Drawing, colour_flow, draw, spectrogram_rgb
from vegas_data.sheet.layout import Slots, full_colour_px, octaves
from vegas_data.sheet.listen import RANGE_DB, compute_spectrogram
from vegas_data.sheet.strips import SHOWN_DIMENSIONS, make_strip


@pytest.mark.parametrize("duration_ms", [1500, 2000, 4000, 4500, 6000, 8000, 10_000])
def test_every_window_has_a_picture_of_its_centre_and_more_where_there_is_room(duration_ms: int) -> None:
    slots = Slots.of(duration_ms, 2000)
    centres = [time_s for index, time_s in enumerate(slots.times_s) if slots.is_centre(index)]
    windows = max(1, duration_ms // 2000)
    length_s = Fraction(min(duration_ms, 2000 * windows), 1000 * windows)
    assert centres == [(index + Fraction(1, 2)) * length_s for index in range(windows)]
    assert slots.count / windows >= 3
    assert slots.count <= 15
    assert slots.times_s[-1] < Fraction(duration_ms, 1000)


def test_scales_end_at_round_numbers() -> None:
    assert [full_colour_px(value) for value in (0.0, 0.5, 0.6, 9.0, 500.0)] == [0.5, 0.5, 1, 12, 120]
    assert octaves(50, 8000) == (62.5, 125, 250, 500, 1000, 2000, 4000, 8000)


@pytest.mark.parametrize("hz", [62.5, 110.0, 440.0, 1000.0, 3000.0, 7000.0])
def test_a_tone_stands_in_its_row_at_its_level(hz: float) -> None:
    time_s = np.arange(32_000) / 16_000
    found = compute_spectrogram((0.5 * np.sin(2 * np.pi * hz * time_s)).astype(np.float32), 16_000.0)
    middle = found.level_db[:, found.level_db.shape[1] // 2]
    row = int(middle.argmax())
    spread = 8 if hz < 200 else 1  # below 200 Hz rows are narrower than what 40 ms can tell apart
    assert found.edges_hz[max(0, row - spread)] <= hz <= found.edges_hz[min(len(middle), row + 1 + spread)]
    assert middle[row] == pytest.approx(-6.02, abs=0.7)
    assert found.top_db == 0


def test_silence_has_a_spectrogram_without_surprises() -> None:
    found = compute_spectrogram(np.zeros(16_000, dtype=np.float32), 16_000.0)
    assert np.isfinite(found.level_db).all()
    assert found.level_db.max() < found.top_db - RANGE_DB / 2


def test_a_click_stands_in_its_column() -> None:
    wave = np.zeros(48_000, dtype=np.float32)
    wave[12_000] = 1.0
    energy = compute_spectrogram(wave, 16_000.0).level_db.mean(axis=0)
    assert (float(energy.argmax()) + 0.5) / energy.size == pytest.approx(0.25, abs=0.007)
    assert energy[: int(0.24 * energy.size)].max() < -100


def test_the_planted_tone_and_click_are_heard_where_they_are(drawing: Drawing) -> None:
    spectrum = drawing.heard.spectrogram
    columns = spectrum.level_db.shape[1]
    late = spectrum.level_db[:, int(columns * 5 / 6)]
    row = int(late.argmax())
    assert spectrum.edges_hz[row] * 0.97 < TONE_HZ < spectrum.edges_hz[row + 1] * 1.03
    high = spectrum.level_db[spectrum.edges_hz[:-1] > 4000].mean(axis=0)
    assert 6 * (float(high.argmax()) + 0.5) / columns == pytest.approx(FLASH_MS / 1000, abs=0.03)
    loud = np.abs([max(-low, top) for low, top in drawing.heard.outline])
    assert 6 * (float(loud.argmax()) + 0.5) / loud.size == pytest.approx(FLASH_MS / 1000, abs=0.02)


def test_the_flash_is_the_largest_change(drawing: Drawing) -> None:
    watched = drawing.watched
    assert len(watched.change) == 149
    two = sorted(watched.change_s[np.argsort(watched.change)[-2:]])
    assert two == pytest.approx([FLASH_MS / 1000, FLASH_MS / 1000 + 0.04])
    assert watched.change.max() > 100


def test_flow_has_the_direction_and_the_length_of_the_shift(drawing: Drawing) -> None:
    for index, (across, down) in ((1, (SHIFT_PX, 0)), (7, (0, SHIFT_PX))):
        flow = drawing.watched.moments[index].flow
        assert flow is not None
        inside = flow[:, 16:-16, 16:-16].reshape(2, -1)
        assert np.median(inside, axis=1) == pytest.approx([across, down], abs=0.3)


def test_a_shifted_texture_has_the_colour_of_its_direction(drawing: Drawing) -> None:
    assert drawing.full_px >= SHIFT_PX
    for index, (across, down) in ((1, (SHIFT_PX, 0)), (7, (0, SHIFT_PX))):
        shown = drawing.flows[index]
        assert shown is not None
        pure = np.zeros((2, 1, 1), dtype=np.float32)
        pure[:, 0, 0] = across, down
        for picture, expected in zip(shown, colour_flow(pure, drawing.full_px), strict=True):
            colour = np.median(picture[16:-16, 16:-16].reshape(-1, 3), axis=0)
            assert colour == pytest.approx(expected[0, 0].astype(float), abs=45)


def test_rest_is_white_on_white_and_black_on_black() -> None:
    light, dark = colour_flow(np.zeros((2, 4, 4), dtype=np.float32), 2.0)
    assert (light == 255).all()
    assert (dark == 0).all()
    full = np.zeros((2, 1, 1), dtype=np.float32)
    full[0] = 2.0
    assert [picture[0, 0].tolist() for picture in colour_flow(full, 2.0)] == [[255, 0, 0], [255, 0, 0]]


def test_pictures_are_those_of_their_times(drawing: Drawing) -> None:
    """The slot around 3 s shows the flash: its picture is the one of 3.0 s."""
    at_flash = [moment for moment in drawing.watched.moments if moment.time_s == 3]
    assert len(at_flash) == 1
    assert at_flash[0].picture.mean() > 240
    assert max(m.picture.mean() for m in drawing.watched.moments if m.time_s != 3) < 200


def test_a_step_beyond_the_end_has_no_flow(sheet: SheetData, case_path: Path) -> None:
    slow = dataclasses.replace(sheet, motion=dataclasses.replace(sheet.motion, rate_hz=Fraction(2)))
    flows = [moment.flow for moment in draw(slow, case_path).watched.moments]
    assert flows[-1] is None
    assert flows[0] is not None


def test_a_clip_that_ends_early_is_a_typed_error(sheet: SheetData, case_path: Path) -> None:
    longer = dataclasses.replace(sheet, media=dataclasses.replace(sheet.media, duration_ms=9000))
    with pytest.raises(DecodeFailed, match="needed until"):
        draw(longer, case_path)


def test_a_row_unlike_the_one_before_stands_at_its_time(drawing: Drawing) -> None:
    (strip,) = drawing.strips
    assert np.isnan(strip.distance[0])
    assert np.flatnonzero(np.nan_to_num(strip.distance) > 0.5).tolist() == [16, 17]
    assert strip.distance[16] == pytest.approx(1.0, abs=1e-3)  # the mean of fifty ones and fifty minus ones is 0
    assert strip.start_s + 16 * strip.step_s == pytest.approx(3.024)
    assert strip.end_s == pytest.approx(2 + 62 * 0.064)
    assert strip.heat.shape == (SHOWN_DIMENSIONS, 62)
    assert (strip.heat[:, 16] == 0).all()
    assert (np.delete(strip.heat, 16, axis=1) == 255).all()


def test_rows_that_are_not_there_have_no_strip(sheet: SheetData) -> None:
    assert make_strip(dataclasses.replace(sheet.streams[0], rows=None)) is None


def test_rows_of_zeros_are_not_far_from_one_another(sheet: SheetData) -> None:
    strip = make_strip(dataclasses.replace(sheet.streams[0], rows=np.zeros((4, 3, 2), dtype=np.float16)))
    assert strip is not None
    assert strip.largest == 0
    assert strip.heat.shape == (6, 4)


def test_the_spectrogram_is_drawn_with_the_highest_frequency_on_top(drawing: Drawing) -> None:
    picture = spectrogram_rgb(drawing.heard).astype(int).sum(axis=2)
    spectrum = drawing.heard.spectrogram
    row = int(picture[:, int(picture.shape[1] * 5 / 6)].argmax())
    expected = len(picture) - 1 - int(np.searchsorted(spectrum.edges_hz, TONE_HZ) - 1)
    assert abs(row - expected) <= 2

"""Which picture and which flow fields belong to a row: stated exactly."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vegas_data.features.grid import NO_MOTION, num_rows, picture_times_s, stack_fields
from vegas_data.features.inputs import Series, Shown, Span, read_series
from vegas_data.features.options import FlowOptions, StreamOptions
from vegas_data.media.decode import iter_shown
from vegas_data.units import Grid

GRID = Grid()


def stacks(duration_ms: int, **changes: Any) -> tuple[tuple[int, ...], ...]:
    options = {
        "rate_hz": GRID.frame_rate_hz,
        "flow_rate_hz": GRID.frame_rate_hz,
        "window": 10,
        "stride": 1,
        "at_ends": "repeat",
    } | changes
    return stack_fields(duration_ms, **options)


@pytest.mark.parametrize(("duration_ms", "num_frames"), [(2000, 31), (6000, 93), (10_000, 156)])
def test_one_row_per_whole_frame(duration_ms: int, num_frames: int) -> None:
    span = Span(start_ms=500, end_ms=500 + duration_ms)
    series = Series.of(StreamOptions(name="a", encoder="b"), span, GRID)
    assert len(series.times_s) == len(stacks(duration_ms)) == num_frames
    assert series.times_s[0] == Fraction(1, 2)
    assert series.times_s[-1] == Fraction(1, 2) + (num_frames - 1) * Fraction(8, 125)


def test_stack_looks_forwards_and_repeats_the_last_field() -> None:
    rows = stacks(2000)  # 31 pictures, fields 0 to 29
    assert rows[0] == tuple(range(10))
    assert rows[20] == tuple(range(20, 30))
    assert rows[21] == (*range(21, 30), 29)
    assert rows[30] == (29,) * 10


def test_stack_can_end_in_rest() -> None:
    rows = stacks(2000, at_ends="zero")
    assert rows[20] == tuple(range(20, 30))
    assert rows[22] == (*range(22, 30), NO_MOTION, NO_MOTION)
    assert rows[30] == (NO_MOTION,) * 10


def test_stack_with_a_stride() -> None:
    assert stacks(2000, window=3, stride=4)[20] == (20, 24, 28)
    assert stacks(2000, window=3, stride=4)[24] == (24, 28, 29)


def test_flow_at_a_rate_of_its_own() -> None:
    rate = Fraction(25)
    assert num_rows(2000, rate) == 50
    rows = stacks(2000, flow_rate_hz=rate, window=2)
    assert len(rows) == 31
    assert rows[1] == (1, 2)  # 64 ms is field 1.6
    assert rows[5] == (8, 9)  # 320 ms is field 8
    assert rows[30] == (48, 48)  # 1.92 s is field 48, the last


def test_a_single_picture_has_no_motion() -> None:
    assert stacks(64) == ((NO_MOTION,) * 10,)
    assert stacks(64, flow_rate_hz=Fraction(1)) == ((NO_MOTION,) * 10,)


def test_stack_never_looks_before_its_frame_or_beyond_the_example() -> None:
    for row, fields in enumerate(stacks(10_000, stride=3)):
        assert min(fields) == min(row, 154)
        assert max(fields) <= 154


def numbers(pictures: np.ndarray) -> list[int]:
    """The numbers of the pictures of ``numbered_clip``."""
    grey = pictures.mean(axis=3) if pictures.ndim == 4 else pictures
    bars = grey.reshape(len(grey), -1, 8, grey.shape[2] // 8).mean(axis=(1, 3)) > 127
    return np.packbits(bars, axis=1)[:, 0].tolist()


def series_of(span: Span, size_px: int, flow: FlowOptions | None = None) -> Series:
    stream = StreamOptions(name="a", encoder="b", size_px=size_px, crop="squash", flow=flow)
    return Series.of(stream, span, GRID)


def test_pictures_are_those_shown_at_the_grid_times(numbered_clip: Path) -> None:
    series = series_of(Span(start_ms=1960, end_ms=3960), 32)
    read = read_series(numbered_clip, [series])[series]
    assert read.shape == (31, 32, 32, 3)
    assert numbers(read) == [int((Fraction(196, 100) + i * Fraction(8, 125)) * 25) for i in range(31)]


def test_series_of_two_rates_share_one_pass(numbered_clip: Path) -> None:
    span = Span(start_ms=1000, end_ms=3000)
    rgb = series_of(span, 32)
    grey = series_of(span, 24, FlowOptions(rate_hz=Fraction(25)))
    read = read_series(numbered_clip, [rgb, grey])
    assert read[grey].shape == (50, 24, 24)
    assert numbers(read[grey]) == list(range(25, 75))
    np.testing.assert_array_equal(read[rgb], read_series(numbered_clip, [rgb])[rgb])


def test_rows_of_flow_interleave_x_and_y() -> None:
    fields = np.arange(4 * 2, dtype=np.uint8).reshape(4, 2, 1, 1)  # field j has x = 2 j, y = 2 j + 1; the last is rest
    shown = Shown(source=fields, index=np.asarray([(0, 1, 2), (1, 2, NO_MOTION)], dtype=np.intp))
    rows = shown.rows(0, 8)
    assert rows.shape == (2, 6, 1, 1)
    assert rows[0].ravel().tolist() == [0, 1, 2, 3, 4, 5]
    assert rows[1].ravel().tolist() == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("duration_ms", "rate_hz", "count"),
    [(2000, Fraction(8), 16), (2000, Fraction(1, 4), 1), (3990, Fraction(1), 3), (2003, Fraction(30_000, 1001), 60)],
)
def test_a_stream_of_pictures_at_a_rate_of_its_own(duration_ms: int, rate_hz: Fraction, count: int) -> None:
    stream = StreamOptions(name="a", encoder="b", rate_hz=rate_hz)
    series = Series.of(stream, Span(start_ms=500, end_ms=500 + duration_ms), GRID)
    assert series.times_s == tuple(Fraction(1, 2) + i / rate_hz for i in range(count))
    assert series.times_s[-1] < Fraction(500 + duration_ms, 1000), "no picture outside the example"


def test_stacks_at_a_rate_of_their_own_begin_where_the_row_does() -> None:
    rows = stacks(2000, rate_hz=Fraction(4), flow_rate_hz=Fraction(25), window=3)
    assert [row[0] for row in rows] == [0, 6, 12, 18, 25, 31, 37, 43]  # floor(i / 4 · 25)
    assert rows[7] == (43, 44, 45)
    slower = stacks(2000, rate_hz=Fraction(8), flow_rate_hz=Fraction(2), window=2)
    assert [row[0] for row in slower] == [0] * 4 + [1] * 4 + [2] * 8, "after the last field, that field again"
    assert stacks(2000, rate_hz=Fraction(1, 4)) == (tuple(range(10)),)


def test_the_flow_of_a_stream_does_not_follow_its_rate() -> None:
    span = Span(start_ms=0, end_ms=2000)
    plain = StreamOptions(name="a", encoder="b", flow=FlowOptions())
    slow = StreamOptions(name="b", encoder="b", flow=FlowOptions(), rate_hz=Fraction(2))
    assert Series.of(slow, span, GRID) == Series.of(plain, span, GRID), "so that both share the same fields"


def test_times_are_exact() -> None:
    assert picture_times_s(100, 3, Fraction(125, 8))[2] == Fraction(1, 10) + Fraction(16, 125)


def test_one_converter_for_a_file_gives_the_pictures_that_one_for_each_gives(moving_clip: Path) -> None:
    pictures = list(iter_shown(moving_clip))
    assert len(pictures) == 100
    for shown in pictures:
        np.testing.assert_array_equal(shown.to_rgb(), shown.frame.to_ndarray(format="rgb24"))

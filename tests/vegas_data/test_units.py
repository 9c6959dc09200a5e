"""The grid against the paper's own numbers."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vegas_data.units import Grid

LITERAL = Grid(sample_rate_hz=Fraction(79872, 5))


@pytest.mark.parametrize(("duration_ms", "frames"), [(2000, 31), (6000, 93), (10_000, 156), (0, 0), (63, 0), (64, 1)])
def test_whole_frames_of_a_duration(duration_ms: int, frames: int) -> None:
    assert Grid().num_frames(duration_ms) == frames
    assert Grid().num_samples(duration_ms) == 1024 * frames


def test_ten_seconds_have_the_papers_shape_on_both_readings() -> None:
    for grid in (Grid(), LITERAL):
        assert (grid.num_frames(10_000), grid.num_samples(10_000)) == (156, 159_744)
    assert Grid().samples_cut(10_000) == 256
    assert LITERAL.samples_cut(10_000) == 0
    assert Grid().frame_rate_hz == Fraction(125, 8)
    assert LITERAL.frame_rate_hz == Fraction(78, 5)


@given(st.integers(0, 10_000), st.sampled_from([Grid(), LITERAL]))
def test_nothing_is_lost_unsaid(duration_ms: int, grid: Grid) -> None:
    total = int(duration_ms * grid.sample_rate_hz / 1000)
    assert grid.num_samples(duration_ms) + grid.samples_cut(duration_ms) == total
    assert 0 <= grid.samples_cut(duration_ms) < grid.samples_per_frame


def test_frame_i_starts_with_audio_sample_1024_i() -> None:
    assert all(Grid().frame_time_s(i) * 16_000 == 1024 * i for i in range(156))


def test_a_negative_duration_is_the_callers_fault() -> None:
    with pytest.raises(ValueError, match="negative"):
        Grid().num_frames(-1)

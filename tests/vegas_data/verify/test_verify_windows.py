"""Windows tile a clip from its start, whole windows only."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vegas_data.records import Clip
from vegas_data.verify import split_windows


@given(
    start_ms=st.integers(0, 900_000_000),
    length_ms=st.integers(1, 10_000),
    duration_ms=st.integers(0, 12_000),
    window_ms=st.integers(1_000, 10_000),
)
def test_windows_tile(start_ms: int, length_ms: int, duration_ms: int, window_ms: int) -> None:
    clip = Clip(video_id="test-a", start_ms=start_ms, end_ms=start_ms + length_ms, categories=("drum",))
    windows = split_windows(clip, duration_ms, window_ms)
    there_ms = min(length_ms, duration_ms)
    assert all(window.end_ms - window.start_ms == window_ms for window in windows)
    assert all(a.end_ms == b.start_ms for a, b in itertools.pairwise(windows))
    assert not windows or windows[0].start_ms == start_ms
    assert 0 <= there_ms - len(windows) * window_ms < window_ms


def test_ten_seconds_give_five_windows_in_the_time_of_the_video() -> None:
    clip = Clip(video_id="abcdefghijk", start_ms=30_000, end_ms=40_000, categories=("dog",))
    windows = split_windows(clip, 10_000, 2_000)
    assert [window.id for window in windows[:2]] == [
        "abcdefghijk_000030000_000032000",
        "abcdefghijk_000032000_000034000",
    ]
    assert len(windows) == 5
    assert {window.clip_id for window in windows} == {clip.id}


@pytest.mark.parametrize(("duration_ms", "count"), [(1_999, 0), (2_000, 1), (5_999, 2), (6_000, 3)])
def test_a_tail_shorter_than_a_window_is_dropped(duration_ms: int, count: int) -> None:
    clip = Clip(video_id="abcdefghijk", start_ms=0, end_ms=6_000, categories=("dog",))
    assert len(split_windows(clip, duration_ms, 2_000)) == count


def test_a_negative_duration_is_the_callers_fault() -> None:
    clip = Clip(video_id="abcdefghijk", start_ms=0, end_ms=6_000, categories=("dog",))
    with pytest.raises(ValueError, match="must be positive"):
        split_windows(clip, -1, 2_000)

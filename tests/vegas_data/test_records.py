"""Ids: what is safe, what is refused, what an id says."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vegas_data.errors import ManifestError
from vegas_data.records import Clip, Example, check_video_id, source_of

HOSTILE = [
    "../../etc/passwd",
    "a/b",
    "a.b",
    "",
    "x" * 65,
    "a\nb",
    "--exec rm",
    "demo-ümlaut",
    "NUL\0",
    "Demo-1",
    "1x-2",
    "x y-3",
]


@pytest.mark.parametrize("video_id", HOSTILE)
def test_hostile_ids_are_refused(video_id: str) -> None:
    with pytest.raises(ManifestError, match="invalid video id"):
        check_video_id(video_id)


@given(st.text(max_size=80))
def test_an_accepted_id_is_a_plain_file_name_without_dots(text: str) -> None:
    try:
        check_video_id(text)
    except ManifestError:
        return
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text)


def test_a_source_and_a_youtube_id_cannot_be_confused() -> None:
    assert source_of("--PJHxphWEs") == "youtube"
    assert source_of("demo-drum_000") == "demo"
    assert source_of("demo-drum01") == "youtube", "11 characters are always YouTube's"
    assert Clip(video_id="demo-a-b", start_ms=0, end_ms=1, categories=()).source_local_id == "a-b"


def test_ids_sort_as_times_and_hold_no_dot() -> None:
    clip = Clip(video_id="--PJHxphWEs", start_ms=30_000, end_ms=40_000, categories=("drum",))
    assert clip.id == "--PJHxphWEs_000030000"
    example = Example(category="drum", clip_id=clip.id, video_id=clip.video_id, start_ms=30_000, end_ms=34_000)
    assert example.id == "--PJHxphWEs_000030000_000034000"


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5), (-1, 5), (0, 10_001), (999_999_998, 1_000_000_001)])
def test_impossible_spans_are_refused(start: int, end: int) -> None:
    with pytest.raises(ManifestError):
        Clip(video_id="--PJHxphWEs", start_ms=start, end_ms=end, categories=("drum",))

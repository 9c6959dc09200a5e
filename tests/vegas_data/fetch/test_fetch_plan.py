"""A plan counts clips and videos, and says no more of time than is known."""

from pathlib import Path

from vegas_data.fetch import SourceOptions, plan_fetch
from vegas_data.records import Clip

CLIPS = [
    Clip(video_id=video, start_ms=start, end_ms=start + 2000, categories=("drum",))
    for video, start in (("a" * 11, 0), ("a" * 11, 5000), ("b" * 11, 0), ("loop-x", 0))
]
SOURCES = (
    SourceOptions(name="youtube", videos_per_hour=4.0),
    SourceOptions(name="loop", kind="http", url="http://127.0.0.1/{id}"),
)


def test_nothing_is_known_but_the_pace() -> None:
    plan = plan_fetch(CLIPS, SOURCES, seconds=(), workers=2)
    assert (plan.clips, plan.videos, plan.seconds_per_clip, plan.work_hours) == (4, 3, None, None)
    by_name = {source.source: source for source in plan.sources}
    assert (by_name["youtube"].clips, by_name["youtube"].videos, by_name["youtube"].pace_hours) == (3, 2, 0.5)
    assert by_name["loop"].pace_hours == 0.0
    assert plan.hours == 0.5
    assert plan_fetch(CLIPS[3:], SOURCES, seconds=(), workers=2).hours is None, "no limit, no measurement: no word"


def test_the_longest_of_what_is_known() -> None:
    plan = plan_fetch(CLIPS, SOURCES, seconds=(1.0, 1800.0, 9e9), workers=1)
    assert plan.seconds_per_clip == 1800.0, "the median: one clip that hung says nothing"
    assert plan.work_hours == plan.hours == 2.0
    assert plan_fetch(CLIPS, SOURCES, seconds=(900.0,), workers=4).hours == 0.5


def test_nobody_is_asked_for_what_lies_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / f"{'b' * 11}.mp4").touch()
    (tmp_path / f"{'a' * 11}_000005000.mp4").touch()
    folders = tuple(SourceOptions(name=name, kind="local", folder=str(tmp_path)) for name in ("youtube", "mine"))
    mine = Clip(video_id="mine-x", start_ms=0, end_ms=2000, categories=("drum",))
    plan = plan_fetch([*CLIPS, mine], (*folders, *SOURCES), seconds=(), workers=2)
    assert (plan.clips, plan.local_clips, plan.videos) == (5, 3, 2), "mine-x has no other place"
    assert plan.hours == 0.25, "one video of YouTube is left to ask for"
    assert plan_fetch([mine], folders, seconds=(), workers=2).sources == ()

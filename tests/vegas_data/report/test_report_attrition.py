"""Nothing vanishes between two levels."""

import dataclasses
import itertools

from report_records import make_clip, make_media, make_verdicts

from vegas_data.report import Failure, ReportData
from vegas_data.report.attrition import LEVELS, Level, Tally, attrition


def losses_of(level: Level) -> dict[str, Tally]:
    return {key.reason: tally for key, tally in level.losses}


def test_levels_of_the_hand_made_workspace(planted: ReportData) -> None:
    listed, fetched, windows, accepted, examples, stored = attrition(planted)
    assert listed.left == Tally(7, 40_500)
    assert losses_of(listed) == {
        "removed": Tally(1, 6000),
        "decode_failed": Tally(1, 6000),
        "not fetched yet": Tally(1, 6000),
    }
    assert fetched.left == Tally(4, 22_500)
    assert losses_of(fetched) == {"short tail": Tally(0, 500)}
    assert windows.left == Tally(11, 22_000)
    assert losses_of(windows) == {"not_heard": Tally(2, 4000), "silent": Tally(2, 4000), "not_seen": Tally(1, 2000)}
    assert accepted.left == Tally(6, 12_000)
    assert examples.left == Tally(3, 12_000)
    assert losses_of(examples) == {"not featurized yet": Tally(1, 4000)}
    assert stored.left == Tally(2, 8000)


def test_what_is_lost_and_what_is_left_add_up(planted: ReportData) -> None:
    levels = attrition(planted)
    assert tuple(level.name for level in levels) == LEVELS
    for level, following in itertools.pairwise(levels):
        assert level.left.ms == following.left.ms + sum(tally.ms for _, tally in level.losses), level.name


def test_categories_add_up_to_the_whole(planted: ReportData) -> None:
    whole = attrition(planted)
    parts = [attrition(planted, name) for name in ("drum", "dog")]
    for index, level in enumerate(whole):
        assert level.left == parts[0][index].left + parts[1][index].left


def test_a_clip_of_two_categories_is_asked_about_twice() -> None:
    clip = make_clip("both", "drum", "dog")
    data = ReportData(
        recipe_name="x",
        clips=(clip,),
        media={clip.id: make_media(clip)},
        verdicts=(*make_verdicts(clip, "drum", "ok", "ok", "ok"), *make_verdicts(clip, "dog", "not_seen", "tie", "ok")),
    )
    assert attrition(data)[0].left == Tally(2, 12_000)
    assert attrition(data, "dog")[0].left == Tally(1, 6000)
    assert [key.kind for key, _ in attrition(data)[2].losses] == ["rejected", "undecided"]


def test_says_what_the_source_lacked_and_what_verification_gave_up() -> None:
    short, refused = make_clip("short", "drum"), make_clip("refused", "drum")
    data = ReportData(
        recipe_name="x",
        clips=(short, refused),
        media={short.id: make_media(short, 4000), refused.id: make_media(refused)},
        failures=(Failure(clip_id=refused.id, code="too_large", message="", stage="verify"),),
        verdicts=tuple(make_verdicts(short, "drum", "ok", "ok")),
    )
    listed, fetched, *_ = attrition(data)
    assert losses_of(listed) == {"source ends early": Tally(0, 2000)}
    assert losses_of(fetched) == {"too_large": Tally(1, 6000)}


def test_a_rejected_clip_needs_no_shard(planted: ReportData) -> None:
    done = dataclasses.replace(planted, examples=planted.examples[:2])
    assert attrition(done)[4].losses == ()

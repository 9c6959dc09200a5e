"""Which clips are shown, and what stands on their time axis."""

import dataclasses
import itertools
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from report_records import make_clip, make_media, make_verdicts

from vegas_data.report import ReportData, Threshold
from vegas_data.report.motion import colour_wheel, tvl1_strip
from vegas_data.report.pictures import MAX_PLAYER_BYTES, player, sound_outline, webp
from vegas_data.report.timeline import MAX_TIMELINES, build, choose, limits_of, picture_times


def data_of(*clips: tuple[str, str, tuple[str, ...]]) -> ReportData:
    made = [(make_clip(name, category), category, reasons) for name, category, reasons in clips]
    return ReportData(
        recipe_name="x",
        clips=tuple(clip for clip, *_ in made),
        media={clip.id: make_media(clip) for clip, *_ in made},
        verdicts=tuple(v for clip, category, reasons in made for v in make_verdicts(clip, category, *reasons)),
    )


def test_shows_one_whole_clip_per_category_then_a_part_then_unlike_rejections(planted: ReportData) -> None:
    data = data_of(
        *((f"a{i}", "drum", ("ok", "ok")) for i in range(5)),
        *((f"b{i}", "dog", ("ok", "ok")) for i in range(5)),
        *((f"c{i}", "drum", ("ok", "not_seen")) for i in range(3)),
        *((f"d{i}", "dog", ("silent", "silent")) for i in range(9)),
        ("e", "dog", ("still", "still")),
    )
    chosen = choose(data)
    assert [pair[1] for pair in chosen[:3]] == ["dog", "drum", "drum"]
    reasons = {v.clip_id: v.reason for v in data.verdicts}
    assert sorted(reasons[clip_id] for clip_id, _ in chosen[3:]) == ["silent", "still"]
    assert choose(dataclasses.replace(data, verdicts=data.verdicts[::-1])) == chosen


def test_shows_six_at_most_and_keeps_room_for_a_rejected_one() -> None:
    data = data_of(
        *((f"clip{i}", f"category{i}", ("ok",)) for i in range(10)),
        ("part", "category0", ("ok", "still")),
        *((f"bad{i}", "category0", ("still",)) for i in range(5)),
    )
    chosen = choose(data)
    assert len(chosen) == MAX_TIMELINES
    assert chosen[-1][0].startswith("demo-bad")


def test_nothing_to_show_without_media_or_verdicts(planted: ReportData) -> None:
    assert choose(dataclasses.replace(planted, media={})) == ()
    assert choose(dataclasses.replace(planted, verdicts=())) == ()


@pytest.mark.parametrize(("duration_ms", "expected"), [(6000, 12), (10_000, 10), (2000, 12), (4500, 12), (8000, 8)])
def test_pictures_fill_whole_windows_in_equal_steps(duration_ms: int, expected: int) -> None:
    times = picture_times(duration_ms, 2000)
    steps = {b - a for a, b in itertools.pairwise(times)}
    assert len(times) == expected
    assert len(steps) == 1
    assert times[-1] + steps.pop() == duration_ms // 2000 * 2


def test_blocks_cover_the_clip_and_name_the_tail(planted: ReportData, media_path: Callable[[str], Path]) -> None:
    line = build(planted, ("demo-dog-silent_000000400", "dog"), media_path, None)
    assert [(b.start_ms, b.end_ms, b.decision) for b in line.blocks] == [
        (0, 2000, "rejected"),
        (2000, 4000, "rejected"),
        (4000, 4500, ""),
    ]
    assert line.blocks[0].signal == "level −120.0 dBFS"
    assert [(m.scorer, m.side, m.value, m.limit, m.passes) for m in line.blocks[0].measured] == [
        ("ears", "heard", 0.01, 0.08, False),
        ("eyes", "seen", 0.9, 0.3, True),
    ]
    assert (line.outcome, line.headline.replace("\u00a0", " ")) == ("rejected", "0 of 2 windows accepted")
    assert line.rest_ms == 500
    assert line.ticks_s == (0, 1, 2, 3, 4)


def test_a_block_remembers_what_was_planted(planted: ReportData, media_path: Callable[[str], Path]) -> None:
    line = build(planted, ("demo-drum-missed_000000400", "drum"), media_path, None)
    assert [block.planted for block in line.blocks] == [True, True, True]
    assert line.show is not None
    onsets = [float(x) for x in re.findall(r'<line x1="([\d.]+)"[^>]*class="onset"', line.show.sound)]
    assert [x / 720 * 6000 for x in onsets] == [1000, 2500], "720 columns, 6,000 ms"
    assert line.outcome == "partial"


def test_media_that_cannot_be_decoded_leave_a_word_not_a_traceback(planted: ReportData, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a film")
    pair = ("demo-drum-whole_000000400", "drum")
    assert "broken.mp4" in build(planted, pair, lambda _: broken, None).trouble
    missing = build(planted, pair, lambda _: tmp_path / "missing.mp4", None)
    assert missing.show is None
    assert "missing.mp4" in missing.trouble
    assert len(missing.blocks) == 3


def test_a_category_s_own_threshold_goes_before_the_general_one() -> None:
    general = Threshold(scorer="ears", side="heard", accept=0.5, reject=0.5)
    own = dataclasses.replace(general, category="dog", accept=0.9)
    assert limits_of((own, general), "dog") == {"ears": own}
    assert limits_of((own, general), "drum") == {"ears": general}


def test_the_outline_shows_the_clicks(planted: ReportData, media_path: Callable[[str], Path]) -> None:
    clip_id = "demo-drum-whole_000000400"
    outline = sound_outline(media_path(clip_id), planted.media[clip_id], columns=60)
    loud = [index for index, (low, high) in enumerate(outline) if max(-low, high) > 0.2]
    assert len(outline) == 60
    assert {round(index / 10) for index in loud} == {0, 1, 2, 3, 4, 5}


def test_a_large_clip_gets_no_player(tmp_path: Path) -> None:
    small, large = tmp_path / "small.mp4", tmp_path / "large.mp4"
    small.write_bytes(b"x")
    large.write_bytes(bytes(MAX_PLAYER_BYTES + 1))
    assert player(small) == "data:video/mp4;base64,eA=="
    assert player(large) == ""


def test_motion_finds_the_jump_in_its_slot(planted: ReportData, media_path: Callable[[str], Path]) -> None:
    """The square jumps at 1 s: the slot around it is coloured where the square is, the slot before it is at rest."""
    edges = [Fraction(1, 4), Fraction(3, 4), Fraction(5, 4)]
    rest, jump = tvl1_strip(media_path("demo-drum-whole_000000400"), edges)
    assert rest.min() > 230
    assert jump.min() < 150
    assert jump.shape == (64, 85, 3)
    columns = np.flatnonzero((jump.astype(int).min(axis=2) < 150).any(axis=0))
    assert columns.min() < 85 / 2, "the square is in the left half"


def test_pictures_travel_as_small_webp() -> None:
    picture = np.zeros((720, 1280, 3), dtype=np.uint8)
    assert webp(picture).startswith("data:image/webp;base64,")
    assert len(webp(picture)) < 1000
    assert colour_wheel().startswith("data:image/webp;base64,")

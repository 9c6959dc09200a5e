"""Picture and sound stay together: gaps in the sound, tracks that end apart, clocks that begin late, two files."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vegas_data.errors import DecodeFailed, LimitExceeded, NoAudio, NoSuchTime, NoVideo
from vegas_data.media.cut import CutOptions, cut_clip
from vegas_data.media.decode import iter_frames_at, read_audio
from vegas_data.media.demux import demuxer_here
from vegas_data.media.sandbox import run_ffmpeg
from vegas_data.media.section import LocalBytes, Section

OPTIONS = CutOptions()
RATE_HZ = 48_000


def flash_and_click(path: Path, *, video_s: float = 8, audio_s: float = 8, audio: str = "", codec: str = "aac") -> Path:
    """A flash and a click at every half second past a full one; ``audio`` filters the sound."""
    picture = rf"color=black:s=64x48:r=25:d={video_s},drawbox=color=white:t=fill:enable='lt(mod(t+0.5\,1)\,0.2)'"
    click = rf"aevalsrc='if(lt(mod(t+0.5\,1)\,0.03)\,0.9*sin(2*PI*1000*t)\,0)':s={RATE_HZ}:d={audio_s}"
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", click + audio]
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", codec, "-threads", "1"]
    run_ffmpeg([*inputs, *coding, f"file:{path}"], what=path.name, target=path)
    return path


def copied(source: Path, target: Path, *options: str) -> Path:
    run_ffmpeg(["-i", f"file:{source}", "-c", "copy", *options, f"file:{target}"], what=target.name, target=target)
    return target


def delays_ms(clip: Path, cut: Any) -> list[float]:
    """How much later than its flash each click is."""
    times = [Fraction(i) / cut.fps for i in range(cut.num_frames)]
    bright = np.array([picture.mean() > 100 for picture in iter_frames_at(clip, times)])
    flashes = (np.flatnonzero(bright[1:] & ~bright[:-1]) + 1) / float(cut.fps)
    sound = np.abs(read_audio(clip, sample_rate_hz=Fraction(RATE_HZ), start_ms=0, num_samples=cut.num_samples))
    loud = np.flatnonzero(sound > 0.25) / RATE_HZ
    clicks = loud[np.flatnonzero(np.diff(loud, prepend=-1.0) > 0.3)]
    assert len(flashes) >= 2
    return [1000 * float(min(clicks - flash, key=abs)) for flash in flashes]


def sync_error_ms(clip: Path, cut: Any) -> float:
    """The largest delay, one picture (what a flash between two pictures may cost) taken off."""
    return max(0.0, max(map(abs, delays_ms(clip, cut))) - 1000 / float(cut.fps))


@pytest.mark.parametrize(
    "gaps",
    [
        r",aselect='not(between(t\,2.6\,2.62))'",
        r",aselect='not(between(t\,2.6\,2.65))'",
        r",aselect='not(between(t\,2.6\,2.69))'",
        r",aselect='not(lt(mod(t+0.3\,2)\,0.045))'",
    ],
    ids=["20ms", "50ms", "90ms", "45ms every 2s"],
)
def test_a_gap_in_the_sound_moves_nothing_after_it(tmp_path: Path, gaps: str) -> None:
    source = flash_and_click(tmp_path / "gap.mkv", video_s=9, audio_s=9, audio=gaps, codec="pcm_s16le")
    cut = cut_clip(Section(path=source), tmp_path / "c.mp4", start_ms=0, end_ms=8000, options=OPTIONS)
    assert (cut.num_frames, cut.num_samples) == (200, 8 * RATE_HZ)
    delays = delays_ms(tmp_path / "c.mp4", cut)
    assert max(delays) - min(delays) < 2.0, "one offset from the first click to the last"
    assert sync_error_ms(tmp_path / "c.mp4", cut) < 2.0


@pytest.mark.parametrize(("video_s", "audio_s"), [(8, 5), (5, 8)])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_tracks_that_end_apart_give_a_shorter_clip_in_every_container(
    tmp_path: Path, suffix: str, video_s: float, audio_s: float
) -> None:
    source = flash_and_click(tmp_path / f"s.{suffix}", video_s=video_s, audio_s=audio_s)
    cut = cut_clip(Section(path=source), tmp_path / "c.mp4", start_ms=0, end_ms=8000, options=OPTIONS)
    assert abs(cut.duration_ms - 5000) <= 25, "to the block of AAC"
    assert abs(cut.num_frames - 125) <= 1
    assert abs(cut.num_samples - 5 * RATE_HZ) <= 1024
    with pytest.raises(NoSuchTime):
        cut_clip(Section(path=source), tmp_path / "d.mp4", start_ms=4000, end_ms=8000, options=OPTIONS)


def without_duration_tags(source: Path) -> Path:
    """The same file with its per-track durations renamed, as writers other than ffmpeg leave them out."""
    data = source.read_bytes()
    assert data.count(b"DURATION") == 2
    source.write_bytes(data.replace(b"DURATION", b"DURATIOM"))
    return source


def test_without_any_word_of_each_tracks_end_what_decodes_is_taken(tmp_path: Path) -> None:
    source = without_duration_tags(flash_and_click(tmp_path / "s.mkv", audio_s=5))
    info = demuxer_here().probe(LocalBytes(source))
    assert (info.end_ms, info.end_is_known) == (8000, False)
    cut = cut_clip(Section(path=source), tmp_path / "c.mp4", start_ms=0, end_ms=8000, options=OPTIONS)
    assert abs(cut.duration_ms - 5000) <= 25
    assert abs(cut.num_frames - 125) <= 1, "the picture ends where the sound does"
    with pytest.raises(NoSuchTime):
        cut_clip(Section(path=source), tmp_path / "d.mp4", start_ms=4000, end_ms=8000, options=OPTIONS)


@pytest.mark.parametrize("tags", [True, False])
def test_a_truncated_mkv_is_damaged_and_not_short(tmp_path: Path, tags: bool) -> None:
    source = flash_and_click(tmp_path / "s.mkv")
    if not tags:
        without_duration_tags(source)
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(DecodeFailed):
        cut_clip(Section(path=source), tmp_path / "c.mp4", start_ms=0, end_ms=8000, options=OPTIONS)


def test_a_track_that_announces_more_than_it_holds_is_damaged(tmp_path: Path) -> None:
    source = flash_and_click(tmp_path / "s.mkv", audio_s=5)
    data = source.read_bytes()
    assert data.count(b"00:00:05.02") == 1
    source.write_bytes(data.replace(b"00:00:05.02", b"00:00:08.02"))
    with pytest.raises(DecodeFailed, match="8021 ms announced, 5000 ms are there"):
        cut_clip(Section(path=source), tmp_path / "c.mp4", start_ms=0, end_ms=8000, options=OPTIONS)


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts"])
def test_a_clock_that_begins_late_is_counted_once(tmp_path: Path, suffix: str) -> None:
    source = flash_and_click(tmp_path / "s.mp4")
    late = copied(source, tmp_path / f"late.{suffix}", "-output_ts_offset", "5")
    info = demuxer_here().probe(LocalBytes(late))
    assert info.end_ms is not None
    assert abs(info.end_ms - 8000) <= 60
    cut = cut_clip(Section(path=late), tmp_path / "c.mp4", start_ms=5000, end_ms=10_000, options=OPTIONS)
    assert abs(cut.duration_ms - 3000) <= 60
    assert sync_error_ms(tmp_path / "c.mp4", cut) < 25.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.mp4", f"late.{suffix}", "s.mp4"]


@pytest.mark.parametrize("codec", ["ac3", "eac3"])
def test_sound_that_an_mp4_names_by_its_packets_only_stays_in_step(tmp_path: Path, codec: str) -> None:
    source = flash_and_click(tmp_path / "s.mp4", codec=codec)
    cut = cut_clip(Section(path=source), tmp_path / "c.mp4", start_ms=1500, end_ms=7500, options=CutOptions())
    assert (cut.num_frames, cut.num_samples, cut.padding_ms) == (150, 288_000, 0)
    assert sync_error_ms(tmp_path / "c.mp4", cut) <= 2


def test_picture_and_sound_may_come_from_two_files(tmp_path: Path) -> None:
    source = flash_and_click(tmp_path / "s.mp4")
    picture = copied(source, tmp_path / "p.mp4", "-an")
    sound = copied(source, tmp_path / "a.m4a", "-vn")
    for start_ms, end_ms in ((0, 8000), (1300, 6300)):
        apart = cut_clip(
            Section(path=picture),
            tmp_path / "c.mp4",
            start_ms=start_ms,
            end_ms=end_ms,
            options=OPTIONS,
            sound=Section(path=sound),
        )
        together = cut_clip(Section(path=source), tmp_path / "d.mp4", start_ms=start_ms, end_ms=end_ms, options=OPTIONS)
        assert apart == together
        assert (tmp_path / "c.mp4").read_bytes() == (tmp_path / "d.mp4").read_bytes()
    with pytest.raises(NoAudio, match=r"p\.mp4"):
        cut_clip(
            Section(path=source),
            tmp_path / "e.mp4",
            start_ms=0,
            end_ms=8000,
            options=OPTIONS,
            sound=Section(path=picture),
        )
    with pytest.raises(NoVideo, match=r"a\.m4a"):
        cut_clip(Section(path=sound), tmp_path / "e.mp4", start_ms=0, end_ms=8000, options=OPTIONS)


def test_too_many_pictures_a_second_are_the_files_own_fault(tmp_path: Path) -> None:
    source = tmp_path / "fast.mkv"
    run_ffmpeg(
        ["-f", "lavfi", "-i", "color=black:s=32x32:r=500:d=3", "-f", "lavfi", "-i", "anullsrc=d=3", f"file:{source}"],
        what="fast",
    )
    with pytest.raises(LimitExceeded):
        cut_clip(Section(path=source), tmp_path / "c.mp4", start_ms=0, end_ms=3000, options=OPTIONS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_height_px": 31},
        {"max_fps": 0},
        {"max_fps": 241},
        {"crf": -1},
        {"crf": 52},
        {"preset": "quick"},
        {"audio_kbps": 0},
        {"sample_rate_hz": 44_000},
        {"min_ms": 999},
        {"min_ms": 10_001},
    ],
    ids=str,
)
def test_options_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^{name} must"):
        replace(OPTIONS, **wrong)

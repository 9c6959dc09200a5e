"""Cut and decode against a video whose every picture and click is known."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from films import film

from vegas_data.errors import (
    DecodeFailed,
    DependencyMissing,
    LimitExceeded,
    NoAudio,
    NoSuchTime,
    ResourcesExhausted,
    Unsupported,
)
from vegas_data.media import sandbox
from vegas_data.media.confine import Limits
from vegas_data.media.cut import CutOptions, cut_clip
from vegas_data.media.decode import iter_frames_at, read_audio
from vegas_data.media.demux import demuxer_here
from vegas_data.media.mux import write_mp4
from vegas_data.media.sandbox import find_ffmpeg, run_ffmpeg
from vegas_data.media.section import LocalBytes, Section

LITERAL = Fraction(79872, 5)


def levels(path: Path, times: list[Fraction]) -> list[float]:
    return [float(frame.mean()) for frame in iter_frames_at(path, times)]


def test_the_picture_at_a_time_is_the_one_a_player_shows(counting_video: Path) -> None:
    times = [Fraction(i) / Fraction(125, 8) for i in range(100)]
    expected = [int(t * 25) for t in times]
    assert np.abs(np.array(levels(counting_video, times)) - expected).max() <= 1.5, "grey levels pass through 4:2:0"


def test_a_time_may_come_twice_and_the_end_is_known(counting_video: Path) -> None:
    two = levels(counting_video, [Fraction(1), Fraction(1)])
    assert two[0] == two[1]
    with pytest.raises(DecodeFailed, match=r"ends at 8\.000 s, needed until 8\.000 s"):
        levels(counting_video, [Fraction(0), Fraction(8)])
    with pytest.raises(ValueError, match="ascend"):
        levels(counting_video, [Fraction(1), Fraction(0)])


@pytest.mark.parametrize("rate", [Fraction(16_000), Fraction(48_000), LITERAL], ids=str)
def test_a_pure_tone_keeps_its_pitch_at_every_rate(tmp_path: Path, rate: Fraction) -> None:
    t = np.arange(3 * 48_000) / 48_000
    tone = (0.5 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)
    frames = [np.zeros((32, 32, 3), np.uint8)] * 30
    write_mp4(tmp_path / "t.mp4", frames, size=(32, 32), fps=Fraction(10), audio=tone, sample_rate_hz=48_000)
    num = int(2 * rate)
    sound = read_audio(tmp_path / "t.mp4", sample_rate_hz=rate, start_ms=500, num_samples=num)
    assert sound.dtype == np.float32
    assert sound.shape == (num,)
    n = np.arange(num) + int(Fraction(1, 2) * rate)
    true = 0.5 * np.sin(2 * np.pi * 1000 * n / float(rate))
    assert np.abs(sound - true)[:-200].max() < 0.03, "in phase to the end: no drift between the rates"


@pytest.mark.parametrize(("start_ms", "end_ms"), [(1000, 7000), (400, 6400), (1010, 7010), (0, 2000), (1960, 3960)])
def test_a_cut_has_exactly_the_spans_pictures_and_samples(
    counting_video: Path, tmp_path: Path, start_ms: int, end_ms: int
) -> None:
    span_ms = end_ms - start_ms
    cut = cut_clip(
        Section(path=counting_video), tmp_path / "c.mp4", start_ms=start_ms, end_ms=end_ms, options=CutOptions()
    )
    assert (cut.num_frames, cut.num_samples, cut.duration_ms) == (span_ms // 40, span_ms * 48, span_ms)
    times = [Fraction(i, 25) for i in range(cut.num_frames)]
    offset = np.array(levels(tmp_path / "c.mp4", times)) - np.arange(cut.num_frames) - start_ms / 40
    assert np.abs(offset).max() <= 2.0, "no picture is off by more than one frame and 4:2:0's grey level"
    sound = read_audio(tmp_path / "c.mp4", sample_rate_hz=Fraction(48_000), start_ms=0, num_samples=cut.num_samples)
    first = -start_ms % 1000 * 48
    clicks = [int(np.abs(sound[s : s + 2000]).argmax()) for s in range(first, cut.num_samples - 2000, 48_000) if s]
    assert clicks == [0] * len(clicks), "every click is on its audio sample"


def test_the_same_cut_has_the_same_bytes(counting_video: Path, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        cut_clip(Section(path=counting_video), tmp_path / name, start_ms=1000, end_ms=5000, options=CutOptions())
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_source_that_ends_early_gives_a_shorter_clip_and_says_so(counting_video: Path, tmp_path: Path) -> None:
    cut = cut_clip(Section(path=counting_video), tmp_path / "c.mp4", start_ms=3000, end_ms=13_000, options=CutOptions())
    assert (cut.duration_ms, cut.num_frames, cut.num_samples) == (5000, 125, 240_000)
    with pytest.raises(NoSuchTime, match="1000 ms of the span exist"):
        cut_clip(Section(path=counting_video), tmp_path / "d.mp4", start_ms=7000, end_ms=13_000, options=CutOptions())


def test_large_pictures_are_scaled_and_odd_ones_made_even(tmp_path: Path) -> None:
    frames = [np.full((120, 202, 3), 90, np.uint8)] * 60
    write_mp4(tmp_path / "s.mp4", frames, size=(202, 120), fps=Fraction(30000, 1001), audio=np.zeros(48_000 * 2 + 500))
    cut = cut_clip(
        Section(path=tmp_path / "s.mp4"),
        tmp_path / "c.mp4",
        start_ms=0,
        end_ms=2000,
        options=CutOptions(max_height_px=61),
    )
    assert (cut.width, cut.height, cut.fps) == (100, 60, Fraction(30000, 1001))


@pytest.mark.parametrize(
    ("before", "shape", "max_height", "wanted"),
    [
        (("-display_rotation", "90"), "null", 360, (96, 128)),
        (("-display_rotation", "90"), "null", 64, (48, 64)),
        ((), "setsar=4/3", 360, (170, 96)),
        ((), "setsar=1/2", 48, (32, 48)),
    ],
)
def test_a_clip_has_the_shape_that_its_source_is_shown_in(
    tmp_path: Path, before: tuple[str, ...], shape: str, max_height: int, wanted: tuple[int, int]
) -> None:
    still = film(tmp_path / "s.mp4", seconds=3, picture_filter=f"scale=128:96,{shape}")
    target = tmp_path / "r.mp4"
    run_ffmpeg([*before, "-i", f"file:{still}", "-c", "copy", f"file:{target}"], what=target.name, target=target)
    options = CutOptions(max_height_px=max_height)
    cut = cut_clip(Section(path=target), tmp_path / "c.mp4", start_ms=0, end_ms=2000, options=options)
    assert (cut.width, cut.height) == wanted


def test_a_truncated_file_is_named_and_never_called_short(counting_video: Path, tmp_path: Path) -> None:
    data = counting_video.read_bytes()
    for share in (0.5, 0.7, 0.95):
        bad = tmp_path / "bad.mp4"
        bad.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(DecodeFailed):
            cut_clip(Section(path=bad), tmp_path / "c.mp4", start_ms=0, end_ms=8000, options=CutOptions())


def test_no_sound_no_media_and_no_picture(tmp_path: Path) -> None:
    write_mp4(
        tmp_path / "mute.mp4", [np.zeros((32, 32, 3), np.uint8)] * 50, size=(32, 32), fps=Fraction(25), audio=None
    )
    with pytest.raises(NoAudio, match=r"mute\.mp4: no sound track"):
        demuxer_here().probe(LocalBytes(tmp_path / "mute.mp4"))
    (tmp_path / "page.mp4").write_text("<html>consent</html>", encoding="utf-8")
    with pytest.raises(Unsupported, match=r"page\.mp4"):
        demuxer_here().probe(LocalBytes(tmp_path / "page.mp4"))


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:8\n#EXTINF:8,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {secret}\n",
        "#EXTM3U\n#EXTINF:8,\nhttp://127.0.0.1:1/x.mp4\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_dressed_up_as_mp4_opens_nothing(counting_video: Path, tmp_path: Path, playlist: str) -> None:
    trap = tmp_path / "trap.mp4"
    trap.write_text(playlist.format(secret=counting_video), encoding="utf-8")
    with pytest.raises(Unsupported):
        cut_clip(Section(path=trap), tmp_path / "c.mp4", start_ms=0, end_ms=4000, options=CutOptions())
    with pytest.raises(Unsupported):
        list(iter_frames_at(trap, [Fraction(0)]))
    assert not (tmp_path / "c.mp4").exists()


def test_ffmpeg_that_does_not_end_is_ended(tmp_path: Path) -> None:
    endless = ["-f", "lavfi", "-i", "testsrc", "-f", "null", "-"]
    with pytest.raises(ResourcesExhausted, match="still running after 1 s"):
        run_ffmpeg(endless, what="endless", limits=Limits(wall_s=1.0))
    large = ["-f", "lavfi", "-i", "testsrc=s=1280x720", "-f", "rawvideo", str(tmp_path / "big")]
    with pytest.raises(LimitExceeded, match="size limit"):
        run_ffmpeg(large, what="large", limits=Limits(file_bytes=1 << 20))
    assert (tmp_path / "big").stat().st_size <= 1 << 20


def test_ffmpeg_is_looked_for_in_the_setting_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sandbox.FFMPEG_SETTING, str(tmp_path / "none"))
    find_ffmpeg.cache_clear()
    with pytest.raises(DependencyMissing, match=r"none: no such file"):
        find_ffmpeg()
    monkeypatch.delenv(sandbox.FFMPEG_SETTING)
    monkeypatch.setenv("PATH", str(tmp_path))
    find_ffmpeg.cache_clear()
    assert find_ffmpeg().is_file(), "the wheel's binary needs no PATH"
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    find_ffmpeg.cache_clear()
    with pytest.raises(DependencyMissing) as caught:
        find_ffmpeg()
    assert "pip install imageio-ffmpeg" in caught.value.remedy
    find_ffmpeg.cache_clear()


def test_ffmpeg_dies_with_its_parent(tmp_path: Path) -> None:
    script = (
        "from vegas_data.media.sandbox import *\n"
        f"run_ffmpeg(['-re','-f','lavfi','-i','testsrc','-f','mpegts','file:{tmp_path}/grows'], what='x')\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    while not (tmp_path / "grows").exists() and parent.poll() is None:
        pass
    (child,) = children.read_text(encoding="ascii").split()
    parent.kill()
    parent.wait()
    for _ in range(500):
        try:
            if ") Z" in Path(f"/proc/{child}/stat").read_text(encoding="ascii"):
                return
        except FileNotFoundError:
            return
        subprocess.run(["sleep", "0.01"], check=True)
    raise AssertionError("ffmpeg outlived its parent")


def test_a_frame_of_another_shape_is_the_callers_fault(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected uint8\(32, 32, 3\)"):
        write_mp4(tmp_path / "x.mp4", [np.zeros((32, 34, 3), np.uint8)], size=(32, 32), fps=Fraction(25), audio=None)
    with pytest.raises(ValueError, match="even"):
        write_mp4(tmp_path / "x.mp4", [], size=(33, 32), fps=Fraction(25), audio=None)

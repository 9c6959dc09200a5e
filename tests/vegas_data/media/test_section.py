"""A clip cut from a piece of its source has the bytes of one cut from all of it, and little of the source is read."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from films import CountedFile, copied, film

from vegas_data.errors import DecodeFailed, NoSuchTime, TransferFailed
from vegas_data.media.cut import Cut, CutOptions, cut_clip
from vegas_data.media.decode import iter_frames_at, read_audio
from vegas_data.media.demux import Demuxer, demuxer_here
from vegas_data.media.fingerprint import is_same_sound
from vegas_data.media.section import LocalBytes, Section

OPTIONS = CutOptions()
SPANS = ((0, 3000), (61_310, 64_310), (117_000, 120_000))
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k", "-c:a", "libopus")
DASH = "+frag_keyframe+empty_moov+default_base_moof+global_sidx"
VFR = r"select='not(eq(mod(n\,7)\,3)+eq(mod(n\,11)\,5))'"

FILMS: dict[str, Callable[[Path], Path]] = {
    "25 fps, index at the end": lambda at: film(at / "a.mp4"),
    "29.97 fps, index in front, a key a second": lambda at: film(
        at / "a.mp4", "-movflags", "+faststart", rate="30000/1001", key_s=1
    ),
    "15 fps in fragments with an index": lambda at: film(at / "a.mp4", "-movflags", DASH, rate="15"),
    "variable rate, a key in ten seconds": lambda at: film(
        at / "a.mp4", "-fps_mode", "vfr", picture_filter=VFR, key_s=10
    ),
    "webm": lambda at: film(at / "a.webm", coding=VP9, rate="15"),
    "matroska with reordered pictures": lambda at: film(at / "a.mkv"),
    "a clock that begins late": lambda at: copied(film(at / "b.mp4"), at / "a.mp4", "-output_ts_offset", "7.3"),
}


ALWAYS = ("25 fps, index at the end", "variable rate, a key in ten seconds")  # the others' ends are slow tests
CASES = [
    pytest.param(name, span, marks=() if name in ALWAYS or span == SPANS[1] else pytest.mark.slow, id=f"{name} {span}")
    for name in FILMS
    for span in SPANS
]


@pytest.fixture(scope="module")
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FILMS[request.param](tmp_path_factory.mktemp("film"))


def section_of(source: CountedFile | LocalBytes, at: Path, span: tuple[int, int], tracks: str = "both") -> Section:
    found = demuxer_here().copy_span(source, at, start_ms=span[0], end_ms=span[1], tracks=tracks)
    assert found is not None
    return found


def cut(picture: Section, target: Path, span: tuple[int, int], sound: Section | None = None) -> Cut:
    return cut_clip(picture, target, start_ms=span[0], end_ms=span[1], options=OPTIONS, sound=sound)


def decoded(clip: Path, found: Cut) -> tuple[np.ndarray, np.ndarray]:
    times = [i / found.fps for i in range(found.num_frames)]
    sound = read_audio(clip, sample_rate_hz=Fraction(48_000), start_ms=0, num_samples=found.num_samples)
    return np.stack(list(iter_frames_at(clip, times))), sound


def lag(ours: np.ndarray, theirs: np.ndarray) -> int:
    """How many samples later the same sound comes in ``ours``."""
    inner = theirs[48_000:96_000]
    return min(range(-70, 71), key=lambda by: float(np.abs(ours[48_000 + by : 96_000 + by] - inner).mean()))


@pytest.mark.parametrize(("source", "span"), CASES, indirect=["source"])
def test_a_clip_has_the_same_bytes_from_a_piece_and_from_the_whole(
    source: Path, tmp_path: Path, span: tuple[int, int]
) -> None:
    remote = CountedFile(source)
    piece = section_of(remote, tmp_path / "piece", span)
    assert remote.num_read < 0.3 * remote.size, f"{remote.num_read} of {remote.size} bytes"
    from_piece = cut(piece, tmp_path / "piece.mp4", span)
    from_whole = cut(Section(path=source), tmp_path / "whole.mp4", span)
    assert from_piece == from_whole
    assert (tmp_path / "piece.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    # ffmpeg's own word: it reads all that lies before the span, without any seek.
    through = cut(replace(piece, path=source, shift_s=0), tmp_path / "through.mp4", span)
    assert is_same_sound(through.sound_fingerprint, from_piece.sound_fingerprint)
    assert replace(through, sound_fingerprint=from_piece.sound_fingerprint) == from_piece
    ours, theirs = (decoded(tmp_path / name, from_piece) for name in ("piece.mp4", "through.mp4"))
    assert np.array_equal(ours[0], theirs[0])
    rounding = 48 if source.suffix in (".mkv", ".webm") else 1  # Matroska's clock has milliseconds
    assert abs(lag(ours[1], theirs[1])) <= rounding
    assert from_piece.num_samples == 3 * OPTIONS.sample_rate_hz
    assert from_piece.num_frames == -(-3 * from_piece.fps.numerator // from_piece.fps.denominator)


@pytest.mark.parametrize("source", [*ALWAYS, pytest.param("webm", marks=pytest.mark.slow)], indirect=True)
def test_picture_and_sound_may_be_pieces_of_two_files(source: Path, tmp_path: Path) -> None:
    span = SPANS[1]
    fragments = ("-movflags", DASH) if source.suffix == ".mp4" else ()
    picture = copied(source, tmp_path / f"picture{source.suffix}", "-an", *fragments)
    sound = copied(source, tmp_path / f"sound{source.suffix}", "-vn", *fragments)
    files = CountedFile(picture), CountedFile(sound)
    pieces = [
        section_of(file, tmp_path / tracks, span, tracks)
        for file, tracks in zip(files, ("picture", "sound"), strict=True)
    ]
    assert all(file.num_read < max(0.3 * file.size, 400_000) for file in files)
    assert pieces[0].probe is not None
    assert pieces[0].probe.sound is None
    from_pieces = cut(pieces[0], tmp_path / "piece.mp4", span, pieces[1])
    assert from_pieces == cut(Section(path=picture), tmp_path / "whole.mp4", span, Section(path=sound))
    assert (tmp_path / "piece.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()


@pytest.mark.parametrize("seconds", [4.92, 4.76, 4.0], ids=str)
@pytest.mark.parametrize("shorter", ["picture", "sound"])
def test_a_source_that_ends_just_before_the_clip_is_padded_and_that_is_said(
    tmp_path: Path, seconds: float, shorter: str
) -> None:
    whole = film(tmp_path / "w.mp4", seconds=6)
    short = film(tmp_path / "s.mp4", seconds=seconds)
    picture, sound = (short, whole) if shorter == "picture" else (whole, short)
    found = cut(Section(path=picture), tmp_path / "c.mp4", (1000, 5000), Section(path=sound))
    missing_ms = 5000 - round(seconds * 1000)
    if missing_ms <= OPTIONS.max_padding_ms:
        assert (found.num_frames, found.num_samples, found.duration_ms) == (100, 192_000, 4000)
        assert abs(found.padding_ms - missing_ms) <= 41
        pictures, heard = decoded(tmp_path / "c.mp4", found)
        last = 100 - int(missing_ms / 40)
        moved = np.abs(pictures[-1].astype(int) - pictures[last - 1]).mean()
        assert bool(moved < 0.7) is (shorter == "picture"), f"by {moved}"
        assert bool(np.abs(heard[-1000:]).max() < 0.01) is (shorter == "sound")
    else:
        assert found.padding_ms == 0
        assert abs(found.duration_ms - (4000 - missing_ms)) <= 41
        assert (found.num_frames, found.num_samples) == (-(-found.duration_ms // 40), found.duration_ms * 48)


def test_a_clip_beyond_the_end_does_not_exist(tmp_path: Path) -> None:
    source = film(tmp_path / "s.mp4", seconds=6)
    for span in ((6000, 9000), (60_000, 63_000), (4500, 9000)):
        with pytest.raises(NoSuchTime, match=r"s\.mp4"):
            cut(Section(path=source), tmp_path / "c.mp4", span)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["s.mp4"]


@pytest.mark.parametrize("kind", [TransferFailed, ConnectionResetError, TimeoutError, EOFError])
def test_what_fails_elsewhere_fails_here_in_the_same_words(tmp_path: Path, kind: type[Exception]) -> None:
    source = film(tmp_path / "s.mp4", seconds=20)
    lost = kind("the host is gone")

    class Lost(CountedFile):
        def read_at(self, offset: int, length: int) -> bytes:
            if offset > self.size // 2:
                raise lost
            return super().read_at(offset, length)

    with Demuxer() as demuxer:
        for _ in range(2):
            with pytest.raises(kind) as caught:
                demuxer.probe(Lost(source))
            assert caught.value is lost
        assert demuxer.probe(CountedFile(source)).end_is_known, "the child lives on"


def test_a_transport_stream_has_no_index(tmp_path: Path) -> None:
    stream = copied(film(tmp_path / "s.mp4", seconds=20), tmp_path / "s.ts")
    remote = CountedFile(stream)
    at = tmp_path / "piece"
    assert demuxer_here().copy_span(remote, at, start_ms=9000, end_ms=12_000, tracks="both") is None
    assert not at.exists()
    found = cut(Section(path=stream), tmp_path / "c.mp4", (9000, 12_000))
    assert (found.num_frames, found.num_samples) == (75, 144_000)


def test_a_file_that_is_cut_off_is_damaged_and_not_short(tmp_path: Path) -> None:
    source = film(tmp_path / "s.mp4", "-movflags", "+faststart", seconds=20)
    half = tmp_path / "half.mp4"
    half.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    assert cut(Section(path=half), tmp_path / "c.mp4", (0, 3000)).duration_ms == 3000
    with pytest.raises(DecodeFailed, match=r"half\.mp4"):
        cut(Section(path=half), tmp_path / "c.mp4", (15_000, 18_000))

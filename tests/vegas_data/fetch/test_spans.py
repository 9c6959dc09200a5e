"""A clip's span from a real video on a real server: few bytes where ranges help, the whole file where they do not."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from web_bench import Say, a_web, ranges_of, reply, saying

from vegas_data.errors import LimitExceeded, NoSuchTime, RateLimited, RecipeError, VideoUnavailable
from vegas_data.fetch.addresses import Address
from vegas_data.fetch.direct import DirectSource, make_direct
from vegas_data.fetch.options import Access, FetchOptions, SourceOptions
from vegas_data.fetch.pace import Pace
from vegas_data.fetch.spans import WHOLE_BYTES, bring
from vegas_data.media.cut import cut_clip
from vegas_data.media.demux import Demuxer
from vegas_data.media.mux import write_mp4
from vegas_data.media.sandbox import run_ffmpeg
from vegas_data.media.section import Section
from vegas_data.records import Clip
from vegas_data.store import sha256_of

OPTIONS = FetchOptions(max_source_bytes=1 << 26)


@pytest.fixture(scope="session")
def noisy_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 s of noise that does not compress: some MB, with a key frame every second."""
    path = tmp_path_factory.mktemp("noise") / "noise.mp4"
    dice = np.random.default_rng(11)
    frames = (dice.integers(0, 255, (96, 128, 3), dtype=np.uint8) for _ in range(400))
    sound = dice.normal(0, 0.1, 40 * 16_000).astype(np.float32)
    write_mp4(path, frames, size=(128, 96), fps=Fraction(10), audio=sound, sample_rate_hz=16_000)
    keyed = path.with_name("keyed.mp4")
    run_ffmpeg(["-i", f"file:{path}", "-g", "10", "-crf", "18", "-c:a", "copy", f"file:{keyed}"], what="keyed")
    assert keyed.stat().st_size > 3 * WHOLE_BYTES
    return keyed


@pytest.fixture(scope="session")
def tracks(noisy_video: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tracks")
    run_ffmpeg(["-i", f"file:{noisy_video}", "-c", "copy", "-an", f"file:{folder}/picture.mp4"], what="picture")
    run_ffmpeg(["-i", f"file:{noisy_video}", "-c", "copy", "-vn", f"file:{folder}/sound.mp4"], what="sound")
    return folder / "picture.mp4", folder / "sound.mp4"


@pytest.fixture(scope="module")
def demuxer() -> Iterator[Demuxer]:
    with Demuxer() as demuxer:
        yield demuxer


@pytest.fixture
def into(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def clip(start_ms: int = 20_000, end_ms: int = 24_000) -> Clip:
    return Clip(video_id="loop-x", start_ms=start_ms, end_ms=end_ms, categories=("drum",))


def cut(picture: Section, sound: Section, target: Path) -> str:
    cut_clip(picture, target, start_ms=20_000, end_ms=24_000, options=OPTIONS.cut, sound=sound)
    return sha256_of(target)


def test_a_span_is_a_small_part_of_the_bytes_and_cuts_to_the_same_clip(
    noisy_video: Path, into: Path, demuxer: Demuxer
) -> None:
    with saying(ranges_of(noisy_video.read_bytes())) as served, a_web() as web:
        address = Address(url=f"{served.url}/x")
        span = bring(web, [address], clip(), into, demuxer, max_bytes=1 << 26)
        assert span.origin == "video span"
        assert span.num_bytes < noisy_video.stat().st_size / 3
        assert span.num_bytes >= span.picture.path.stat().st_size / 2
        here = Section(path=noisy_video)
        assert cut(span.picture, span.sound, into / "a.mp4") == cut(here, here, into / "b.mp4")


def test_picture_and_sound_apart_are_two_spans(tracks: tuple[Path, Path], into: Path, demuxer: Demuxer) -> None:
    picture, sound = (path.read_bytes() for path in tracks)
    with saying(ranges_of(picture)) as one, saying(ranges_of(sound)) as two, a_web() as web:
        addresses = [Address(url=f"{one.url}/p", part="picture"), Address(url=f"{two.url}/s", part="sound")]
        got = bring(web, addresses, clip(), into, demuxer, max_bytes=1 << 26)
        assert got.origin == "picture span + sound whole", "the sound is small"
        assert got.sound.path.read_bytes() == sound
        assert got.num_bytes < len(picture) / 2
        assert got.picture.path.parent == got.sound.path.parent == into


@pytest.mark.parametrize("with_demuxer", [True, False])
def test_a_host_without_ranges_brings_the_whole(
    noisy_video: Path, into: Path, demuxer: Demuxer, with_demuxer: bool
) -> None:
    data = noisy_video.read_bytes()
    say: Say = reply("200 OK", body=data) if with_demuxer else ranges_of(data)
    with saying(say) as served, a_web() as web:
        address = Address(url=f"{served.url}/x")
        got = bring(web, [address], clip(), into, demuxer if with_demuxer else None, max_bytes=1 << 26)
        assert got.picture == got.sound
        assert got.picture.path.read_bytes() == data
        assert (got.origin, got.num_bytes) == ("video whole", len(data))


def test_a_transport_stream_comes_whole(noisy_video: Path, into: Path, demuxer: Demuxer, tmp_path: Path) -> None:
    run_ffmpeg(["-i", f"file:{noisy_video}", "-c", "copy", f"file:{tmp_path}/x.ts"], what="ts")
    data = (tmp_path / "x.ts").read_bytes()
    with saying(ranges_of(data)) as served, a_web() as web:
        got = bring(web, [Address(url=f"{served.url}/x")], clip(), into, demuxer, max_bytes=1 << 26)
        assert got.picture.path.read_bytes() == data
        assert [path.name for path in into.iterdir()] == ["video.whole"]


def test_a_small_file_is_not_worth_the_questions(counting_video: Path, into: Path, demuxer: Demuxer) -> None:
    with saying(ranges_of(counting_video.read_bytes())) as served, a_web() as web:
        got = bring(web, [Address(url=f"{served.url}/x")], clip(), into, demuxer, max_bytes=1 << 26)
        assert got.picture.path.read_bytes() == counting_video.read_bytes()
        assert len(served.heads) <= 2


def test_picture_and_sound_count_together(tracks: tuple[Path, Path], into: Path) -> None:
    picture, sound = (path.read_bytes() for path in tracks)
    with saying(ranges_of(picture)) as one, saying(ranges_of(sound)) as two, a_web() as web:
        addresses = [Address(url=f"{one.url}/p", part="picture"), Address(url=f"{two.url}/s", part="sound")]
        with pytest.raises(LimitExceeded, match=r"^loop-x_000020000: "):
            bring(web, addresses, clip(), into, None, max_bytes=len(picture) + len(sound) - 1)


@pytest.mark.parametrize("parts", [(), ("picture",), ("video", "sound"), ("picture", "picture")])
def test_half_a_video_is_the_callers_mistake(parts: tuple[str, ...], into: Path) -> None:
    addresses = [Address(url="http://127.0.0.1:9/x", part=part) for part in parts]  # type: ignore[arg-type]
    with a_web() as web, pytest.raises(ValueError, match="neither a video"):
        bring(web, addresses, clip(), into, None, max_bytes=1)


# --- kind http ------------------------------------------------------------------------------------------------------


def direct(url: str, folder: Path, demuxer: Demuxer | None = None, **options: float) -> Iterator[DirectSource]:
    source = SourceOptions(name="loop", kind="http", url=url)
    fetch = replace(OPTIONS, **options)  # type: ignore[arg-type]
    with a_web() as web:
        yield make_direct(
            source, fetch, Access(allow_private=True), web=web, demuxer=demuxer, pace=Pace(folder, "loop", 0)
        )


def test_a_direct_source_brings_the_span_of_a_clip(noisy_video: Path, into: Path, demuxer: Demuxer) -> None:
    with saying(ranges_of(noisy_video.read_bytes())) as served:
        for source in direct(f"{served.url}/v/{{id}}.mp4?a=b", into, demuxer):
            got = source.fetch(clip(), into)
            assert got.origin == "http video span"
            assert served.heads[0].startswith("GET /v/x.mp4?a=b ")
            with pytest.raises(NoSuchTime):
                source.fetch(clip(90_000, 94_000), into)


def test_looking_brings_nothing(noisy_video: Path, into: Path) -> None:
    with saying(ranges_of(noisy_video.read_bytes())) as served:
        for source in direct(f"{served.url}/{{id}}", into):
            source.look(clip())
            assert served.asked("range") == ["bytes=0-1023"]
            assert not list(into.iterdir())


@pytest.mark.parametrize(("status", "kind"), [("404 Not Found", VideoUnavailable), ("429 Too Many", RateLimited)])
def test_looking_says_why_not(status: str, kind: type[Exception], into: Path) -> None:
    with saying(reply(status)) as served:
        for source in direct(f"{served.url}/{{id}}", into):
            with pytest.raises(kind, match=r"^loop-x_000020000: 127"):
                source.look(clip())


def test_a_source_that_may_not_be_asked_is_refused_before_any_clip_is(tmp_path: Path) -> None:
    source = SourceOptions(name="loop", kind="http", url="http://10.0.0.1/{id}")
    with a_web() as web, pytest.raises(RecipeError, match=r"source loop: 10\.0\.0\.1 may not be asked") as caught:
        make_direct(source, OPTIONS, Access(), web=web, demuxer=None, pace=Pace(tmp_path, "loop", 0))
    assert "--allow-private" in caught.value.remedy

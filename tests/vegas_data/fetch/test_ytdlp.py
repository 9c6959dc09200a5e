"""yt-dlp only downloads: two formats stay two files, no other program starts, sizes, paths and proxies are ours."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from yt_dlp.extractor.common import InfoExtractor

from tests.loopback import Handler, serving
from vegas_data.errors import LimitExceeded, WorkspaceError
from vegas_data.fetch import FetchOptions, SourceOptions, make_fetcher
from vegas_data.fetch.ytdlp import YtDlpSource, _is_loopback
from vegas_data.media.sandbox import run_ffmpeg
from vegas_data.records import Clip
from vegas_data.workspace import Workspace

# yt-dlp leaves the sockets of failed downloads to the garbage collector, which tells pytest
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")

OPTIONS = FetchOptions(max_source_bytes=3_000_000)
STARTED: list[str] | None = None


def _record(event: str, arguments: tuple[Any, ...]) -> None:
    if STARTED is not None and event in ("subprocess.Popen", "os.posix_spawn", "os.system", "os.exec"):
        STARTED.append(str(arguments[0]))


sys.addaudithook(_record)  # the interpreter's own word for every process that it starts; it cannot be removed


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The programs that were started."""
    names: list[str] = []
    monkeypatch.setattr(sys.modules[__name__], "STARTED", names)
    return names


@pytest.fixture(scope="session")
def parts(counting_video: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the server has: the video whole, its picture, its sound, and as HLS."""
    folder = tmp_path_factory.mktemp("parts")
    whole = ["-i", f"file:{counting_video}", "-c", "copy"]
    run_ffmpeg([*whole, "-an", f"file:{folder}/picture.mp4"], what="picture")
    run_ffmpeg([*whole, "-vn", f"file:{folder}/sound.mp4"], what="sound")
    hls = ["-f", "hls", "-hls_time", "2", "-hls_list_size", "0", "-hls_playlist_type", "vod"]
    run_ffmpeg(["-i", f"file:{counting_video}", "-g", "50", *hls, f"file:{folder}/list.m3u8"], what="hls")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sum(name.endswith(".ts") for name in files) > 1
    return {**files, "whole.mp4": counting_video.read_bytes()}


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def base(parts: dict[str, bytes], asked: list[str]) -> Iterator[str]:
    class Answers(Handler):
        def answer(self) -> None:
            name = self.path.strip("/")
            asked.append(name)
            body = parts["whole.mp4"] if name == "announced.mp4" else parts.get(name)
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            kind = "application/vnd.apple.mpegurl" if name.endswith("m3u8") else "video/mp4"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", "9000000" if name == "announced.mp4" else str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

    with serving(Answers) as address:
        yield address


def generic(base: str, suffix: str = "mp4", options: FetchOptions = OPTIONS) -> YtDlpSource:
    return YtDlpSource(SourceOptions(name="loop", url=f"{base}/{{id}}.{suffix}", extractors=("generic",)), options)


def offering(base: str, *formats: dict[str, Any], options: FetchOptions = OPTIONS) -> YtDlpSource:
    """A source whose site offers these formats."""

    class SiteIE(InfoExtractor):  # type: ignore[misc]
        IE_NAME = "site"
        _VALID_URL = r"https?://127\.0\.0\.1:\d+/watch/(?P<id>\w+)"

        def _real_extract(self, url: str) -> dict[str, Any]:
            offers = [{"format_id": str(i), "ext": "mp4", **offer} for i, offer in enumerate(formats)]
            return {"id": self._match_id(url), "title": "a $HOME %(title)s", "formats": offers}

    source = YtDlpSource(SourceOptions(name="loop", url=f"{base}/watch/{{id}}", extractors=("site",)), options)
    source._downloader.add_info_extractor(SiteIE())
    return source


def picture(base: str, height: int = 96, name: str = "picture.mp4") -> dict[str, Any]:
    return {"url": f"{base}/{name}", "vcodec": "avc1", "acodec": "none", "height": height}


def sound(base: str) -> dict[str, Any]:
    return {"url": f"{base}/sound.mp4", "vcodec": "none", "acodec": "mp4a"}


def whole(base: str, height: int = 96) -> dict[str, Any]:
    return {"url": f"{base}/whole.mp4", "vcodec": "avc1", "acodec": "mp4a", "height": height}


def clip(name: str = "x") -> Clip:
    return Clip(video_id=f"loop-{name}", start_ms=1000, end_ms=5000, categories=("drum",))


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def test_two_formats_are_two_files_and_nothing_else_ran(
    base: str, parts: dict[str, bytes], into: Path, started: list[str]
) -> None:
    got = offering(base, picture(base), sound(base)).fetch(clip(), into)
    assert got.picture.read_bytes() == parts["picture.mp4"]
    assert got.sound.read_bytes() == parts["sound.mp4"]
    assert started == []


def test_two_formats_become_the_clip_that_one_file_gives(
    base: str, parts: dict[str, bytes], tmp_path: Path, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace.create(tmp_path / "w", "")
    made: list[YtDlpSource] = [offering(base, picture(base), sound(base)), offering(base, whole(base))]
    sums = []
    for index, source in enumerate(made):
        monkeypatch.setattr("vegas_data.fetch.ytdlp.YtDlpSource", lambda *_, source=source: source)
        fetch_clip = make_fetcher(OPTIONS, (SourceOptions(name="loop"),), workspace)
        before = len(started)
        media = fetch_clip(clip(f"x{index}"))
        assert len(started) == before + 1, "one ffmpeg, which is ours"
        sums.append((media.sha256, media.num_frames, media.num_samples))
    assert sums[0] == sums[1] == (sums[0][0], 100, 192_000)


@pytest.mark.parametrize(
    ("formats", "expected"),
    [
        (["p96", "s"], ["picture.mp4", "sound.mp4"]),
        (["p96", "s", "w96"], ["whole.mp4"]),
        (["w96"], ["whole.mp4"]),
        (["p96", "w96"], ["whole.mp4"]),
        (["p96", "s", "w720"], ["picture.mp4", "sound.mp4"]),
        (["p720", "s", "w96"], ["whole.mp4"]),
        (["p720", "s"], ["picture.mp4", "sound.mp4"]),
        (["p96"], ["picture.mp4"]),
        (["hls96", "s", "w96"], ["whole.mp4"]),
    ],
    ids=str,
)
def test_what_is_chosen(base: str, into: Path, asked: list[str], formats: list[str], expected: list[str]) -> None:
    known = {
        "p96": picture(base),
        "p720": picture(base, 720),
        "s": sound(base),
        "w96": whole(base),
        "w720": whole(base, 720),
        "hls96": {**picture(base, 360, "list.m3u8"), "protocol": "m3u8_native", "acodec": "mp4a"},
    }
    offering(base, *(known[name] for name in formats)).fetch(clip(), into)
    assert asked == expected


def test_hls_is_fetched_and_cut_without_anybodys_ffmpeg(
    base: str, into: Path, tmp_path: Path, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("ffmpeg", "ffprobe"):
        (programs / name).write_text(f"#!/bin/sh\necho {name} >> {tmp_path}/ran\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    got = generic(base, "m3u8").fetch(clip("list"), into)
    assert got.picture == got.sound
    assert started == []
    assert not (tmp_path / "ran").exists()
    workspace = Workspace.create(tmp_path / "w", "")
    source = SourceOptions(name="loop", url=f"{base}/{{id}}.m3u8", extractors=("generic",))
    media = make_fetcher(OPTIONS, (source,), workspace)(clip("list"))
    assert (media.num_frames, media.num_samples) == (100, 192_000)
    assert not (tmp_path / "ran").exists()


def test_a_body_announced_too_large_is_not_downloaded_and_not_retried(base: str, into: Path) -> None:
    with pytest.raises(
        LimitExceeded, match="loop-announced_000001000: the video is larger than 3000000 bytes"
    ) as caught:
        generic(base).fetch(clip("announced"), into)
    assert not caught.value.retryable


def test_picture_and_sound_count_together(base: str, parts: dict[str, bytes], into: Path) -> None:
    larger = max(len(parts["picture.mp4"]), len(parts["sound.mp4"]))
    both = len(parts["picture.mp4"]) + len(parts["sound.mp4"])
    offering(base, picture(base), sound(base), options=FetchOptions(max_source_bytes=both)).fetch(clip(), into)
    for path in into.iterdir():
        path.unlink()
    with pytest.raises(LimitExceeded):
        offering(base, picture(base), sound(base), options=FetchOptions(max_source_bytes=larger)).fetch(clip(), into)
    assert sum(path.stat().st_size for path in into.iterdir()) < both, "the second was stopped while it arrived"


@pytest.mark.parametrize("name", ["a $HOME b", "${HOME}", "$$HOME", "~", "50% %(title)s", "$%(id)s", "$"])
def test_the_folders_name_is_left_as_it_is(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    source = generic(base)
    for folder in (tmp_path / "deep" / name, Path(name)):
        folder.mkdir(parents=True)
        got = source.fetch(clip("whole"), folder)
        assert got.picture.absolute() == folder.absolute() / "video.mp4"


def test_a_proxy_does_not_stand_between_us_and_this_machine(
    base: str, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert generic(base).fetch(clip("whole"), into).picture.is_file()
    assert "proxy" not in generic("http://example.org")._downloader.params


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:80/x", True),
        ("http://127.9.9.9/x", True),
        ("http://[::1]:80/x", True),
        ("http://localhost/x", True),
        ("http://LOCALHOST/x", True),
        ("http://localhost.example.org/x", False),
        ("http://128.0.0.1/x", False),
        ("https://www.youtube.com/x", False),
    ],
)
def test_which_hosts_are_this_machine(url: str, expected: bool) -> None:
    assert _is_loopback(url) is expected


def test_a_disk_that_fills_up_while_downloading_is_not_the_hosts_fault(base: str, into: Path) -> None:
    (into / "video.mp4").symlink_to("/dev/full")
    with pytest.raises(WorkspaceError, match="No space left on device") as caught:
        generic(base).fetch(clip("whole"), into)
    assert str(into) in str(caught.value)


@pytest.mark.parametrize(
    ("make", "wrong", "message"),
    [
        (SourceOptions, {"url": "http://host/x.mp4"}, "exactly once"),
        (SourceOptions, {"url": "http://host/{id}/{id}"}, "exactly once"),
        (SourceOptions, {"url": "ftp://host/{id}"}, "http"),
        (SourceOptions, {"url": "file:///etc/{id}"}, "http"),
        (SourceOptions, {"url": "http:///{id}"}, "http"),
        (SourceOptions, {"url": "http://{id}/x"}, "after the host"),
        (SourceOptions, {"url": "http://[::1/{id}"}, "IPv6"),
        (SourceOptions, {"extractors": ()}, "at least one"),
        (SourceOptions, {"extractors": ("",)}, "no name"),
        (SourceOptions, {"extractors": (".*",)}, "no name"),
        (FetchOptions, {"max_source_height_px": 31}, "max_source_height_px"),
        (FetchOptions, {"max_source_bytes": 0}, "max_source_bytes"),
        (FetchOptions, {"deadline_s": 0.0}, "deadline_s"),
        (FetchOptions, {"deadline_s": float("nan")}, "deadline_s"),
        (FetchOptions, {"max_attempts": 0}, "max_attempts"),
    ],
    ids=str,
)
def test_options_that_cannot_work_are_refused(make: Callable[..., Any], wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**wrong)

"""yt-dlp is asked once for a video, tells where its files are and why there are none, and does nothing else."""

import importlib.metadata
import io
import json
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from yt_dlp.networking.common import Request
from yt_dlp.networking.exceptions import HTTPError, IncompleteRead, TransportError
from yt_dlp.utils import ExtractorError

from tests.fake_youtube import Answer, plant, says, video
from tests.loopback import Handler, serving
from vegas_data.errors import (
    BotCheck,
    ExtractorBroken,
    FetchError,
    JsRuntimeMissing,
    LimitExceeded,
    NoSuchTime,
    RateLimited,
    RecipeError,
    TimedOut,
    TransferFailed,
    Unclassified,
    VegasError,
    VideoUnavailable,
    WorkspaceError,
)
from vegas_data.fetch import FetchOptions, SourceOptions
from vegas_data.fetch import extractor as seam
from vegas_data.fetch.extractor import Log, _is_loopback, make_downloader
from vegas_data.fetch.options import Access
from vegas_data.fetch.pace import Pace
from vegas_data.fetch.web import Web
from vegas_data.fetch.youtube import YouTubeSource
from vegas_data.media.cut import cut_clip
from vegas_data.media.sandbox import run_ffmpeg
from vegas_data.records import Clip

# yt-dlp leaves the sockets of failed downloads to the garbage collector, which tells pytest
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")

OPTIONS = FetchOptions(max_source_bytes=3_000_000)
HERE = Access(allow_private=True)
ID = "abcdefghijk"
STARTED: list[str] | None = None


def _record(event: str, arguments: tuple[Any, ...]) -> None:
    if STARTED is not None and event in ("subprocess.Popen", "os.posix_spawn", "os.system", "os.exec"):
        STARTED.append(str(arguments[0]))


sys.addaudithook(_record)  # the interpreter's own word for every process that it starts; it cannot be removed


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
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
def base(parts: dict[str, bytes]) -> Iterator[str]:
    class Answers(Handler):
        def answer(self) -> None:
            name = self.path.strip("/")
            if name.isdigit():
                self.send_response(int(name))
                self.send_header("Retry-After", "120")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = parts.get(name, b"")
            first, last = 0, len(body) - 1
            if wanted := self.headers.get("Range"):
                begin, _, end = wanted.removeprefix("bytes=").partition("-")
                first, last = int(begin), min(int(end or last), last)
            self.send_response(206 if wanted else 200)
            if wanted:
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
            kind = "application/vnd.apple.mpegurl" if name.endswith("m3u8") else "video/mp4"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(last + 1 - first))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body[first : last + 1])

    with serving(Answers) as address:
        yield address


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


class Counted(Pace):
    """A pace that counts the turns."""

    times = 0

    def wait(self, deadline: float = math.inf) -> float:
        self.times += 1
        return super().wait(deadline)


@pytest.fixture
def make(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., YouTubeSource]]:
    """Makes sources, YouTube unless told otherwise."""
    made: list[tuple[YouTubeSource, Web]] = []
    state = tmp_path_factory.mktemp("pace")

    def make_one(
        source: SourceOptions | None = None,
        options: FetchOptions = OPTIONS,
        access: Access = HERE,
        pace: Pace | None = None,
        **more: Any,
    ) -> YouTubeSource:
        source = source or SourceOptions()
        pace = pace or Pace(state, "youtube", 0)
        web = Web(options, access)
        made.append((YouTubeSource(source, options, access, web=web, demuxer=None, pace=pace, **more), web))
        return made[-1][0]

    yield make_one
    for made_source, web in made:
        made_source.close()
        web.close()


def clip(start_ms: int = 1000, video_id: str = ID) -> Clip:
    return Clip(video_id=video_id, start_ms=start_ms, end_ms=start_ms + 4000, categories=("drum",))


def picture(base: str, height: int = 96, name: str = "picture.mp4") -> dict[str, Any]:
    return {"url": f"{base}/{name}", "vcodec": "avc1", "acodec": "none", "height": height}


def sound(base: str) -> dict[str, Any]:
    return {"url": f"{base}/sound.mp4", "vcodec": "none", "acodec": "mp4a"}


def whole(base: str, name: str = "whole.mp4", **more: Any) -> dict[str, Any]:
    return {"url": f"{base}/{name}", "vcodec": "avc1", "acodec": "mp4a", "height": 96, **more}


def hls(base: str) -> dict[str, Any]:
    return whole(base, "list.m3u8", protocol="m3u8_native")


def raises(error: BaseException) -> Answer:
    def answer(extractor: Any, video_id: str) -> None:
        raise error

    return answer


def offers(*formats: dict[str, Any], **more: Any) -> Answer:
    return lambda extractor, video_id: video(video_id, *formats, **more)


# --- why there is no video --------------------------------------------------------------------------------------------


def _geo(extractor: Any, video_id: str) -> None:
    extractor.raise_geo_restricted("The uploader has not made this video available in your country", ["AD", "BE"])


def _images_only(*warnings: str) -> Answer:
    def answer(extractor: Any, video_id: str) -> Any:
        for warning in warnings:
            extractor.report_warning(warning, video_id)
        return video(video_id, {"url": "https://i.ytimg.com/sb", "vcodec": "none", "acodec": "none", "ext": "mhtml"})

    return answer


def _downloads(path: str) -> Answer:
    """An extractor that asks a web server for something."""
    return lambda extractor, video_id: extractor._download_webpage(f"{extractor.base}{path}", video_id)


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (says("Video unavailable. This video has been removed by the uploader"), VideoUnavailable, "removed"),
        (says("Private video. Sign in if you've been granted access to this video"), VideoUnavailable, "private"),
        (
            says("The YouTube account associated with this video has been terminated due to copyright infringement."),
            VideoUnavailable,
            "account_terminated",
        ),
        (says("This video contains content from X, blocked on copyright grounds"), VideoUnavailable, "copyright"),
        (_geo, VideoUnavailable, "region"),
        (says("Sign in to confirm your age. This video may be inappropriate for some users."), VideoUnavailable, "age"),
        (says("Join this channel to get access to members-only content"), VideoUnavailable, "members_only"),
        (lambda extractor, _: extractor.raise_login_required(), VideoUnavailable, "members_only"),
        (says("Premieres in 6 hours"), VideoUnavailable, "live"),
        (offers({"url": "http://127.0.0.1:9/x"}, is_live=True), VideoUnavailable, "live"),
        (offers({"url": "http://127.0.0.1:9/x"}, live_status="post_live"), VideoUnavailable, "live"),
        (lambda extractor, _: extractor.report_drm("x"), VideoUnavailable, "format_missing"),
        (offers({"url": "http://127.0.0.1:9/x", "has_drm": True}), VideoUnavailable, "format_missing"),
        (_images_only(), VideoUnavailable, "format_missing"),
        (_images_only("n challenge solving failed: Some formats may be missing."), ExtractorBroken, "extractor_broken"),
        (_images_only("No supported JavaScript runtime could be found."), JsRuntimeMissing, "js_runtime_missing"),
        (offers(), ExtractorBroken, "extractor_broken"),
        (lambda *_: None, ExtractorBroken, "extractor_broken"),
        (lambda extractor, _: extractor._search_regex("a", "b", "player"), ExtractorBroken, "extractor_broken"),
        (lambda *_: dict[str, str]()["videoDetails"], ExtractorBroken, "extractor_broken"),
        (lambda *_: None + 1, ExtractorBroken, "extractor_broken"),  # type: ignore[operator]
        (raises(ExtractorError("Failed to extract any player response")), ExtractorBroken, "extractor_broken"),
        (says("Sign in to confirm you’re not a bot. This helps protect our community."), BotCheck, "bot_check"),
        (says("Video unavailable. This content isn't available, try again later."), RateLimited, "rate_limited"),
        (raises(IncompleteRead(3, 9)), TransferFailed, "transfer_failed"),
        (raises(TransportError(cause=ConnectionResetError(104, "reset"))), TransferFailed, "transfer_failed"),
        (raises(TransportError(cause=TimeoutError("The read operation timed out"))), TimedOut, "timed_out"),
        (raises(ExtractorError("Got nothing", cause=TimeoutError())), TimedOut, "timed_out"),
        (says("Words that nobody knows"), Unclassified, "unclassified"),
        (lambda extractor, video_id: extractor.playlist_result([], "PL1"), Unclassified, "unclassified"),
        (lambda *_: video("kjihgfedcba", {"url": "http://127.0.0.1:9/x"}), VideoUnavailable, "members_only"),
    ],
)  # fmt: skip
def test_every_refusal_has_its_class(
    make: Callable[..., YouTubeSource],
    monkeypatch: pytest.MonkeyPatch,
    into: Path,
    answer: Answer,
    kind: type[VegasError],
    code: str,
) -> None:
    asked = plant(monkeypatch, answer)
    source = make()
    for attempt in (lambda: source.fetch(clip(1000), into), lambda: source.look(clip(2000))):
        with pytest.raises(kind) as caught:
            attempt()
        assert (type(caught.value), caught.value.code) == (kind, code)
        assert str(caught.value).startswith(f"{ID}_00000")
    assert asked == [ID], "the failure was remembered"
    assert list(into.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, TransferFailed), (404, TransferFailed), (500, TransferFailed), (503, TransferFailed), (429, RateLimited)],
)
@pytest.mark.parametrize("fatal", [True, False])
def test_what_a_web_server_answers_to_yt_dlp_is_not_said_of_the_video(
    make: Callable[..., YouTubeSource],
    monkeypatch: pytest.MonkeyPatch,
    base: str,
    status: int,
    kind: type[FetchError],
    fatal: bool,
) -> None:
    """Not fatal is how YouTube's extractor asks: it warns, asks elsewhere, and complains of itself at last."""

    def answer(extractor: Any, video_id: str) -> None:
        assert extractor._download_webpage(f"{base}/{status}", video_id, fatal=fatal) is False
        assert status != 429, "nothing more is asked of a host that answered so"
        raise ExtractorError("Failed to extract any player response")

    plant(monkeypatch, answer)
    with pytest.raises(kind) as caught:
        make().look(clip())
    assert type(caught.value) is kind
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after_s == 120
    elif status == 403:
        assert "pip install --upgrade yt-dlp" in caught.value.remedy


def test_a_burst_of_bot_checks_marks_no_video_as_gone(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = plant(monkeypatch, says("Sign in to confirm you’re not a bot. This helps protect our community."))
    source = make()
    for number in range(20):
        with pytest.raises(BotCheck) as caught:
            source.look(clip(video_id=f"abcdefghi{number:02}"))
        assert caught.value.retryable
    assert len(asked) == 20


@pytest.mark.parametrize(
    ("says_it", "code"),
    [
        ({"status": "ERROR", "reason": "Video unavailable"}, "removed"),
        ({"status": "LOGIN_REQUIRED", "reason": "Sign in to confirm you’re not a bot"}, "bot_check"),
        ({"status": "LOGIN_REQUIRED", "reason": "Private video"}, "private"),
        (
            {
                "status": "UNPLAYABLE",
                "reason": "Video unavailable",
                "errorScreen": {
                    "playerErrorMessageRenderer": {
                        "reason": {"simpleText": "Video unavailable"},
                        "subreason": {"simpleText": "The uploader has not made this video available in your country"},
                    }
                },
            },
            "region",
        ),
        ({"status": "LIVE_STREAM_OFFLINE", "reason": "This live event will begin in 2 days."}, "live"),
        ({"status": "ERROR", "reason": "Hm", "errorScreen": {"playerCaptchaViewModel": {"a": 1}}}, "bot_check"),
        ({"status": "UNPLAYABLE", "reason": "This content isn't available, try again later."}, "rate_limited"),
        ({"status": "OK"}, "js_runtime_missing"),
        (404, "transfer_failed"),
        (502, "transfer_failed"),
        (400, "extractor_broken"),
        (429, "rate_limited"),
        ("timed out", "timed_out"),
        ("Connection refused", "transfer_failed"),
    ],
)  # fmt: skip
def test_yt_dlps_own_extractor_of_youtube_is_understood(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch, says_it: dict[str, Any] | int | str, code: str
) -> None:
    """Its requests are answered here: a page without anything in it, and a player that says what the test wants."""
    from yt_dlp.networking.common import Response

    def send(request: Request) -> Response:
        if isinstance(says_it, str):
            raise TransportError(cause=TimeoutError(says_it) if "timed" in says_it else ConnectionError(says_it))
        status = says_it if isinstance(says_it, int) else 200
        player = {"playabilityStatus": says_it, "videoDetails": {"videoId": ID, "title": "t"}}
        body = json.dumps(player).encode() if "/player" in request.url else b"<html></html>"
        headers = {"Content-Type": "application/json" if "/player" in request.url else "text/html"}
        response = Response(io.BytesIO(body), request.url, headers, status=status)
        if status >= 400:
            raise HTTPError(response)
        return response

    make_real = seam.make_downloader

    def make_ours(*args: Any, **options: Any) -> Any:
        downloader = make_real(*args, **options)
        downloader.params["js_runtimes"] = {}
        monkeypatch.setattr(downloader._request_director, "send", send)
        return downloader

    monkeypatch.setattr(seam, "make_downloader", make_ours)
    monkeypatch.setattr(seam, "resolve", lambda *_, **__: ())
    with pytest.raises(FetchError) as caught:
        make().look(clip())
    assert caught.value.code == code, str(caught.value)


def test_a_broken_extractor_names_the_version_and_its_age(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, raises(ExtractorError("Unable to extract player")))
    with pytest.raises(ExtractorBroken) as caught:
        make().look(clip())
    version = importlib.metadata.version("yt-dlp")
    assert re.fullmatch(
        rf"pip install --upgrade yt-dlp yt-dlp-ejs \(yt-dlp {re.escape(version)}, -?\d+ days old is here\)",
        caught.value.remedy,
    )


def test_a_missing_sound_is_the_tools_fault_if_it_warned_so(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    def answer(extractor: Any, video_id: str) -> Any:
        if video_id == ID:
            extractor.report_warning("No supported JavaScript runtime could be found.")
        return video(video_id, picture(base))

    plant(monkeypatch, answer)
    source = make()
    with pytest.raises(JsRuntimeMissing):
        source.look(clip())
    source.look(clip(video_id="kjihgfedcba"))


# --- one question for a video -----------------------------------------------------------------------------------------


def test_a_video_is_asked_for_once_for_all_of_its_clips(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch, base: str, tmp_path: Path
) -> None:
    asked = plant(monkeypatch, offers(whole(base), duration=8))
    pace = Counted(tmp_path / "pace", "youtube", 0)
    source = make(pace=pace)
    for number, start_ms in enumerate((0, 1000, 3000)):
        folder = tmp_path / str(number)
        folder.mkdir()
        source.fetch(clip(start_ms), folder)
    assert (len(asked), pace.times) == (1, 1)
    source.look(clip(video_id="kjihgfedcba"))
    source.look(clip())
    assert (len(asked), pace.times) == (3, 3), "only the last video is remembered"


def test_a_clip_that_comes_again_is_a_new_attempt(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    answers = [says("Sign in to confirm you're not a bot"), offers(whole(base))]
    asked = plant(monkeypatch, lambda extractor, video_id: answers[len(asked) - 1](extractor, video_id))
    source = make()
    with pytest.raises(BotCheck):
        source.look(clip())
    source.look(clip())
    assert len(asked) == 2


def test_an_answer_is_not_kept_for_ever(make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = plant(monkeypatch, offers({"url": "http://127.0.0.1:9/x"}))
    now_s = 0.0
    source = make(clock=lambda: now_s)
    for start_ms, seconds, expected in ((0, 0.0, 1), (1, 3599.0, 1), (2, 3601.0, 2)):
        now_s = seconds
        source.look(clip(start_ms))
        assert len(asked) == expected


def test_a_remembered_failure_names_the_clip_that_asks(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, says("This video is private"))
    source = make()
    told = []
    for start_ms in (0, 1000, 2000):
        with pytest.raises(VideoUnavailable) as caught:
            source.look(clip(start_ms))
        told.append(str(caught.value))
    assert told == [f"{ID}_{start_ms:09}: This video is private" for start_ms in (0, 1000, 2000)]


def test_a_clip_beyond_the_end_is_known_without_a_download(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch, into: Path
) -> None:
    plant(monkeypatch, offers({"url": "http://127.0.0.1:9/never"}, duration=8))
    source = make()
    source.look(clip(7999))
    for start_ms in (8000, 500_000):
        with pytest.raises(NoSuchTime, match=f"{ID}_.*: the clip begins at {start_ms // 1000} s, the video has 8 s"):
            source.fetch(clip(start_ms), into)


# --- bringing ---------------------------------------------------------------------------------------------------------


def test_picture_and_sound_apart_are_two_files_and_no_program_of_yt_dlps_ran(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch, base: str, into: Path
) -> None:
    plant(monkeypatch, offers(picture(base), sound(base), duration=8))
    got = make().fetch(clip(), into)
    assert got.picture.path != got.sound.path
    assert all(section.path.is_file() for section in (got.picture, got.sound))
    assert got.origin == "youtube 0+1 picture whole + sound whole"
    assert got.num_bytes > 0


def test_files_apart_and_in_pieces_become_the_clip_that_one_file_gives(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch, base: str, tmp_path: Path
) -> None:
    made = {}
    for name, formats in (("apart", (picture(base), sound(base))), ("whole", (whole(base),)), ("hls", (hls(base),))):
        plant(monkeypatch, offers(*formats, duration=8))
        (tmp_path / name).mkdir()
        got = make().fetch(clip(), tmp_path / name)
        target = tmp_path / f"{name}.mp4"
        cut = cut_clip(got.picture, target, start_ms=1000, end_ms=5000, options=OPTIONS.cut, sound=got.sound)
        made[name] = (target.read_bytes(), cut.num_frames, cut.num_samples)
    assert made["apart"] == made["whole"] == (made["whole"][0], 100, 192_000)
    assert made["hls"][1:] == (100, 192_000)


def test_a_file_is_not_asked_for_before_youtube_gives_it_out_nor_waited_for_for_ever(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch, base: str, into: Path
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("vegas_data.fetch.youtube.time.sleep", waits.append)
    soon, later = time.time() + 30, time.time() + 9999
    for available_at, low, high in ((None, 0, 0), (1, 0, 0), (soon, 20, 30), (later, 60, 60)):
        plant(monkeypatch, offers(whole(base, available_at=available_at)))
        got = make().fetch(clip(), into)
        got.picture.path.unlink()
        assert low <= waits[-1] <= high


def test_headers_that_yt_dlp_asks_for_are_sent(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch, into: Path, parts: dict[str, bytes]
) -> None:
    agents: list[str | None] = []

    class Listens(Handler):
        def answer(self) -> None:
            agents.append(self.headers.get("User-Agent"))
            self.send_response(200)
            self.send_header("Content-Length", str(len(parts["whole.mp4"])))
            self.end_headers()
            self.wfile.write(parts["whole.mp4"])

    with serving(Listens) as base:
        plant(monkeypatch, offers(whole(base, http_headers={"User-Agent": "a player of 1999"})))
        make().fetch(clip(), into)
    assert set(agents) == {"a player of 1999"}


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_address_that_expired_is_not_a_private_or_removed_video(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch, base: str, into: Path, status: int
) -> None:
    plant(monkeypatch, offers(whole(base, str(status))))
    with pytest.raises(TransferFailed) as caught:
        make().fetch(clip(), into)
    assert "pip install --upgrade yt-dlp" in caught.value.remedy


def test_hls_is_fetched_whole_without_anybodys_ffmpeg(
    make: Callable[..., YouTubeSource],
    base: str,
    into: Path,
    tmp_path: Path,
    started: list[str],
    parts: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("ffmpeg", "ffprobe"):
        (programs / name).write_text(f"#!/bin/sh\necho {name} >> {tmp_path}/ran\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    plant(monkeypatch, offers(hls(base)))
    got = make().fetch(clip(), into)
    assert got.picture == got.sound
    whole_stream = b"".join(parts[name] for name in sorted(parts) if name.endswith(".ts"))
    assert got.picture.path.read_bytes() == whole_stream
    assert got.num_bytes == len(whole_stream)
    assert got.origin == "youtube 0 video whole"
    assert started == []
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("short_by", [1, 20_000])
def test_pieces_that_are_too_large_together_are_not_brought(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch, base: str, into: Path, parts: dict[str, bytes],
    short_by: int,
) -> None:  # fmt: skip
    plant(monkeypatch, offers(hls(base)))
    total = sum(len(body) for name, body in parts.items() if name.endswith(".ts"))
    make(options=FetchOptions(max_source_bytes=4 * total)).fetch(clip(), into)
    for path in into.iterdir():
        path.unlink()
    with pytest.raises(
        LimitExceeded, match=f"{ID}_000001000: the video is larger than {total - short_by} bytes"
    ) as caught:
        make(options=FetchOptions(max_source_bytes=total - short_by)).fetch(clip(), into)
    assert not caught.value.retryable


@pytest.mark.parametrize("missing", ["410", "404", "503"])
def test_a_piece_that_does_not_come_is_a_failed_transfer(
    make: Callable[..., YouTubeSource], base: str, into: Path, parts: dict[str, bytes], monkeypatch: pytest.MonkeyPatch,
    missing: str,
) -> None:  # fmt: skip
    name = sorted(name for name in parts if name.endswith(".ts"))[-1]
    monkeypatch.setitem(parts, "list.m3u8", parts["list.m3u8"].replace(name.encode(), missing.encode()))
    plant(monkeypatch, offers(hls(base)))
    with pytest.raises(TransferFailed, match=f"{ID}_000001000"):
        make().fetch(clip(), into)


def test_a_disk_that_fills_up_while_downloading_is_not_the_hosts_fault(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch, base: str, into: Path
) -> None:
    plant(monkeypatch, offers(hls(base)))
    (into / "video").symlink_to("/dev/full")
    with pytest.raises(WorkspaceError, match="No space left on device"):
        make().fetch(clip(), into)


@pytest.mark.parametrize("name", ["a $HOME b", "${HOME}", "$$HOME", "~", "50% %(title)s", "$%(id)s", "$"])
def test_the_folders_name_is_left_as_it_is(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch, base: str, tmp_path: Path, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    plant(monkeypatch, offers(hls(base)))
    source = make()
    for folder in (tmp_path / "deep" / name, Path(name)):
        folder.mkdir(parents=True)
        got = source.fetch(clip(), folder)
        assert got.picture.path.absolute() == folder.absolute() / "video"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({"deep", name})


# --- what yt-dlp may do -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://vimeo.com/{id}",
        "https://www.youtube.com/playlist?list={id}",
        "https://www.youtube.com/channel/{id}",
        "https://example.org/{id}.mp4",
    ],
)
def test_only_allowed_extractors_answer(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    asked = plant(monkeypatch, offers())
    with pytest.raises(ExtractorBroken, match="No suitable extractor"):
        make(SourceOptions(name="youtube", url=url)).look(clip())
    assert asked == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://127.0.0.1:9/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/x",
        "http://localhost/x",
        "ftp://example.org/x",
        "data:text/plain,x",
    ],
)
@pytest.mark.parametrize("what", ["page", "hls"])
def test_yt_dlp_asks_no_file_and_no_private_host(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch, into: Path, url: str, what: str
) -> None:
    def answer(extractor: Any, video_id: str) -> Any:
        if what == "page":
            return extractor._download_webpage(url, video_id)
        return video(video_id, {"url": url, "protocol": "m3u8_native", "vcodec": "avc1", "acodec": "mp4a"})

    plant(monkeypatch, answer)
    with pytest.raises(FetchError) as caught:
        make(access=Access()).fetch(clip(), into)
    assert caught.value.code in ("unsupported", "transfer_failed"), str(caught.value)
    assert not any(path.stat().st_size for path in into.iterdir())


def test_a_region_is_not_evaded(make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = plant(monkeypatch, _geo)
    source = make()
    with pytest.raises(VideoUnavailable) as caught:
        source.look(clip())
    assert "VPN" not in str(caught.value)
    assert asked == [ID], "yt-dlp would ask again with a made-up address"


def test_plugins_are_not_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "yt_dlp_plugins" / "extractor"
    folder.mkdir(parents=True)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n", encoding="utf-8")
    code = (
        "from vegas_data.fetch.extractor import Log, make_downloader\n"
        "from vegas_data.fetch.options import Access, SourceOptions\n"
        "make_downloader(SourceOptions(), Access(), Log()).close()\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    clean = {name: value for name, value in os.environ.items() if name != "YTDLP_NO_PLUGINS"}
    for script, ran in (("import yt_dlp; yt_dlp.YoutubeDL().close()", True), (code, False)):
        subprocess.run([sys.executable, "-c", script], env={**clean, "PYTHONPATH": path}, check=True, timeout=120)
        assert (tmp_path / "ran").exists() is ran
        (tmp_path / "ran").unlink(missing_ok=True)


def test_cookies_are_sent_and_their_file_is_left_alone(
    make: Callable[..., YouTubeSource], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    got: list[str | None] = []

    class Bakes(Handler):
        def answer(self) -> None:
            got.append(self.headers.get("Cookie"))
            self.send_response(200)
            self.send_header("Set-Cookie", "fresh=1; Max-Age=9999")
            self.send_header("Content-Length", "0")
            self.end_headers()

    jar = tmp_path / "cookies.txt"
    line = "127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tLOGIN\tsecret\n"
    jar.write_text(f"# Netscape HTTP Cookie File\n{line}", encoding="utf-8")
    jar.chmod(0o600)
    before = (jar.read_bytes(), jar.stat().st_mtime_ns, jar.stat().st_ino)
    with serving(Bakes) as base:
        plant(monkeypatch, lambda extractor, video_id: extractor._download_webpage(f"{base}/x", video_id) or None)
        source = make(access=Access(cookies=jar, allow_private=True))
        with pytest.raises(ExtractorBroken) as caught:
            source.look(clip())
        source.close()
    assert got == ["LOGIN=secret"]
    assert (jar.read_bytes(), jar.stat().st_mtime_ns, jar.stat().st_ino) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cookies.txt"]
    assert "secret" not in str(caught.value)


def test_cookies_that_others_may_read_are_not_used(make: Callable[..., YouTubeSource], tmp_path: Path) -> None:
    jar = tmp_path / "cookies.txt"
    jar.write_text("# Netscape HTTP Cookie File\n", encoding="utf-8")
    jar.chmod(0o640)
    with pytest.raises(RecipeError, match=r"cookies\.txt") as caught:
        make(access=Access(cookies=jar))
    assert "chmod 600" in caught.value.remedy


def test_the_proxy_is_passed_on_but_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    access = Access(proxy="http://proxy.example:3128")
    here = SourceOptions(name="loop", url="http://127.0.0.1:8/{id}", extractors=("generic",))
    for source, given, expected in (
        (SourceOptions(), access, {"all": "http://proxy.example:3128"}),
        (here, access, {"all": "__noproxy__"}),
        (here, Access(), {"all": "__noproxy__"}),
    ):
        downloader = make_downloader(source, given, Log())
        assert downloader.proxies == expected
        downloader.close()
    downloader = make_downloader(SourceOptions(), Access(), Log())
    assert "http://127.0.0.1:9" in downloader.proxies.values()
    downloader.close()


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

"""The loopback server: ranges, refusals as planned, nothing but the plan, and an end that comes at once."""

import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from vegas_data.demo import CleanCounts, CorpusOptions, FaultCounts, PlannedClip, plan_corpus
from vegas_data.demo.compose import render_source
from vegas_data.demo.server import MediaServer, parse_range

OPTIONS = CorpusOptions(width=64, height=48, clips=CleanCounts(drum=2, dog=0, water_flowing=0), faults=FaultCounts())
PLAN = plan_corpus(OPTIONS)
BODY = bytes(range(256)) * 4
REFUSALS = {"gone_404": 404, "gone_410": 410, "private": 403, "server_error": 500}


def id_of(fault: str) -> str:
    return next(clip.clip.video_id for clip in PLAN if clip.fault == fault)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MediaServer]:
    for clip in PLAN[1:]:  # the first one is planned but not rendered
        (tmp_path / f"{clip.clip.video_id}.mp4").write_bytes(BODY)
    (tmp_path / "secret.mp4").write_bytes(b"not in the plan")
    with MediaServer(tmp_path, PLAN) as running:
        yield running


def connect(server: MediaServer) -> HTTPConnection:
    host, port = server.base_url.removeprefix("http://").split(":")
    return HTTPConnection(host, int(port), timeout=10)


def ask(
    server: MediaServer, path: str, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[HTTPResponse, bytes]:
    connection = connect(server)
    try:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def path_of(clip: PlannedClip) -> str:
    return f"/{clip.clip.video_id}.mp4"


def test_a_video_is_served_whole(server: MediaServer) -> None:
    response, body = ask(server, path_of(PLAN[1]))
    assert (response.status, body) == (200, BODY)
    assert response.headers["Content-Type"] == "video/mp4"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert server.url_for(PLAN[1].clip.video_id) == server.base_url + path_of(PLAN[1])


def test_head_announces_and_sends_nothing(server: MediaServer) -> None:
    response, body = ask(server, path_of(PLAN[1]), "HEAD")
    assert (response.status, body) == (200, b"")
    assert response.headers["Content-Length"] == str(len(BODY))


@pytest.mark.parametrize(
    ("asked", "first", "end"), [("bytes=0-99", 0, 100), ("bytes=1000-", 1000, 1024), ("bytes=-24", 1000, 1024),
                                ("bytes=5-5", 5, 6), ("bytes=1020-9999", 1020, 1024), ("bytes=-9999", 0, 1024)],
)  # fmt: skip
def test_a_range_is_served(server: MediaServer, asked: str, first: int, end: int) -> None:
    response, body = ask(server, path_of(PLAN[1]), headers={"Range": asked})
    assert (response.status, body) == (206, BODY[first:end])
    assert response.headers["Content-Range"] == f"bytes {first}-{end - 1}/1024"


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused(server: MediaServer, asked: str) -> None:
    response, body = ask(server, path_of(PLAN[1]), headers={"Range": asked})
    assert response.status == 416
    assert response.headers["Content-Range"] == "bytes */1024"
    assert BODY not in body


@pytest.mark.parametrize(
    "asked", ["bytes=9-3", "bytes=-", "bytes=0-1,4-5", "lines=0-1", "bytes=a-b", "bytes=" + "9" * 99]
)
def test_a_range_that_is_none_is_ignored(server: MediaServer, asked: str) -> None:
    response, body = ask(server, path_of(PLAN[1]), headers={"Range": asked})
    assert (response.status, body) == (200, BODY)


def test_no_range_header_is_no_range() -> None:
    assert parse_range(None, 10) is None
    assert parse_range("", 10) is None


@pytest.mark.parametrize(("fault", "status"), REFUSALS.items())
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_refusals_are_for_ever(server: MediaServer, fault: str, status: int, method: str) -> None:
    for _ in range(3):
        response, body = ask(server, f"/{id_of(fault)}.mp4", method)
        assert response.status == status
        assert (body == b"") == (method == "HEAD")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_rate_limit_passes(server: MediaServer, method: str) -> None:
    path = f"/{id_of('rate_limited')}.mp4"
    response, _ = ask(server, path, method)
    assert response.status == 429
    assert response.headers["Retry-After"] == "1"
    assert [ask(server, path)[0].status for _ in range(3)] == [200, 200, 200]


def test_each_server_limits_anew(tmp_path: Path) -> None:
    video_id = id_of("rate_limited")
    (tmp_path / f"{video_id}.mp4").write_bytes(BODY)
    for _ in range(2):
        with MediaServer(tmp_path, PLAN) as server:
            assert [ask(server, f"/{video_id}.mp4")[0].status for _ in range(2)] == [429, 200]


@pytest.mark.parametrize(
    "path",
    ["/", "/secret.mp4", "/demo-drum_999.mp4", "/../secret.mp4", "/%2e%2e/secret.mp4", "//etc/passwd", "/x/secret.mp4",
     "/demo-drum_001.mp4/", "/demo-drum_001.mp4?x=1", "/demo-drum_001", "http://elsewhere/demo-drum_001.mp4"],
)  # fmt: skip
def test_only_the_plan_is_served(server: MediaServer, path: str) -> None:
    response, body = ask(server, path)
    assert response.status == 404
    assert b"not in the plan" not in body


def test_a_planned_video_that_was_not_rendered_is_not_a_removed_one(server: MediaServer) -> None:
    assert ask(server, path_of(PLAN[0]))[0].status == 500


def test_other_methods_are_refused(server: MediaServer) -> None:
    assert ask(server, path_of(PLAN[1]), "POST")[0].status == 501


def test_it_listens_on_loopback_only(server: MediaServer) -> None:
    assert server.base_url.startswith("http://127.0.0.1:")


def test_it_ends_at_once_in_spite_of_idle_connections(tmp_path: Path) -> None:
    (tmp_path / f"{PLAN[1].clip.video_id}.mp4").write_bytes(BODY)
    before = threading.active_count()
    with MediaServer(tmp_path, PLAN) as server:
        connection = connect(server)
        connection.request("GET", path_of(PLAN[1]))
        assert connection.getresponse().read() == BODY  # kept alive by HTTP/1.1
        assert threading.active_count() == before + 2
        started = time.monotonic()
    assert time.monotonic() - started < 2
    assert threading.active_count() == before
    connection.close()


def test_a_client_that_hangs_up_is_no_event(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / f"{PLAN[1].clip.video_id}.mp4").write_bytes(bytes(32 << 20))
    with MediaServer(tmp_path, PLAN) as server:
        connection = connect(server)
        connection.request("GET", path_of(PLAN[1]))
        connection.sock.recv(100)
        connection.close()
        assert ask(server, path_of(PLAN[1]), headers={"Range": "bytes=0-0"})[0].status == 206
    assert capfd.readouterr() == ("", "")


def test_many_clients_at_once(server: MediaServer) -> None:
    found: list[bytes] = []
    clients = [threading.Thread(target=lambda: found.append(ask(server, path_of(PLAN[1]))[1])) for _ in range(12)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert found == [BODY] * 12


def test_outside_its_block_it_has_no_address(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="with block"):
        _ = MediaServer(tmp_path, PLAN).base_url


class Silent:
    def debug(self, message: str) -> None: ...
    def warning(self, message: str) -> None: ...
    def error(self, message: str) -> None: ...


def download(url: str, into: Path) -> Path:
    import yt_dlp

    options: dict[str, Any] = {
        "allowed_extractors": ["^generic$"], "outtmpl": f"{into}/video.%(ext)s", "logger": Silent(), "retries": 0,
        "extractor_retries": 0, "cachedir": False, "noprogress": True, "quiet": True,
    }  # fmt: skip
    with yt_dlp.YoutubeDL(options) as downloader:
        downloader.extract_info(url, download=True)
    return into / "video.mp4"


def status_of(error: BaseException | None) -> int | None:
    while error is not None:
        if (status := getattr(error, "status", None)) is not None:
            error.close()  # type: ignore[attr-defined]
            return int(status)
        info = getattr(error, "exc_info", None)
        error = getattr(error, "cause", None) or (info[1] if info else None) or error.__cause__
    return None


def test_yt_dlp_fetches_and_is_refused_as_planned(tmp_path: Path) -> None:
    import yt_dlp

    media, into = tmp_path / "media", tmp_path / "into"
    media.mkdir()
    into.mkdir()
    clean, limited = PLAN[1], next(clip for clip in PLAN if clip.fault == "rate_limited")
    for clip in (clean, limited):
        render_source(clip, OPTIONS, media / f"{clip.clip.video_id}.mp4")
    with MediaServer(media, PLAN) as server:
        assert (
            download(server.url_for(clean.clip.video_id), into).read_bytes()
            == (media / f"{clean.clip.video_id}.mp4").read_bytes()
        )
        (into / "video.mp4").unlink()
        for fault, status in {**REFUSALS, "rate_limited": 429}.items():
            with pytest.raises(yt_dlp.utils.DownloadError) as caught:
                download(server.url_for(id_of(fault)), into)
            assert status_of(caught.value) == status, fault
        again = download(server.url_for(limited.clip.video_id), into)
        assert again.read_bytes() == (media / f"{limited.clip.video_id}.mp4").read_bytes()

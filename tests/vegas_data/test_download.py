"""One file over https: real requests to a loopback server that behaves badly."""

import hashlib
import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vegas_data.download import download, part_file
from vegas_data.errors import FetchError, LimitExceeded, TransferFailed, VegasError, WorkspaceLocked

BODY = bytes(range(256)) * 9000  # 2.3 MB: more than one chunk
DIGEST = hashlib.sha256(BODY).hexdigest()

REDIRECTS = {"file": "file:///etc/hostname", "loop": "/redirect/loop"}


class Misbehaving(BaseHTTPRequestHandler):
    """The path says how."""

    def do_GET(self) -> None:
        kind, _, argument = self.path.lstrip("/").partition("/")
        if kind == "status":
            self.send_error(int(argument))
        elif kind == "redirect":
            self.send_response(302)
            self.send_header(
                "Location", {"file": "file:///etc/hostname", "loop": "/redirect/loop"}.get(argument, argument)
            )
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.send_response(200)
            if kind in ("ok", "short"):
                self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY[: 1000 if kind == "short" else None])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def test_the_bytes_their_digest_and_progress(server: str) -> None:
    into, seen = io.BytesIO(), []
    digest = download(
        f"{server}/ok", into, max_bytes=len(BODY), progress=lambda *counts: seen.append(counts), allow_loopback=True
    )
    assert digest == DIGEST
    assert into.getvalue() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_length_that_is_not_announced(server: str) -> None:
    seen: list[tuple[int, int]] = []
    digest = download(
        f"{server}/endless", io.BytesIO(), max_bytes=len(BODY), progress=lambda *c: seen.append(c), allow_loopback=True
    )
    assert digest == DIGEST
    assert {total for _, total in seen} == {0}


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("/short", TransferFailed, "ended after 1,000 of 2,304,000 bytes"),
        ("/status/404", FetchError, "answered 404"),
        ("/status/403", FetchError, "answered 403"),
        ("/status/429", TransferFailed, "answered 429"),
        ("/status/503", TransferFailed, "answered 503"),
        ("/redirect/file", FetchError, "file:///etc/hostname"),
        ("/redirect/http://example.invalid/", FetchError, "not https"),
        ("/redirect/data:,x", FetchError, "data:,x"),
        ("/redirect/loop", FetchError, "302"),
    ],
)
def test_what_goes_wrong_has_its_class(server: str, path: str, error: type[VegasError], message: str) -> None:
    into = io.BytesIO()
    with pytest.raises(error, match=message) as caught:
        download(server + path, into, max_bytes=1 << 30, allow_loopback=True)
    assert type(caught.value) is error
    assert "--from FILE" in caught.value.remedy


def test_a_body_over_the_limit_is_cut_off(server: str) -> None:
    into = io.BytesIO()
    with pytest.raises(LimitExceeded, match="longer than 1,500,000 bytes"):
        download(f"{server}/endless", into, max_bytes=1_500_000, allow_loopback=True)
    assert len(into.getvalue()) <= 1_500_000


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(TransferFailed, match="refused"):
        download("http://127.0.0.1:1/x", io.BytesIO(), max_bytes=1, allow_loopback=True)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/x", "file:///etc/hostname", "ftp://example.org/x", "data:,x", "https:///x", "", "https://[::1"],
)
def test_only_https_is_spoken(url: str) -> None:
    with pytest.raises(ValueError, match="not an https address"):
        download(url, io.BytesIO(), max_bytes=1)


def test_loopback_is_this_machine_only() -> None:
    for url in ("http://127.0.0.1.example.org/x", "http://example.org/", "http://127.0.0.1@example.org/"):
        with pytest.raises(ValueError, match="not an https address"):
            download(url, io.BytesIO(), max_bytes=1, allow_loopback=True)


# --- the partial file ---------------------------------------------------------------------------------------


def test_a_partial_file_begins_empty_and_goes_when_it_fails(tmp_path: Path) -> None:
    (tmp_path / "w.pth.part").write_bytes(b"left by a killed process")

    def fail_half_way() -> None:
        with part_file(tmp_path / "w.pth") as (part, file):
            assert part.name == "w.pth.part"
            assert part.stat().st_size == 0
            file.write(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        fail_half_way()
    assert not list(tmp_path.iterdir())


def test_two_processes_cannot_hold_one_partial_file(tmp_path: Path) -> None:
    with part_file(tmp_path / "w.pth") as (part, file):
        file.write(b"ours")
        file.flush()
        with pytest.raises(WorkspaceLocked, match="another process is at it"), part_file(tmp_path / "w.pth"):
            pass
        assert part.read_bytes() == b"ours"


def test_a_file_that_was_finished_meanwhile_is_not_truncated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between our open and our lock the other process renames its finished file into place."""
    part, finished = tmp_path / "w.pth.part", tmp_path / "w.pth"
    part.write_bytes(b"finished")
    monkeypatch.setattr("vegas_data.download.fcntl.flock", lambda *_: part.replace(finished))
    with pytest.raises(WorkspaceLocked, match="just finished"), part_file(finished):
        pass
    assert finished.read_bytes() == b"finished"

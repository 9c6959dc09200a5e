"""A loopback web server that plays the internet: it serves the corpus, and refuses what its plan says it refuses.

Enters: a folder of rendered videos and their plan. Leaves: HTTP/1.1 on 127.0.0.1 with byte ranges (RFC 9110 §14).
The path of a request is only ever compared with names in the plan, never joined to a folder.
"""

import contextlib
import re
import socket
import sys
import threading
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final

from vegas_data.demo.corpus import PlannedClip

HOST: Final = "127.0.0.1"
RETRY_AFTER_S: Final = 1
IDLE_TIMEOUT_S: Final = 30.0
REFUSALS: Final[Mapping[str, HTTPStatus]] = MappingProxyType(
    {
        "gone_404": HTTPStatus.NOT_FOUND,
        "gone_410": HTTPStatus.GONE,
        "private": HTTPStatus.FORBIDDEN,
        "server_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    }
)
_PATH: Final = re.compile(r"/([A-Za-z0-9_-]{1,64})\.mp4", re.ASCII)
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_BLOCK_BYTES: Final = 1 << 18


class MediaServer:
    """Serves a corpus while the ``with`` block runs; each server refuses a ``rate_limited`` video once.

    Args:
        folder: holds ``<video id>.mp4`` for every planned clip that is served.
    """

    def __init__(self, folder: Path, planned: Iterable[PlannedClip]) -> None:
        self._corpus = _Corpus(folder, planned)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "MediaServer":
        assert self._server is None, "a server is entered once at a time"
        self._server = _Server(self._corpus)
        # A short poll: ``shutdown`` waits for the next one.
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="media-server", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()
        self._server = self._thread = None

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:<port>``; the port is the system's choice."""
        if self._server is None:
            raise ValueError("the server runs only inside its with block")
        return f"http://{HOST}:{self._server.server_address[1]}"

    def url_for(self, video_id: str) -> str:
        """Where the video ``video_id`` is, or would be."""
        return f"{self.base_url}/{video_id}.mp4"


class _Corpus:
    """What is known of every id, and which of them have had their one 429."""

    def __init__(self, folder: Path, planned: Iterable[PlannedClip]) -> None:
        self._folder = folder
        self._planned = {clip.clip.video_id: clip for clip in planned}
        self._refused_once: set[str] = set()
        self._lock = threading.Lock()

    def answer(self, path: str) -> tuple[HTTPStatus, Path | None]:
        """Status for a request's path, and the file to send with 200."""
        match = _PATH.fullmatch(path)
        clip = self._planned.get(match[1]) if match else None
        if clip is None:
            return HTTPStatus.NOT_FOUND, None
        if clip.fault in REFUSALS:
            return REFUSALS[clip.fault], None
        if clip.fault == "rate_limited" and self._is_first(clip.clip.video_id):
            return HTTPStatus.TOO_MANY_REQUESTS, None
        return HTTPStatus.OK, self._folder / f"{clip.clip.video_id}.mp4"

    def _is_first(self, video_id: str) -> bool:
        with self._lock:
            is_first = video_id not in self._refused_once
            self._refused_once.add(video_id)
            return is_first


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # joined by server_close
    request_queue_size = 64

    def __init__(self, corpus: _Corpus) -> None:
        self.corpus = corpus
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((HOST, 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End connections that clients keep alive, so that their threads end."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):  # the client was faster
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle of a transfer is no event; anything else is a fault of ours."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "vegas-data-demo"
    sys_version = ""
    timeout = IDLE_TIMEOUT_S
    server: _Server

    def do_GET(self) -> None:
        status, path = self.server.corpus.answer(self.path)
        if path is None:
            self._refuse(status)
            return
        try:
            file = path.open("rb")
        except OSError:  # planned, but not rendered: not to be mistaken for a removed video
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR)
            return
        with file:
            self._send(file, file.seek(0, 2))

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Keep quiet."""

    def _refuse(self, status: HTTPStatus, content_range: str = "") -> None:
        body = f"{status.value} {status.phrase}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            self.send_header("Retry-After", str(RETRY_AFTER_S))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send(self, file: Any, size: int) -> None:
        span = parse_range(self.headers.get("Range"), size)
        if span is not None and span[0] >= span[1]:
            self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"bytes */{size}")
            return
        first, end = span or (0, size)
        self.send_response(HTTPStatus.OK if span is None else HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end - first))
        if span is not None:
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{size}")
        self.end_headers()
        if self.command == "HEAD":
            return
        file.seek(first)
        left = end - first
        while left and (block := file.read(min(left, _BLOCK_BYTES))):
            self.wfile.write(block)
            left -= len(block)


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Bytes [first, end) that a Range header asks for; an empty span is not satisfiable.

    A header that is absent, malformed or asks for several ranges is none: the whole is sent, as RFC 9110 allows.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":  # the last n bytes
        return max(0, size - int(match[2])), size
    first, last = int(match[1]), int(match[2]) if match[2] else size - 1
    if match[2] and last < first:
        return None
    return min(first, size), min(last + 1, size)

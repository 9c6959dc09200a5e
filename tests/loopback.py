"""A web server on this machine that runs while a block does; tests give it a handler that misbehaves."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Handler(http.server.BaseHTTPRequestHandler):
    """``answer`` is asked for HEAD and GET alike; nothing is logged."""

    def answer(self) -> None:
        raise NotImplementedError

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def log_message(self, *_: Any) -> None: ...


class _Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None: ...


@contextmanager
def serving(handler: type[Handler]) -> Iterator[str]:
    """The address of a running server, without a slash at its end."""
    with _Quiet(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()

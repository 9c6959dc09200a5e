"""Web servers on this machine that fail in every way that the table of faults names."""

import contextlib
import datetime
import re
import socket
import socketserver
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.faults.fault_media import FaultMedia
from tests.faults.fault_request import FOREVER_S, Asked
from tests.faults.fault_table import FAULTS

_RANGE: Final = re.compile(rb"\r\nRange: bytes=(\d+)-(\d*)\r\n", re.IGNORECASE)
_PATH: Final = re.compile(rb"GET /([A-Za-z0-9_]+)-(\d+)\.mp4 ")


class FaultServer:
    """All the servers, while the ``with`` block runs.

    ``asked`` counts requests by fault name; ``canary`` counts connections to a place where nothing may come.
    """

    def __init__(self, media: FaultMedia, folder: Path) -> None:
        self.media = media
        self.stopping = threading.Event()
        self.asked: Counter[str] = Counter()
        self.canary = 0
        self.authority = folder / "authority.pem"
        self._paths: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        self._by_name = {fault.name: fault for fault in FAULTS}
        self._stack = contextlib.ExitStack()

    @property
    def urls(self) -> dict[str, str]:
        """Source → its address, with ``{id}``."""
        return {name: f"{base}/{{id}}.mp4" for name, base in self._names.items() if name not in ("other", "plain")}

    def fill(self, location: str) -> str:
        return location.replace("{other}", self._names["other"]).replace("{plain}", self._names["plain"])

    def __enter__(self) -> "FaultServer":
        import trustme

        good, bad = trustme.CA(), trustme.CA()
        good.cert_pem.write_to_path(str(self.authority))
        past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)
        plain = self._names["plain"] = f"http://127.0.0.1:{self._listen()}"
        self._names |= {"net": plain, "limited": f"http://localhost:{self._listen()}"}
        self._names["nottls"] = plain.replace("http:", "https:")
        self._names["other"] = f"http://127.0.0.2:{self._listen('127.0.0.2', canary=True)}"
        self._names["nowhere"] = "http://nowhere.invalid"
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            self._names["closed"] = f"http://127.0.0.1:{closed.getsockname()[1]}"
        self._names["silenttls"] = f"https://localhost:{self._listen(silent=True)}"
        for name, certificate in (
            ("tls", good.issue_cert("localhost")),
            ("selfsigned", bad.issue_cert("localhost")),
            ("expired", good.issue_cert("localhost", not_after=past)),
            ("othername", good.issue_cert("example.org")),
        ):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            self._names[name] = f"https://localhost:{self._listen(context=context)}"
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._stack.close()

    def _listen(
        self,
        host: str = "127.0.0.1",
        *,
        context: ssl.SSLContext | None = None,
        silent: bool = False,
        canary: bool = False,
    ) -> int:
        serve, stopping = self._serve, self.stopping

        class Connection(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                if silent:
                    stopping.wait(FOREVER_S)
                serve(self.request, context, canary)

        server = self._stack.enter_context(_Listener((host, 0), Connection))
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(server.shutdown)
        return int(server.server_address[1])

    def _serve(self, connection: socket.socket, context: ssl.SSLContext | None, canary: bool) -> None:
        if canary:
            self.canary += 1
            return
        connection.settimeout(FOREVER_S)
        with contextlib.suppress(OSError):  # clients hang up, and are meant to
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
            with contextlib.closing(connection):
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            more = connection.recv(1 << 14)
            if not more:
                return
            request += more
            if request[:4] != b"GET "[: len(request)]:
                connection.sendall(b"HTTP/1.1 400 No\r\nConnection: close\r\n\r\n")
                return
        path = _PATH.match(request)
        span = _RANGE.search(request)
        fault = self._by_name.get(path[1].decode()) if path else None
        with self._lock:
            before = self._paths[request.split()[1].decode()]
            self._paths[request.split()[1].decode()] += 1
            self.asked[fault.name if fault else "?"] += 1
        asked = Asked(
            connection=connection,
            server=self,
            span=(int(span[1]), int(span[2]) if span[2] else None) if span else None,
            before=before,
        )
        if fault is None:
            asked.page("404 No")
        else:
            fault.handler(asked)


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, *_: Any) -> None:
        """Nothing: what a client makes of a fault is the client's business."""


@contextlib.contextmanager
def fault_server(folder: Path) -> Iterator[FaultServer]:
    """A running server with media made in ``folder``."""
    with FaultServer(FaultMedia.make(folder), folder) as server:
        yield server

"""A server that says exactly what a test tells it to, byte by byte, and remembers what it was asked."""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from vegas_data.fetch.options import Access, FetchOptions
from vegas_data.fetch.web import Web

Say = Callable[[socket.socket, str], None]
"""Answers one request, whose head is given; raising ``ConnectionError`` closes the connection."""


@dataclass
class Served:
    host: str
    port: int
    scheme: str = "http"
    heads: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    def asked(self, header: str) -> list[str]:
        """The values of a request header, one for each request that had it."""
        return [m[1].strip() for head in self.heads for m in re.finditer(rf"(?im)^{header}:(.*)$", head)]


@contextmanager
def saying(say: Say, *, host: str = "127.0.0.1", name: str = "", tls: ssl.SSLContext | None = None) -> Iterator[Served]:
    """A running server at ``host``, called ``name`` in its address."""
    with socket.create_server((host, 0)) as listener:
        served = Served(name or host, listener.getsockname()[1], "https" if tls else "http")
        threads: list[threading.Thread] = []
        open_now: set[socket.socket] = set()

        def serve(plain: socket.socket) -> None:
            with suppress(OSError), plain, tls.wrap_socket(plain, server_side=True) if tls else plain as conn:
                open_now.add(conn)
                while head := _read_head(conn):
                    served.heads.append(head)
                    say(conn, head)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    conn, _ = listener.accept()
                    served.connections += 1
                    open_now.add(conn)
                    threads.append(threading.Thread(target=serve, args=(conn,), daemon=True))
                    threads[-1].start()

        main = threading.Thread(target=accept, daemon=True)
        main.start()
        try:
            yield served
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for conn in list(open_now):
                with suppress(OSError):
                    conn.shutdown(socket.SHUT_RDWR)
            for thread in [main, *threads]:
                thread.join(10)


def _read_head(conn: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = conn.recv(65_536)
        if not piece:
            return ""
        data += piece
        if data.startswith(b"\x16"):  # TLS, where none was expected
            break
    return data.decode("latin-1")


def reply(status: str, *headers: str, body: bytes | None = b"") -> Say:
    """Always the same answer; a body brings its Content-Length, None says nothing of one."""
    length = () if body is None else (f"Content-Length: {len(body)}",)
    head = "\r\n".join([f"HTTP/1.1 {status}", *headers, *length, "", ""]).encode("latin-1")

    def say(conn: socket.socket, _: str) -> None:
        conn.sendall(head + (body or b""))

    return say


def ranges_of(data: bytes, *headers: str, most: int = 1 << 30) -> Say:
    """A file, with ranges, as a good server has it; at most ``most`` bytes at once."""

    def say(conn: socket.socket, head: str) -> None:
        asked = re.search(r"(?i)range: bytes=(\d+)-(\d*)", head)
        if asked is None:
            reply("200 OK", *headers, body=data)(conn, head)
            return
        start = int(asked[1])
        if start >= len(data):
            reply("416 Range Not Satisfiable", f"Content-Range: bytes */{len(data)}")(conn, head)
            return
        end = min(int(asked[2] or len(data)), len(data) - 1, start + most - 1)
        said = f"Content-Range: bytes {start}-{end}/{len(data)}"
        reply("206 Partial Content", said, *headers, body=data[start : end + 1])(conn, head)

    return say


@contextmanager
def a_web(access: Access | None = None, **options: float) -> Iterator[Web]:
    """A client that may ask this machine and is impatient."""
    impatient: dict[str, float] = {"min_bytes_per_s": 1000, "low_speed_s": 0.3, **options}
    web = Web(FetchOptions(**impatient), access or Access(allow_private=True))  # type: ignore[arg-type]
    try:
        yield web
    finally:
        web.close()

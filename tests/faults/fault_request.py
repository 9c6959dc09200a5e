"""One request at the fault server: the raw connection, and what a handler may do with it, good or bad."""

import socket
import struct
import threading
from dataclasses import dataclass
from typing import Final, Protocol

from tests.faults.fault_media import FaultMedia

FOREVER_S: Final = 60.0  # longer than any deadline under test


class Servers(Protocol):
    """What a handler may know of those who run it."""

    media: FaultMedia
    stopping: threading.Event

    def fill(self, location: str) -> str:
        """A location with the names of servers in it, as a URL."""
        ...


@dataclass(kw_only=True)
class Asked:
    """One request: the open connection, the span of bytes it asks for, and how many came before for the same path."""

    connection: socket.socket
    server: "Servers"
    span: tuple[int, int | None] | None
    before: int

    @property
    def media(self) -> FaultMedia:
        return self.server.media

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def head(self, status: str, *lines: str) -> None:
        self.send("\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *lines, "", ""]).encode())

    def page(self, status: str, *lines: str, body: bytes = b"no\n", kind: str = "text/plain") -> None:
        self.head(status, f"Content-Type: {kind}", f"Content-Length: {len(body)}", *lines)
        self.send(body)

    def whole(self, body: bytes, *lines: str) -> None:
        self.head("200 OK", "Content-Type: video/mp4", f"Content-Length: {len(body)}", *lines)
        self.send(body)

    def file(self, body: bytes, *lines: str, upto: int | None = None) -> None:
        """A file as a good server sends it, with ranges; or only the first ``upto`` bytes of the answer's body."""
        if self.span is None or self.span[0] >= len(body):
            self.head("200 OK", "Content-Type: video/mp4", f"Content-Length: {len(body)}", *lines)
            self.send(body[:upto])
            return
        first, last = self.span[0], min(len(body) - 1, self.span[1] if self.span[1] is not None else len(body))
        length = f"Content-Length: {last - first + 1}"
        self.head(
            "206 Partial", "Content-Type: video/mp4", length, f"Content-Range: {span_of(first, last, body)}", *lines
        )
        self.send(body[first : last + 1][:upto])

    def reset(self) -> None:
        """End the connection with RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def stall(self) -> None:
        """Keep the connection and say nothing."""
        self.server.stopping.wait(FOREVER_S)

    def drip(self, data: bytes) -> None:
        """A byte per second."""
        for i in range(len(data)):
            self.send(data[i : i + 1])
            if self.server.stopping.wait(1.0):
                return


def span_of(first: int, last: int, body: bytes) -> str:
    return f"bytes {first}-{last}/{len(body)}"

"""What a worker and the process of a device say to each other: whole messages, arrays beside them in shared memory.

A message is one packet of a local socket. It comes whole or not at all, so that a process that is killed leaves no
half of one and nobody waits for the rest. Both sides are processes of one user, and the kernel says so.
"""

import os
import pickle
import socket
import struct
from dataclasses import dataclass
from typing import Any, Final

from vegas_data.errors import VegasError
from vegas_data.features.device_process.shared import Place
from vegas_data.features.options import FlowOptions

MAX_MESSAGE_BYTES: Final = 1 << 16
_CREDENTIALS: Final = struct.Struct("3i")  # process, user, group


@dataclass(frozen=True, kw_only=True)
class AskedPart:
    """A ``Part`` of an example; ``rows`` is where its features are wanted."""

    stream: str
    source: int
    index: Place
    flow: FlowOptions | None
    rows: Place


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A worker's example. The file descriptor of the block comes with it."""

    sources: tuple[Place, ...]
    parts: tuple[AskedPart, ...]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """All rows are where they were wanted, or there is an ``error``. ``about``: stream → weights and tools."""

    about: dict[str, tuple[str, dict[str, str]]]
    error: VegasError | None = None


def new_socket() -> socket.socket:
    """A local socket that carries whole messages."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def is_ours(peer: socket.socket) -> bool:
    """Whether the process at the other end is of our own user."""
    found = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(found)[1]) == os.getuid()


def send(peer: socket.socket, message: object, fd: int | None = None) -> None:
    """Send a message, and a file descriptor with it. Raises OSError: nobody is there any more."""
    packet = pickle.dumps(message)
    if len(packet) > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {len(packet)} bytes is too long")
    socket.send_fds(peer, [packet], [] if fd is None else [fd])


def receive(peer: socket.socket) -> tuple[Any, int | None]:
    """The next message, and the file descriptor that came with it, for the caller to close.

    Raises:
        EOFError: nobody is there any more.
    """
    try:
        packet, fds, _, _ = socket.recv_fds(peer, MAX_MESSAGE_BYTES, 1)
    except ConnectionError as error:
        raise EOFError from error
    if not packet:
        raise EOFError
    return pickle.loads(packet), fds[0] if fds else None  # noqa: S301 - from a process of our own user (is_ours)

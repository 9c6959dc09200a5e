"""What runs in the confined process beside a worker: containers are opened here, never in the worker.

The worker starts it once. It imports PyAV before it has seen a stranger's byte, then forks for every file a process
with small limits that may be lost. That one has a socket to ask the worker for bytes, or a handle of the file, and a
handle to write the piece into; what it sends back is a few numbers as JSON, which the worker checks.
"""

import contextlib
import dataclasses
import errno
import io
import json
import os
import resource
import signal
import socket
import struct
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from vegas_data.errors import DecodeFailed, LimitExceeded, MediaError, Unsupported
from vegas_data.media.answers import plain
from vegas_data.media.confine import die_with, forbid_tracing
from vegas_data.media.probe import describe
from vegas_data.media.remux import copy_packets, has_index
from vegas_data.media.sandbox import BUSY_ERRNOS, DISK_ERRNOS, FORMAT_WHITELIST, MAX_PIXELS

if TYPE_CHECKING:
    import av.container

FRAME: Final = struct.Struct("!BQQ")  # kind, offset or 0, number of bytes asked for or that follow
STATUS: Final = struct.Struct("!iQ")  # how the forked process ended, its largest memory in bytes
READ: Final = 1
DONE: Final = 2
FAILED: Final = 3
MAX_READ_BYTES: Final = 1 << 20
MAX_REQUEST_BYTES: Final = 4096
_NO_PROTOCOL: Final = "none"  # the bytes come from us: nothing may be opened by name
_MAX_TRACKS: Final = 64
_BLOCK_BYTES: Final = 64 << 10
_MAX_BLOCK_BYTES: Final = 256 << 10
_BLOCKS_KEPT: Final = 32
_OPEN_FILES: Final = 32
_SHORTEST_WAIT_S: Final = 0.001  # a timeout of 0 would be none
_TOO_MUCH_MEMORY: Final = "opening it takes more memory than a clip may cost"


class Feed:
    """A file whose bytes the worker has: read by blocks, larger ones as long as one follows the other."""

    def __init__(self, asked: socket.socket, size: int) -> None:
        self._asked = asked
        self._size = size
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._next = -1
        self._step = 1

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, length: int) -> bytes:
        number, skipped = divmod(self._at, _BLOCK_BYTES)
        if self._at >= self._size:
            return b""
        if number not in self._blocks:
            self._bring(number)
        self._blocks.move_to_end(number)
        found = self._blocks[number][skipped : skipped + length]
        self._at += len(found)
        return found

    def _bring(self, number: int) -> None:
        self._step = min(2 * self._step, _MAX_BLOCK_BYTES // _BLOCK_BYTES) if number == self._next else 1
        offset = number * _BLOCK_BYTES
        wanted = min(self._step * _BLOCK_BYTES, self._size - offset)
        self._asked.sendall(FRAME.pack(READ, offset, wanted))
        data = receive(self._asked, int.from_bytes(receive(self._asked, 4), "big"))
        for start in range(0, max(len(data), 1), _BLOCK_BYTES):
            self._blocks[number + start // _BLOCK_BYTES] = data[start : start + _BLOCK_BYTES]
        self._next = number + -(-wanted // _BLOCK_BYTES)
        while len(self._blocks) > _BLOCKS_KEPT:
            self._blocks.popitem(last=False)


class _Handle:
    """An open file that PyAV reads or writes; it remembers what went wrong, which PyAV does not always pass on."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self.fault: OSError | None = None
        self.seek = file.seek
        self.tell = file.tell

    def read(self, length: int) -> bytes:
        with self._remembered():
            return self._file.read(length) or b""

    def write(self, data: bytes) -> int:
        left = memoryview(data)
        with self._remembered():
            while left:
                left = left[self._file.write(left) :]
        return len(data)

    @contextlib.contextmanager
    def _remembered(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.fault = error
            raise


def receive(other: socket.socket, length: int, *, due: float | None = None) -> bytes:
    """Exactly ``length`` bytes.

    Args:
        due: on the monotonic clock, when all of them must be here.

    Raises:
        EOFError: the other side is gone. TimeoutError: it is late.
    """
    data = bytearray(length)
    view, have = memoryview(data), 0
    while have < length:
        if due is not None:
            other.settimeout(max(due - time.monotonic(), _SHORTEST_WAIT_S))
        count = other.recv_into(view[have:])
        if count == 0:
            raise EOFError
        have += count
    return bytes(data)


def serve(control: int) -> None:
    """Fork for each request that comes over the socket ``control`` until its other side is closed."""
    import av

    av.logging.set_level(None)
    worker = socket.socket(fileno=control)
    forbid_tracing()
    worker.send(b"ready")
    while True:
        data, handles, _, _ = socket.recv_fds(worker, MAX_REQUEST_BYTES, 3)
        if not data:
            return
        child = os.fork()
        if child == 0:
            worker.close()
            _take_one(json.loads(data), handles)
        for handle in handles:
            os.close(handle)
        _, status, usage = os.wait4(child, 0)
        worker.send(STATUS.pack(status, usage.ru_maxrss << 10))


def _take_one(request: dict[str, Any], handles: list[int]) -> None:
    """Serve one request in a process of its own and end it; whatever goes wrong, the worker sees it end."""
    code = 1
    try:
        die_with(os.getppid())
        _limit(request)
        _answer(request, handles)
        code = 0
    except (EOFError, ConnectionError):  # the worker does not want it any more
        code = 0
    finally:
        os._exit(code)


def _limit(request: dict[str, Any]) -> None:
    for kind, value in (
        (resource.RLIMIT_DATA, request["memory_bytes"]),
        (resource.RLIMIT_FSIZE, request["file_bytes"]),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, request["cpu_s"])


def _answer(request: dict[str, Any], handles: list[int]) -> None:
    asked = socket.socket(fileno=handles[0])
    try:
        kind, said = DONE, _work(request, asked, handles[1:])
    except MediaError as error:
        kind, said = FAILED, {"code": error.code, "message": str(error), "errno": 0}
    except MemoryError:
        kind, said = FAILED, {"code": LimitExceeded.code, "message": _TOO_MUCH_MEMORY, "errno": 0}
    except OSError as error:
        kind, said = FAILED, {"code": "", "message": str(error.strerror), "errno": error.errno or 0}
    text = json.dumps(said).encode("ascii")
    asked.sendall(FRAME.pack(kind, 0, len(text)) + text)


def _work(request: dict[str, Any], asked: socket.socket, handles: list[int]) -> dict[str, Any]:
    modes = "r" * request["is_local"] + "w" * request["is_copy"]
    files = [_Handle(io.FileIO(handle, mode)) for handle, mode in zip(handles, modes, strict=True)]
    source: Any = files[0] if request["is_local"] else Feed(asked, request["size"])
    with _opened(source, files) as container:
        if request["is_copy"] and not (request["is_local"] or has_index(container)):
            return {"probe": None}
        probe = describe(container, picture=request["picture"], sound=request["sound"])
        said: dict[str, Any] = {"probe": plain(probe)}
        if request["is_copy"]:
            span = {"start_us": request["start_us"], "end_us": request["end_us"]}
            said |= dataclasses.asdict(copy_packets(container, files[-1], probe, **span))
    return said


@contextlib.contextmanager
def _opened(source: Any, files: list[_Handle]) -> "Iterator[av.container.InputContainer]":
    import av

    options = {
        "protocol_whitelist": _NO_PROTOCOL,
        "format_whitelist": FORMAT_WHITELIST,
        "max_streams": str(_MAX_TRACKS),
        "max_pixels": str(MAX_PIXELS),
        "threads": "1",
    }
    kind: type[MediaError] = Unsupported
    said = "not a readable mp4, webm, mkv or ts"
    try:
        with av.open(source, options=options, metadata_errors="replace") as container:
            kind, said = DecodeFailed, "its packets cannot be read"
            yield container
    except (av.FFmpegError, OSError) as error:
        cause = next((file.fault for file in files if file.fault), error)
        if cause.errno == errno.ENOMEM:
            raise LimitExceeded(_TOO_MUCH_MEMORY) from None
        if cause.errno == errno.EFBIG:
            raise LimitExceeded("the span is larger than a clip may cost") from None
        if cause.errno in BUSY_ERRNOS | DISK_ERRNOS | {errno.EIO}:
            raise OSError(cause.errno, cause.strerror) from None
        raise kind(f"{said}: {error.strerror}") from None

"""Opens strangers' containers in a confined child process; what leaves is what they announce, and pieces of them.

The child (``demux_child``) has no file and no network: bytes are brought by this side, from wherever they are, when it
asks. It may be taken over by what it reads, so what it says is checked, it is killed when it is late, and a process is
lost with every file that breaks it.
"""

import contextlib
import errno
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, Literal, NoReturn, Self

from vegas_data.errors import (
    DecodeFailed,
    LimitExceeded,
    MediaError,
    NoAudio,
    NoSuchTime,
    NoVideo,
    ResourcesExhausted,
    Unsupported,
    WorkspaceError,
)
from vegas_data.media.answers import MAX_US, TAKEN_OVER, integer, maybe, parsed, probe_of
from vegas_data.media.demux_child import DONE, FAILED, FRAME, MAX_READ_BYTES, READ, receive
from vegas_data.media.demux_process import MAX_FILE_BYTES, DemuxProcess
from vegas_data.media.probe import Probe
from vegas_data.media.sandbox import DISK_ERRNOS, REMEDY_BUSY, REMEDY_DISK, disk_fault
from vegas_data.media.section import LocalBytes, RandomAccess, Section

Tracks = Literal["both", "picture", "sound"]

_WALL_S: Final = 20.0  # of the child's own time: what read_at takes is not counted
_CPU_S: Final = 1.5
_SCANNED_BYTES_PER_S: Final = 30 << 20
_MEMORY_BYTES: Final = 224 << 20
_MAX_ANSWER_BYTES: Final = 64 << 10
_MAX_MESSAGE: Final = 300
_MAX_ERRNO: Final = 4095
_ERRORS: Final[dict[str, type[MediaError]]] = {
    kind.code: kind for kind in (Unsupported, NoVideo, NoAudio, NoSuchTime, DecodeFailed, LimitExceeded)
}


class _Line:
    """The socket to the child; its failures are named apart from those of where the bytes come from."""

    def __init__(self, ours: socket.socket) -> None:
        self._ours = ours

    def receive(self, length: int, due: float) -> bytes:
        with self._named():
            return receive(self._ours, length, due=due)

    def send(self, data: bytes) -> None:
        with self._named():
            self._ours.sendall(data)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise _Late from None
        except (EOFError, ConnectionError):
            raise _Gone from None


class _Late(Exception):
    """The child did not answer in its time."""


class _Gone(Exception):
    """The child ended without an answer."""


class Demuxer:
    """Announcements and pieces of media files that nobody here has looked at yet.

    One belongs to one thread of one process. It starts a process at its first use and another whenever that is lost;
    ``close`` (or leaving its ``with`` block, or the end of this process) ends it.
    """

    def __init__(self) -> None:
        self._process = DemuxProcess()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child process, if there is one."""
        self._process.close()

    @property
    def peak_bytes(self) -> int:
        """The largest memory that one file took."""
        return self._process.peak_bytes

    def probe(self, picture: RandomAccess, sound: RandomAccess | None = None) -> Probe:
        """What ``picture`` announces of its picture and sound track, or ``sound`` of the latter.

        Raises:
            NoVideo, NoAudio: a track is not there. Unsupported: not a file of a kind that we read, or nothing decodes
                it. LimitExceeded: absurd size, rate or length, or more time or memory than any clip may cost.
            DecodeFailed: the file broke the process that opened it. ResourcesExhausted: the machine's fault.
            DependencyMissing: see ``find_wall``. Whatever ``read_at`` raises comes through as it is.
        """
        if sound is None:
            return probe_of(self._ask(picture, tracks="both"), picture=True, sound=True)
        shown = probe_of(self._ask(picture, tracks="picture"), picture=True, sound=False)
        heard = probe_of(self._ask(sound, tracks="sound"), picture=False, sound=True)
        return Probe(picture=shown.picture, sound=heard.sound)

    def copy_span(
        self, source: RandomAccess, target: Path, *, start_ms: int, end_ms: int, tracks: Tracks
    ) -> Section | None:
        """Copy the packets of ``[start_ms, end_ms)`` of ``source`` to ``target``, from the last key frame before it on.

        The piece is mp4 or Matroska, as the source is. Only what is needed of the source is read.

        Returns:
            None where a span cannot be found without reading all that lies before it (a transport stream that is not
            a local file).

        Raises:
            NoSuchTime: the source ends before the span begins. DecodeFailed: it ends before it said it would.
            WorkspaceError: the disk is full. Otherwise as ``probe``.
        """
        if not 0 <= start_ms < end_ms:
            raise ValueError(f"not a span: {start_ms} to {end_ms} ms")
        try:
            said = self._ask(source, tracks=tracks, target=target, span_ms=(start_ms, end_ms))
            if said.get("probe") is None and not isinstance(source, LocalBytes):
                target.unlink()
                return None
            return Section(
                path=target,
                probe=probe_of(said, picture=tracks != "sound", sound=tracks != "picture"),
                shift_s=integer(said.get("shift_s"), 0, MAX_US),
                picture_until_us=maybe(said.get("picture_until_us")),
                sound_until_us=maybe(said.get("sound_until_us")),
            )
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def _ask(
        self, source: RandomAccess, *, tracks: Tracks, target: Path | None = None, span_ms: tuple[int, int] = (0, 0)
    ) -> dict[str, Any]:
        is_local = isinstance(source, LocalBytes)
        request = {
            "is_local": is_local,
            "is_copy": target is not None,
            "picture": tracks != "sound",
            "sound": tracks != "picture",
            "size": source.size,
            "start_us": span_ms[0] * 1000,
            "end_us": span_ms[1] * 1000,
            "cpu_s": _CPU_S + (source.size / _SCANNED_BYTES_PER_S if is_local else 0),
            "memory_bytes": _MEMORY_BYTES,
            "file_bytes": MAX_FILE_BYTES,
        }
        with contextlib.ExitStack() as stack:
            ours, theirs = socket.socketpair()
            stack.enter_context(ours)
            handles = [theirs.fileno()]
            with theirs:
                if isinstance(source, LocalBytes):
                    handles.append(stack.enter_context(source.path.open("rb", buffering=0)).fileno())
                if target is not None:
                    handles.append(stack.enter_context(_created(target)).fileno())
                self._process.send(json.dumps(request).encode("ascii"), handles)
            try:
                kind, said = self._converse(_Line(ours), source)
            except _Late:
                self.close()
                raise ResourcesExhausted(
                    f"{source.name}: opening it took more than {_WALL_S:.0f} s", remedy=REMEDY_BUSY
                ) from None
            except _Gone:
                self._explain(source)
            except BaseException:
                ours.close()
                self._process.status()
                raise
            self._process.status()
        if kind == FAILED:
            raise self._failure(source, target, said)
        return said

    def _converse(self, line: _Line, source: RandomAccess) -> tuple[int, dict[str, Any]]:
        """Answer the child's questions for bytes until it is done."""
        left_s = _WALL_S
        while True:
            asked_at = time.monotonic()
            kind, offset, length = FRAME.unpack(line.receive(FRAME.size, asked_at + left_s))
            if kind in (DONE, FAILED) and length <= _MAX_ANSWER_BYTES:
                said = parsed(line.receive(length, asked_at + left_s))
                if said is not None:
                    return kind, said
            left_s -= time.monotonic() - asked_at
            if kind != READ or not (0 < length <= MAX_READ_BYTES and offset + length <= source.size):
                self.close()
                raise DecodeFailed(f"{source.name}: {TAKEN_OVER}")
            data = source.read_at(offset, length)[:length]
            line.send(len(data).to_bytes(4, "big") + data)

    def _explain(self, source: RandomAccess) -> NoReturn:
        """Raise for a process that ended, or did not, without an answer."""
        code = self._process.status()
        if code is None or -code == signal.SIGKILL:
            raise ResourcesExhausted(f"{source.name}: the process that opened it was killed", remedy=REMEDY_BUSY)
        if -code in (signal.SIGPROF, signal.SIGXCPU):
            raise LimitExceeded(f"{source.name}: opening it takes longer than a clip may cost")
        raise DecodeFailed(f"{source.name}: the process that opened it broke (exit {code})")

    def _failure(self, source: RandomAccess, target: Path | None, said: dict[str, Any]) -> MediaError | WorkspaceError:
        message = "".join(c if c.isprintable() else "?" for c in str(said.get("message")))[:_MAX_MESSAGE]
        kind = _ERRORS.get(str(said.get("code")))
        if kind is not None:
            return kind(f"{source.name}: {message}")
        number = integer(said.get("errno"), 0, _MAX_ERRNO)
        if number == errno.EIO and isinstance(source, LocalBytes):
            source.require_readable()
            return DecodeFailed(f"{source.name}: {message}")
        fault = disk_fault(target.parent) if target is not None and number in DISK_ERRNOS else None
        if fault is not None:
            return WorkspaceError(f"{source.name}: {message}; the disk says: {fault.strerror}", remedy=REMEDY_DISK)
        return ResourcesExhausted(f"{source.name}: {message}", remedy=REMEDY_BUSY)


_HERE: Final = threading.local()


def demuxer_here() -> Demuxer:
    """This thread's own demuxer; it ends with the process."""
    found: Demuxer | None = getattr(_HERE, "demuxer", None)
    if found is None:
        found = _HERE.demuxer = Demuxer()
    return found


def _created(path: Path) -> IO[bytes]:
    try:
        return path.open("wb", buffering=0)
    except OSError as error:
        if error.errno in DISK_ERRNOS:
            raise WorkspaceError(f"{path}: {error.strerror}", remedy=REMEDY_DISK) from None
        raise

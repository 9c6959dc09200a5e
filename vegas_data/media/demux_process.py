"""The process beside a worker that opens media (``demux_child``): started behind the wall, asked, ended.

It is started at the first request and again whenever it is lost. Nothing here is believed but how its forks ended, and
that is said by a process that never reads a stranger's byte itself.
"""

import importlib.util
import os
import socket
import struct
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Final

from vegas_data.errors import DependencyMissing, ResourcesExhausted
from vegas_data.media.confine import Limits, behind_wall, confine, kill_group, plain_environment
from vegas_data.media.demux_child import STATUS
from vegas_data.media.sandbox import REMEDY_BUSY

MAX_FILE_BYTES: Final = 512 << 20
_START_S: Final = 60.0
_END_S: Final = 5.0
_LIMITS: Final = Limits(cpu_s=1 << 20, memory_bytes=2 << 30, file_bytes=MAX_FILE_BYTES, open_files=64)


class DemuxProcess:
    """One such process; it belongs to the process that made it, a fork of that starts its own."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._control: socket.socket | None = None
        self._ending: weakref.finalize[..., DemuxProcess] | None = None
        self._owner = 0

    def close(self) -> None:
        """End it, if there is one, and whatever it forked."""
        if self._ending is not None:
            self._ending()
        self._control = self._ending = None

    def send(self, request: bytes, handles: list[int]) -> None:
        """Hand over a request with open handles; to a new process if the last one has died meanwhile.

        Raises:
            ResourcesExhausted, DependencyMissing: none could be started.
        """
        for attempt in (1, 2):
            control = self._started()
            try:
                socket.send_fds(control, [request], handles)
                return
            except OSError as error:
                self.close()
                if attempt == 2:
                    raise ResourcesExhausted(
                        f"the process that opens media takes no requests: {error.strerror}", remedy=REMEDY_BUSY
                    ) from None

    def status(self) -> int | None:
        """Exit code of the fork that served the last request, minus the signal that ended it; None if all is lost."""
        if self._control is None:
            return None
        self._control.settimeout(_END_S)
        try:
            status, peak_bytes = STATUS.unpack(self._control.recv(STATUS.size))
        except (OSError, struct.error):
            self.close()
            return None
        self.peak_bytes = max(self.peak_bytes, peak_bytes)
        return os.waitstatus_to_exitcode(status)

    def _started(self) -> socket.socket:
        if self._control is not None and self._owner == os.getpid():
            return self._control
        self.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                child = _start(theirs.fileno())
            except BaseException:
                ours.close()
                raise
        self._control, self._owner = ours, os.getpid()
        self._ending = weakref.finalize(self, _end, child, ours, self._owner)
        ours.settimeout(_START_S)
        try:
            greeting = ours.recv(16)
        except (TimeoutError, ConnectionError):
            greeting = b""
        if greeting != b"ready":
            self.close()
            raise DependencyMissing(
                "the process that opens media did not start",
                remedy="`python -c 'import av'` must work; see `vegas-data doctor`",
            )
        return ours


def _start(control: int) -> "subprocess.Popen[bytes]":
    command = child_command(control)
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(control,),
            start_new_session=True,
            env=plain_environment(),
            preexec_fn=confine(_LIMITS),
        )
    except OSError as error:
        raise ResourcesExhausted(
            f"no process for opening media could be started: {error.strerror}", remedy=REMEDY_BUSY
        ) from None


def _end(child: "subprocess.Popen[bytes]", control: socket.socket, owner: int) -> None:
    control.close()
    if owner == os.getpid():
        kill_group(child.pid)
        child.wait()
    else:
        child.returncode = 0  # another process's child: not ours to wait for


def child_command(control: int) -> list[str]:
    """Python with PyAV, this package and nothing else, serving the socket ``control``.

    Raises:
        DependencyMissing: there is no PyAV, or no wall though one is demanded.
    """
    found = importlib.util.find_spec("av")
    if found is None or found.origin is None:
        raise DependencyMissing("PyAV (av) is not installed", remedy="pip install av")
    wheel, package = Path(found.origin).parent, Path(__file__).parents[1]
    python = Path(sys.executable).resolve()
    readable = [Path(sys.base_prefix), python, package, wheel, wheel.with_name("av.libs")]
    script = (
        f"import sys; sys.path[:0] = {[str(package.parent), str(wheel.parent)]!r}\n"
        f"from vegas_data.media.demux_child import serve\nserve({control})"
    )
    return behind_wall([str(python), "-I", "-S", "-c", script], readable=[path for path in readable if path.exists()])

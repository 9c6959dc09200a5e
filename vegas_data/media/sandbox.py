"""Find ffmpeg and run it as a bounded child: CPU, memory, file size, wall clock; it dies with its parent.

The binary is looked for in a setting (``$VEGAS_DATA_FFMPEG``), then in the ``imageio-ffmpeg`` wheel, then
on PATH, so that a clean machine needs no system package.
"""

import ctypes
import functools
import os
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from vegas_data.errors import DecodeFailed, DependencyMissing, LimitExceeded, MediaError

FFMPEG_SETTING: Final = "VEGAS_DATA_FFMPEG"
PROTOCOL_WHITELIST: Final = "file"
FORMAT_WHITELIST: Final = "mov,matroska,webm"
MAX_PIXELS: Final = 33_177_600  # one 8K picture
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one ffmpeg process may use.

    Args:
        wall_s: wall-clock seconds. cpu_s: CPU seconds. memory_bytes: address space. file_bytes: largest file.
    """

    wall_s: float = 120.0
    cpu_s: int = 90
    memory_bytes: int = 4 << 30
    file_bytes: int = 512 << 20


@functools.cache
def find_ffmpeg() -> Path:
    """Path of the ffmpeg binary.

    Raises:
        DependencyMissing: there is none, or the setting names a file that is not there.
    """
    setting = os.environ.get(FFMPEG_SETTING)
    if setting:
        if not Path(setting).is_file():
            raise DependencyMissing(
                f"{FFMPEG_SETTING}={setting}: no such file", remedy=f"correct or unset {FFMPEG_SETTING}"
            )
        return Path(setting)
    try:
        import imageio_ffmpeg

        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):  # the wheel is absent, or has no binary for this platform
        on_path = shutil.which("ffmpeg")
    if on_path is None:
        raise DependencyMissing(
            "ffmpeg was found neither in the imageio-ffmpeg wheel nor on PATH", remedy="pip install imageio-ffmpeg"
        )
    return Path(on_path)


@functools.cache
def ffmpeg_version() -> str:
    """First words of ``ffmpeg -version``, recorded with every clip."""
    out = subprocess.run([find_ffmpeg(), "-version"], capture_output=True, text=True, check=True, timeout=30)
    return out.stdout.split(" Copyright")[0].removeprefix("ffmpeg version ").strip()


def _confine(limits: Limits) -> Callable[[], None]:
    def in_child() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s))
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_bytes, limits.file_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    return in_child


def run_ffmpeg(
    argv: list[str], *, what: str, stdin: Iterable[bytes] | None = None, limits: Limits | None = None
) -> None:
    """Run one ffmpeg command line (without the binary) to its end.

    Args:
        what: names the file in error messages. stdin: chunks for ``pipe:0``.

    Raises:
        LimitExceeded: it ran into a limit. DecodeFailed: it reported an error.
        DependencyMissing: there is no ffmpeg.
    """
    limits = limits or Limits()
    command = [str(find_ffmpeg()), "-y", "-nostdin", "-hide_banner", "-loglevel", "error", *argv]
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            preexec_fn=_confine(limits),
        )
        try:
            if stdin is not None:
                _feed(child, stdin)
            code = child.wait(timeout=limits.wall_s)
        except subprocess.TimeoutExpired:
            raise LimitExceeded(f"{what}: ffmpeg was still running after {limits.wall_s:.0f} s") from None
        finally:
            child.kill()
            child.wait()
            if child.stdin is not None:
                _close(child.stdin)
        log.seek(0)
        if code != 0:
            raise _failure(what, code, log.read().decode("utf-8", "replace"))


def _feed(child: subprocess.Popen[bytes], chunks: Iterable[bytes]) -> None:
    assert child.stdin is not None
    try:
        for chunk in chunks:
            child.stdin.write(chunk)
        child.stdin.close()
    except BrokenPipeError:  # ffmpeg ended early: its exit code and log say why
        return


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:  # what was still buffered for an ffmpeg that is gone
        return


def _failure(what: str, code: int, log: str) -> MediaError:
    lines = [line for line in log.splitlines() if line.strip()]
    reason = "".join(c if c.isprintable() else "?" for c in (lines[-1] if lines else "no message"))[:300]
    if code in (-signal.SIGXCPU, -signal.SIGXFSZ, -signal.SIGKILL) or "File too large" in log:
        return LimitExceeded(f"{what}: ffmpeg ran into a resource limit (exit {code}): {reason}")
    return DecodeFailed(f"{what}: ffmpeg failed (exit {code}): {reason}")

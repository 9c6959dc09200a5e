"""Find ffmpeg and run it as a child that is confined (``confine``), dies with its parent and leaves nothing behind.

The binary is looked for in a setting (``$VEGAS_DATA_FFMPEG``), then in the ``imageio-ffmpeg`` wheel, then
on PATH, so that a clean machine needs no system package.

A failure is blamed on the file only if nothing speaks for the machine: a full disk stops the stage, too little time
or memory is tried again, and only what another machine would refuse as well (damage, too large an output) is final.
"""

import errno
import functools
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Final

from vegas_data.errors import (
    DecodeFailed,
    DependencyMissing,
    LimitExceeded,
    ResourcesExhausted,
    VegasError,
    WorkspaceError,
)
from vegas_data.media.confine import Limits, behind_wall, confine, find_wall, kill_group, plain_environment, signal_of

FFMPEG_SETTING: Final = "VEGAS_DATA_FFMPEG"
PROTOCOL_WHITELIST: Final = "file"
FORMAT_WHITELIST: Final = "mov,matroska,webm,mpegts"
MAX_PIXELS: Final = 4096 * 2304  # beyond 4K one decoder takes a gigabyte for what ends up far smaller
DISK_ERRNOS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})  # EIO is also said of damaged files
BUSY_ERRNOS: Final = frozenset({errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN})
REMEDY_BUSY: Final = "run the same command again, with fewer --workers if the machine is small"
REMEDY_DISK: Final = "make room on the disk (or mend it), then run the same command again"
_DISK_WORDS: Final = tuple(os.strerror(code) for code in sorted(DISK_ERRNOS))
_EIO_WHILE_WRITING: Final = re.compile(rf"(mux|writ|trailer|output).*{os.strerror(errno.EIO)}", re.IGNORECASE)
_MAX_LOG_BYTES: Final = 1 << 20
_TRIAL_BYTES: Final = 1 << 20  # more than ffmpeg holds back when a write fails
_REMEDY_SETTING: Final = f"correct or unset {FFMPEG_SETTING}"


@functools.cache
def find_ffmpeg() -> Path:
    """Path of the ffmpeg binary.

    Raises:
        DependencyMissing: there is none, or the setting names a file that is not there or is no program.
    """
    setting = os.environ.get(FFMPEG_SETTING)
    if setting:
        path = Path(setting).absolute()
        if not path.is_file():
            raise DependencyMissing(f"{FFMPEG_SETTING}={setting}: no such file", remedy=_REMEDY_SETTING)
        if not os.access(path, os.X_OK):
            raise DependencyMissing(f"{FFMPEG_SETTING}={setting}: not a program", remedy=_REMEDY_SETTING)
        return path
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
    """First words of ``ffmpeg -version``, recorded with every clip.

    Raises:
        DependencyMissing: there is no ffmpeg, or what was found is something else.
    """
    program, greeting = find_ffmpeg(), "ffmpeg version "
    remedy = _REMEDY_SETTING if os.environ.get(FFMPEG_SETTING) else "pip install --force-reinstall imageio-ffmpeg"
    try:
        out = subprocess.run(
            [program, "-version"], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DependencyMissing(f"{program}: cannot be run: {error}", remedy=remedy) from None
    text = out.stdout.decode("utf-8", "replace")
    if out.returncode != 0 or not text.startswith(greeting):
        raise DependencyMissing(f"{program}: not ffmpeg (`-version` ended with {out.returncode})", remedy=remedy)
    return text.split(" Copyright")[0].removeprefix(greeting).strip()


def run_ffmpeg(
    argv: list[str],
    *,
    what: str,
    target: Path | None = None,
    foreign: Sequence[Path] = (),
    stdin: Iterable[bytes] | None = None,
    limits: Limits | None = None,
) -> str:
    """Run one ffmpeg command line (without the binary) to its end and return what it complained of.

    Args:
        what: names the file in error messages. target: the file it writes; on failure its disk is put to the test.
        foreign: the strangers' files that it reads. Where bubblewrap works it then sees nothing but these and the
            folder of ``target``.
        stdin: chunks for ``pipe:0``.

    Raises:
        DecodeFailed: it reported an error. LimitExceeded: the output or a picture is too large.
        ResourcesExhausted: it needed more time or memory than there was. WorkspaceError: the disk is full or broken.
        DependencyMissing: there is no ffmpeg.
    """
    limits = limits or Limits()
    program = find_ffmpeg()
    command = [str(program), "-y", "-nostdin", "-hide_banner", "-loglevel", "error", *argv]
    if foreign:
        writable = () if target is None else (target.parent.absolute(),)
        command = behind_wall(command, readable=(program, *(path.absolute() for path in foreign)), writable=writable)
    with tempfile.TemporaryFile() as log:
        child = _start(command, what, piped=stdin is not None, log=log, limits=limits)
        try:
            if stdin is not None:
                _feed(child, stdin)
            code = child.wait(timeout=limits.wall_s)
        except subprocess.TimeoutExpired:
            raise ResourcesExhausted(
                f"{what}: ffmpeg was still running after {limits.wall_s:.0f} s", remedy=REMEDY_BUSY
            ) from None
        finally:
            kill_group(child.pid)
            child.wait()
            if child.stdin is not None:
                _close(child.stdin)
        log.seek(0)
        complaints = log.read(_MAX_LOG_BYTES).decode("utf-8", "replace")
    if code != 0:
        killer = signal_of(code, walled=bool(foreign) and find_wall().program is not None)
        raise _failure(what, -killer if killer else code, complaints, target)
    return complaints


def _start(command: list[str], what: str, *, piped: bool, log: IO[bytes], limits: Limits) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=plain_environment(),
            start_new_session=True,
            preexec_fn=confine(limits),
        )
    except OSError as error:
        if error.errno in BUSY_ERRNOS:
            raise ResourcesExhausted(f"{what}: ffmpeg was not started: {error.strerror}", remedy=REMEDY_BUSY) from None
        raise DependencyMissing(f"{command[0]}: cannot be run: {error.strerror}", remedy=_REMEDY_SETTING) from None


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


def _failure(what: str, code: int, log: str, target: Path | None) -> VegasError:
    lines = [line for line in log.splitlines() if line.strip()]
    of_disk = [line for line in lines if any(w in line for w in _DISK_WORDS) or _EIO_WHILE_WRITING.search(line)]
    reason = "".join(c if c.isprintable() else "?" for c in ([*of_disk[:1], *lines[-1:], "no message"][0]))[:300]
    failed = f"{what}: ffmpeg failed (exit {code}): {reason}"
    if code == -signal.SIGXFSZ or os.strerror(errno.EFBIG) in log or "exceeds specified max pixel count" in log:
        return LimitExceeded(f"{what}: ffmpeg ran into a size limit (exit {code}): {reason}")
    disk = disk_fault(target.parent) if target is not None else None
    if disk is not None:
        return WorkspaceError(f"{failed}; the disk says: {disk.strerror}", remedy=REMEDY_DISK)
    if of_disk:  # the log may quote the file's own text, so it alone stops nothing; or room was made meanwhile
        return ResourcesExhausted(failed, remedy=REMEDY_DISK)
    if code in (-signal.SIGXCPU, -signal.SIGKILL) or any(os.strerror(busy) in log for busy in BUSY_ERRNOS):
        short_of = f"{what}: ffmpeg ran out of time or memory (exit {code}): {reason}"
        return ResourcesExhausted(short_of, remedy=REMEDY_BUSY)
    return DecodeFailed(failed)


def disk_fault(folder: Path) -> OSError | None:
    """Why nothing can be written into ``folder``, found by trying (a quota shows nowhere else)."""
    try:
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(os.urandom(_TRIAL_BYTES))
            trial.flush()
            os.fsync(trial.fileno())
    except OSError as error:
        return error
    return None

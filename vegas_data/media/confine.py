"""How much a child process may do: its share of the machine, and what of it there is for it to see.

Resource limits hold everywhere. Where bubblewrap works, a child that reads a stranger's file also has no network, no
process but its own, and a file system that holds its program, that file and the folder it writes into. Some containers
refuse that, so it is tried once; ``$VEGAS_DATA_SANDBOX`` demands it (``require``) or does without (``off``).
"""

import ctypes
import functools
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vegas_data.errors import DependencyMissing

SANDBOX_SETTING: Final = "VEGAS_DATA_SANDBOX"
REMEDY_BWRAP: Final = "apt install bubblewrap (a container may also have to allow user namespaces)"
_CHOICES: Final = ("require", "auto", "off")
_ALONE: Final = ("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL")
_SYSTEM: Final = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache")  # programs and the libraries they load
_SHELLS_SIGNALS: Final = 128
_TRIAL_S: Final = 10.0
_ENVIRONMENT: Final = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one process may use.

    Args:
        wall_s: wall-clock seconds. cpu_s: CPU seconds. memory_bytes: address space. file_bytes: largest file.
        open_files: file handles.
    """

    wall_s: float = 120.0
    cpu_s: int = 90
    memory_bytes: int = 4 << 30
    file_bytes: int = 512 << 20
    open_files: int = 256


@dataclass(frozen=True, kw_only=True)
class Wall:
    """Whether bubblewrap is used.

    Args:
        program: of bubblewrap, None where it is not. reason: why not.
    """

    program: Path | None
    reason: str = ""


@functools.cache
def find_wall() -> Wall:
    """Look for a bubblewrap that works, unless the setting says not to.

    Raises:
        DependencyMissing: the setting demands one and there is none, or it is none of its three values.
    """
    setting = os.environ.get(SANDBOX_SETTING) or "auto"
    if setting not in _CHOICES:
        raise DependencyMissing(
            f"{SANDBOX_SETTING}={setting}: must be one of {', '.join(_CHOICES)}", remedy=f"unset {SANDBOX_SETTING}"
        )
    if setting == "off":
        return Wall(program=None, reason=f"switched off by {SANDBOX_SETTING}")
    wall = _try_wall()
    if wall.program is None and setting == "require":
        raise DependencyMissing(f"{SANDBOX_SETTING}=require, but {wall.reason}", remedy=REMEDY_BWRAP)
    return wall


def _try_wall() -> Wall:
    program = shutil.which("bwrap")
    if program is None:
        return Wall(program=None, reason="bubblewrap (bwrap) is not on PATH")
    command = [program, *_ALONE, *_system(), "true"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_TRIAL_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Wall(program=None, reason=f"{program} cannot be run: {error}")
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no message"]
        return Wall(program=None, reason=f"{program} is refused here: {said[0][:200]}")
    return Wall(program=Path(program))


def behind_wall(command: Sequence[str], *, readable: Sequence[Path], writable: Sequence[Path] = ()) -> list[str]:
    """``command`` as bubblewrap is to run it, or as it is where there is no bubblewrap.

    Args:
        readable, writable: files and folders beside the system's programs; a readable one may lie in a writable one.

    Raises:
        DependencyMissing: see ``find_wall``.
    """
    wall = find_wall()
    if wall.program is None:
        return list(command)
    seen = [argument for path in writable for argument in ("--bind", str(path), str(path))]
    seen += [argument for path in readable if not _is_system(path) for argument in ("--ro-bind", str(path), str(path))]
    return [str(wall.program), *_ALONE, *_system(), *seen, "--remount-ro", "/", "--chdir", "/", "--", *command]


def _system() -> list[str]:
    arguments: list[str] = []
    for path in _SYSTEM:
        if Path(path).is_symlink():
            arguments += ["--symlink", str(Path(path).readlink()), path]
        elif Path(path).exists():
            arguments += ["--ro-bind", path, path]
    return arguments


def _is_system(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in _SYSTEM)


def signal_of(code: int, *, walled: bool) -> int:
    """The signal that ended a child with this exit code, 0 for none; bubblewrap passes it on as a shell does."""
    if code < 0:
        return -code
    return code - _SHELLS_SIGNALS if walled and 0 < code - _SHELLS_SIGNALS < signal.SIGRTMIN else 0


def confine(limits: Limits) -> Callable[[], None]:
    """What a new process does before it becomes another program: take its limits, and die when its parent does."""
    wanted = [
        (kind, _within_hard_limit(kind, value))
        for kind, value in (
            (resource.RLIMIT_CPU, limits.cpu_s),
            (resource.RLIMIT_AS, limits.memory_bytes),
            (resource.RLIMIT_FSIZE, limits.file_bytes),
            (resource.RLIMIT_NOFILE, limits.open_files),
            (resource.RLIMIT_CORE, 0),
        )
    ]
    parent = os.getpid()

    def in_child() -> None:
        die_with(parent)
        for kind, value in wanted:
            resource.setrlimit(kind, (value, value))

    return in_child


def plain_environment() -> dict[str, str]:
    """What a program needs of our environment to start; the rest may hold secrets."""
    return {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}


def forbid_tracing() -> None:
    """Let no process of the same user look into this one; those it forks inherit that."""
    _LIBC.prctl(_PR_SET_DUMPABLE, 0)


def die_with(parent: int) -> None:
    """End this process when the one that started it ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        os.kill(os.getpid(), signal.SIGKILL)


def kill_group(leader: int) -> None:
    """Kill a child that leads a process group, and all that it started."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:  # it is gone already
        return


def _within_hard_limit(kind: int, wanted: int) -> int:
    """A cluster's own hard limits may be lower than ours, and nobody may raise those."""
    hard = resource.getrlimit(kind)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)

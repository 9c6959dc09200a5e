"""``compiled``: how the functions of this package are compiled, and where the result is kept between processes.

numba keeps compiled code beside the source, which may be read-only; it takes a function for unchanged when its own file
is, though what it calls lies in others; and it believes what it reads. Here code lies in the user's cache folder, under
a digest of all sources of this package, versions, settings and the kind of CPU; where that folder cannot be written, in
a private folder for temporary files; else nowhere, and each process compiles for itself. ``NUMBA_CACHE_DIR`` names
another place. A file is written aside, renamed, and read only if its checksum is right: a process killed half-way, a
full disk or a damaged file costs a compilation, not the run.
"""

import contextlib
import fcntl
import hashlib
import os
import pickle
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import llvmlite
import numba
from numba.core import config
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.registry import cpu_target
from numba.core.serialize import dumps
from platformdirs import user_cache_path

from vegas_data.errors import DependencyMissing

_Function = TypeVar("_Function", bound=Callable[..., Any])
_SOURCES: Final = Path(__file__).parent
_SHA256_BYTES: Final = hashlib.sha256().digest_size
_COMPLETE: Final = "complete"  # a file that says that everything was compiled
_PATIENCE_S: Final = 120.0  # compiling takes seconds; who holds a turn longer has been stopped
_LOOK_EVERY_S: Final = 0.05


def code_digest() -> str:
    """Digest of all that compiled code depends on."""
    hashed = hashlib.sha256()
    for path in (*sorted(_SOURCES.glob("*.py")), _SOURCES.parent / "sorting.py"):
        hashed.update(hashlib.sha256(path.read_bytes()).digest())
    settings = sorted(
        (key, value) for key, value in os.environ.items() if key.startswith("NUMBA_") and key != "NUMBA_CACHE_DIR"
    )
    cpu = cpu_target.target_context.codegen().magic_tuple()
    hashed.update(repr((sys.version, numba.__version__, llvmlite.__version__, cpu, settings)).encode())
    return hashed.hexdigest()[:16]


def cache_folder() -> Path | None:
    """The first folder in which compiled code can be kept and that nobody else can write to."""
    own = os.environ.get("NUMBA_CACHE_DIR")
    roots = [Path(own)] if own else [user_cache_path("vegas-data") / "numba", _temporary()]
    for root in roots:
        folder = root / code_digest()
        try:
            if not root.is_absolute() and not own:  # a user without a home
                continue
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.mkdir(exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=folder):
                about = [path.stat() for path in ((folder,) if own else (root, folder))]
        except OSError:
            continue
        # code is loaded from here: it must be ours
        if all(one.st_uid == os.getuid() and not one.st_mode & (stat.S_IWGRP | stat.S_IWOTH) for one in about):
            return folder
    return None


def _temporary() -> Path:
    return Path(tempfile.gettempdir()) / f"vegas-data-numba-{os.getuid()}"


class _Cache(NullCache):  # type: ignore[misc]
    """The compiled code of one function in ``folder``, a file for each signature: checksum, then numba's own form."""

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        self._folder = folder

    @property
    def cache_path(self) -> str:
        return str(self._folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        target_context.refresh()
        try:
            content = self._path(sig).read_bytes()
        except OSError:
            return None
        checksum, code = content[:_SHA256_BYTES], content[_SHA256_BYTES:]
        if hashlib.sha256(code).digest() != checksum:
            return None
        return CompileResult._rebuild(target_context, *pickle.loads(code))  # noqa: S301 - the folder is ours

    def save_overload(self, sig: Any, data: Any) -> None:
        code = dumps(data._reduce())
        with contextlib.suppress(OSError):
            write_aside(self._path(sig), hashlib.sha256(code).digest() + code)

    def _path(self, sig: Any) -> Path:
        return self._folder / f"{self._name}-{hashlib.sha256(str(sig).encode()).hexdigest()[:16]}.nbc"


def write_aside(path: Path, content: bytes) -> None:
    """Write a file that is whole from the moment it can be seen."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


FOLDER: Final = cache_folder()


@contextlib.contextmanager
def first_in_turn() -> Iterator[None]:
    """Of processes that need the code before it is there, one passes, and the others when it has done.

    Nobody waits for longer than two minutes. Where code cannot be kept, all pass at once.
    """
    with contextlib.ExitStack() as stack:
        if FOLDER is not None:
            with contextlib.suppress(OSError):
                _take_turn(stack.enter_context((FOLDER / "turn").open("wb")).fileno(), FOLDER / _COMPLETE)
        yield
        if FOLDER is not None:
            with contextlib.suppress(OSError):
                (FOLDER / _COMPLETE).touch()


def _take_turn(descriptor: int, complete: Path) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not complete.exists() and time.monotonic() < until:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOOK_EVERY_S)
        else:
            return


def compiled(*, inline: bool = False) -> Callable[[_Function], _Function]:
    """Compile for this CPU, without Python's lock; ``inline``: into each caller.

    Raises:
        DependencyMissing: numba was told not to compile.
    """
    if config.DISABLE_JIT:
        raise DependencyMissing(
            "optical flow by the engine numba needs numba to compile, and NUMBA_DISABLE_JIT forbids it",
            remedy="unset NUMBA_DISABLE_JIT, or ask for the engine opencv",
        )

    def decorate(function: _Function) -> _Function:
        if inline:
            return numba.njit(error_model="numpy", forceinline=True)(function)  # type: ignore[no-any-return]
        dispatcher = numba.njit(error_model="numpy", nogil=True)(function)
        if FOLDER is not None:
            dispatcher._cache = _Cache(function, FOLDER)
        return dispatcher  # type: ignore[no-any-return]

    return decorate

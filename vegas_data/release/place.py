"""A folder that appears whole or not at all: filled under another name beside its place, then renamed.

While it is being filled it is ``.{name}.partial``, locked by the kernel for as long as its builder lives. What a killed
builder left there is swept by the next. A folder that stands at the place already is never touched.
"""

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from vegas_data.errors import ReleaseError, WorkspaceLocked
from vegas_data.store import fsync

RELEASES = "releases"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_ELSEWHERE = "give another --version or --output, or move the folder away yourself"


@contextlib.contextmanager
def filling(target: Path) -> Iterator[Path]:
    """An empty folder beside ``target``, removed at the end unless ``put_in_place`` renamed it.

    Raises:
        ReleaseError: the folder above cannot be written, or the disk is full.
        WorkspaceLocked: another build of this release is at work.
    """
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        handle = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise ReleaseError(f"{partial}: {error.strerror}", remedy="give --output a writable place") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WorkspaceLocked(f"{target}: another build is at work on it", remedy="wait for it to end") from None
        for left in partial.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()
        try:
            yield partial
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise ReleaseError(f"{target}: {error.strerror}", remedy="make room, and run it again") from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    finally:
        os.close(handle)


def refuse_inside(target: Path, workspace: Path) -> None:
    """Raise ReleaseError if ``target`` has no name, or is the workspace's own folder or in one, but for *releases*."""
    if target.name in ("", ".."):
        raise ReleaseError(f"{target}: no name of a folder", remedy="give --output the folder by its name")
    place, root = target.parent.resolve() / target.name, workspace.resolve()
    if place == root or (place.is_relative_to(root) and place.relative_to(root).parts[:-1][:1] != (RELEASES,)):
        raise ReleaseError(
            f"{target}: within the workspace, whose folders hold its own files only",
            remedy=f"give --output a folder in {workspace / RELEASES}, or outside of the workspace",
        )


def refuse_occupied(target: Path, marker: str) -> None:
    """Raise ReleaseError if what stands at ``target`` is neither an empty folder nor one that holds ``marker``."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ReleaseError(f"{target}: exists and is no folder", remedy=_ELSEWHERE)
    if target.is_dir() and any(target.iterdir()) and not (target / marker).is_file():
        raise ReleaseError(f"{target}: holds other files and is no release", remedy=_ELSEWHERE)


def refuse_other(target: Path) -> None:
    """Raise ReleaseError: what stands at ``target`` is not what was built."""
    raise ReleaseError(
        f"{target}: holds another release, or this one damaged (`vegas-data release check` tells)", remedy=_ELSEWHERE
    )


def put_in_place(partial: Path, target: Path) -> None:
    """Make everything below ``partial`` durable, then rename it to ``target`` (absent, or an empty folder)."""
    for folder, _, files in os.walk(partial):
        for file in files:
            (Path(folder) / file).chmod(0o644)
            fsync(Path(folder) / file)
        Path(folder).chmod(0o755)
        fsync(Path(folder))
    partial.rename(target)
    fsync(target.parent)

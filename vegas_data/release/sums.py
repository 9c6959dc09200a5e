"""``SHA256SUMS``: what every file of a release must be, in the form that ``sha256sum -c`` reads.

Reading trusts nothing: a line is 64 hex digits, two blanks and a plain relative path; paths are sorted and unique. The
folder is walked without following a link, and what is no regular file is never opened.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from vegas_data.errors import ReleaseError
from vegas_data.release.layout import SUMS, max_bytes
from vegas_data.store import sha256_of

_PART: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_LINE: Final = re.compile(rf"([0-9a-f]{{64}})  ({_PART}(?:/{_PART}){{0,3}})", re.ASCII)
_MAX_ENTRIES: Final = 1_000_000
_AGAIN: Final = "get the release again from where it came from"


def sums_bytes(folder: Path, files: Iterable[str]) -> bytes:
    """The content of ``SHA256SUMS`` for these files of ``folder``."""
    return "".join(f"{sha256_of(folder / file)}  {file}\n" for file in sorted(files)).encode()


def read_sums(folder: Path) -> dict[str, str]:
    """Path → sha256, as the release's own ``SHA256SUMS`` has it.

    Raises:
        ReleaseError: missing, over-long, a line of another form, a path that could leave the folder, or out of order.
    """
    path = folder / SUMS
    lines = read_small(path).decode("utf-8", "replace").split("\n")
    if lines.pop() != "":
        raise ReleaseError(f"{path}: does not end with a newline", remedy=_AGAIN)
    sums: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        found = _LINE.fullmatch(line)
        if found is None or found[2] == SUMS:
            reason = f"line {number} is no sha256 and plain relative path: {line[:80]!r}"
            raise ReleaseError(f"{path}: {reason}", remedy=_AGAIN)
        sums[found[2]] = found[1]
    if list(sums) != sorted(sums) or len(sums) != len(lines):
        raise ReleaseError(f"{path}: a path stands twice, or out of order", remedy=_AGAIN)
    return sums


def read_small(path: Path) -> bytes:
    """The content of a small file of a release.

    Raises:
        ReleaseError: missing, a link or no regular file, or larger than such a file can be.
    """
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes(path.name):
            raise ReleaseError(f"{path}: no regular file, or more than {max_bytes(path.name)} bytes", remedy=_AGAIN)
        return path.read_bytes()
    except OSError as error:
        raise ReleaseError(f"{path}: cannot be read: {error.strerror}", remedy=_AGAIN) from None


def walk(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Relative path and ``lstat`` of everything below ``folder`` but folders, sorted; links are not followed.

    Raises:
        ReleaseError: more entries than a release can have.
    """
    found: list[tuple[str, os.stat_result]] = []
    pending = [folder]
    while pending:
        here = pending.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(Path(entry.path))
                else:
                    name = Path(entry.path).relative_to(folder).as_posix()
                    found.append((name, entry.stat(follow_symlinks=False)))
                if len(found) + len(pending) > _MAX_ENTRIES:
                    raise ReleaseError(f"{folder}: more than {_MAX_ENTRIES} files", remedy="this is no release")
    yield from sorted(found)


def same_files(folder: Path, other: Path) -> bool:
    """Whether ``folder`` holds exactly the release ``other``, byte for byte."""
    try:
        sums = read_sums(other)
        theirs = {name: status for name, status in walk(folder) if stat.S_ISREG(status.st_mode)}
        if theirs.keys() != {SUMS, *sums} or len(list(walk(folder))) != len(theirs):
            return False
        if read_small(folder / SUMS) != read_small(other / SUMS):
            return False
    except ReleaseError:
        return False
    return all(
        theirs[name].st_size == (other / name).stat().st_size and sha256_of(folder / name) == sha256
        for name, sha256 in sums.items()
    )


def sha256_of_bytes(data: bytes) -> str:
    """Hex sha256."""
    return hashlib.sha256(data).hexdigest()

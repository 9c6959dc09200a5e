"""A folder of artefacts, and the one way they get there: the commit protocol.

An artefact is addressed by a *key*: a relative POSIX path such as ``clips/3f2a…/demo-drum_000_000000400.mp4``.
It may have a side-car, ``<key>.json``. For a local folder:

    write a temporary file → fsync → rename to its key → fsync the folder → the same for the side-car, last

so an artefact with a side-car *exists if and only if its side-car does*, and a process killed at any moment
leaves either nothing or the whole. A side-car holds a *seal*, the sha256 of all else that it says, so that no byte
of it can change unseen either. Whatever holds keys and renames atomically (an object store: upload, then
put the side-car) can stand behind ``Store``; nothing else in the project writes what others read.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from vegas_data.config import canonical, to_json
from vegas_data.errors import ChecksumMismatch, WorkspaceError, WorkspaceLocked

SIDE_CAR: Final = ".json"
SEAL: Final = "seal"
LOCK: Final = "lock"
_KEY: Final = re.compile(r"[A-Za-z0-9_@-][A-Za-z0-9_.@-]*(/[A-Za-z0-9_@-][A-Za-z0-9_.@-]*)*", re.ASCII)


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync(path: Path) -> None:
    """Make a file, or the names in a folder, durable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        with naming(path):
            os.fsync(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """An error of the system that does not say of which file it is, as a write to a full disk, is one of ``path``."""
    try:
        yield
    except OSError as error:
        if not error.filename:
            error.filename = str(path)
        raise


def side_car_bytes(value: Any) -> bytes:
    """The bytes of a side-car that says ``value``: canonical, indented, with its seal."""
    said = canonical(value)
    return to_json({**said, SEAL: _seal(said)}, indent=2).encode()


def _seal(said: dict[str, Any]) -> str:
    return hashlib.sha256(to_json(said).encode()).hexdigest()


def parse_side_car(data: bytes) -> dict[str, Any]:
    """What a side-car says, without its seal; raises ValueError if it is not a JSON object."""
    said = json.loads(data)
    if not isinstance(said, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - of the file, not of an argument
    said.pop(SEAL, None)
    return said


def is_as_written(data: bytes) -> bool:
    """Whether a side-car has the very bytes that were written; raises as ``parse_side_car``.

    One without a seal (of a release, whose SHA256SUMS covers it, or of an older version) is proven in its form only.
    """
    said = parse_side_car(data)
    if data == side_car_bytes(said):
        return True
    lost_seal = any(value == _seal({k: v for k, v in said.items() if k != key}) for key, value in said.items())
    return not lost_seal and data == to_json(said, indent=2).encode()


def has_seal(data: bytes) -> bool:
    """Whether a side-car holds its seal: without one a changed value that is still in form stays unseen."""
    return f'\n  "{SEAL}": "'.encode() in data


class Store:
    """A folder of artefacts. Cheap to make and to pickle: worker processes get a copy."""

    def __init__(self, root: Path) -> None:
        self.root = root

    # --- keys -------------------------------------------------------------------------------------------

    def path(self, key: str) -> Path:
        """Local path of ``key``, for readers. Raises ValueError for a key that could leave the workspace."""
        if not _KEY.fullmatch(key) or ".." in key:
            raise ValueError(f"not a workspace key: {key!r}")
        return self.root / key

    def exists(self, key: str) -> bool:
        return self.path(key).is_file()

    def has_artefact(self, key: str) -> bool:
        """Whether ``key`` was committed with its side-car."""
        return self.path(key + SIDE_CAR).is_file() and self.path(key).is_file()

    def artefacts(self, folder: str) -> frozenset[str]:
        """Names right in ``folder`` that were committed with their side-cars: one listing instead of a look at each."""
        try:
            names = {entry.name for entry in os.scandir(self.path(folder))}
        except FileNotFoundError:
            return frozenset()
        return frozenset(name for name in names if name + SIDE_CAR in names)

    def keys(self, folder: str, suffix: str = "") -> Iterator[str]:
        """Keys under ``folder`` that end in ``suffix``, sorted; files that could not be ours are passed over."""
        yield from (name for name in self._names(folder) if _KEY.fullmatch(name) and name.endswith(suffix))

    def strangers(self, folder: str) -> Iterator[Path]:
        """Files under ``folder`` whose names cannot be keys, sorted."""
        yield from (self.root / name for name in self._names(folder) if not _KEY.fullmatch(name))

    def _names(self, folder: str) -> list[str]:
        return sorted(p.relative_to(self.root).as_posix() for p in self.path(folder).rglob("*") if p.is_file())

    def read_json(self, key: str) -> Any:
        """Parse the JSON at ``key``.

        Raises:
            WorkspaceError: missing or damaged.
        """
        try:
            return json.loads(self.path(key).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise WorkspaceError(
                f"{self.path(key)}: unreadable: {error}", remedy="delete the file; the next run makes it anew"
            ) from None

    def side_car(self, key: str) -> dict[str, Any]:
        """What the side-car of an artefact says, without its seal."""
        data = self.read_json(key + SIDE_CAR)
        if not isinstance(data, dict):
            raise WorkspaceError(
                f"{self.path(key + SIDE_CAR)}: not a JSON object", remedy="delete the file; the next run makes it anew"
            )
        data.pop(SEAL, None)
        return data

    # --- commits ----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A private temporary folder on the workspace's own file system, removed at the end."""
        tmp = self.root / "tmp"
        tmp.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=tmp))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def commit_bytes(self, key: str, data: bytes) -> None:
        """Put ``data`` at ``key`` atomically and durably."""
        place_bytes(self.path(key), data, tmp=self.root / "tmp")

    def commit_json(self, key: str, value: Any) -> None:
        """Put ``value`` at ``key`` as canonical, indented JSON."""
        self.commit_bytes(key, to_json(value, indent=2).encode())

    def commit_file(self, key: str, file: Path) -> None:
        """Move ``file`` (made in ``scratch``) to ``key`` atomically and durably."""
        place_file(file, self.path(key))

    def commit_artefact(self, key: str, content: Path | bytes, side_car: Mapping[str, Any]) -> None:
        """Put content at ``key`` and then its side-car: from that moment on the artefact exists."""
        if self.exists(key + SIDE_CAR):  # replacing: never a side-car beside foreign bytes
            self.path(key + SIDE_CAR).unlink()
            fsync(self.path(key).parent)
        if isinstance(content, bytes):
            self.commit_bytes(key, content)
        else:
            self.commit_file(key, content)
        self.commit_bytes(key + SIDE_CAR, side_car_bytes(side_car))

    def remove_artefact(self, key: str) -> None:
        """Remove an artefact, its side-car first, and its folder if nothing else is in it."""
        self.path(key + SIDE_CAR).unlink(missing_ok=True)
        self.path(key).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something is in it
            self.path(key).parent.rmdir()

    def verify_checksum(self, key: str, expected: str) -> None:
        """Compare the bytes at ``key`` with a recorded sha256.

        Raises:
            ChecksumMismatch: they differ.
        """
        actual = sha256_of(self.path(key))
        if actual != expected:
            raise ChecksumMismatch(
                f"{self.path(key)}: sha256 is {actual[:12]}…, recorded was {expected[:12]}…",
                remedy="delete the file and its side-car; the next run makes it anew",
            )

    # --- the lock ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder alone, for a command that writes.

        The kernel frees the lock when the process ends, however it ends. Alone, we sweep what killed processes left
        in ``tmp/``.

        Raises:
            WorkspaceLocked: another command holds it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with self.flock(LOCK, fcntl.LOCK_EX):
            shutil.rmtree(self.root / "tmp", ignore_errors=True)
            try:
                yield
            finally:
                shutil.rmtree(self.root / "tmp", ignore_errors=True)

    @contextlib.contextmanager
    def flock(self, name: str, mode: int) -> Iterator[None]:
        """Hold the lock file ``name`` in a mode of ``fcntl``; raises WorkspaceLocked."""
        path = self.root / name
        with path.open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, mode | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                said = file.read(20).strip()
                holder = f"process {said}" if said.isdigit() and Path(f"/proc/{said}").exists() else "another process"
                raise WorkspaceLocked(
                    f"{self.root}: in use by {holder}", remedy="wait for it to end, or use another --workspace"
                ) from None
            if mode == fcntl.LOCK_EX:
                with naming(path):
                    file.truncate(0)
                    os.write(file.fileno(), f"{os.getpid()}\n".encode())
            yield


def place_bytes(path: Path, data: bytes, *, tmp: Path) -> None:
    """Write ``data`` to ``path`` through a temporary file in ``tmp`` (same file system), durably."""
    tmp.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=tmp)
    try:
        with naming(path):
            with os.fdopen(fd, "wb") as file:
                file.write(data)
            place_file(Path(name), path)
    finally:
        Path(name).unlink(missing_ok=True)


def place_file(file: Path, path: Path) -> None:
    """Move a finished file to ``path`` (same file system) durably: fsync, rename, fsync of the folder."""
    file.chmod(0o644)
    fsync(file)
    _make_folder(path.parent)
    file.replace(path)
    fsync(path.parent)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, each durable in the one that holds it."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        fsync(folder.parent)

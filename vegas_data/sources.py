"""The table of outside lists (``manifests/sources.toml``) and the files it names: found, fetched, and proved.

Enters: an entry, and perhaps a folder in which somebody keeps the files. Leaves: a path whose sha256 is known. A file
comes over https into the cache folder, whole or not at all; one that nobody here could pin is recorded at its first
download (sha256, size and day stand in its side-car), and another file is refused from then on.
"""

import datetime
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from vegas_data.config import by_name, load_table, read_toml, shipped, to_json
from vegas_data.download import Progress, download, part_file
from vegas_data.errors import ChecksumMismatch, ManifestError
from vegas_data.models import FIRST_FETCH
from vegas_data.store import SIDE_CAR, place_bytes, place_file, sha256_of

CACHE_VARIABLE: Final = "VEGAS_DATA_TABLES"
MAX_BYTES: Final = 1 << 30
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

Kind = Literal["segments", "classes", "ontology", "strong", "quality"]


@dataclass(frozen=True, kw_only=True)
class SourceEntry:
    """One row of ``manifests/sources.toml``.

    Args:
        kind: what is in it. origin: what stands in the manifest's column of that name; segments only.
        sha256: 64 hex digits, or ``recorded at first fetch``.
        num_bytes: size, 0 where not known. date: when these bytes were the official ones, empty where not known.
    """

    name: str
    title: str
    kind: Kind
    url: str
    file: str
    licence: str
    sha256: str
    origin: str = ""
    num_bytes: int = 0
    date: str = ""

    def __post_init__(self) -> None:
        if self.sha256 != FIRST_FETCH and not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"sha256 is neither 64 hex digits nor {FIRST_FETCH!r}")
        if not self.url.startswith("https://"):
            raise ValueError(f"url {self.url!r} is not https")
        if not _FILE_NAME.fullmatch(self.file):
            raise ValueError(f"file {self.file!r} is not a plain file name")
        if self.date and not _DAY.fullmatch(self.date):
            raise ValueError(f"date {self.date!r} is not YYYY-MM-DD")
        if bool(self.origin) != (self.kind == "segments"):
            raise ValueError("segments have an origin, other tables have none")


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A table that is here, and what is known of its bytes."""

    entry: SourceEntry
    path: Path
    sha256: str
    num_bytes: int


@dataclass(frozen=True, kw_only=True)
class _Table:
    source: tuple[SourceEntry, ...]
    schema: int = 1


def load_sources(path: Path | None = None) -> dict[str, SourceEntry]:
    """Read the shipped table, or the one at ``path``, by name, in the table's order.

    Raises:
        RecipeError: malformed, or a name stands in it twice.
    """
    path = path or shipped("manifests/sources.toml")
    table = load_table(_Table, read_toml(path), where=path.name)
    return by_name(table.source, path)


def cache_folder() -> Path:
    """Where downloaded tables are kept: ``$VEGAS_DATA_TABLES``, else the user's cache folder."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("vegas-data")) / "tables"


def find_in(entry: SourceEntry, folder: Path) -> SourceFile | None:
    """The file of an entry in somebody's own folder, whatever its form; None if it is not there.

    Raises:
        ManifestError: it cannot be read.
    """
    path = folder / entry.file
    if not path.is_file():
        return None
    try:
        num_bytes = path.stat().st_size
        if num_bytes > MAX_BYTES:
            raise ManifestError(f"{path}: longer than {MAX_BYTES:,} bytes", remedy="this is not the table we know")
        return SourceFile(entry=entry, path=path, sha256=sha256_of(path), num_bytes=num_bytes)
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read: {error.strerror}", remedy="check its permissions") from None


def find_cached(entry: SourceEntry) -> SourceFile | None:
    """The downloaded file of an entry, proved against its record; None if it was not downloaded yet.

    Raises:
        ChecksumMismatch: other bytes than those that were recorded.
    """
    path = cache_folder() / entry.file
    recorded = _recorded(path)
    if not recorded or not path.is_file():
        return None
    digest = sha256_of(path)
    _compare(entry, path, digest, recorded)
    return SourceFile(entry=entry, path=path, sha256=digest, num_bytes=path.stat().st_size)


def fetch_source(entry: SourceEntry, progress: Progress | None = None, *, allow_loopback: bool = False) -> SourceFile:
    """Bring the file of an entry into the cache, unless it is there already.

    Args:
        allow_loopback: also fetch by plain http from this machine (for tests).

    Raises:
        FetchError, TransferFailed, LimitExceeded: as ``download``.
        ChecksumMismatch: not the pinned or recorded bytes. WorkspaceLocked: another process is fetching the same file.
    """
    cached = find_cached(entry)
    if cached is not None:
        return cached
    path = cache_folder() / entry.file
    path.parent.mkdir(parents=True, exist_ok=True)
    with part_file(path) as (part, file):
        limit = entry.num_bytes or MAX_BYTES
        digest = download(entry.url, file, max_bytes=limit, progress=progress, allow_loopback=allow_loopback)
        file.flush()
        _compare(entry, path, digest, _recorded(path))
        num_bytes = part.stat().st_size
        day = datetime.datetime.now(datetime.UTC).date().isoformat()
        record = {"date": day, "name": entry.name, "num_bytes": num_bytes, "sha256": digest, "url": entry.url}
        place_file(part, path)
        place_bytes(_side_car(path), to_json(record, indent=2).encode(), tmp=path.parent)
    return SourceFile(entry=entry, path=path, sha256=digest, num_bytes=num_bytes)


def _compare(entry: SourceEntry, path: Path, digest: str, recorded: str) -> None:
    wanted = recorded if entry.sha256 == FIRST_FETCH else entry.sha256
    if wanted and digest != wanted:
        raise ChecksumMismatch(
            f"{path}: sha256 is {digest}, expected {wanted}",
            remedy=f"if the new file is the right one, delete {_side_car(path)} and build again",
        )


def _side_car(path: Path) -> Path:
    return path.with_name(path.name + SIDE_CAR)


def _recorded(path: Path) -> str:
    """The sha256 in the side-car, empty if there is none that can be read."""
    try:
        said: Any = json.loads(_side_car(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    digest = said.get("sha256") if isinstance(said, dict) else None
    return digest if isinstance(digest, str) and _SHA256.fullmatch(digest) else ""

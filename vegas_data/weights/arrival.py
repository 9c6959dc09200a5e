"""Weights brought here, from an address or in a file, converted if they have to be, proved and recorded."""

import dataclasses
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

from vegas_data.config import to_json
from vegas_data.download import Progress, download, part_file
from vegas_data.errors import WeightsMissing
from vegas_data.models import FIRST_FETCH, ModelEntry
from vegas_data.store import place_bytes, place_file, sha256_of
from vegas_data.weights.cache import cache_folder, compare_pin, compare_record, keeping, side_car
from vegas_data.weights.proof import check, locate

MAX_BYTES: Final = 4 << 30
Converter = Callable[[Path, BinaryIO], None]
"""Writes what a file becomes before it is kept (``networks.conversion``)."""


def fetch(
    entry: ModelEntry,
    progress: Progress | None = None,
    *,
    convert: Converter | None = None,
    allow_loopback: bool = False,
) -> Path:
    """Bring the weights here, unless they are here already, and return their path.

    Args:
        convert: keep what this makes of the file, and not the file.
        allow_loopback: also fetch by plain http from this machine (for tests).

    Raises:
        WeightsMissing: there is no address to fetch from, or what came is not the pinned file.
        WeightsInvalid: what came cannot be converted.
        FetchError, LimitExceeded: as ``download``.
        WorkspaceLocked: another process is fetching the same file.
    """
    if entry.source == "transformers":
        raise WeightsMissing(f"{entry.name}: loaded through transformers, not by us", remedy=entry.remedy)
    if entry.source == "package" or check(entry).status == "ok":
        return locate(entry)
    if not entry.url:
        raise WeightsMissing(f"{entry.name}: no public address is certain enough to fetch from", remedy=entry.remedy)
    limit = entry.num_bytes or MAX_BYTES

    def write(part: BinaryIO) -> None:
        download(entry.url, part, max_bytes=limit, progress=progress, allow_loopback=allow_loopback)

    path = cache_folder() / entry.file
    if convert is None:
        return _commit(entry, path, write, origin=entry.url)
    with keeping(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with part_file(path.with_name(f"{path.name}.source")) as (part, file):
            write(file)
            file.flush()
            name = PurePosixPath(urlsplit(entry.url).path).name
            _commit(entry, path, partial(convert, part), origin=entry.url, source=_source(part, name=name))
            part.unlink()
    return path


def install(entry: ModelEntry, file: Path, *, convert: Converter | None = None) -> Path:
    """Keep a file that somebody brought, if it is the pinned one, and return its path in the cache.

    Args:
        convert: keep what this makes of the file, and not a copy.

    Raises:
        WeightsMissing: unreadable, not the pinned file, or of a source that is not kept in the cache.
        WeightsInvalid: the file cannot be converted.
        WorkspaceLocked: another process is fetching the same file.
    """
    if entry.source != "url":
        raise WeightsMissing(f"{entry.name}: does not come from a file", remedy=entry.remedy)
    path = cache_folder() / entry.file
    if convert is not None:
        return _commit(entry, path, partial(convert, file), origin="file", source=_source(file, name=file.name))
    try:
        with file.open("rb") as source:
            return _commit(entry, path, lambda part: shutil.copyfileobj(source, part, 1 << 20), origin="file")
    except OSError as error:
        raise WeightsMissing(f"{file}: {error.strerror}", remedy="give the path of a file you may read") from None


def convert_file(entry: ModelEntry, file: Path, output: Path, *, convert: Converter) -> Path:
    """Write what ``convert`` makes of ``file`` to ``output``, with its record beside it, as in the cache.

    No pin is compared: that is done where the file is installed.

    Raises:
        WeightsMissing: ``file`` cannot be read, or ``output`` not written. WeightsInvalid: it cannot be converted.
    """
    free = dataclasses.replace(entry, sha256=FIRST_FETCH, sha256_prefix="")
    return _commit(free, output, partial(convert, file), origin="file", source=_source(file, name=file.name))


def _source(file: Path, *, name: str) -> dict[str, Any]:
    """What the record of a converted file says of the file that it was made from."""
    try:
        if not file.is_file():
            raise WeightsMissing(f"{file}: no file", remedy="give the path of a file you may read")
        return {"name": name, "num_bytes": file.stat().st_size, "sha256": sha256_of(file)}
    except OSError as error:
        raise WeightsMissing(f"{file}: {error.strerror}", remedy="give the path of a file you may read") from None


def _commit(
    entry: ModelEntry,
    path: Path,
    write: Callable[[BinaryIO], object],
    *,
    origin: str,
    source: dict[str, Any] | None = None,
) -> Path:
    """Let ``write`` fill a temporary file, check it, put it in its place and record it, the side-car last."""
    if source is not None:
        compare_pin(entry, path, source["sha256"])
    with keeping(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with part_file(path) as (part, file):
            write(file)
            file.flush()
            digest = sha256_of(part)
            if source is None:
                compare_pin(entry, part, digest)
            if entry.sha256 == FIRST_FETCH:
                compare_record(entry, path, digest)
            record = {"name": entry.name, "num_bytes": part.stat().st_size, "origin": origin, "sha256": digest}
            place_file(part, path)
            told = record if source is None else {**record, "source": source}
            place_bytes(side_car(path), to_json(told, indent=2).encode(), tmp=path.parent)
    return path

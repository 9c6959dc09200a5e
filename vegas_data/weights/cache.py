"""The folder of fetched weights, the records beside its files, and what both are compared with."""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from vegas_data.errors import WeightsMissing
from vegas_data.models import FIRST_FETCH, ModelEntry

CACHE_VARIABLE: Final = "VEGAS_DATA_WEIGHTS"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def cache_folder() -> Path:
    """Where fetched weights are kept: ``$VEGAS_DATA_WEIGHTS``, else the user's cache folder."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("vegas-data")) / "weights"


def side_car(path: Path) -> Path:
    """Where the record of a file of the cache lies."""
    return path.with_name(path.name + ".json")


def read_record(path: Path) -> dict[str, Any]:
    """The side-car, its digests checked; empty if there is none."""
    beside = side_car(path)
    try:
        record = json.loads(beside.read_text(encoding="utf-8"))
        digests = [record["sha256"], *([record["source"]["sha256"]] if "source" in record else [])]
        if not all(_SHA256.fullmatch(digest) for digest in digests):
            raise ValueError("holds no sha256")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise WeightsMissing(
            f"{beside}: unreadable: {error}", remedy=f"delete it and {path.name}, and fetch again"
        ) from None
    return dict(record)


def compare_pin(entry: ModelEntry, path: Path, digest: str) -> None:
    """Compare the sha256 of a file, as it came, with what the registry knows of it."""
    pinned = "" if entry.sha256 == FIRST_FETCH else entry.sha256
    if (pinned and digest != pinned) or not digest.startswith(entry.sha256_prefix):
        raise WeightsMissing(
            f"{path}: not the pinned weights of {entry.name}: sha256 is {digest}, expected "
            + (pinned or f"{entry.sha256_prefix}…"),
            remedy=entry.remedy,
        )


def compare_record(entry: ModelEntry, path: Path, digest: str) -> None:
    """Compare the sha256 of a file, as it is kept, with what was recorded when the first one was kept."""
    record = read_record(path)
    recorded = record.get("sha256", digest)
    if digest != recorded and (entry.sha256 == FIRST_FETCH or "source" in record):
        raise WeightsMissing(
            f"{path}: not the pinned weights of {entry.name}: sha256 is {digest}, expected {recorded}",
            remedy=f"if the new file is the right one, delete {side_car(path)} and fetch again",
        )


@contextlib.contextmanager
def keeping(path: Path) -> Iterator[None]:
    """An error of the system on the way to ``path`` is one of weights that are not here."""
    try:
        yield
    except OSError as error:
        raise WeightsMissing(
            f"{path}: cannot be kept: {error.strerror}",
            remedy=f"give, or set {CACHE_VARIABLE} to, a folder with room for it",
        ) from None

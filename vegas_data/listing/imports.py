"""Candidates from elsewhere: VGGSound's list, or anybody's CSV of ids and times.

VGGSound (Chen et al., ICASSP 2020) has one line per clip, without a header: ``youtube_id, start_seconds, "label",
split``; a clip is 10 s long. Which of its 309 labels is which category stands in ``manifests/categories.toml``.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from vegas_data.errors import ManifestError
from vegas_data.manifest import make_table, read_table
from vegas_data.records import MAX_CLIP_MS, Category, Clip

Form = Literal["vggsound", "csv"]
ORIGIN: Final = "vggsound"
_NAMED: Final = 10
_SECONDS: Final = re.compile(r"[0-9]{1,6}", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9_-]{11}", re.ASCII)
_MAX_LINE: Final = 4096


def read_list(
    file: Path, categories: dict[str, Category], *, form: Form, skip_bad_rows: bool
) -> tuple[Any, dict[str, int], int]:
    """A list as a table of clips; bad rows by reason; and how many rows are of no category.

    Raises:
        ManifestError: unreadable, or bad rows that are not skipped: the first ten by line.
    """
    if form == "csv":
        return read_table(file, categories), {}, 0
    names: dict[str, list[str]] = {}
    for category in categories.values():
        for label in category.vggsound_classes:
            names.setdefault(label, []).append(category.name)
    bad: Counter[str] = Counter()
    named: list[str] = []
    rows: dict[tuple[str, int, str], Clip] = {}
    ignored = 0
    for line, row in _rows(file):
        reason = _why_bad(row)
        if reason:
            bad[reason] += 1
            if len(named) < _NAMED:
                named.append(f"{file}, line {line}: {reason}")
            continue
        ignored += row[2] not in names
        for name in names.get(row[2], ()):
            start_ms = 1000 * int(row[1])
            clip = Clip(
                video_id=row[0], start_ms=start_ms, end_ms=start_ms + MAX_CLIP_MS, categories=(name,), origin=ORIGIN
            )
            rows[clip.video_id, clip.start_ms, name] = clip
    if bad and not skip_bad_rows:
        more = f"\n  … and {bad.total() - len(named)} more" if bad.total() > len(named) else ""
        raise ManifestError(
            f"{bad.total()} bad rows:\n  " + "\n  ".join(named) + more,
            remedy="correct or delete these rows, or leave them out with --skip-bad-rows",
        )
    return _table(rows), dict(sorted(bad.items())), ignored


def _table(rows: Mapping[tuple[str, int, str], Clip]) -> Any:
    """A table of the clips that do not overlap an earlier one of their video and category."""
    kept: list[tuple[str, int, int, str, str]] = []
    ends: dict[tuple[str, str], int] = {}
    for video_id, start_ms, name in sorted(rows):
        if ends.get((video_id, name), 0) <= start_ms:
            ends[video_id, name] = start_ms + MAX_CLIP_MS
            kept.append((video_id, start_ms, start_ms + MAX_CLIP_MS, name, ORIGIN))
    columns = list(zip(*kept, strict=True)) or [()] * 5
    return make_table(dict(zip(("video_id", "start_ms", "end_ms", "category", "origin"), columns, strict=True)))


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Lines of a CSV and their numbers; a line that is none is an empty row."""
    try:
        with file.open("rb") as source:
            number = 0
            while raw := source.readline(_MAX_LINE + 1):
                number += 1
                if len(raw) > _MAX_LINE:
                    raise ManifestError(f"{file}, line {number}: longer than {_MAX_LINE} bytes", remedy="delete it")
                yield number, _fields(raw)
    except FileNotFoundError:
        raise ManifestError(f"{file}: no such file", remedy="give the path of vggsound.csv") from None
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read: {error.strerror}", remedy="check its permissions") from None


def _fields(raw: bytes) -> list[str]:
    try:
        return [field.strip() for row in csv.reader([raw.decode("utf-8-sig")], strict=True) for field in row]
    except (UnicodeDecodeError, csv.Error):
        return []


def _why_bad(row: list[str]) -> str:
    if len(row) != 4:
        return "is not youtube_id, start_seconds, label, split"
    if not _ID.fullmatch(row[0]):
        return "the video id is not 11 characters of A-Z a-z 0-9 _ -"
    if not _SECONDS.fullmatch(row[1]):
        return "start_seconds is not an integer from 0 to 999999"
    return "" if int(row[1]) * 1000 + MAX_CLIP_MS <= 999_999_999 else "the clip ends beyond 999999999 ms"

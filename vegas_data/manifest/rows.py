"""The rows of a table of clips, one by one: slow, exact, and every refusal with its line.

Enters: a CSV or Parquet file. Leaves: rows that are what they say, in the order of clips and categories. What holds
between rows is checked here too: a clip has one end, clips of one video and category do not overlap.
"""

import csv
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from vegas_data.categories import select_categories
from vegas_data.errors import ManifestError, RecipeError
from vegas_data.records import Category, Clip, check_video_id

COLUMNS: Final = ("video_id", "start_ms", "end_ms", "category", "origin")
EXTRAS: Final = ("labels", "via", "quality", "strong", "queue")
ALL: Final = (*COLUMNS, *EXTRAS)
INTEGERS: Final = ("start_ms", "end_ms", "queue")
_REQUIRED: Final = frozenset(COLUMNS) - {"origin"}
MAX_ORIGIN: Final = 100
_MAX_FIELD: Final = 4096
_MAX_LINE: Final = 1 << 16
_LABELS: Final = re.compile(r"(/[mgt]/[0-9a-z_]{1,16}( (?!$)|$))*", re.ASCII)
_STRONG: Final = re.compile(r"none|[0-9]{1,9}-[0-9]{1,9}( [0-9]{1,9}-[0-9]{1,9})*", re.ASCII)

Table = Any
"""A ``pyarrow.Table`` of ``ALL`` columns or some of them; pyarrow itself is imported only where it is at work."""

Row = tuple[Any, ...]
"""Values in the order of ``ALL``; None where nothing is known."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A row that must not be used; line 0 where it is about the whole file."""

    line: int
    code: str
    message: str
    remedy: str


def read_rows(path: Path, categories: dict[str, Category]) -> tuple[tuple[str, ...], list[Row]]:
    """Columns that are there, and the checked rows by clip and category, repeated ones once.

    Raises:
        ManifestError: missing, unreadable, or a bad row; the message names file and line.
    """
    present, read = open_rows(path)
    rows: dict[tuple[str, int, str], tuple[int, Row]] = {}
    for line, found in inspect_rows(read, categories):
        if isinstance(found, Trouble):
            if found.code == "repeated":
                continue
            raise ManifestError(f"{path}, line {line}: {found.message}", remedy=found.remedy)
        rows[found[0], found[1], found[3]] = line, found
    ordered = [rows[key] for key in sorted(rows)]
    for trouble in relations(ordered):
        raise ManifestError(f"{path}, line {trouble.line}: {trouble.message}", remedy=trouble.remedy)
    return present, [row for _, row in ordered]


def open_rows(path: Path) -> tuple[tuple[str, ...], list[tuple[int, dict[str, Any]]]]:
    """The known columns of a file, and its rows unchecked, with their lines (of a Parquet table: row numbers).

    Raises:
        ManifestError: missing, unreadable, or a column is missing.
    """
    try:
        names, rows = _parquet_rows(path) if path.suffix == ".parquet" else _csv_rows(path)
    except FileNotFoundError:
        raise ManifestError(f"{path}: no such file", remedy="give the path of a .csv or .parquet table") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path}: cannot be read: {error}", remedy="give a CSV (UTF-8) or Parquet table") from None
    return tuple(name for name in ALL if name in names), rows


def _csv_rows(path: Path) -> tuple[Iterable[str], list[tuple[int, dict[str, Any]]]]:
    csv.field_size_limit(_MAX_FIELD)
    # Bytes that are no UTF-8 become characters that no column allows, so that their row is named.
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        reader = csv.DictReader(_short_lines(path, file), strict=True)
        names = reader.fieldnames or ()
        _check_columns(path, names)
        try:
            return names, [(reader.line_num, row) for row in reader]
        except csv.Error as error:
            raise ManifestError(f"{path}, line {reader.line_num}: {error}", remedy="correct the line") from None


def _short_lines(path: Path, file: IO[str]) -> Iterator[str]:
    """The lines of a file, none of which is ever held beyond what a row may have."""
    number = 0
    while line := file.readline(_MAX_LINE + 1):
        number += 1
        if len(line) > _MAX_LINE:
            raise ManifestError(f"{path}, line {number}: longer than {_MAX_LINE} characters", remedy="delete the line")
        yield line


def _parquet_rows(path: Path) -> tuple[Iterable[str], list[tuple[int, dict[str, Any]]]]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except pyarrow.ArrowException as error:
        raise ManifestError(f"{path}: not a Parquet table: {error}", remedy="export it again") from None
    _check_columns(path, table.column_names)
    known = [name for name in table.column_names if name in ALL]
    return known, list(enumerate(table.select(known).to_pylist(), start=1))


def _check_columns(path: Path, names: Iterable[str]) -> None:
    missing = _REQUIRED - set(names)
    if missing:
        raise ManifestError(
            f"{path}: column {', '.join(sorted(missing))} is missing", remedy=f"the columns are {', '.join(COLUMNS)}"
        )


def inspect_rows(
    rows: Iterable[tuple[int, dict[str, Any]]], categories: dict[str, Category]
) -> Iterator[tuple[int, Row | Trouble]]:
    """Each row checked by itself, and against those before it that are about the same clip."""
    ends: dict[tuple[str, int], tuple[int, int]] = {}
    known: dict[tuple[str, int, str], int] = {}
    for line, row in rows:
        try:
            checked = _check_row(row, categories)
        except (ManifestError, RecipeError) as error:
            yield line, Trouble(line=line, code="bad_row", message=str(error), remedy=error.remedy)
            continue
        video_id, start_ms, end_ms, category = checked[:4]
        end, before = ends.setdefault((video_id, start_ms), (end_ms, line))
        first = known.setdefault((video_id, start_ms, category), line)
        if end != end_ms:
            message = f"{video_id}_{start_ms:09d} ends at {end_ms} ms here and at {end} ms in line {before}"
            remedy = "one clip has one end: correct one of the rows"
            yield line, Trouble(line=line, code="two_ends", message=message, remedy=remedy)
        elif first != line:
            message = f"{video_id}_{start_ms:09d} of {category} stands in line {first} already"
            yield line, Trouble(line=line, code="repeated", message=message, remedy="delete one of the rows")
        else:
            yield line, checked


def relations(rows: Iterable[tuple[int, Row]]) -> Iterator[Trouble]:
    """What is wrong between rows, which come sorted: overlapping clips, ranks that are no queue."""
    before: dict[tuple[str, str], tuple[int, str]] = {}
    ranks: dict[tuple[str, int], int] = {}
    for line, row in rows:
        video_id, start_ms, end_ms, category = row[:4]
        clip = f"{video_id}_{start_ms:09d}"
        last_end, last = before.get((video_id, category), (0, ""))
        if last and last_end > start_ms:
            # Two overlapping clips of one category would give the same examples twice.
            message = f"the clips {last} and {clip} of {category} overlap"
            yield Trouble(line=line, code="overlap", message=message, remedy="delete one of the rows")
        before[video_id, category] = end_ms, clip
        rank = row[ALL.index("queue")]
        if rank is not None and (first := ranks.setdefault((category, rank), line)) != line:
            message = f"rank {rank} in the queue of {category} is taken in line {first}"
            remedy = "delete the column queue: ranks are then made anew"
            yield Trouble(line=line, code="queue", message=message, remedy=remedy)


def _check_row(row: dict[str, Any], categories: dict[str, Category]) -> Row:
    if None in row or any(row.get(name) is None for name in _REQUIRED):
        raise ManifestError("wrong number of fields", remedy=f"the columns are {', '.join(COLUMNS)}")
    video_id = check_video_id(str(row["video_id"]))
    times = []
    for name in ("start_ms", "end_ms"):
        text = str(row[name]).strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise ManifestError(f"{name} is {text[:40]!r}", remedy="times are integer milliseconds, 0 to 999999999")
        times.append(int(text))
    (category,) = select_categories(categories, (str(row["category"]),))
    origin = str(row.get("origin") or "")
    if len(origin) > MAX_ORIGIN or not origin.isprintable():
        raise ManifestError(
            f"origin {origin[:40]!r} is over-long or not printable", remedy=f"at most {MAX_ORIGIN} printable characters"
        )
    Clip(video_id=video_id, start_ms=times[0], end_ms=times[1], categories=(category.name,), origin=origin)
    return (video_id, *times, category.name, origin, *_check_extras(row))


def _check_extras(row: dict[str, Any]) -> Iterator[Any]:
    for name, form in (("labels", _LABELS), ("via", _LABELS)):
        text = str(row.get(name) or "")
        if len(text) > _MAX_FIELD or not form.fullmatch(text):
            raise ManifestError(
                f"{name} is {text[:40]!r}", remedy="AudioSet ids with single blanks between, or nothing"
            )
        yield text
    yield _quality(row.get("quality"))
    strong = str(row.get("strong") or "")
    if strong and not _STRONG.fullmatch(strong):
        raise ManifestError(f"strong is {strong[:40]!r}", remedy="none, or spans such as 30000-32300, or nothing")
    yield strong
    rank = row.get("queue")
    if rank is None or rank == "":
        yield None
    elif str(rank).isascii() and str(rank).isdigit() and len(str(rank)) <= 9:
        yield int(rank)
    else:
        raise ManifestError(f"queue is {str(rank)[:40]!r}", remedy="a rank from 0 on, or nothing")


def _quality(value: Any) -> float | None:
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= 1:
        raise ManifestError(f"quality is {str(value)[:40]!r}", remedy="a share from 0 to 1, or nothing")
    return number

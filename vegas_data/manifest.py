"""The table of clips: what the data set would be made of. One row per clip and category, sorted.

Columns: ``video_id``, ``start_ms``, ``end_ms``, ``category``, and ``origin`` (which list a row came from; may be
absent). Read from CSV or Parquet, whoever wrote it: every row is checked before anything else sees it.
"""

import csv
import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from vegas_data.categories import select_categories
from vegas_data.errors import ManifestError, RecipeError
from vegas_data.records import Category, Clip, check_video_id
from vegas_data.workspace import Workspace

CLIPS: Final = "manifest/clips.csv"
COLUMNS: Final = ("video_id", "start_ms", "end_ms", "category", "origin")
_REQUIRED: Final = frozenset(COLUMNS) - {"origin"}
MAX_ORIGIN: Final = 100
_MAX_FIELD: Final = 4096


def read_manifest(path: Path, categories: dict[str, Category]) -> tuple[Clip, ...]:
    """Read and check a table of clips; rows of one clip are joined.

    Raises:
        ManifestError: missing, unreadable, or a bad row; the message names file and line.
    """
    try:
        rows = list(_rows(path))
    except FileNotFoundError:
        raise ManifestError(f"{path}: no such file", remedy="give the path of a .csv or .parquet table") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path}: cannot be read: {error}", remedy="give a CSV (UTF-8) or Parquet table") from None
    clips: dict[tuple[str, int], Clip] = {}
    for line, row in rows:
        try:
            clip = _clip(row, categories)
        except (ManifestError, RecipeError) as error:
            raise ManifestError(f"{path}, line {line}: {error}", remedy=error.remedy) from None
        known = clips.get((clip.video_id, clip.start_ms))
        clips[clip.video_id, clip.start_ms] = clip if known is None else _join(path, line, known, clip)
    ordered = tuple(clips[key] for key in sorted(clips))
    _refuse_overlaps(path, ordered)
    return ordered


def _refuse_overlaps(path: Path, ordered: tuple[Clip, ...]) -> None:
    """Two overlapping clips of one category would give the same examples twice."""
    ends: dict[tuple[str, str], Clip] = {}
    for clip in ordered:
        for category in clip.categories:
            before = ends.get((clip.video_id, category))
            if before is not None and before.end_ms > clip.start_ms:
                raise ManifestError(
                    f"{path}: the clips {before.id} and {clip.id} of {category} overlap",
                    remedy="delete one of the rows",
                )
            ends[clip.video_id, category] = clip


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if path.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        try:
            table = pyarrow.parquet.read_table(path)
        except pyarrow.ArrowException as error:
            raise ManifestError(f"{path}: not a Parquet table: {error}", remedy="export it again") from None
        _check_columns(path, table.column_names)
        yield from enumerate(table.to_pylist(), start=1)
        return
    csv.field_size_limit(_MAX_FIELD)
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, strict=True)
        _check_columns(path, reader.fieldnames or ())
        for row in reader:
            yield reader.line_num, row


def _check_columns(path: Path, names: Iterable[str]) -> None:
    missing = _REQUIRED - set(names)
    if missing:
        raise ManifestError(
            f"{path}: column {', '.join(sorted(missing))} is missing", remedy=f"the columns are {', '.join(COLUMNS)}"
        )


def _clip(row: dict[str, Any], categories: dict[str, Category]) -> Clip:
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
    return Clip(video_id=video_id, start_ms=times[0], end_ms=times[1], categories=(category.name,), origin=origin)


def _join(path: Path, line: int, known: Clip, clip: Clip) -> Clip:
    if known.end_ms != clip.end_ms:
        raise ManifestError(
            f"{path}, line {line}: {clip.id} ends at {clip.end_ms} ms here and at {known.end_ms} ms in another row",
            remedy="one clip has one end: correct one of the rows",
        )
    names = tuple(sorted({*known.categories, *clip.categories}))
    return Clip(
        video_id=clip.video_id, start_ms=clip.start_ms, end_ms=clip.end_ms, categories=names, origin=known.origin
    )


def write_manifest(workspace: Workspace, clips: Iterable[Clip]) -> None:
    """Commit the table of clips to the workspace, as CSV and as Parquet (zstd), sorted by id and category."""
    rows = [
        (clip.video_id, clip.start_ms, clip.end_ms, category, clip.origin)
        for clip in sorted(clips, key=lambda clip: (clip.video_id, clip.start_ms))
        for category in clip.categories
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    workspace.commit_bytes(CLIPS.replace(".csv", ".parquet"), _parquet(rows))
    workspace.commit_bytes(CLIPS, text.getvalue().encode())


def _parquet(rows: list[tuple[str, int, int, str, str]]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    kinds = (pyarrow.string(), pyarrow.int64(), pyarrow.int64(), pyarrow.string(), pyarrow.string())
    schema = pyarrow.schema(list(zip(COLUMNS, kinds, strict=True)))
    columns = [[sys.intern(v) if isinstance(v, str) else v for v in column] for column in zip(*rows, strict=True)]
    table = pyarrow.table(dict(zip(COLUMNS, columns or [[]] * len(COLUMNS), strict=True)), schema=schema)
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def read_clips(workspace: Workspace, categories: dict[str, Category]) -> tuple[Clip, ...]:
    """The clips of a workspace.

    Raises:
        ManifestError: it has no manifest yet, or a bad one.
    """
    if not workspace.exists(CLIPS):
        raise ManifestError(
            f"{workspace.path(CLIPS)}: this workspace has no manifest yet",
            remedy=f"run `vegas-data fetch --manifest FILE` with a table of {', '.join(COLUMNS)}",
        )
    return read_manifest(workspace.path(CLIPS), categories)

"""The table of clips: what the data set would be made of. One row per clip and category, sorted.

Columns: ``video_id``, ``start_ms``, ``end_ms``, ``category``; optional ``origin`` (which list a row came from),
``labels``, ``via``, ``quality``, ``strong``, ``queue`` (docs/formats.md says what they hold). Read from CSV or Parquet,
whoever wrote it: every row is checked before anything else sees it. Whole columns are checked at once; where something
is wrong, or merely unusual, the rows are read again one by one (``rows``), to name the line.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from vegas_data.errors import ManifestError
from vegas_data.manifest.quick import read_quickly
from vegas_data.manifest.rows import ALL, COLUMNS, INTEGERS, Table, read_rows
from vegas_data.records import Category, Clip
from vegas_data.store import sha256_of
from vegas_data.workspace import Workspace

CLIPS: Final = "manifest/clips.csv"
PARQUET: Final = "manifest/clips.parquet"
SOURCES: Final = "manifest/sources.json"


def read_table(path: Path, categories: dict[str, Category]) -> Table:
    """Read and check a table of clips: a ``pyarrow.Table`` of the columns we know, sorted by clip and category.

    Raises:
        ManifestError: missing, unreadable, or a bad row; the message names file and line.
    """
    table = read_quickly(path, categories)
    if table is not None:
        return table
    present, rows = read_rows(path, categories)
    columns = list(zip(*rows, strict=True)) or [()] * len(ALL)
    named = dict(zip(ALL, columns, strict=True))
    return make_table({name: named[name] for name in ALL if name in COLUMNS or name in present})


def read_manifest(path: Path, categories: dict[str, Category]) -> tuple[Clip, ...]:
    """The clips of a table, sorted, rows of one clip joined; raises as ``read_table``."""
    return clips_of(read_table(path, categories))


def make_table(columns: Mapping[str, Any]) -> Table:
    """Columns by name as a ``pyarrow.Table`` of our types, in our order."""
    import pyarrow

    kinds = {name: pyarrow.int64() if name in INTEGERS else pyarrow.string() for name in ALL}
    kinds["quality"] = pyarrow.float64()
    names = [name for name in ALL if name in columns]
    arrays = [pyarrow.chunked_array([pyarrow.array(columns[name], kinds[name])]) for name in names]
    return pyarrow.table(arrays, schema=pyarrow.schema([(name, kinds[name]) for name in names]))


def table_of(clips: Iterable[Clip]) -> Table:
    """Clips as a table, sorted by id and category."""
    rows = [
        (clip.video_id, clip.start_ms, clip.end_ms, category, clip.origin)
        for clip in sorted(clips, key=lambda clip: (clip.video_id, clip.start_ms))
        for category in clip.categories
    ]
    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    return make_table(dict(zip(COLUMNS, columns, strict=True)))


def clips_of(table: Table) -> tuple[Clip, ...]:
    """The clips of a checked, sorted table; rows of one clip are joined."""
    clips: list[Clip] = []
    names: list[str] = []
    key, end, origin = ("", 0), 0, ""

    def close() -> None:
        if names:
            categories = tuple(names)
            clips.append(Clip(video_id=key[0], start_ms=key[1], end_ms=end, categories=categories, origin=origin))

    for video_id, start_ms, end_ms, category, said in zip(*(table[name].to_pylist() for name in COLUMNS), strict=True):
        if (video_id, start_ms) != key:
            close()
            names, key, end, origin = [], (video_id, start_ms), end_ms, said
        names.append(category)
    close()
    return tuple(clips)


# --- writing --------------------------------------------------------------------------------------------------


def write_manifest(workspace: Workspace, clips: Iterable[Clip]) -> None:
    """Commit clips as the table of the workspace, as CSV and as Parquet (zstd), sorted by id and category."""
    write_table(workspace, table_of(clips))


def write_table(workspace: Workspace, table: Table, sources: Mapping[str, Any] | None = None) -> None:
    """Commit a checked, sorted table to the workspace; the CSV last: it is what readers go by.

    Args:
        sources: what the table was made of, for ``manifest/sources.json``; it is bound to the CSV by its sha256.
    """
    text = csv_bytes(table)
    if sources is None:
        workspace.path(SOURCES).unlink(missing_ok=True)
    else:
        workspace.commit_json(SOURCES, {**sources, "clips_sha256": hashlib.sha256(text).hexdigest()})
    workspace.commit_bytes(PARQUET, parquet_bytes(table))
    workspace.commit_bytes(CLIPS, text)


def read_sources(workspace: Workspace) -> dict[str, Any] | None:
    """What the workspace's table was made of; None if nobody recorded it, or recorded it of another table."""
    try:
        said = json.loads(workspace.path(SOURCES).read_text(encoding="utf-8"))
        digest = sha256_of(workspace.path(CLIPS))
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) and said.get("clips_sha256") == digest else None


def parquet_bytes(table: Table) -> bytes:
    """The table as Parquet (zstd)."""
    import pyarrow
    import pyarrow.parquet

    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def csv_bytes(table: Table) -> bytes:
    """The table as CSV: fields quoted only where they must be, lines end with LF, unknown is empty."""
    import pyarrow
    import pyarrow.compute
    import pyarrow.csv

    text = pyarrow.table({name: _as_text(table[name]) for name in table.column_names})
    special = any(
        pyarrow.compute.any(pyarrow.compute.match_substring_regex(column, '[",\r\n]')).as_py()
        for column in text.columns
    )
    if special:
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(table.column_names)
        writer.writerows(zip(*(column.to_pylist() for column in text.columns), strict=True))
        return lines.getvalue().encode()
    sink = io.BytesIO()
    sink.write((",".join(table.column_names) + "\n").encode())
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    pyarrow.csv.write_csv(text, sink, options)
    return sink.getvalue()


def _as_text(column: Any) -> Any:
    import pyarrow
    import pyarrow.compute

    if pyarrow.types.is_floating(column.type):  # Python's shortest form, made once for each different value
        codes = pyarrow.compute.dictionary_encode(column.combine_chunks())
        if isinstance(codes, pyarrow.ChunkedArray):
            codes = codes.combine_chunks()
        words = pyarrow.array([repr(value) for value in codes.dictionary.to_pylist()], pyarrow.string())
        column = words.take(codes.indices)
    return pyarrow.compute.fill_null(pyarrow.compute.cast(column, pyarrow.string()), "")


# --- the workspace's own table ---------------------------------------------------------------------------------


def read_clips(workspace: Workspace, categories: dict[str, Category]) -> tuple[Clip, ...]:
    """The clips of a workspace; raises as ``read_workspace_table``."""
    return clips_of(read_workspace_table(workspace, categories))


def read_workspace_table(workspace: Workspace, categories: dict[str, Category]) -> Table:
    """The table of a workspace.

    Raises:
        ManifestError: it has no manifest yet, or a bad one.
    """
    if not workspace.exists(CLIPS):
        raise ManifestError(
            f"{workspace.path(CLIPS)}: this workspace has no manifest yet",
            remedy="run `vegas-data manifest build`, or `vegas-data fetch --manifest FILE` with a table of "
            + ", ".join(COLUMNS),
        )
    return read_table(workspace.path(CLIPS), categories)

"""A table of clips read by whole columns, if every value of it is plainly right; else ``rows`` has to look at it.

Never more lenient than ``rows``: what is refused there is not taken here. Stricter it may be: odd blanks, quoted
fields or repeated rows are left to ``rows``.
"""

from pathlib import Path
from typing import Final

from vegas_data.manifest.rows import ALL, COLUMNS, INTEGERS, Table
from vegas_data.records import MAX_CLIP_MS, Category

_TEXT_FORMS: Final = {
    "video_id": r"^([A-Za-z0-9_-]{11}|[a-z][a-z0-9]{0,20}-[A-Za-z0-9_-]{1,42})$",
    "category": r"^[a-z][a-z0-9_]{0,31}$",
    "origin": r"^[A-Za-z0-9_./:@-]{0,64}$",
    "labels": r"^(/[mgt]/[0-9a-z_]{1,16}( /[mgt]/[0-9a-z_]{1,16})*)?$",
    "via": r"^(/[mgt]/[0-9a-z_]{1,16}( /[mgt]/[0-9a-z_]{1,16})*)?$",
    "strong": r"^(none|[0-9]{1,9}-[0-9]{1,9}( [0-9]{1,9}-[0-9]{1,9})*)?$",
}
"""What is plainly right. Anything else is left to ``rows``, which knows all that is allowed."""
_NUMBER_FORMS: Final = dict.fromkeys(INTEGERS, r"^[0-9]{1,9}$") | {"quality": r"^(1\.0|0\.[0-9]{1,17})$"}
_MAX_TEXT: Final = 4096


def read_quickly(path: Path, categories: dict[str, Category]) -> Table | None:
    """The table, if every value of it is plainly right; else None."""
    import pyarrow

    try:
        table = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    except (OSError, pyarrow.ArrowException):
        return None
    if not set(COLUMNS[:4]) <= set(table.column_names) or not _is_plain(table, categories):
        return None
    table = _typed(table)
    order = [(name, "ascending") for name in ("video_id", "start_ms", "category")]
    table = table.sort_by(order).combine_chunks()
    return table if _is_consistent(table) else None


def _read_parquet(path: Path) -> Table:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    return table.select([name for name in ALL if name in table.column_names])


def _read_csv(path: Path) -> Table:
    import pyarrow.csv

    with path.open("rb") as file:
        names = file.readline(_MAX_TEXT).decode("utf-8-sig", "replace").strip().split(",")
    known = [name for name in ALL if name in names]
    return pyarrow.csv.read_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(use_threads=False),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pyarrow.string()), include_columns=known, strings_can_be_null=False
        ),
    )


def _is_plain(table: Table, categories: dict[str, Category]) -> bool:
    """Whether every value has its usual form, and every name is a category."""
    import pyarrow
    import pyarrow.compute as pc

    for name in table.column_names:
        column = table[name]
        if name in INTEGERS and pyarrow.types.is_integer(column.type):
            bounds = pc.min_max(column).as_py()
            good = bounds["min"] is None or (bounds["min"] >= 0 and bounds["max"] <= 999_999_999)
            good &= name == "queue" or not column.null_count
        elif name == "quality" and pyarrow.types.is_floating(column.type):
            good = bool(pc.all(pc.and_(pc.greater_equal(column, 0), pc.less_equal(column, 1))).as_py() is not False)
        elif pyarrow.types.is_string(column.type) and not column.null_count:
            form = (_TEXT_FORMS | _NUMBER_FORMS)[name]
            fits = pc.match_substring_regex(column, form)
            if name in ("quality", "queue"):
                fits = pc.or_(fits, pc.equal(column, ""))
            good = pc.all(fits).as_py() is not False
            good &= (pc.max(pc.binary_length(column)).as_py() or 0) <= _MAX_TEXT
        else:
            good = False
        if not good:
            return False
    named = pc.unique(table["category"]).to_pylist()
    return set(named) <= set(categories)


def _typed(table: Table) -> Table:
    """Texts of numbers as numbers; a missing origin as an empty one."""
    import pyarrow
    import pyarrow.compute as pc

    columns = {name: table[name] for name in table.column_names}
    columns.setdefault("origin", pyarrow.repeat("", len(table)))
    for name, column in columns.items():
        if name in (*INTEGERS, "quality") and pyarrow.types.is_string(column.type):
            empty = pc.equal(column, "")
            columns[name] = pc.if_else(empty, pyarrow.scalar(None, pyarrow.string()), column)
    cast = {
        name: column.cast(pyarrow.int64() if name in INTEGERS else pyarrow.float64())
        if name in (*INTEGERS, "quality")
        else column.cast(pyarrow.string())
        for name, column in columns.items()
    }
    names = [name for name in ALL if name in cast]
    return pyarrow.table({name: cast[name] for name in names})


def _is_consistent(table: Table) -> bool:
    """Whether rows agree with each other: spans, ends, no clip twice in a category, no overlap, ranks once each."""
    import numpy as np
    import pyarrow.compute as pc

    starts, ends = table["start_ms"].to_numpy(), table["end_ms"].to_numpy()
    if not (np.all(ends > starts) and np.all(ends - starts <= MAX_CLIP_MS)):
        return False
    if len(table) < 2:
        return True
    video = table["video_id"].combine_chunks()
    same_video = pc.equal(video[1:], video[:-1]).to_numpy(zero_copy_only=False)
    same_start = starts[1:] == starts[:-1]
    category = pc.dictionary_encode(table["category"].combine_chunks()).indices.to_numpy()
    # Neighbours in the order of clips: one clip has one end and each category once, other clips begin after its end.
    if np.any(same_video & same_start & ((ends[1:] != ends[:-1]) | (category[1:] == category[:-1]))):
        return False
    if np.any(same_video & ~same_start & (ends[:-1] > starts[1:])):
        return False
    if "queue" in table.column_names:
        ranked = pc.is_valid(table["queue"]).to_numpy()
        taken = category.astype(np.int64)[ranked] << 32 | table["queue"].drop_null().to_numpy()
        return len(np.unique(taken)) == len(taken)
    return True

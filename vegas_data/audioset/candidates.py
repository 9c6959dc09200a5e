"""From AudioSet's lists to candidates: one row per clip and category, each with what made it one.

Enters: segments CSVs in the order in which a clip that stands in two counts, the ontology, the categories, and prior
knowledge if there is any. Leaves: an Arrow table sorted by clip and category. Whole columns are worked on at a time;
Python looks at single rows only where something is wrong with them, and at the few clips with strong labels.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vegas_data.audioset.lines import BadRows
from vegas_data.audioset.priors import read_strong_labels
from vegas_data.audioset.segments import Segments, read_segments
from vegas_data.audioset.selection import Selection, Tables
from vegas_data.records import Category

NOT_HEARD: Final = "none"
_MIX_ID: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_TAIL: Final = np.uint64(0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """What was found: the table, rows read per file, and the rows that were left out."""

    table: Any  # pyarrow.Table
    num_rows: Mapping[Path, int]
    bad: BadRows


def find_candidates(tables: Tables, categories: Iterable[Category], *, skip_bad_rows: bool = False) -> Candidates:
    """All clips whose labels select a category.

    Columns: video_id, start_ms, end_ms, category, origin, labels (all the clip's), via (those that selected it), and,
    where it is known, quality (best of ``via``) and strong (spans in which the target sounds, in the source's time).

    Raises:
        ManifestError: a file that is no table, or bad rows, the first ten by file and line, unless they are skipped.
        RecipeError: a category names a class that AudioSet does not have.
    """
    chosen = sorted(categories, key=lambda category: category.name)
    bad, counts = BadRows(), dict.fromkeys(tables.segments.values(), 0)
    select = Selection(tables, chosen)
    seen = _Seen()
    pieces: list[Any] = []
    for number, path in enumerate(tables.segments.values()):
        for rows in read_segments(path, bad):
            good = select.known(path, rows, bad)
            seen.add(number, good)
            counts[path] += len(good.line)
            pieces += select.rows(number, good)
    table = pa.concat_tables([select.empty(), *pieces])
    files = list(tables.segments.values())
    table = _without(table, seen.repeated(files, bad))
    del seen, pieces  # a key and an id for each of millions of rows: room for what follows
    table = _without_overlaps(_in_order(table), files, bad)
    table = _add_strong(table, tables.strong, select, bad)
    if not skip_bad_rows:
        bad.raise_if_any()
    return Candidates(table=_finish(table, tables, chosen), num_rows=counts, bad=bad)


# --- rows that stand there twice ------------------------------------------------------------------------------


class _Seen:
    """A 64-bit key of every row, so that repeated ones are found among millions in little memory."""

    def __init__(self) -> None:
        self._keys: list[npt.NDArray[np.uint64]] = []
        self._places: list[tuple[int, npt.NDArray[np.int64], Any, npt.NDArray[np.int64]]] = []

    def add(self, number: int, rows: Segments) -> None:
        self._keys.append(_keys(rows))
        # Ids stay as Arrow's own buffer of 11 bytes each: to compare exactly where two keys are the same.
        self._places.append((number, rows.line.astype(np.int32), rows.video_id, rows.start_ms.astype(np.int32)))

    def repeated(self, files: Sequence[Path], bad: BadRows) -> set[tuple[int, int]]:
        """File number and line of every row whose clip was listed before; each is noted in ``bad``."""
        keys = np.sort(np.concatenate([np.zeros(0, dtype=np.uint64), *self._keys]))
        suspects = np.unique(keys[1:][keys[1:] == keys[:-1]])
        if not len(suspects):
            return set()
        first: dict[tuple[str, int], tuple[int, int]] = {}
        again: set[tuple[int, int]] = set()
        for block, (number, lines, ids, starts) in zip(self._keys, self._places, strict=True):
            for index in np.flatnonzero(np.isin(block, suspects)).tolist():
                clip, line = (ids[index].as_py(), int(starts[index])), int(lines[index])
                if clip not in first:
                    first[clip] = number, line
                    continue
                again.add((number, line))
                where = f"{files[first[clip][0]].name}, line {first[clip][1]}"
                bad.add(files[number], line, "the clip is listed already", f"{clip[0]} at {clip[1]} ms in {where}")
        return again


def _keys(rows: Segments) -> npt.NDArray[np.uint64]:
    count = len(rows.line)
    if not count:
        return np.zeros(0, dtype=np.uint64)
    ids = pc.cast(rows.video_id, pa.binary(11))
    raw = np.frombuffer(ids.buffers()[1], dtype=np.uint8)[11 * ids.offset : 11 * (ids.offset + count)].reshape(-1, 11)
    head = np.ascontiguousarray(raw[:, :8]).view(np.uint64)[:, 0]
    tail = raw[:, 8:].astype(np.uint64) @ np.array([1, 1 << 8, 1 << 16], dtype=np.uint64)
    rest = tail << np.uint64(40) | rows.start_ms.astype(np.uint64)
    mixed: npt.NDArray[np.uint64] = head * _MIX_ID ^ rest * _MIX_TAIL
    return mixed


def _without(table: Any, rows: set[tuple[int, int]]) -> Any:
    if not rows:
        return table
    places = zip(table["file"].to_pylist(), table["line"].to_pylist(), strict=True)
    return table.filter(pa.array([place not in rows for place in places], pa.bool_()))


def _in_order(table: Any) -> Any:
    order = [(name, "ascending") for name in ("video_id", "start_ms", "category")]
    return table.take(pc.sort_indices(table, sort_keys=order))


def _without_overlaps(table: Any, files: Sequence[Path], bad: BadRows) -> Any:
    """Two overlapping clips of one video would give the same examples twice: the earlier one stays."""
    video = table["video_id"].combine_chunks()
    starts, ends = table["start_ms"].to_numpy(), table["end_ms"].to_numpy()
    if len(table) < 2:
        return table
    same = pc.equal(video[1:], video[:-1]).to_numpy(zero_copy_only=False)
    # Rows of one clip in several categories share its start: those are no two clips.
    doubtful = np.flatnonzero(same & (ends[:-1] > starts[1:]) & (starts[:-1] != starts[1:]))
    if not len(doubtful):
        return table
    keep = np.ones(len(table), dtype=bool)
    names = table.select(["category", "file", "line"]).to_pydict()
    videos = pa.array(sorted({video[int(i)].as_py() for i in doubtful}))
    last: dict[tuple[str, int], int] = {}
    for i in np.flatnonzero(pc.is_in(video, videos).to_numpy(zero_copy_only=False)).tolist():
        key = video[i].as_py(), names["category"][i]
        if last.get(key, 0) > starts[i]:
            keep[i] = False
            bad.add(files[names["file"][i]], names["line"][i], "overlaps another clip of its video", f"{key[0]}")
        else:
            last[key] = int(ends[i])
    return table.filter(pa.array(keep))


# --- prior knowledge, and the last step -----------------------------------------------------------------------


def _add_strong(table: Any, paths: Sequence[Path], select: Selection, bad: BadRows) -> Any:
    """The column ``strong``: empty where nobody marked the clip, ``none`` where the target was not heard."""
    video, starts, ends = table["video_id"], table["start_ms"], table["end_ms"].to_numpy()
    clip = pc.binary_join_element_wise(video, pc.cast(starts, pa.string()), "_").combine_chunks()
    wanted = pc.unique(clip)
    marked: dict[str, list[tuple[int, int, int]]] = {}
    for path in paths:
        for events in read_strong_labels(path, bad):
            here = np.flatnonzero(pc.is_in(events.clip, wanted).to_numpy(zero_copy_only=False))
            take = pa.array(here)
            codes = select.codes(events.label.take(take)).tolist()
            spans = zip(codes, events.start_ms[here].tolist(), events.end_ms[here].tolist(), strict=True)
            for name, event in zip(events.clip.take(take).to_pylist(), spans, strict=True):
                marked.setdefault(name, []).append(event)
    strong = np.full(len(table), "", dtype=object)
    if marked:
        rows = np.flatnonzero(pc.is_in(clip, pa.array(sorted(marked))).to_numpy(zero_copy_only=False)).tolist()
        categories, start_ms = table["category"].to_numpy(), starts.to_numpy()
        for row in rows:
            selects, offset = select.matrix[categories[row]], int(start_ms[row])
            heard = [
                (offset + a, offset + b) for code, a, b in marked[clip[row].as_py()] if code >= 0 and selects[code]
            ]
            strong[row] = _spans(heard, until=int(ends[row]))
    return table.append_column("strong", pa.array(strong.tolist(), pa.string()))


def _spans(heard: Iterable[tuple[int, int]], *, until: int) -> str:
    merged: list[list[int]] = []
    for start, end in sorted(heard):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], min(end, until))
        elif start < until:
            merged.append([start, min(end, until)])
    return " ".join(f"{start}-{end}" for start, end in merged) or NOT_HEARD


def _finish(table: Any, tables: Tables, categories: Sequence[Category]) -> Any:
    """Numbers of categories and files become names; columns about which nothing was given are left out."""
    names = pa.array([category.name for category in categories], pa.string())
    origins = pa.array(list(tables.segments), pa.string())
    columns = {
        "video_id": table["video_id"],
        "start_ms": table["start_ms"],
        "end_ms": table["end_ms"],
        "category": names.take(table["category"].combine_chunks()),
        "origin": origins.take(table["file"].combine_chunks()),
        "labels": table["labels"],
        "via": table["via"],
    }
    if tables.quality:
        known = table["quality"].combine_chunks()
        columns["quality"] = pc.if_else(pc.is_nan(known), pa.scalar(None, pa.float64()), known)
    if tables.strong:
        columns["strong"] = table["strong"]
    return pa.table(columns)

"""Which labels select which categories, and the rows of a segments CSV that they select.

Enters: the ontology, the categories and blocks of rows. Leaves: Arrow tables of rows, one per category and block, with
the numbers of file, line and category that later steps sort and report by.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vegas_data.audioset.lines import BadRows, shown
from vegas_data.audioset.ontology import Ontology
from vegas_data.audioset.segments import Segments
from vegas_data.records import Category


@dataclass(frozen=True, kw_only=True)
class Tables:
    """AudioSet's files.

    Args:
        segments: origin → CSV; of a clip in two of them the first counts. known_labels: those a clip may carry.
        strong: TSVs of strong labels. quality: label → share of raters who agreed.
    """

    segments: Mapping[str, Path]
    ontology: Ontology
    known_labels: frozenset[str]
    strong: Sequence[Path] = ()
    quality: Mapping[str, float] = field(default_factory=dict)


class Selection:
    """Which labels select which categories, as one matrix over all labels that a clip may carry."""

    def __init__(self, tables: Tables, categories: Sequence[Category]) -> None:
        self.labels = sorted(tables.known_labels | set(tables.ontology.names))
        self.is_known = np.array([label in tables.known_labels for label in self.labels])
        self.values = pa.array(self.labels, pa.string())
        selecting = [tables.ontology.selecting(category) for category in categories]
        self.matrix = np.array([[label in chosen for label in self.labels] for chosen in selecting], dtype=bool)
        self.quality = np.array([tables.quality.get(label, np.nan) for label in self.labels])

    def codes(self, labels: Any) -> npt.NDArray[np.int64]:
        """Index of each label, -1 for one that AudioSet does not have."""
        found: npt.NDArray[np.int64] = (
            pc.fill_null(pc.index_in(labels, self.values), -1).to_numpy(zero_copy_only=False).astype(np.int64)
        )
        return found

    def known(self, path: Path, rows: Segments, bad: BadRows) -> Segments:
        """The rows all of whose labels are known."""
        code = self.codes(rows.labels.flatten())
        strange = (code < 0) | ~self.is_known[code]
        if not strange.any():
            return rows
        owner = _owners(rows.labels)
        good = np.ones(len(rows.line), dtype=bool)
        good[owner[strange]] = False
        for index in np.flatnonzero(~good).tolist():
            names = shown(",".join(rows.labels[index].as_py()).encode())
            bad.add(path, int(rows.line[index]), "a label that AudioSet does not have", names)
        return rows.where(good)

    def empty(self) -> Any:
        return _piece(0, np.zeros(0, dtype=np.int64), Segments(*_EMPTY), pa.array([], pa.string()), np.zeros(0), 0)

    def rows(self, number: int, rows: Segments) -> Iterable[Any]:
        """One table per category of the rows that are its candidates."""
        flat = rows.labels.flatten()
        code, owner = self.codes(flat), _owners(rows.labels)
        for category, selects in enumerate(self.matrix):
            hit = np.flatnonzero(selects[code])
            if not len(hit):
                continue
            first = np.flatnonzero(np.diff(owner[hit], prepend=-1))
            via = _joined(flat.take(pa.array(hit)), np.append(first, len(hit)))
            quality = np.fmax.reduceat(self.quality[code[hit]], first)
            yield _piece(number, owner[hit][first], rows, via, quality, category)


_EMPTY: Final = (
    np.zeros(0, dtype=np.int64),
    pa.array([], pa.string()),
    np.zeros(0, dtype=np.int64),
    np.zeros(0, dtype=np.int64),
    pa.array([], pa.list_(pa.string())),
)


def _piece(
    number: int, index: npt.NDArray[np.int64], rows: Segments, via: Any, quality: npt.NDArray[np.float64], category: int
) -> Any:
    take = pa.array(index)
    count = len(index)
    return pa.table(
        {
            "video_id": rows.video_id.take(take),
            "start_ms": rows.start_ms[index],
            "end_ms": rows.end_ms[index],
            "category": np.full(count, category, dtype=np.int16),
            "file": np.full(count, number, dtype=np.int16),
            "line": rows.line[index],
            "labels": pc.binary_join(rows.labels.take(take), " "),
            "via": via,
            "quality": quality,
        }
    )


def _owners(labels: Any) -> npt.NDArray[np.int64]:
    """For each label of a list array the row that it stands in."""
    counts = pc.list_value_length(labels).to_numpy(zero_copy_only=False)
    return np.repeat(np.arange(len(counts)), counts)


def _joined(labels: Any, offsets: npt.NDArray[np.int64]) -> Any:
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), labels), " ")

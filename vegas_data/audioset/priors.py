"""What AudioSet knows of its own labels beforehand: when a class sounds, and how often its label is right.

Enters: strong labels (TSV: ``segment_id``, start and end in seconds from the clip's beginning, mid; Hershey et al.,
"The benefit of temporally-strong labels in audio event classification", ICASSP 2021) and ``qa_true_counts.csv``
(raters' answers per class). Leaves: events of the clips that matter, and the share of right labels by id.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vegas_data.audioset.lines import BadRows, Lines, matches, read_lines, shown
from vegas_data.audioset.segments import LABEL, TIME, seconds_to_ms
from vegas_data.errors import ManifestError
from vegas_data.records import MAX_CLIP_MS

STRONG_COLUMNS: Final = ("segment_id", "start_time_seconds", "end_time_seconds", "label")
QA_COLUMNS: Final = ("label_id", "num_rated", "num_true")
_STRONG_ROW: Final = rf"^[A-Za-z0-9_-]{{11}}_[0-9]{{1,9}}\t{TIME}\t{TIME}\t{LABEL}\r?\n$"
_MAX_QA_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class Events:
    """A block of strong labels; times in ms from the beginning of the clip."""

    clip: Any  # pyarrow.StringArray: {video_id}_{start_ms}, not padded
    start_ms: npt.NDArray[np.int64]
    end_ms: npt.NDArray[np.int64]
    label: Any  # pyarrow.StringArray


def read_strong_labels(path: Path, bad: BadRows) -> Iterator[Events]:
    """The strong labels of a TSV in blocks; rows that cannot be used are noted in ``bad``.

    Raises:
        ManifestError: missing, or no text.
    """
    is_first = True
    for lines in read_lines(path, bad):
        if is_first and len(lines.number) and lines.raw[0].as_py().startswith(STRONG_COLUMNS[0].encode()):
            yield _parse_strong(path, Lines(lines.raw[1:], lines.number[1:]), bad)
        else:
            yield _parse_strong(path, lines, bad)
        is_first = False


def _parse_strong(path: Path, lines: Lines, bad: BadRows) -> Events:
    fits = matches(lines, _STRONG_ROW)
    for line, text in lines.explained(~fits):
        bad.add(path, line, f"is not {', '.join(STRONG_COLUMNS)}, separated by tabs", shown(text))
    lines = lines.where(fits)
    fields = pc.split_pattern(pc.ascii_trim(lines.raw.cast(pa.string()), characters="\r\n"), "\t").flatten()
    columns = [fields.take(pa.array(np.arange(i, len(fields), 4))) for i in range(4)]
    # Strong labels have three decimals; what has more is rounded by its own writer and means nothing here.
    start, end = (np.maximum(seconds_to_ms(column), 0) for column in columns[1:3])
    wrong = (end <= start) | (end > MAX_CLIP_MS + 100)
    for line, text in lines.explained(wrong):
        bad.add(path, line, "the event is empty, reversed or beyond its clip", shown(text))
    keep = pa.array(~wrong)
    return Events(columns[0].filter(keep), start[~wrong], end[~wrong], columns[3].filter(keep))


def read_label_quality(path: Path) -> dict[str, float]:
    """Id → share of rated clips whose label was right; ids that nobody rated are left out.

    Raises:
        ManifestError: missing, or a line that is not ``label_id,num_rated,num_true``; file and line are named.
    """
    remedy = f"the columns are {', '.join(QA_COLUMNS)}"
    try:
        if path.stat().st_size > _MAX_QA_BYTES:
            raise ManifestError(f"{path}: longer than {_MAX_QA_BYTES:,} bytes", remedy=remedy)
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _read_quality(path, csv.reader(file, strict=True), remedy)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path}: cannot be read: {error}", remedy=remedy) from None


def _read_quality(path: Path, reader: Any, remedy: str) -> dict[str, float]:
    quality: dict[str, float] = {}
    header = [name.strip().lstrip("#").strip() for name in next(reader, [])]
    if tuple(header) != QA_COLUMNS:
        raise ManifestError(f"{path}, line 1: the header is {header[:5]}", remedy=remedy)
    for row in reader:
        fields = [field.strip() for field in row]
        counts = [int(field) for field in fields[1:] if field.isascii() and field.isdigit() and len(field) <= 9]
        if len(fields) != len(QA_COLUMNS) or len(counts) != 2 or counts[1] > counts[0] or fields[0] in quality:
            raise ManifestError(f"{path}, line {reader.line_num}: {row!r:.60} is no count of a class", remedy=remedy)
        if counts[0]:
            quality[fields[0]] = counts[1] / counts[0]
    return quality

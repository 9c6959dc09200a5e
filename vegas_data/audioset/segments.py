"""The rows of a segments CSV: which ten seconds of which video carry which labels.

Enters: AudioSet's own form (three ``#`` lines, a blank before the quote), or what tools made of it: one header line or
none, integer times, single labels without quotes, CRLF. Leaves: blocks of checked rows as Arrow columns. A row is
checked by one regular expression in Arrow's engine; only rows that fail it are looked at in Python, to say why.
Gemmeke et al., "Audio Set: An ontology and human-labeled dataset for audio events", ICASSP 2017.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vegas_data.audioset.lines import BadRows, Lines, matches, read_lines, shown
from vegas_data.errors import ManifestError
from vegas_data.records import MAX_CLIP_MS, MAX_TIME_MS

COLUMNS: Final = ("YTID", "start_seconds", "end_seconds", "positive_labels")
LABEL: Final = r"/[mgt]/[0-9a-z_]{1,16}"
TIME: Final = r"[0-9]{1,6}(\.[0-9]{1,6})?"
_ID: Final = r"[A-Za-z0-9_-]{11}"
_ROW: Final = rf'^{_ID}, ?{TIME}, ?{TIME}, ?("{LABEL}(,{LABEL})*"|{LABEL}) ?\r?\n$'
_SAYS_COUNT: Final = re.compile(rb"num_segs=([0-9]{1,9})\b")
_ALIASES: Final = (
    {"ytid", "youtube_id", "video_id"},
    {"start_seconds", "start"},
    {"end_seconds", "end"},
    {"positive_labels", "labels"},
)


@dataclass(frozen=True)
class Segments:
    """A block of good rows, in the file's order."""

    line: npt.NDArray[np.int64]
    video_id: Any  # pyarrow.StringArray, 11 characters each
    start_ms: npt.NDArray[np.int64]
    end_ms: npt.NDArray[np.int64]
    labels: Any  # pyarrow.ListArray of strings

    def where(self, mask: npt.NDArray[np.bool_]) -> "Segments":
        if mask.all():
            return self
        keep = pa.array(mask)
        return Segments(
            self.line[mask],
            self.video_id.filter(keep),
            self.start_ms[mask],
            self.end_ms[mask],
            self.labels.filter(keep),
        )


def read_segments(path: Path, bad: BadRows) -> Iterator[Segments]:
    """The good rows of a segments CSV in blocks; the others are noted in ``bad``.

    Raises:
        ManifestError: missing, no text, or a header without the four columns.
    """
    announced: tuple[int, int] | None = None
    num_rows, is_first = 0, True
    for lines in read_lines(path, bad):
        rows = lines
        if is_first:
            head = _count_head(path, lines)
            announced = _announced(lines, head)
            rows = Lines(lines.raw[head:], lines.number[head:])
            is_first = False
        num_rows += len(rows.number)
        yield _parse(path, rows, bad)
    if announced is not None and announced[1] != num_rows:
        line, count = announced
        bad.add(path, line, "num_segs is not the number of rows", f"says {count}, the file has {num_rows}")


def _count_head(path: Path, lines: Lines) -> int:
    """How many lines stand before the first row.

    Raises:
        ManifestError: there is a header line, and it names other columns.
    """
    for index in range(len(lines.number)):
        text = lines.raw[index].as_py()
        if text.startswith(b"#"):
            continue
        names = [name.strip(" \"'").lower() for name in text.decode("utf-8", "replace").strip().split(",")]
        if not names[0].isalpha() and names[0] not in _ALIASES[0]:
            return index
        if len(names[0]) == 11 and len(names) > 1 and re.match(r"[ 0-9.]+$", names[1]):
            return index  # an id of letters only
        missing = [c for c, known, name in zip(COLUMNS, _ALIASES, names + [""] * 4, strict=False) if name not in known]
        if missing:
            raise ManifestError(
                f"{path}, line {lines.number[index]}: the header lacks {', '.join(missing)} in its place",
                remedy=f"the columns are {', '.join(COLUMNS)}, in this order",
            )
        return index + 1
    return len(lines.number)


def _announced(lines: Lines, head: int) -> tuple[int, int] | None:
    """Line and value of ``num_segs=…``, if one of the first lines says so: it betrays a truncated file."""
    for index in range(head):
        found = _SAYS_COUNT.search(lines.raw[index].as_py())
        if found:
            return int(lines.number[index]), int(found[1])
    return None


def _parse(path: Path, lines: Lines, bad: BadRows) -> Segments:
    fits = matches(lines, _ROW)
    if not fits.all():
        for line, text in lines.explained(~fits):
            bad.add(path, line, _why(text), shown(text))
        lines = lines.where(fits)
    fields = pc.split_pattern(lines.raw.cast(pa.string()), ",", max_splits=3).flatten()
    columns = [fields.take(pa.array(np.arange(i, len(fields), 4))) for i in range(4)]
    start, end = (seconds_to_ms(column) for column in columns[1:3])
    labels = pc.split_pattern(pc.ascii_trim(columns[3], characters=' "\r\n'), ",")
    rows = Segments(lines.number, columns[0], start, end, labels)
    good = np.ones(len(start), dtype=bool)
    for reason, wrong in _wrong_spans(start, end):
        for index in np.flatnonzero(good & wrong).tolist():
            bad.add(path, int(lines.number[index]), reason, shown(lines.raw[index].as_py()))
        good &= ~wrong
    return rows.where(good)


def seconds_to_ms(column: Any) -> npt.NDArray[np.int64]:
    """Decimal seconds in text (blanks around them allowed) as integer milliseconds; -1 where they are no whole ms."""
    exact = pc.cast(pc.ascii_trim(column, characters=" "), pa.float64()).to_numpy(zero_copy_only=False) * 1000
    rounded = np.rint(exact)
    ms: npt.NDArray[np.int64] = np.where(np.abs(exact - rounded) < 1e-4, rounded, -1).astype(np.int64)
    return ms


def _wrong_spans(
    start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]
) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    yield "times are not whole milliseconds", (start < 0) | (end < 0)
    yield "the span is empty or reversed", end <= start
    yield f"longer than {MAX_CLIP_MS} ms", end - start > MAX_CLIP_MS
    yield f"beyond {MAX_TIME_MS} ms", end > MAX_TIME_MS


def _why(raw: bytes) -> str:
    """Why a line is no row; whatever it is, it has a reason."""
    if b"\x00" in raw:
        return "holds a NUL byte"
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        return "is not UTF-8"
    fields = text.split(",", 3)
    if len(fields) < 4:
        return f"has {len(fields)} fields, not {len(COLUMNS)}"
    if not re.fullmatch(_ID, fields[0], re.ASCII):
        return "the video id is not 11 characters of A-Z a-z 0-9 _ -"
    for name, value in zip(COLUMNS[1:], fields[1:3], strict=False):
        if not re.fullmatch(" ?" + TIME, value, re.ASCII):
            return f"{name} is not a number of seconds from 0 to 999999"
    if "," in fields[3] and not fields[3].strip(" ").startswith('"'):
        return "several labels without quotes"
    return "the labels are not AudioSet ids such as /m/026t6"

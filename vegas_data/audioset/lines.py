"""A text file of any size as blocks of numbered lines, and the rows of it that must not be used.

Enters: the path of a CSV or TSV that somebody else wrote. Leaves: Arrow arrays of raw lines, a few megabytes at a time,
so that neither the file nor one endless line ever stands in memory whole. A file that is no text at all (gzip, a web
page, …) is refused by its first bytes; a bad row is noted with its line, and the reading goes on to find the others.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vegas_data.errors import ManifestError

BLOCK_BYTES: Final = 4 << 20
MAX_LINE_BYTES: Final = 4096
NAMED_ROWS: Final = 10
_SHOWN_CHARS: Final = 60
_NOT_TEXT: Final = (
    (b"\x1f\x8b", "is compressed with gzip, whatever its name says", "unpack it with gunzip"),
    (b"PK\x03\x04", "is a zip archive", "unpack it"),
    (b"\xff\xfe", "is UTF-16 text", "save it as UTF-8"),
    (b"\xfe\xff", "is UTF-16 text", "save it as UTF-8"),
    (b"PAR1", "is a Parquet table", "give the CSV file of AudioSet"),
    (b"<", "is a web page or XML, not a table", "download the file itself"),
)
_UTF8_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True)
class BadRow:
    """A row that must not be used: which file and line, and why."""

    file: Path
    line: int
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.reason}" + (f": {self.detail}" if self.detail else "")


@dataclass
class BadRows:
    """All bad rows that were met: counted by file and reason, the first few of each file and reason by name."""

    counts: Counter[tuple[Path, str]] = field(default_factory=Counter)
    named: list[BadRow] = field(default_factory=list)

    def add(self, file: Path, line: int, reason: str, detail: str = "") -> None:
        self.counts[file, reason] += 1
        if self.counts[file, reason] <= NAMED_ROWS:
            self.named.append(BadRow(file=file, line=line, reason=reason, detail=detail))

    @property
    def total(self) -> int:
        return self.counts.total()

    def of(self, file: Path) -> dict[str, int]:
        """Reason → number of a file's bad rows."""
        return {reason: count for (path, reason), count in sorted(self.counts.items()) if path == file}

    def raise_if_any(self) -> None:
        """Raise ManifestError with the first bad rows by name."""
        if not self.total:
            return
        first = sorted(self.named, key=lambda row: (str(row.file), row.line))[:NAMED_ROWS]
        more = f"\n  … and {self.total - len(first)} more" if self.total > len(first) else ""
        raise ManifestError(
            f"{self.total} bad rows:\n  " + "\n  ".join(map(str, first)) + more,
            remedy="correct or delete these rows, or leave them out: vegas-data manifest build --skip-bad-rows",
        )


@dataclass(frozen=True)
class Lines:
    """Some lines of a file: raw bytes with their line ends, and their line numbers (from 1)."""

    raw: Any  # pyarrow.BinaryArray
    number: npt.NDArray[np.int64]

    def where(self, mask: npt.NDArray[np.bool_]) -> "Lines":
        return Lines(self.raw.filter(pa.array(mask)), self.number[mask])

    def explained(self, mask: npt.NDArray[np.bool_]) -> Iterator[tuple[int, bytes]]:
        """Number and bytes of the lines that ``mask`` marks, one by one."""
        marked = self.where(mask)
        return zip(marked.number.tolist(), marked.raw.to_pylist(), strict=True)


def read_lines(path: Path, bad: BadRows) -> Iterator[Lines]:
    """The lines of a file in blocks; blank and over-long ones are left out, the latter noted in ``bad``.

    Raises:
        ManifestError: the file is missing, unreadable or no text.
    """
    try:
        with path.open("rb") as file:
            yield from _blocks(path, file, bad)
    except FileNotFoundError:
        raise ManifestError(f"{path}: no such file", remedy="check the folder that --from names") from None
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read: {error.strerror}", remedy="check its permissions") from None


def shown(raw: bytes) -> str:
    """The beginning of a line as it may be shown on a terminal."""
    text = raw.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
    return ascii(text[:_SHOWN_CHARS]) + ("…" if len(text) > _SHOWN_CHARS else "")


def _blocks(path: Path, file: BinaryIO, bad: BadRows) -> Iterator[Lines]:
    rest, number, is_lost = b"", 1, False
    first = file.read(BLOCK_BYTES)
    _refuse_what_is_no_text(path, first)
    block = first.removeprefix(_UTF8_MARK)
    while block:
        if is_lost:  # inside an over-long line: on to its end
            _, end, block = block.partition(b"\n")
            is_lost = not end
            number += bool(end)
        block = rest + block
        cut = block.rfind(b"\n") + 1
        rest = block[cut:]
        if cut:
            lines, count = _split(path, block[:cut], number, bad)
            yield lines
            number += count
        if len(rest) > MAX_LINE_BYTES:
            bad.add(path, number, f"longer than {MAX_LINE_BYTES} bytes", shown(rest[: 2 * _SHOWN_CHARS]))
            rest, is_lost = b"", True
        block = file.read(BLOCK_BYTES)
    if rest:
        yield _split(path, rest + b"\n", number, bad)[0]


def _split(path: Path, block: bytes, number: int, bad: BadRows) -> tuple[Lines, int]:
    """Lines of a block that ends with a line end, without copying it; and how many there were."""
    ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n")) + 1
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    raw = pa.Array.from_buffers(pa.binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(block)])
    lines = Lines(raw, np.arange(number, number + len(ends)))
    length = np.diff(offsets)
    long = length > MAX_LINE_BYTES
    for line, text in lines.explained(long):
        bad.add(path, line, f"longer than {MAX_LINE_BYTES} bytes", shown(text))
    keep = ~long
    for index in np.flatnonzero(length <= 2).tolist():
        keep[index] &= bool(raw[index].as_py().strip())
    return (lines if keep.all() else lines.where(keep)), len(ends)


def _refuse_what_is_no_text(path: Path, first: bytes) -> None:
    if not first:
        raise ManifestError(f"{path}: is empty", remedy="download it again")
    for magic, what, remedy in _NOT_TEXT:
        if first.startswith(magic):
            raise ManifestError(f"{path}, line 1: {what}", remedy=remedy)


def matches(lines: Lines, pattern: str) -> npt.NDArray[np.bool_]:
    """Which lines match a pattern of RE2, as bytes."""
    mask: npt.NDArray[np.bool_] = pc.match_substring_regex(lines.raw, pattern).to_numpy(zero_copy_only=False)
    return mask

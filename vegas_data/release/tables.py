"""The tables of a release: written once, and read back as if a stranger had written them.

Parquet files (zstd), columns and order as ``layout`` says, no nulls. Scores, judgments and verdicts are the
workspace's own, byte for byte; the others are made here and carry ``Facts`` in their schema metadata. Reading
compares the schema before any value, looks at every value, and holds one batch of rows at a time.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vegas_data.config import load_table, to_json
from vegas_data.errors import RecipeError, ReleaseError
from vegas_data.records import Clip
from vegas_data.release.layout import COLUMNS, FACTS, NOT_LEFT_OUT, ORDER, Column
from vegas_data.release.options import Facts
from vegas_data.release.pack import PackedShard
from vegas_data.release.plan import ReleasePlan, ReleaseSource
from vegas_data.shards import UNKNOWN_LICENCE

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

Row = dict[str, Any]

_ROWS_PER_GROUP: Final = 65_536
_MAX_ROWS: Final = 100_000_000
_ROWS_PER_BYTE: Final = 16  # four times what rows that differ pack into; equal ones pack into nothing
_MAX_GROUP_BYTES: Final = 2**30
_REFUSED: Final = "get the release again from where it came from; this table was changed or is not of this version"


def clip_rows(source: ReleaseSource) -> list[Row]:
    """One row for every listed clip and category, with what became of it."""
    return [
        _clip_row(clip, category, source)
        for clip in sorted(source.clips, key=lambda clip: (clip.video_id, clip.start_ms))
        for category in clip.categories
    ]


def _clip_row(clip: Clip, category: str, source: ReleaseSource) -> Row:
    media = source.media[clip.id][0] if clip.id in source.media else None
    status = "fetched" if media else "failed" if clip.id in source.failures else "pending"
    return {
        "clip_id": clip.id,
        "video_id": clip.video_id,
        "start_ms": clip.start_ms,
        "end_ms": clip.end_ms,
        "category": category,
        "origin": clip.origin,
        "status": status,
        "reason": {"fetched": "ok", "pending": "pending"}.get(status) or source.failures[clip.id],
        "duration_ms": media.duration_ms if media else 0,
        "media_sha256": media.sha256 if media else "",
        "licence": source.licences.get(clip.id, UNKNOWN_LICENCE),
    }


def example_rows(source: ReleaseSource, plan: ReleasePlan, packed: Sequence[PackedShard]) -> list[Row]:
    """One row for every example, in a shard or not."""
    places = {(meta.category, meta.key): (shard, meta) for shard in packed for meta in shard.metas}
    rows = []
    for example in source.examples:
        media, _ = source.media[example.clip_id]
        row = {
            "key": example.id,
            "category": example.category,
            "split": source.splits[example.video_id],
            **{name: value for name, value in asdict(example).items() if name != "category"},
            "num_frames": source.grid.num_frames(example.duration_ms),
            "num_samples": source.grid.num_samples(example.duration_ms),
            "gain_db": 0.0,
            "audio_sha256": "",
            "video_sha256": "",
            "media_sha256": media.sha256,
            "licence": source.licences.get(example.clip_id, UNKNOWN_LICENCE),
            "credit": source.credits.get(example.clip_id, ""),
            "shard": "",
            "left_out": plan.left_out.get((example.category, example.id), NOT_LEFT_OUT),
        }
        if (example.category, example.id) in places:
            shard, meta = places[example.category, example.id]
            row |= {"gain_db": meta.gain_db, "audio_sha256": meta.audio_sha256, "shard": shard.info.name}
            row["video_sha256"] = shard.video_sha256.get(meta.key, "")
        rows.append(row)
    return rows


def table_bytes(name: str, rows: Sequence[Row], facts: Facts) -> bytes:
    """``rows`` as the Parquet file of the table ``name``.

    Raises:
        ReleaseError: a value that the table cannot hold, such as an over-long origin.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for row in _in_order(name, _checked(name, iter(rows))):
            del row
    except ValueError as error:
        raise ReleaseError(f"{name}: {error}", remedy="correct it in the manifest") from None
    metadata = {FACTS: to_json(facts).encode()}
    schema = _schema(name).with_metadata(metadata)
    table = pa.Table.from_pylist(list(rows), schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", row_group_size=_ROWS_PER_GROUP)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def csv_bytes(rows: Sequence[Row]) -> bytes:
    """The table of examples as CSV."""
    text = io.StringIO()
    columns = [column.name for column in COLUMNS["examples"]]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _schema(name: str) -> "pa.Schema":
    import pyarrow as pa

    return pa.schema(
        [pa.field(column.name, pa.type_for_alias(column.kind), nullable=False) for column in COLUMNS[name]]
    )


def layout_of(path: Path) -> int | None:
    """The layout that a table says its release has; None where it says nothing of the kind."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        facts = json.loads((pq.read_schema(path).metadata or {})[FACTS])
    except (OSError, KeyError, ValueError, RecursionError, MemoryError, pa.ArrowException):
        return None
    layout = facts.get("layout") if isinstance(facts, dict) else None
    return layout if type(layout) is int and 0 < layout < 1_000 else None


class TableReader:
    """One table of a release that may come from anyone.

    Raises:
        ReleaseError: not Parquet, other columns or types, or more than can be held.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self._file = self._guard(self._open)
        self.num_rows: int = self._file.metadata.num_rows
        metadata: Mapping[bytes, bytes] = self._file.schema_arrow.metadata or {}
        self.metadata = dict(metadata)

    def _open(self) -> "pq.ParquetFile":
        import pyarrow.parquet as pq

        file = pq.ParquetFile(self.path)
        metadata = file.metadata
        if not file.schema_arrow.remove_metadata().equals(_schema(self.name)):
            raise ValueError(f"its columns are not {', '.join(c.name for c in COLUMNS[self.name])}")
        most = min(_MAX_ROWS, _ROWS_PER_BYTE * self.path.stat().st_size)
        if metadata.num_rows > most:
            raise ValueError(f"{metadata.num_rows} rows, more than the {most} that a table of its size can have")
        for index in range(metadata.num_row_groups):
            if metadata.row_group(index).total_byte_size > _MAX_GROUP_BYTES:
                raise ValueError(f"a group of rows of more than {_MAX_GROUP_BYTES} bytes")
        return file

    def _guard(self, read: Any) -> Any:
        import pyarrow as pa

        try:
            return read()
        except (OSError, ValueError, OverflowError, MemoryError, pa.ArrowException) as error:
            raise ReleaseError(f"{self.path}: {str(error)[:500]}", remedy=_REFUSED) from None

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows, each value looked at, in order; raises ReleaseError at the first that is wrong."""
        rows = _in_order(self.name, _checked(self.name, self._rows()))
        end: Row = {}
        while (row := self._guard(lambda: next(rows, end))) is not end:
            yield row

    def _rows(self) -> Iterator[Row]:
        for batch in self._file.iter_batches(batch_size=_ROWS_PER_GROUP // 8):
            batch.validate(full=True)
            yield from batch.to_pylist()

    def facts(self) -> Facts:
        """What the release says of itself; raises ReleaseError if this table does not, or not in this version's way."""
        try:
            return load_table(Facts, dict(json.loads(self.metadata[FACTS])), where="facts")
        except (KeyError, TypeError, ValueError, RecursionError, RecipeError) as error:
            raise ReleaseError(f"{self.path}: says nothing valid of its release: {error}", remedy=_REFUSED) from None


def _checked(name: str, rows: Iterator[Row]) -> Iterator[Row]:
    """The rows, unless one holds a value that its column cannot hold: then ValueError."""
    columns: tuple[Column, ...] = COLUMNS[name]
    for number, row in enumerate(rows):
        for column in columns:
            value = row[column.name]
            if value is None or not column.allows(value):
                raise ValueError(f"row {number}: {column.name} is {str(value)[:80]!r}")
        if not row["start_ms"] < row["end_ms"]:
            raise ValueError(f"row {number}: the span {row['start_ms']}–{row['end_ms']} ms is empty")
        if row["clip_id"].rpartition("_")[0] != row["video_id"]:
            raise ValueError(f"row {number}: the clip {row['clip_id']} is not of the video {row['video_id']}")
        yield row


def _in_order(name: str, rows: Iterator[Row]) -> Iterator[Row]:
    """The rows, unless they are out of order or one stands twice: then ValueError."""
    before: tuple[Any, ...] = ()
    judged: set[tuple[str, str]] = set()  # sides and judges of one window: theirs is the recipe's order
    for number, row in enumerate(rows):
        here = tuple(row[column] for column in ORDER[name])
        if here != before:
            judged.clear()
        judge = (row["side"], row["judge"]) if "judge" in row else ("", "")
        if here < before or judge in judged:
            raise ValueError(f"row {number}: out of order, or there twice: {', '.join(map(str, here))}")
        before = here
        judged.add(judge)
        yield row

"""Drawn windows as tables: what people are shown to calibrate and to audit, kept until a category is drawn again.

    calibration/<category>.parquet, audit/<category>.parquet

Enters and leaves: ``AuditItem`` records; in a calibration's draw the weights are 1 and say nothing. The file's schema
holds the videos that must not be drawn, so that anybody can draw again and see that it gives the same.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from vegas_data.errors import WorkspaceError
from vegas_data.records import Answer
from vegas_data.verify.audit import AuditItem
from vegas_data.verify.crowd import Question
from vegas_data.verify.options import REQUIRED_SIDES
from vegas_data.workspace import Workspace

DrawName = Literal["calibration", "audit"]
Outcome = Literal["drawn", "unchanged", "extended", "drawn anew"]  # what became of a draw beside the one before
DRAWN_BY: Final[dict[DrawName, str]] = {
    "calibration": "vegas-data audit calibrate --draw",
    "audit": "vegas-data audit draw",
}
_COLUMNS: Final = (
    ("category", "string"),
    ("clip_id", "string"),
    ("video_id", "string"),
    ("start_ms", "int64"),
    ("end_ms", "int64"),
    ("path", "string"),
    ("weight", "double"),
)
_EXCLUDED: Final = b"vegas_data.excluded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """Windows of one category, in the order in which they were drawn.

    Args:
        excluded: videos that must not be drawn, sorted.
    """

    items: tuple[AuditItem, ...]
    excluded: tuple[str, ...] = ()


def draw_key(name: DrawName, category: str) -> str:
    """Where a draw lives."""
    return f"{name}/{category}.parquet"


def commit_draw(workspace: Workspace, name: DrawName, category: str, draw: Draw) -> None:
    """Put a category's draw into the workspace, in place of the one before."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [pa.field(column, pa.type_for_alias(kind), nullable=False) for column, kind in _COLUMNS]
    schema = pa.schema(fields, metadata={_EXCLUDED: json.dumps(draw.excluded).encode()})
    with workspace.scratch() as folder:
        rows = list(map(dataclasses.asdict, draw.items))
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / name, compression="zstd")
        workspace.commit_file(draw_key(name, category), folder / name)


def read_draws(workspace: Workspace, name: DrawName, categories: Iterable[str]) -> dict[str, Draw]:
    """The last draw of each category of which there is one.

    Raises:
        WorkspaceError: a table is damaged.
    """
    return {
        category: read_draw(workspace, name, category)
        for category in categories
        if workspace.exists(draw_key(name, category))
    }


def read_draw(workspace: Workspace, name: DrawName, category: str) -> Draw:
    """A draw that is there; raises as ``read_draws``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = workspace.path(draw_key(name, category))
    try:
        table = pq.read_table(path)
        excluded = json.loads((table.schema.metadata or {})[_EXCLUDED])
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise WorkspaceError(f"{path}: unreadable: {error}", remedy=f"delete it and run `{DRAWN_BY[name]}`") from None
    if [(field.name, str(field.type)) for field in table.schema] != list(_COLUMNS):
        raise WorkspaceError(
            f"{path}: has other columns than this version", remedy=f"delete it and run `{DRAWN_BY[name]}`"
        )
    return Draw(items=tuple(AuditItem(**row) for row in table.to_pylist()), excluded=tuple(map(str, excluded)))


def drawn_videos(workspace: Workspace, name: DrawName, categories: Iterable[str]) -> frozenset[str]:
    """The videos of all draws; raises as ``read_draws``."""
    return frozenset(item.video_id for draw in read_draws(workspace, name, categories).values() for item in draw.items)


def settled_sides(item: AuditItem, settled: Mapping[Question, Answer]) -> tuple[Answer | None, ...]:
    """What people settled about hearing, and about seeing, the target in a window; None where they did not."""
    found = (settled.get((item.category, item.clip_id, item.start_ms, side)) for side in REQUIRED_SIDES)
    return tuple(None if answer == "unsure" else answer for answer in found)

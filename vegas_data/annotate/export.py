"""The judgments of people as a table: ``tables/human_judgments.parquet``, pseudonyms only, always in one order."""

from dataclasses import asdict
from typing import Final

from vegas_data.annotate.store import read_judgments
from vegas_data.workspace import Workspace

DATABASE: Final = "judgments.sqlite"
TABLE: Final = "tables/human_judgments.parquet"
_COLUMNS: Final = (
    ("purpose", "string"),
    ("category", "string"),
    ("clip_id", "string"),
    ("video_id", "string"),
    ("start_ms", "int64"),
    ("end_ms", "int64"),
    ("side", "string"),
    ("annotator", "string"),
    ("answer", "string"),
    ("at_ms", "int64"),
    ("is_gold", "bool"),
)


def write_judgments(workspace: Workspace) -> int:
    """Put the valid judgments of the workspace's log into its table, and return how many there are.

    Raises:
        AnnotationError: see ``read_judgments``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    judgments = read_judgments(workspace.path(DATABASE))
    schema = pa.schema([pa.field(name, pa.type_for_alias(kind), nullable=False) for name, kind in _COLUMNS])
    with workspace.scratch() as folder:
        file = folder / "table"
        pq.write_table(pa.Table.from_pylist(list(map(asdict, judgments)), schema=schema), file, compression="zstd")
        workspace.commit_file(TABLE, file)
    return len(judgments)

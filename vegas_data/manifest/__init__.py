"""The table of clips: read, written, checked, compared; and the queue in which its clips are tried."""

from vegas_data.manifest.queue import QueueState, add_queue, clips_to_try, read_queues, walk_queue
from vegas_data.manifest.rows import COLUMNS, EXTRAS, MAX_ORIGIN, Table
from vegas_data.manifest.table import (
    CLIPS,
    PARQUET,
    SOURCES,
    clips_of,
    make_table,
    read_clips,
    read_manifest,
    read_sources,
    read_table,
    read_workspace_table,
    table_of,
    write_manifest,
    write_table,
)

__all__ = [
    "CLIPS",
    "COLUMNS",
    "EXTRAS",
    "MAX_ORIGIN",
    "PARQUET",
    "SOURCES",
    "QueueState",
    "Table",
    "add_queue",
    "clips_of",
    "clips_to_try",
    "make_table",
    "read_clips",
    "read_manifest",
    "read_queues",
    "read_sources",
    "read_table",
    "read_workspace_table",
    "table_of",
    "walk_queue",
    "write_manifest",
    "write_table",
]

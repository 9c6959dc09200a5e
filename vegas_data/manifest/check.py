"""Everything that is wrong with a table of clips, each finding with its line; nothing is raised, nothing is mended."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vegas_data.errors import ManifestError
from vegas_data.manifest.rows import ALL, Row, Trouble, inspect_rows, open_rows, relations
from vegas_data.manifest.table import CLIPS, PARQUET, SOURCES, csv_bytes, read_sources, read_table
from vegas_data.records import Category
from vegas_data.workspace import Workspace

_REBUILD = "run `vegas-data manifest build`, or put the table in again with `vegas-data fetch --manifest FILE`"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong: the file, the line in it (``line 7``; empty: the whole file), and what to do."""

    file: str
    key: str
    code: str
    message: str
    remedy: str


def check_table(path: Path, categories: dict[str, Category]) -> tuple[int, list[Finding]]:
    """All findings in a table, by line, and how many rows were read."""
    try:
        _, rows = open_rows(path)
    except ManifestError as error:
        return 0, [Finding(file=str(path), key="", code="unreadable", message=str(error), remedy=error.remedy)]
    good: list[tuple[int, Row]] = []
    troubles: list[Trouble] = []
    for line, found in inspect_rows(rows, categories):
        if isinstance(found, Trouble):
            troubles.append(found)
        else:
            good.append((line, found))
    good.sort(key=lambda pair: (pair[1][0], pair[1][1], pair[1][3]))
    troubles += relations(good)
    troubles += _gaps(good)
    return len(rows), [_finding(path, trouble) for trouble in sorted(troubles, key=lambda found: found.line)]


def check_workspace(workspace: Workspace, categories: dict[str, Category]) -> tuple[int, list[Finding]]:
    """All findings in the workspace's own table: its rows, their order, and whether its three files agree.

    Raises:
        ManifestError: there is no table.
    """
    path = workspace.path(CLIPS)
    if not path.is_file():
        raise ManifestError(f"{path}: this workspace has no manifest yet", remedy="run `vegas-data manifest build`")
    count, findings = check_table(path, categories)
    if not findings:
        findings += _companions(workspace, categories)
    return count, findings


def _companions(workspace: Workspace, categories: dict[str, Category]) -> Iterator[Finding]:
    path, text = workspace.path(CLIPS), workspace.path(CLIPS).read_bytes()
    table = read_table(path, categories)
    if csv_bytes(table) != text:
        message = "its rows are not in the order of clips and categories, or not as this program writes them"
        yield Finding(file=str(path), key="", code="order", message=message, remedy=_REBUILD)
    try:
        twin = read_table(workspace.path(PARQUET), categories)
    except ManifestError as error:
        yield Finding(file=str(workspace.path(PARQUET)), key="", code="unreadable", message=str(error), remedy=_REBUILD)
    else:
        if csv_bytes(twin) != csv_bytes(table):
            message = f"holds other rows than {path.name}"
            yield Finding(file=str(workspace.path(PARQUET)), key="", code="disagree", message=message, remedy=_REBUILD)
    if workspace.exists(SOURCES) and read_sources(workspace) is None:
        message = f"is about another {path.name}"
        yield Finding(file=str(workspace.path(SOURCES)), key="", code="disagree", message=message, remedy=_REBUILD)


def _gaps(rows: list[tuple[int, Row]]) -> Iterator[Trouble]:
    """Ranks that leave something out: a queue counts 0, 1, 2, …"""
    ranks: dict[str, list[int]] = {}
    for _, row in rows:
        rank = row[ALL.index("queue")]
        if rank is not None:
            ranks.setdefault(row[3], []).append(rank)
    for category, taken in sorted(ranks.items()):
        if max(taken) >= len(taken):
            message = f"the queue of {category} has {len(taken)} rows and goes up to rank {max(taken)}"
            remedy = "delete the column queue: ranks are then made anew"
            yield Trouble(line=0, code="queue", message=message, remedy=remedy)


def _finding(path: Path, trouble: Trouble) -> Finding:
    key = f"line {trouble.line}" if trouble.line else ""
    return Finding(file=str(path), key=key, code=trouble.code, message=trouble.message, remedy=trouble.remedy)

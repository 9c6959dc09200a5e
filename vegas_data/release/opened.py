"""The tables and rules of a release, read as if a stranger had written them: all, or findings that say why not."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from vegas_data.errors import ReleaseError
from vegas_data.release.findings import Findings
from vegas_data.release.layout import AUDIT_TABLES, RULES, TABLES, VERBATIM, table_file
from vegas_data.release.options import LAYOUT, Facts
from vegas_data.release.rules import Rules, read_rules
from vegas_data.release.tables import Row, TableReader, layout_of
from vegas_data.store import sha256_of


@dataclass(frozen=True, kw_only=True)
class TableFile:
    """One table of a release as a file."""

    name: str
    num_rows: int
    num_bytes: int
    sha256: str

    @property
    def path(self) -> str:
        return table_file(self.name)


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The tables of a release, but for the scores, which are read in passing.

    Args:
        audit, audit_judgments: empty where nothing was audited. files: in the order of ``layout.TABLES``.
    """

    facts: Facts
    rules: Rules
    clips: list[Row]
    judgments: list[Row]
    verdicts: list[Row]
    examples: list[Row]
    audit: list[Row]
    audit_judgments: list[Row]
    scores: TableReader
    files: list[TableFile]


def read_tables(folder: Path, present: Collection[str], found: Findings) -> Tables | None:
    """All tables, or None if one cannot be used."""
    examples = table_file("examples")
    layout = layout_of(folder / examples) if examples in present else None
    if layout not in (None, LAYOUT):
        remedy = f"check it with a version of vegas-data that reads layout {layout}"
        found.add(
            examples, "other_version", f"layout {layout}; this version of vegas-data reads {LAYOUT}", remedy=remedy
        )
        return None
    readers: dict[str, TableReader] = {}
    rows: dict[str, list[Row]] = {name: [] for name in AUDIT_TABLES}
    for name in (*TABLES, *AUDIT_TABLES):
        if table_file(name) not in present:
            continue
        try:
            readers[name] = TableReader(folder / table_file(name), name)
            rows[name] = [] if name == "scores" else list(readers[name])
        except ReleaseError as error:
            reason = reason_of(error, folder / table_file(name))
            found.add(table_file(name), "bad_table", reason, remedy=error.remedy)
            return None
    rules = _read_rules(folder, present, found)
    if rules is None or not set(TABLES) <= readers.keys():
        return None
    facts = _read_facts(folder, readers, found)
    if facts is None:
        return None
    for name in VERBATIM:
        for key in ("scores", "verdicts", "inputs"):
            if readers[name].metadata.get(f"vegas_data.{key}".encode()) != getattr(facts, key).encode():
                found.add(table_file(name), "tables_disagree", f"its digest of {key} is not that of the examples")
    return Tables(
        facts=facts,
        rules=rules,
        scores=readers["scores"],
        files=[file_of(readers[name]) for name in (*TABLES, *AUDIT_TABLES) if name in readers],
        **{name: some for name, some in rows.items() if name != "scores"},
    )


def file_of(reader: TableReader) -> TableFile:
    """A table that was opened, as a file."""
    return TableFile(
        name=reader.name,
        num_rows=reader.num_rows,
        num_bytes=reader.path.stat().st_size,
        sha256=sha256_of(reader.path),
    )


def reason_of(error: ReleaseError, path: Path) -> str:
    """The error without the path, which a finding names by itself."""
    return str(error).removeprefix(f"{path}: ")


def _read_rules(folder: Path, present: Collection[str], found: Findings) -> Rules | None:
    if RULES not in present:
        return None
    try:
        return read_rules(folder / RULES)
    except ReleaseError as error:
        found.add(RULES, "bad_table", reason_of(error, folder / RULES), remedy=error.remedy)
        return None


def _read_facts(folder: Path, readers: dict[str, TableReader], found: Findings) -> Facts | None:
    """What the table of examples says of its release; the others must say the same."""
    try:
        facts = readers["examples"].facts()
        for name in ("clips", *(name for name in AUDIT_TABLES if name in readers)):
            if readers[name].facts() != facts:
                found.add(table_file(name), "tables_disagree", "it is of another release than the examples")
    except ReleaseError as error:
        reason = reason_of(error, folder / table_file("examples"))
        found.add(table_file("examples"), "bad_table", reason, remedy=error.remedy)
        return None
    for name in AUDIT_TABLES:
        if bool(facts.audited) != (name in readers):
            said = f"it says that {', '.join(facts.audited)} was audited" if facts.audited else "it says of no audit"
            found.add(table_file(name), "tables_disagree", f"is {'not ' if facts.audited else ''}there, and {said}")
    return facts

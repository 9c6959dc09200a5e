"""Proves a release without the workspace it came from: for strangers, offline, and trusting nothing.

    files      SHA256SUMS names every file and no other, and each has these bytes
    tables     schema, types, every value, order; then row against row (``agreement``)
    shards     every byte, by ``shards.prove_folder``; then example against row
    cards      rendered again from what was read, and compared; so is ``vegas.csv``

Leaves how much was read, and findings: an empty list is the proof. Nothing is changed, followed or executed.
"""

import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import islice, zip_longest
from pathlib import Path
from typing import Final

from vegas_data.errors import ReleaseError
from vegas_data.release import agreement
from vegas_data.release.card import Contents, TableFile, render_cards, templates_digest
from vegas_data.release.layout import (
    CSV,
    FIXED_FILES,
    LICENCE_TEXT,
    SHARDS,
    SHARDS_CARD,
    SUMS,
    TABLES,
    max_bytes,
    table_file,
)
from vegas_data.release.options import Facts
from vegas_data.release.sums import read_small, read_sums, walk
from vegas_data.release.tables import Row, TableReader, csv_bytes
from vegas_data.shards import CheckedShard, Finding, prove_folder
from vegas_data.shards.schema import SHARD_NAME
from vegas_data.shards.side_car import SUFFIX
from vegas_data.store import sha256_of

CODES: Final = (
    "bad_sums",
    "missing_file",
    "foreign_file",
    "too_large",
    "checksum_mismatch",
    "bad_table",
    "tables_disagree",
    "shards_disagree",
    "split_leak",
    "licence",
    "card_mismatch",
    "unreadable",
    "other_version",
)
_AGAIN: Final = "get the release again from where it came from, and tell its publisher"
_MOST: Final = 10  # of one kind in one file: one fault must not give a million findings


@dataclass
class _Found:
    """Findings, at most ``_MOST`` of one code in one file."""

    folder: Path
    findings: list[Finding] = field(default_factory=list)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, file: str, code: str, message: str, *, key: str = "", remedy: str = _AGAIN) -> None:
        assert code in CODES, code
        self._append(Finding(file=str(self.folder / file), key=key, code=code, message=message, remedy=remedy))

    def add_shards(self, findings: Iterable[Finding]) -> None:
        """Findings of ``prove_folder``; nobody but the publisher can make a shard of a release again."""
        for finding in findings:
            self._append(replace(finding, remedy=_AGAIN))

    def add_all(self, file: str, code: str, troubles: Iterable[agreement.Trouble]) -> None:
        for key, message in troubles:
            self.add(file, code, message, key=key)

    def _append(self, finding: Finding) -> None:
        finding = replace(finding, file=_plain(finding.file), key=_plain(finding.key), message=_plain(finding.message))
        self._counts[finding.file, finding.code] += 1
        if self._counts[finding.file, finding.code] <= _MOST:
            self.findings.append(finding)

    def all(self) -> list[Finding]:
        """The findings, and how many more there are of a kind."""
        more = [
            Finding(file=file, key="", code=code, message=f"{count - _MOST} more like these", remedy=_AGAIN)
            for (file, code), count in self._counts.items()
            if count > _MOST
        ]
        return [*self.findings, *more]


def _plain(text: str) -> str:
    """``text`` as any terminal and any file can take it: a stranger may have chosen the name."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


@dataclass(frozen=True, kw_only=True)
class _Tables:
    """The tables of a release, but for the scores, which are read in passing."""

    facts: Facts
    clips: list[Row]
    judgments: list[Row]
    verdicts: list[Row]
    examples: list[Row]
    scores: TableReader
    files: list[TableFile]


def check_release(folder: Path) -> tuple[dict[str, int], list[Finding]]:
    """Prove the release in ``folder``: what was read, by kind, and what was found.

    Raises:
        ReleaseError: there is no such folder, or it holds no release at all.
    """
    if not folder.is_dir() or not any((folder / file).exists() for file in FIXED_FILES):
        raise ReleaseError(f"{folder}: no release", remedy="give the folder that holds README.md and SHA256SUMS")
    found = _Found(folder)
    present = _check_files(folder, found)
    tables = _read_tables(folder, present, found)
    shards: list[CheckedShard] = []
    if any(file.startswith(f"{SHARDS}/") for file in present):
        profile = tables.facts.profile if tables else "features"
        shards, findings = prove_folder(folder / SHARDS, profile=profile, besides=(Path(SHARDS_CARD).name,))
        found.add_shards(findings)
    counts = {"files": len(present), "shards": len(shards), "examples": sum(len(shard.examples) for shard in shards)}
    if tables is not None:
        counts["windows"] = len(tables.verdicts)
        _check_agreement(tables, shards, found)
        _check_cards(folder, present, tables, shards, found)
    return counts, found.all()


# --- files ----------------------------------------------------------------------------------------------------


def _check_files(folder: Path, found: _Found) -> set[str]:
    """Compare the folder with ``SHA256SUMS``; the regular files that belong there and can be read."""
    present = set()
    for name, status in walk(folder):
        if not stat.S_ISREG(status.st_mode):
            found.add(name, "foreign_file", "a link or no regular file: it was not opened")
        elif not _belongs(name):
            found.add(name, "foreign_file", "not a file of a release", remedy="move it elsewhere")
        elif status.st_size > max_bytes(name):
            found.add(name, "too_large", f"{status.st_size} bytes: it was not opened")
        else:
            present.add(name)
    for name in sorted(set(FIXED_FILES) - present):
        found.add(name, "missing_file", "a release has this file")
    if SUMS not in present:
        return present
    try:
        sums = read_sums(folder)
    except ReleaseError as error:
        found.add(SUMS, "bad_sums", _reason(error, folder / SUMS))
        return present
    for name in sorted(sums.keys() - present - set(FIXED_FILES)):
        found.add(name, "missing_file", f"{SUMS} names it")
    for name in sorted(present - sums.keys() - {SUMS}):
        found.add(name, "bad_sums", f"{SUMS} does not name it")
    for name in sorted(present):
        try:
            if sha256_of(folder / name) != sums.get(name, "") and name in sums:
                found.add(name, "checksum_mismatch", f"not the bytes that {SUMS} records")
        except OSError as error:
            found.add(name, "unreadable", f"cannot be read: {error.strerror}", remedy="check the disk and permissions")
            present.remove(name)
    return present


def _belongs(name: str) -> bool:
    parent, _, file = name.rpartition("/")
    if name in FIXED_FILES or LICENCE_TEXT.fullmatch(name):
        return True
    return parent == SHARDS and SHARD_NAME.fullmatch(file.removesuffix(SUFFIX)) is not None


# --- tables and shards ----------------------------------------------------------------------------------------


def _read_tables(folder: Path, present: set[str], found: _Found) -> _Tables | None:
    """All tables, or None if one cannot be used."""
    readers: dict[str, TableReader] = {}
    rows: dict[str, list[Row]] = {}
    for name in TABLES:
        if table_file(name) not in present:
            continue
        try:
            readers[name] = TableReader(folder / table_file(name), name)
            rows[name] = [] if name == "scores" else list(readers[name])
        except ReleaseError as error:
            reason = _reason(error, folder / table_file(name))
            found.add(table_file(name), "bad_table", reason, remedy=error.remedy)
    if rows.keys() != set(TABLES):
        return None
    try:
        facts = readers["examples"].facts()
        if readers["clips"].facts() != facts:
            found.add(table_file("clips"), "tables_disagree", "it is of another release than the examples")
    except ReleaseError as error:
        reason = _reason(error, folder / table_file("examples"))
        found.add(table_file("examples"), "bad_table", reason, remedy=error.remedy)
        return None
    for name in ("scores", "judgments", "verdicts"):
        for key in ("scores", "verdicts", "inputs"):
            if readers[name].metadata.get(f"vegas_data.{key}".encode()) != getattr(facts, key).encode():
                found.add(table_file(name), "tables_disagree", f"its digest of {key} is not that of the examples")
    files = [
        TableFile(
            name=name,
            num_rows=readers[name].num_rows,
            num_bytes=readers[name].path.stat().st_size,
            sha256=sha256_of(readers[name].path),
        )
        for name in TABLES
    ]
    return _Tables(
        facts=facts, scores=readers["scores"], files=files, **{n: r for n, r in rows.items() if n != "scores"}
    )


def _reason(error: ReleaseError, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ")


def _check_agreement(tables: _Tables, shards: list[CheckedShard], found: _Found) -> None:
    clips, verdicts, examples = table_file("clips"), table_file("verdicts"), table_file("examples")
    found.add_all(clips, "tables_disagree", agreement.clips_disagree(tables.clips))
    windows = agreement.windows_disagree(tables.clips, tables.scores, tables.judgments, tables.verdicts)
    try:
        found.add_all(verdicts, "tables_disagree", windows)
    except ReleaseError as error:
        found.add(table_file("scores"), "bad_table", _reason(error, tables.scores.path))
    found.add_all(
        examples, "tables_disagree", agreement.examples_disagree(tables.clips, tables.verdicts, tables.examples)
    )
    found.add_all(examples, "split_leak", agreement.splits_leak(tables.examples))
    found.add_all(examples, "licence", agreement.licences_forbid(tables.examples, tables.facts))
    found.add_all(examples, "shards_disagree", agreement.shards_disagree(tables.examples, shards))


# --- cards ----------------------------------------------------------------------------------------------------


def _check_cards(folder: Path, present: set[str], tables: _Tables, shards: list[CheckedShard], found: _Found) -> None:
    """Render the cards and ``vegas.csv`` again from the tables and the shards, and compare."""
    expected = {CSV: csv_bytes(tables.examples)}
    texts = {text[1]: sha256_of(folder / name) for name in present if (text := LICENCE_TEXT.fullmatch(name))}
    if tables.facts.templates != templates_digest():
        remedy = f"check it with vegas-data {tables.facts.tool}"
        found.add("README.md", "other_version", "its numbers were set by another version's template", remedy=remedy)
    elif shards:
        expected |= {file: text.encode() for file, text in render_cards(_contents(tables, shards, texts)).items()}
    for file, content in expected.items():
        try:
            actual = read_small(folder / file)
        except ReleaseError:
            continue  # missing or a link: found before
        for number, line, there in islice(_differences(content, actual), 1):
            found.add(file, "card_mismatch", f"line {number} is {there!r}, the tables say {line!r}")


def _differences(expected: bytes, actual: bytes) -> Iterator[tuple[int, str, str]]:
    for number, lines in enumerate(zip_longest(BytesIO(expected), BytesIO(actual), fillvalue=b""), start=1):
        if lines[0] != lines[1]:
            line, there = (data[:200].decode("utf-8", "backslashreplace").rstrip("\n") for data in lines)
            yield number, line, there
    if expected != actual:
        yield 0, "", ""


def _contents(tables: _Tables, shards: list[CheckedShard], texts: dict[str, str]) -> Contents:
    return Contents(
        facts=tables.facts,
        clips=tables.clips,
        examples=tables.examples,
        judges=Counter(row["judge"] for row in tables.judgments),
        windows=Counter((row["category"], row["decision"], row["reason"]) for row in tables.verdicts),
        verified=len({row["clip_id"] for row in tables.verdicts}),
        tables=tables.files,
        texts=texts,
        shards=[shard.info for shard in shards],
        streams=agreement.first_streams(shards),
    )

"""Proves a release without the workspace it came from: for strangers, offline, and trusting nothing.

    files      SHA256SUMS names every file and no other, and each has these bytes
    tables     schema, types, every value, order; then row against row (``agreement``), every verdict made again from
               scores, rules and people's answers (``again``), and the audit drawn again (``audit``)
    shards     every byte, by ``shards.prove_folder``; then example against row
    cards      rendered again from what was read, and compared; so is ``vegas.csv``

Leaves how much was read, and findings: an empty list is the proof. Nothing is changed, followed or executed.
"""

import stat
from collections.abc import Iterator
from io import BytesIO
from itertools import islice, zip_longest
from pathlib import Path

from vegas_data.errors import ReleaseError
from vegas_data.release import agreement
from vegas_data.release.audit import audit_disagrees
from vegas_data.release.card import contents_of, render_cards, templates_digest
from vegas_data.release.findings import Findings
from vegas_data.release.layout import (
    AUDIT_FILES,
    AUDIT_TABLES,
    CSV,
    FIXED_FILES,
    LICENCE_TEXT,
    RULES,
    SHARDS,
    SHARDS_CARD,
    SUMS,
    max_bytes,
    table_file,
)
from vegas_data.release.opened import Tables, read_tables, reason_of
from vegas_data.release.rules import calibration_troubles
from vegas_data.release.sums import read_small, read_sums, walk
from vegas_data.release.tables import csv_bytes
from vegas_data.shards import CheckedShard, Finding, prove_folder
from vegas_data.shards.schema import SHARD_NAME
from vegas_data.shards.side_car import SUFFIX
from vegas_data.store import sha256_of


def check_release(folder: Path) -> tuple[dict[str, int], list[Finding]]:
    """Prove the release in ``folder``: what was read, by kind, and what was found.

    Raises:
        ReleaseError: there is no such folder, or it holds no release at all.
    """
    if not folder.is_dir() or not any((folder / file).exists() for file in FIXED_FILES):
        raise ReleaseError(f"{folder}: no release", remedy="give the folder that holds README.md and SHA256SUMS")
    found = Findings(folder)
    present = _check_files(folder, found)
    tables = read_tables(folder, present, found)
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


def _check_files(folder: Path, found: Findings) -> set[str]:
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
        found.add(SUMS, "bad_sums", reason_of(error, folder / SUMS))
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
    if name in FIXED_FILES or name in AUDIT_FILES or LICENCE_TEXT.fullmatch(name):
        return True
    return parent == SHARDS and SHARD_NAME.fullmatch(file.removesuffix(SUFFIX)) is not None


# --- tables and shards ----------------------------------------------------------------------------------------


def _check_agreement(tables: Tables, shards: list[CheckedShard], found: Findings) -> None:
    clips, verdicts, examples = table_file("clips"), table_file("verdicts"), table_file("examples")
    found.add_all(clips, "tables_disagree", agreement.clips_disagree(tables.clips))
    windows = agreement.windows_disagree(tables.clips, tables.scores, tables.judgments, tables.verdicts, tables.rules)
    try:
        found.add_all(verdicts, "tables_disagree", windows)
    except ReleaseError as error:
        found.add(table_file("scores"), "bad_table", reason_of(error, tables.scores.path))
    found.add_all(
        examples, "tables_disagree", agreement.examples_disagree(tables.clips, tables.verdicts, tables.examples)
    )
    found.add_all(examples, "split_leak", agreement.splits_leak(tables.examples))
    found.add_all(examples, "licence", agreement.licences_forbid(tables.examples, tables.facts))
    found.add_all(examples, "shards_disagree", agreement.shards_disagree(tables.examples, shards))
    found.add_all(RULES, "tables_disagree", calibration_troubles(tables.rules))
    audit = audit_disagrees(tables.audit, tables.audit_judgments, tables.verdicts, tables.rules, tables.facts.audited)
    found.add_all(table_file(AUDIT_TABLES[0]), "tables_disagree", audit)


# --- cards ----------------------------------------------------------------------------------------------------


def _check_cards(folder: Path, present: set[str], tables: Tables, shards: list[CheckedShard], found: Findings) -> None:
    """Render the cards and ``vegas.csv`` again from the tables and the shards, and compare."""
    expected = {CSV: csv_bytes(tables.examples)}
    texts = {text[1]: sha256_of(folder / name) for name in present if (text := LICENCE_TEXT.fullmatch(name))}
    if tables.facts.templates != templates_digest():
        remedy = f"check it with vegas-data {tables.facts.tool}"
        found.add("README.md", "other_version", "its numbers were set by another version's template", remedy=remedy)
    elif shards:
        infos, streams = [shard.info for shard in shards], agreement.first_streams(shards)
        contents = contents_of(tables, texts=texts, shards=infos, streams=streams)
        expected |= {file: text.encode() for file, text in render_cards(contents).items()}
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

"""The manifest built from AudioSet's tables: which files, what was left out of them, and what the result is made of.

Enters: the recipe's ``[manifest]``, the categories, and a folder of tables or the cache of downloaded ones. Leaves: a
``Listing``: the table of clips with its queue, and the record that stands beside it in the workspace.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vegas_data.config import digest
from vegas_data.download import Progress
from vegas_data.errors import ManifestError, RecipeError
from vegas_data.listing.imports import Form, read_list
from vegas_data.listing.options import ManifestOptions
from vegas_data.manifest import add_queue
from vegas_data.manifest.check import Finding
from vegas_data.manifest.compare import merge_tables
from vegas_data.records import Category
from vegas_data.sources import SourceEntry, SourceFile, fetch_source, find_cached, find_in, load_sources
from vegas_data.store import sha256_of

if TYPE_CHECKING:
    from vegas_data.audioset import Tables

SCHEMA: Final = 1
_PRIORS: Final = ("strong", "quality")
_REMEDY: Final = "correct or delete the row, or leave it out with --skip-bad-rows"

Bar = Callable[[str], AbstractContextManager[Progress | None]]
"""Shows one download, by its name."""


def no_bar(_: str) -> AbstractContextManager[Progress | None]:
    """Shows nothing."""
    return nullcontext()


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A table of clips that was built.

    Args:
        table: ``pyarrow.Table``. sources: what it was made of, for ``manifest/sources.json``.
        left_out: file name → reason → rows that could not be used. absent: lists that the folder does not hold.
    """

    table: Any
    sources: Mapping[str, Any]
    left_out: Mapping[str, Mapping[str, int]]
    absent: tuple[str, ...] = ()


def download_tables(
    options: ManifestOptions, *, priors: bool = False, bar: Bar = no_bar, allow_loopback: bool = False
) -> list[SourceFile]:
    """Bring the tables here that the recipe asks for, those that are here already excepted.

    Args:
        priors: also strong labels and raters' counts.

    Raises:
        As ``sources.fetch_source``. Tables that came whole are kept: the next try goes on with the others.
    """
    files = []
    for entry in _wanted(options, priors=priors):
        cached = find_cached(entry)
        if cached is None:
            with bar(entry.file) as progress:
                cached = fetch_source(entry, progress, allow_loopback=allow_loopback)
        files.append(cached)
    # Priors that were brought earlier are used again, or the manifest would lose columns.
    known = {file.entry.name for file in files}
    others = (find_cached(entry) for entry in load_sources().values() if entry.kind in _PRIORS)
    return files + [file for file in others if file is not None and file.entry.name not in known]


def tables_are_here(options: ManifestOptions) -> bool:
    """Whether a build would have to download nothing."""
    return all(find_cached(entry) is not None for entry in _wanted(options, priors=False))


def build_listing(
    options: ManifestOptions,
    categories: Iterable[Category],
    files: Iterable[SourceFile] | Path,
    *,
    skip_bad_rows: bool = False,
) -> Listing:
    """The candidates for the categories, from files that are here or from a folder of tables.

    Raises:
        ManifestError: a file that is needed is missing or no table, or bad rows that are not skipped.
        RecipeError: the recipe or the categories name something that is not in the tables.
    """
    from vegas_data.audioset import find_candidates

    chosen = list(categories)
    given, absent = _files(options, files)
    tables = _open(options, given)
    found = find_candidates(tables, chosen, skip_bad_rows=skip_bad_rows)
    left_out = {file.path.name: found.bad.of(file.path) for file in given}
    selection = [(c.name, sorted(c.include), sorted(c.exclude)) for c in sorted(chosen, key=lambda c: c.name)]
    sources = {
        "schema": SCHEMA,
        "seed": options.seed,
        "categories": digest(selection),
        "tables": [
            {
                "name": file.entry.name,
                "file": file.path.name,
                "licence": file.entry.licence,
                "sha256": file.sha256,
                "num_bytes": file.num_bytes,
                "rows": found.num_rows.get(file.path, 0),
                "left_out": left_out[file.path.name],
            }
            for file in given
        ],
        "imports": [],
    }
    table = add_queue(found.table, options.seed)
    return Listing(table=table, sources=sources, left_out={k: v for k, v in left_out.items() if v}, absent=absent)


def check_folder(
    options: ManifestOptions, categories: Iterable[Category], folder: Path
) -> tuple[dict[str, int], list[Finding]]:
    """Every rule on the tables in a folder: rows read by file, and all findings; nothing is built."""
    from vegas_data.audioset import find_candidates

    try:
        given, _ = _files(options, folder)
        tables = _open(options, given)
        found = find_candidates(tables, categories, skip_bad_rows=True)
    except (ManifestError, RecipeError) as error:
        return {}, [Finding(file=str(folder), key="", code=error.code, message=str(error), remedy=error.remedy)]
    findings = [
        Finding(
            file=str(row.file),
            key=f"line {row.line}",
            code="bad_row",
            message=row.reason + (f": {row.detail}" if row.detail else ""),
            remedy=_REMEDY,
        )
        for row in sorted(found.bad.named, key=lambda row: (str(row.file), row.line))
    ]
    named = len(findings)
    if found.bad.total > named:
        message = f"{found.bad.total - named} more rows are bad for the same reasons"
        findings.append(Finding(file=str(folder), key="", code="bad_row", message=message, remedy=_REMEDY))
    return {path.name: count for path, count in found.num_rows.items()}, findings


def import_listing(
    options: ManifestOptions,
    categories: dict[str, Category],
    base: Any,
    file: Path,
    *,
    form: Form,
    skip_bad_rows: bool = False,
    known: Mapping[str, Any] | None = None,
) -> tuple[Listing, Mapping[str, int]]:
    """The table ``base`` (None: an empty one) with the clips of another list added, and how many were.

    Args:
        known: the record beside ``base``, which the import is added to.

    Raises:
        ManifestError: a file that is no such list, or bad rows that are not skipped.
    """
    new, left_out, ignored = read_list(file, categories, form=form, skip_bad_rows=skip_bad_rows)
    table, counts = merge_tables(new.slice(0, 0) if base is None else base, new)
    record = {"file": file.name, "form": form, "sha256": sha256_of(file), "left_out": left_out, **counts}
    sources = {
        "schema": SCHEMA,
        "seed": options.seed,
        "categories": "",
        "tables": [],
        **(known or {}),
    }
    sources["imports"] = [*sources.get("imports", []), record]
    listing = Listing(
        table=add_queue(table, options.seed), sources=sources, left_out={file.name: left_out} if left_out else {}
    )
    return listing, {**counts, "of_no_category": ignored}


def _wanted(options: ManifestOptions, *, priors: bool) -> list[SourceEntry]:
    entries = load_sources()
    for name in options.lists:
        if name not in entries or entries[name].kind != "segments":
            known = ", ".join(entry.name for entry in entries.values() if entry.kind == "segments")
            raise RecipeError(f"[manifest] lists: {name!r} is no list of clips", remedy=f"known: {known}")
    kinds = ("classes", "ontology", *(_PRIORS if priors else ()))
    return [entries[name] for name in options.lists] + [e for e in entries.values() if e.kind in kinds]


def _files(options: ManifestOptions, files: Iterable[SourceFile] | Path) -> tuple[list[SourceFile], tuple[str, ...]]:
    """The files to read, and which of the recipe's lists a folder lacks."""
    if not isinstance(files, Path):
        return list(files), ()
    if not files.is_dir():
        raise ManifestError(f"{files}: no such folder", remedy="give the folder of AudioSet's tables with --from DIR")
    wanted = _wanted(options, priors=True)
    found = [file for entry in wanted if (file := find_in(entry, files)) is not None]
    have = {file.entry.name for file in found}
    if not have.intersection(options.lists):
        names = ", ".join(load_sources()[name].file for name in options.lists)
        raise ManifestError(f"{files}: holds none of {names}", remedy="give the folder of AudioSet's tables")
    return found, tuple(name for name in options.lists if name not in have)


def _open(options: ManifestOptions, files: Iterable[SourceFile]) -> "Tables":
    """AudioSet's tables, the small ones read."""
    from vegas_data.audioset import Tables, load_class_labels, load_ontology, read_label_quality

    by_kind: dict[str, list[SourceFile]] = {}
    for file in files:
        by_kind.setdefault(file.entry.kind, []).append(file)
    if "ontology" not in by_kind:
        entry = next(entry for entry in load_sources().values() if entry.kind == "ontology")
        raise ManifestError(f"{entry.file} is missing", remedy=f"put it beside the other tables, from {entry.url}")
    ontology = load_ontology(by_kind["ontology"][0].path)
    labels: Iterable[str] = ontology.names
    if "classes" in by_kind:
        labels = load_class_labels(by_kind["classes"][0].path, ontology)
    quality = read_label_quality(by_kind["quality"][0].path) if "quality" in by_kind else {}
    return Tables(
        segments={file.entry.origin: file.path for file in by_kind["segments"]},
        ontology=ontology,
        known_labels=frozenset(labels),
        strong=[file.path for file in by_kind.get("strong", [])],
        quality=quality,
    )

"""AudioSet's ontology and its list of classes: which labels stand below which, and which select a category.

Enters: ``ontology.json`` (632 classes, a directed graph whose classes may have several parents) and
``class_labels_indices.csv`` (the 527 that clips are labelled with). Leaves: for each category the set of labels that
make a clip its candidate. Both files are hostile until read: a cycle or a child that does not exist is named.
Gemmeke et al., ICASSP 2017, section 2.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from vegas_data.audioset.segments import LABEL
from vegas_data.errors import ManifestError, RecipeError
from vegas_data.records import Category

MAX_BYTES: Final = 16 << 20
_LABEL: Final = re.compile(LABEL, re.ASCII)
_CLASS_COLUMNS: Final = ("index", "mid", "display_name")
_AGAIN: Final = "download it again, or give the official file with --from DIR"


@dataclass(frozen=True)
class Ontology:
    """The classes by id: their names, and the ids right below each."""

    names: Mapping[str, str]
    children: Mapping[str, tuple[str, ...]]

    @cached_property
    def ancestors(self) -> dict[str, frozenset[str]]:
        """Id → all ids above it, on any way up."""
        above: dict[str, set[str]] = {label: set() for label in self.names}
        for parent in self.names:
            for label in self._below(parent):
                above[label].add(parent)
        return {label: frozenset(found) for label, found in above.items()}

    def _below(self, label: str) -> set[str]:
        found: set[str] = set()
        ahead = list(self.children[label])
        while ahead:
            child = ahead.pop()
            if child not in found:
                found.add(child)
                ahead += self.children[child]
        return found

    def selecting(self, category: Category) -> frozenset[str]:
        """The labels that make a clip a candidate: included, or below an included one, and not excluded nor below.

        A label that is itself included selects even if something above it is excluded.

        Raises:
            RecipeError: the category names an id that AudioSet does not have, or one both ways.
        """
        include, exclude = frozenset(category.include), frozenset(category.exclude)
        for label in (*category.include, *category.exclude):
            if label not in self.names:
                raise RecipeError(
                    f"category {category.name!r}: AudioSet has no class {label!r}", remedy="correct include or exclude"
                )
        if both := include & exclude:
            raise RecipeError(
                f"category {category.name!r}: {', '.join(sorted(both))} is included and excluded", remedy="delete one"
            )
        ways_up = {label: above | {label} for label, above in self.ancestors.items()}
        return include | {label for label, way in ways_up.items() if way & include and not way & exclude}


def load_ontology(path: Path) -> Ontology:
    """Read and prove ``ontology.json``.

    Raises:
        ManifestError: unreadable, malformed, a class twice, an unknown child, a cycle; file, line and class are named.
    """
    text = _read_text(path)
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise ManifestError(f"{path}, line {error.lineno}: not JSON: {error.msg}", remedy=_AGAIN) from None
    except RecursionError:
        raise ManifestError(f"{path}: nested too deeply", remedy=_AGAIN) from None
    if not isinstance(entries, list):
        raise ManifestError(f"{path}, line 1: not a list of classes", remedy=_AGAIN)
    names: dict[str, str] = {}
    children: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        label, name, below = _check_class(path, entry)
        if label in names:
            raise ManifestError(f"{_place(path, text, label)}: class {label} stands in it twice", remedy=_AGAIN)
        names[label], children[label] = name, below
    for label, below in children.items():
        for child in below:
            if child not in names:
                raise ManifestError(
                    f"{_place(path, text, label)}: {label} has the unknown child {child!r}", remedy=_AGAIN
                )
    if cycle := _find_cycle(children):
        raise ManifestError(f"{_place(path, text, cycle[0])}: a cycle: {' > '.join(cycle)}", remedy=_AGAIN)
    return Ontology(names, children)


def load_class_labels(path: Path, ontology: Ontology) -> tuple[str, ...]:
    """The ids in ``class_labels_indices.csv``, in their order.

    Raises:
        ManifestError: malformed, out of order, or a class that the ontology does not know; file and line are named.
    """
    reader = csv.reader(io.StringIO(_read_text(path), newline=""), strict=True)
    labels: dict[str, None] = {}
    try:
        header = tuple(name.strip() for name in next(reader, []))
        if header != _CLASS_COLUMNS:
            raise ManifestError(f"the columns are not {', '.join(_CLASS_COLUMNS)}")
        for row in reader:
            if len(row) != len(_CLASS_COLUMNS):
                raise ManifestError(f"has {len(row)} fields, not {len(_CLASS_COLUMNS)}")
            if row[0] != str(len(labels)):
                raise ManifestError(f"index {row[0][:20]!r} is out of order")
            if row[1] not in ontology.names or row[1] in labels:
                raise ManifestError(f"class {row[1][:20]!r} stands in it twice or is not in the ontology")
            labels[row[1]] = None
    except (csv.Error, ManifestError) as error:
        raise ManifestError(f"{path}, line {max(reader.line_num, 1)}: {error}", remedy=_AGAIN) from None
    return tuple(labels)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ManifestError(f"{path}: no such file", remedy=_AGAIN) from None
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read: {error.strerror}", remedy="check its permissions") from None
    if len(raw) > MAX_BYTES:
        raise ManifestError(f"{path}: longer than {MAX_BYTES:,} bytes", remedy=_AGAIN)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ManifestError(f"{path}, line {line}: not UTF-8 text", remedy=_AGAIN) from None


def _check_class(path: Path, entry: Any) -> tuple[str, str, tuple[str, ...]]:
    label = entry.get("id") if isinstance(entry, dict) else None
    if not isinstance(label, str) or not _LABEL.fullmatch(label):
        raise ManifestError(f"{path}: a class has no proper id: {str(label)[:40]!r}", remedy=_AGAIN)
    name, below = entry.get("name"), entry.get("child_ids")
    if not isinstance(name, str) or not isinstance(below, list) or not all(isinstance(child, str) for child in below):
        raise ManifestError(f"{path}: class {label} lacks its name or child_ids", remedy=_AGAIN)
    return label, name, tuple(below)


def _place(path: Path, text: str, label: str) -> str:
    """File and the line at which a class is defined."""
    found = re.search(rf'"id"\s*:\s*"{re.escape(label)}"', text)
    return f"{path}, line {text.count(chr(10), 0, found.start()) + 1}" if found else str(path)


def _find_cycle(children: Mapping[str, Iterable[str]]) -> list[str]:
    """One cycle, its first class at both ends; empty if there is none. Depth first, without recursion."""
    settled: set[str] = set()
    for root in children:
        way: list[str] = []
        ahead: list[tuple[str, bool]] = [(root, False)]
        while ahead:
            label, is_left = ahead.pop()
            if is_left:
                settled.add(way.pop())
            elif label in way:
                return [*way[way.index(label) :], label]
            elif label not in settled:
                way.append(label)
                ahead.append((label, True))
                ahead += ((child, False) for child in children[label])
    return []

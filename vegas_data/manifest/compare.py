"""Tables of clips beside each other: counted, compared, joined."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vegas_data.manifest.rows import ALL, Table
from vegas_data.manifest.table import make_table

Key = tuple[str, int, str]
"""Video, start in ms, category: what a row is about."""

_COMPARED: Final = tuple(name for name in ALL if name not in ("video_id", "start_ms", "category", "queue"))


def count_clips(table: Table) -> dict[str, dict[str, int]]:
    """Category → origin → number of clips, both in order."""
    pairs = Counter(zip(table["category"].to_pylist(), table["origin"].to_pylist(), strict=True))
    counts: dict[str, dict[str, int]] = {}
    for (category, origin), count in sorted(pairs.items()):
        counts.setdefault(category, {})[origin] = count
    return counts


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What has to be done to one table to get the other; ``changed`` names the columns that differ.

    Ranks in the queue are not compared: they move with every row that comes or goes.
    """

    added: tuple[Key, ...]
    removed: tuple[Key, ...]
    changed: tuple[tuple[Key, tuple[str, ...]], ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def by_category(self) -> dict[str, dict[str, int]]:
        """Category → how many rows came, went, changed."""
        kinds = {"added": self.added, "removed": self.removed, "changed": tuple(key for key, _ in self.changed)}
        names = sorted({key[2] for keys in kinds.values() for key in keys})
        return {name: {kind: sum(key[2] == name for key in keys) for kind, keys in kinds.items()} for name in names}


def compare_tables(before: Table, after: Table) -> Difference:
    """What changed from one table to another."""
    old, new = _by_key(before, _COMPARED), _by_key(after, _COMPARED)
    changed = [
        (key, tuple(name for name, a, b in zip(_COMPARED, old[key], new[key], strict=True) if a != b))
        for key in old
        if key in new and old[key] != new[key]
    ]
    return Difference(
        added=tuple(sorted(key for key in new if key not in old)),
        removed=tuple(sorted(key for key in old if key not in new)),
        changed=tuple(sorted(changed)),
    )


def merge_tables(base: Table, new: Table) -> tuple[Table, Mapping[str, int]]:
    """Both tables in one, without ranks; and how many rows of ``new`` were added, listed already, or overlap.

    A clip that is listed already stays as it is. One that overlaps a listed clip of its video and category, or begins
    with a listed clip and ends otherwise, is left out: it would give the same examples twice.
    """
    names = tuple(name for name in ALL if name != "queue" and name in (*base.column_names, *new.column_names))
    rows = _by_key(base, names)
    end = names.index("end_ms")
    spans: dict[tuple[str, str], list[tuple[int, int]]] = {}
    ends: dict[tuple[str, int], int] = {}
    for (video, start, category), row in rows.items():
        spans.setdefault((video, category), []).append((start, row[end]))
        ends[video, start] = row[end]
    counts = dict.fromkeys(("added", "listed", "overlapping"), 0)
    for key, row in _by_key(new, names).items():
        video, start, category = key
        listed = spans.setdefault((video, category), [])
        if key in rows:
            counts["listed"] += 1
        elif ends.get((video, start), row[end]) != row[end] or any(a < row[end] and start < b for a, b in listed):
            counts["overlapping"] += 1
        else:
            rows[key] = row
            listed.append((start, row[end]))
            ends[video, start] = row[end]
            counts["added"] += 1
    columns = list(zip(*(rows[key] for key in sorted(rows)), strict=True)) or [()] * len(names)
    return make_table(dict(zip(names, columns, strict=True))), counts


def _by_key(table: Table, names: tuple[str, ...]) -> dict[Key, tuple[Any, ...]]:
    """Rows by what they are about, in the table's order; columns that it lacks are unknown."""
    size = len(table)
    unknown: dict[str, Any] = {"quality": None}
    columns = [
        table[name].to_pylist() if name in table.column_names else [unknown.get(name, "")] * size for name in names
    ]
    keys = zip(*(table[name].to_pylist() for name in ("video_id", "start_ms", "category")), strict=True)
    return dict(zip(keys, zip(*columns, strict=True), strict=True)) if size else {}

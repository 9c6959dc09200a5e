"""Checking and comparing tables: everything that is wrong is found, with its line, and nothing else is."""

from pathlib import Path

import pytest

from vegas_data.manifest import CLIPS, PARQUET, SOURCES, add_queue, make_table, read_table, write_table
from vegas_data.manifest.check import check_table, check_workspace
from vegas_data.manifest.compare import compare_tables, count_clips, merge_tables
from vegas_data.records import Category
from vegas_data.workspace import Workspace

CATEGORIES = {name: Category(name=name, title=name) for name in ("drum", "dog")}


def some(*rows: tuple[str, int, int, str], origin: str = "here") -> object:
    ordered = sorted(rows, key=lambda row: (row[0], row[1], row[3]))
    columns = list(zip(*ordered, strict=True)) or [()] * 4
    names = ("video_id", "start_ms", "end_ms", "category")
    return make_table({**dict(zip(names, columns, strict=True)), "origin": [origin] * len(rows)})


A, B = "A" * 11, "B" * 11


def test_every_bad_row_is_found_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    lines = (
        "video_id,start_ms,end_ms,category,queue",
        f"{A},0,10000,drum,0",
        f"{A},0,10000,drum,1",  # repeated
        f"{A},0,9000,dog,0",  # another end
        f"{A},5000,15000,drum,2",  # overlaps
        "../x,0,10000,drum,3",
        f"{B},0,10000,drum,0",  # rank taken
        f"{B},20000,30000,dog,7",  # a gap in the queue
    )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    count, findings = check_table(path, CATEGORIES)
    assert count == 7
    assert [(finding.key, finding.code) for finding in findings] == [
        ("", "queue"),
        ("line 3", "repeated"),
        ("line 4", "two_ends"),
        ("line 5", "overlap"),
        ("line 6", "bad_row"),
        ("line 7", "queue"),
    ]
    assert all(finding.remedy and finding.file == str(path) for finding in findings)
    assert check_table(tmp_path / "none.csv", CATEGORIES)[1][0].code == "unreadable"


def test_a_workspaces_three_files_must_agree(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "w", "")
    table = add_queue(some((A, 0, 10_000, "dog"), (A, 0, 10_000, "drum"), (B, 0, 5000, "drum")), 1)
    write_table(workspace, table, {"schema": 1})
    assert check_workspace(workspace, CATEGORIES) == (3, [])
    whole = {key: workspace.path(key).read_bytes() for key in (CLIPS, PARQUET, SOURCES)}

    def codes() -> list[tuple[str, str]]:
        return [(Path(f.file).name, f.code) for f in check_workspace(workspace, CATEGORIES)[1]]

    lines = whole[CLIPS].splitlines(keepends=True)
    workspace.path(CLIPS).write_bytes(b"".join([lines[0], *reversed(lines[1:])]))
    assert codes() == [("clips.csv", "order"), ("sources.json", "disagree")]
    workspace.path(CLIPS).write_bytes(whole[CLIPS].replace(b"5000", b"6000"))
    assert codes() == [("clips.parquet", "disagree"), ("sources.json", "disagree")]
    workspace.path(CLIPS).write_bytes(whole[CLIPS])
    workspace.path(PARQUET).write_bytes(whole[PARQUET][:-9])
    workspace.path(SOURCES).write_bytes(b"[]")
    assert codes() == [("clips.parquet", "unreadable"), ("sources.json", "disagree")]


def test_what_came_went_and_changed() -> None:
    before = some((A, 0, 10_000, "dog"), (B, 0, 5000, "drum"))
    after = some((A, 0, 9000, "dog"), (B, 0, 5000, "dog"), origin="there")
    found = compare_tables(add_queue(before, 1), after)
    assert found.added == ((B, 0, "dog"),)
    assert found.removed == ((B, 0, "drum"),)
    assert found.changed == (((A, 0, "dog"), ("end_ms", "origin")),)
    assert found.by_category() == {
        "dog": {"added": 1, "removed": 0, "changed": 1},
        "drum": {"added": 0, "removed": 1, "changed": 0},
    }
    assert not compare_tables(before, add_queue(before, 5)), "ranks are not compared"


def test_counts_are_in_order() -> None:
    table = some((B, 0, 5000, "drum"), (A, 0, 10_000, "dog"), (B, 9000, 12_000, "drum"))
    assert count_clips(table) == {"dog": {"here": 1}, "drum": {"here": 2}}


@pytest.mark.parametrize(
    ("new", "outcome"),
    [
        ((A, 0, 10_000, "dog"), "listed"),
        ((A, 0, 9000, "dog"), "listed"),
        ((A, 0, 9000, "drum"), "overlapping"),  # one clip has one end
        ((A, 5000, 15_000, "dog"), "overlapping"),
        ((A, 5000, 15_000, "drum"), "added"),
        ((A, 10_000, 20_000, "dog"), "added"),
        ((B, 0, 10_000, "dog"), "added"),
    ],
)
def test_joining_keeps_what_is_listed(tmp_path: Path, new: tuple[str, int, int, str], outcome: str) -> None:
    base = some((A, 0, 10_000, "dog"))
    merged, counts = merge_tables(base, some(new, origin="there"))
    assert counts == {"added": 0, "listed": 0, "overlapping": 0} | {outcome: 1}
    assert (A, 0, 10_000, "dog", "here") in list(zip(*merged.to_pydict().values(), strict=True))
    workspace = Workspace.create(tmp_path / "w", "")
    write_table(workspace, merged)
    assert read_table(workspace.path(CLIPS), CATEGORIES).equals(merged), "the result is a good table"


def test_columns_that_one_table_lacks_are_unknown() -> None:
    base = some((A, 0, 10_000, "dog")).append_column("quality", [[0.5]])
    merged, _ = merge_tables(base, some((B, 0, 10_000, "dog")))
    assert merged["quality"].to_pylist() == [0.5, None]

"""Manifest tables: what goes in comes out; what is wrong is named by file and line."""

import csv
import io
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vegas_data.errors import ManifestError
from vegas_data.manifest import (
    CLIPS,
    PARQUET,
    SOURCES,
    make_table,
    read_clips,
    read_manifest,
    read_table,
    table_of,
    write_manifest,
    write_table,
)
from vegas_data.manifest import table as table_module
from vegas_data.manifest.rows import ALL
from vegas_data.manifest.table import csv_bytes
from vegas_data.records import Category, Clip
from vegas_data.workspace import Workspace

CATEGORIES = {name: Category(name=name, title=name) for name in ("drum", "dog")}
HEADER = "video_id,start_ms,end_ms,category\n"


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "clips.csv"
    path.write_bytes(text.encode())
    return path


def test_rows_of_one_clip_are_joined_and_sorted(tmp_path: Path) -> None:
    rows = HEADER + "zzzzzzzzzzz,0,10000,drum\n--PJHxphWEs,30000,40000,drum\r\n--PJHxphWEs,30000,40000,dog\n"
    clips = read_manifest(table(tmp_path, rows), CATEGORIES)
    assert [clip.id for clip in clips] == ["--PJHxphWEs_000030000", "zzzzzzzzzzz_000000000"]
    assert clips[0].categories == ("dog", "drum")


def test_written_tables_read_back_and_do_not_depend_on_order(tmp_path: Path) -> None:
    clips = [
        Clip(video_id=f"demo-v{i:03}x", start_ms=400, end_ms=6400, categories=("dog", "drum"), origin="corpus")
        for i in range(5)
    ]
    workspace = Workspace.create(tmp_path / "w", "")
    write_manifest(workspace, clips)
    first = workspace.path(CLIPS).read_bytes()
    assert read_clips(workspace, CATEGORIES) == tuple(clips)
    assert read_manifest(workspace.path("manifest/clips.parquet"), CATEGORIES) == tuple(clips)
    write_manifest(workspace, reversed(clips))
    assert workspace.path(CLIPS).read_bytes() == first
    write_manifest(workspace, [])
    assert read_clips(workspace, CATEGORIES) == ()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("../../etc/passwd,0,10000,drum", "invalid video id '../../etc/passwd'"),
        ("--PJHxphWEs,0,20000,drum", "longer than 10000 ms"),
        ("--PJHxphWEs,10000,0,drum", "reversed"),
        ("--PJHxphWEs,1e3,10000,drum", "start_ms is '1e3'"),
        ("--PJHxphWEs,-5,10000,drum", "start_ms is '-5'"),
        ("--PJHxphWEs,0,10000,drumm", "unknown category 'drumm'"),
        ("--PJHxphWEs,0,10000", "wrong number of fields"),
        ("--PJHxphWEs,0,10000,drum,extra,more", "wrong number of fields"),
        ("ok_____ids_,0,9000,drum\nok_____ids_,0,8000,dog", "ends at 8000 ms here and at 9000 ms"),
        ("ok_____ids_,0,9000,drum\nok_____ids_,5000,9000,drum", "ok_____ids__000000000 and .* of drum overlap"),
        ("-" * 300 + ",0,10000,drum", "invalid video id"),
        ("--PJHx\x00hWEs,0,10000,drum", "invalid video id|NUL"),
        ("--PJHxphWEs,0,10000,drum" + " " * 70_000, "longer than 65536 characters"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, row: str, reason: str) -> None:
    path = table(tmp_path, HEADER + "--PJHxphWEs,50000,60000,dog\n" + row + "\n")
    with pytest.raises(ManifestError, match=reason) as caught:
        read_manifest(path, CATEGORIES)
    assert f"{path}, line {3 + row.count(chr(10))}:" in str(caught.value)
    assert str(caught.value).isprintable()
    assert caught.value.remedy


def test_a_missing_column_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="column category is missing"):
        read_manifest(table(tmp_path, "video_id,start_ms,end_ms\n"), CATEGORIES)
    with pytest.raises(ManifestError, match="no such file"):
        read_manifest(tmp_path / "none.csv", CATEGORIES)
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ManifestError, match="not a Parquet table"):
        read_manifest(tmp_path / "x.parquet", CATEGORIES)
    with pytest.raises(ManifestError, match="no manifest yet"):
        read_clips(Workspace.create(tmp_path / "w", ""), CATEGORIES)


def test_parquet_is_zstd(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "w", "")
    write_manifest(workspace, [Clip(video_id="--PJHxphWEs", start_ms=0, end_ms=10_000, categories=("drum",))])
    metadata = pyarrow.parquet.read_metadata(workspace.path("manifest/clips.parquet"))
    assert metadata.row_group(0).column(0).compression == "ZSTD"


# --- all columns ----------------------------------------------------------------------------------------------

FULL = make_table(
    {
        "video_id": ["--PJHxphWEs", "--PJHxphWEs", "zzzzzzzzzzz"],
        "start_ms": [0, 0, 5000],
        "end_ms": [10_000, 10_000, 9000],
        "category": ["dog", "drum", "drum"],
        "origin": ["audioset/eval", "audioset/eval", ""],
        "labels": ["/m/0bt9lr /m/026t6", "/m/0bt9lr /m/026t6", ""],
        "via": ["/m/0bt9lr", "/m/026t6", ""],
        "quality": [0.9, 2 / 3, None],
        "strong": ["none", "0-2300 5000-10000", ""],
        "queue": [0, 1, 0],
    }
)


@pytest.mark.parametrize("key", [CLIPS, PARQUET])
def test_every_column_comes_back(tmp_path: Path, key: str) -> None:
    workspace = Workspace.create(tmp_path / "w", "")
    write_table(workspace, FULL, {"schema": 1})
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(table_module, "read_rows")  # what we wrote ourselves is never read row by row
        assert read_table(workspace.path(key), CATEGORIES).equals(FULL)
    sources = workspace.read_json(SOURCES)
    workspace.verify_checksum(CLIPS, sources["clips_sha256"])
    write_table(workspace, FULL)
    assert not workspace.exists(SOURCES), "a record of another table would lie"


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("quality", "1.5", "quality is '1.5'"),
        ("quality", "nan", "quality is 'nan'"),
        ("strong", "all", "strong is 'all'"),
        ("via", "/m/0bt9lr  /m/026t6", "via is"),
        ("labels", "../x", "labels is"),
        ("queue", "-1", "queue is '-1'"),
        ("queue", "1", "rank 1 in the queue of drum is taken in line 3"),
    ],
)
def test_a_bad_value_in_any_column_is_named(tmp_path: Path, column: str, value: str, message: str) -> None:
    rows = list(csv.reader(io.StringIO(csv_bytes(FULL).decode())))
    rows[3][ALL.index(column)] = value
    path = table(tmp_path, "\n".join(",".join(row) for row in rows) + "\n")
    with pytest.raises(ManifestError, match=rf"clips\.csv, line 4: {message}"):
        read_table(path, CATEGORIES)


def test_bytes_that_are_no_text_are_a_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    path.write_bytes(HEADER.encode() + b"--PJHxphWEs,0,10000,drum\n\xff\xfeabcdefghi,0,10000,drum\n")
    with pytest.raises(ManifestError, match=r"line 3: invalid video id '\\udcff"):
        read_manifest(path, CATEGORIES)


VALUES = {
    "video_id": st.sampled_from(["--PJHxphWEs", "demo-drum_000", "x" * 11, "local-", "-short", "a.b"]),
    "start_ms": st.sampled_from(["0", "5000", "10000", " 7", "007", "1e3", "999999999"]),
    "end_ms": st.sampled_from(["10000", "15000", "20000", "", "1000000000"]),
    "category": st.sampled_from(["dog", "drum", "cat"]),
    "origin": st.sampled_from(["", "a, b", 'say "x"', "audioset/eval", "\u00e9t\u00e9", "\x07"]),
    "quality": st.sampled_from(["", "0.5", "1.0", "1", "0.25", "2.0", "1e-3"]),
    "queue": st.sampled_from(["", "0", "1", "2", "3", "x"]),
    "strong": st.sampled_from(["", "none", "1-2 3-4", "1-2,3-4"]),
}


def drawn(plain: bool) -> Any:
    """Rows of texts: with ``plain`` nearly all are good ones."""
    good = {
        name: values.filter(lambda value: value not in ("-short", "a.b", " 7", "1e3", "cat", "\x07", "x", "2.0", ""))
        for name, values in VALUES.items()
    }
    columns = good if plain else VALUES
    return st.lists(st.tuples(*columns.values()), max_size=5)


@settings(max_examples=150, deadline=None)
@given(st.booleans().flatmap(drawn))
def test_reading_by_columns_and_row_by_row_say_the_same(tmp_path_factory: Any, rows: list[tuple[str, ...]]) -> None:
    path = tmp_path_factory.mktemp("both") / "clips.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([tuple(VALUES), *rows])
    quick = table_module.read_quickly(path, CATEGORIES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_module, "read_quickly", lambda *_: None)
        try:
            slow = read_table(path, CATEGORIES)
        except ManifestError:
            assert quick is None, "what is refused row by row is never taken by columns"
            return
    assert quick is None or quick.equals(slow)
    assert read_table(path, CATEGORIES).equals(slow)


@given(
    st.lists(st.text(alphabet="a,\"b é/'", max_size=6), min_size=1, max_size=4), st.lists(st.floats(0, 1), max_size=4)
)
def test_a_csv_is_what_pythons_own_writer_makes(origins: list[str], shares: list[float]) -> None:
    qualities = [*shares, None, None, None, None][: len(origins)]
    count = len(origins)
    columns = {
        "video_id": ["x" * 11] * count,
        "start_ms": [10_000 * place for place in range(count)],
        "end_ms": [10_000 * place + 10_000 for place in range(count)],
        "category": ["dog"] * count,
        "origin": origins,
        "quality": qualities,
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    assert csv_bytes(make_table(columns)).decode() == text.getvalue()


def test_a_table_of_no_clips_has_columns() -> None:
    assert table_of([]).column_names == ["video_id", "start_ms", "end_ms", "category", "origin"]

"""Manifest tables: what goes in comes out; what is wrong is named by file and line."""

from pathlib import Path

import pyarrow.parquet
import pytest

from vegas_data.errors import ManifestError
from vegas_data.manifest import CLIPS, read_clips, read_manifest, write_manifest
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
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, row: str, reason: str) -> None:
    path = table(tmp_path, HEADER + "--PJHxphWEs,50000,60000,dog\n" + row + "\n")
    with pytest.raises(ManifestError, match=reason) as caught:
        read_manifest(path, CATEGORIES)
    assert f"{path}, line {3 + row.count(chr(10))}:" in str(caught.value)
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

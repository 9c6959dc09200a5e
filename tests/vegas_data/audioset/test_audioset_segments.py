"""Segments CSVs: every form that is seen in the wild, every row that must not be used, named by line."""

import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audioset_tables import HEADER, OFFICIAL_HEADER
from vegas_data.audioset import lines as lines_module
from vegas_data.audioset.lines import BadRows
from vegas_data.audioset.segments import read_segments
from vegas_data.errors import ManifestError


def read(path: Path) -> tuple[list[tuple[Any, ...]], BadRows]:
    bad, rows = BadRows(), []
    for block in read_segments(path, bad):
        columns = (block.line.tolist(), block.video_id.to_pylist(), block.start_ms.tolist(), block.end_ms.tolist())
        rows += zip(*columns, block.labels.to_pylist(), strict=True)
    return rows, bad


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "x_segments.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


ROW = ("--PJHxphWEs", 30_000, 40_000, ["/m/09x0r", "/t/dd00088"])


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (OFFICIAL_HEADER.format(1) + '--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"\n', 4),
        (HEADER + '--PJHxphWEs,30.000,40.000,"/m/09x0r,/t/dd00088"\n', 2),
        (HEADER.replace("\n", "\r\n") + '--PJHxphWEs,30,40,"/m/09x0r,/t/dd00088"\r\n', 2),
        ('--PJHxphWEs,30,40,"/m/09x0r,/t/dd00088"', 1),
        ("\ufeff" + HEADER + '\n--PJHxphWEs,30.0,40.000000,"/m/09x0r,/t/dd00088" \n\r\n', 3),
    ],
    ids=["official", "one header", "CRLF and integers", "no header, no last line end", "BOM, blank lines"],
)
def test_the_forms_that_are_seen_in_the_wild(tmp_path: Path, content: str, line: int) -> None:
    rows, bad = read(written(tmp_path, content))
    assert rows == [(line, *ROW)]
    assert not bad.total


def test_a_single_label_needs_no_quotes_and_case_makes_another_id(tmp_path: Path) -> None:
    rows, bad = read(written(tmp_path, "AAAAAAAAAAA,0,10,/g/122z_qxw\naaaaaaaaaaa,0,10,/m/026t6\n"))
    assert [(row[1], row[4]) for row in rows] == [("AAAAAAAAAAA", ["/g/122z_qxw"]), ("aaaaaaaaaaa", ["/m/026t6"])]
    assert not bad.total


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"../../../etc,30,40,/m/026t6", "video id"),
        (b"..%2f..%2fab,30,40,/m/026t6", "video id"),
        (b"x" * 300 + b",30,40,/m/026t6", "video id"),
        (b'"okokokokok1",30,40,/m/026t6', "video id"),
        ("okokokokok\u0661,30,40,/m/026t6".encode(), "video id"),
        (b"okokokok\x00k1,30,40,/m/026t6", "NUL"),
        (b"\xff\xfekokokok1,30,40,/m/026t6", "UTF-8"),
        (b"okokokokok1,1e9,40,/m/026t6", "start_seconds"),
        (b"okokokokok1,NaN,40,/m/026t6", "start_seconds"),
        (b"okokokokok1,30,inf,/m/026t6", "end_seconds"),
        (b"okokokokok1,-5,5,/m/026t6", "start_seconds"),
        (b"okokokokok1,0x1e,40,/m/026t6", "start_seconds"),
        (b"okokokokok1,9999999,9999999,/m/026t6", "start_seconds"),
        (b"okokokokok1,40,30,/m/026t6", "reversed"),
        (b"okokokokok1,30,30,/m/026t6", "reversed"),
        (b"okokokokok1,30,40.001,/m/026t6", "longer than 10000 ms"),
        (b"okokokokok1,30.0005,40,/m/026t6", "whole milliseconds"),
        (b"okokokokok1,30,40", "has 3 fields, not 4"),
        (b"okokokokok1", "has 1 fields, not 4"),
        (b"okokokokok1,30,40,/m/026t6,/m/06rvn", "several labels without quotes"),
        (b'okokokokok1,30,40,"/m/026t6', "AudioSet ids"),
        (b"okokokokok1,30,40,drum", "AudioSet ids"),
        (b"okokokokok1,30,40,", "AudioSet ids"),
        (b"okokokokok1,30,40,/m/" + b"a" * 300, "AudioSet ids"),
        (b"okokokokok1,30,40,/m/026t6" + b" " * 5000, "longer than 4096 bytes"),
        (b"   ", "has 1 fields"),
    ],
)
def test_a_bad_row_has_its_line_and_reason_and_stops_no_other(tmp_path: Path, row: bytes, reason: str) -> None:
    good = b"--PJHxphWEs,30,40,/m/026t6\n"
    rows, bad = read(written(tmp_path, HEADER.encode() + good + row + b"\n" + good.replace(b"--P", b"__P")))
    assert [(line, video) for line, video, *_ in rows] == [(2, "--PJHxphWEs"), (4, "__PJHxphWEs")]
    (only,) = bad.named
    assert only.line == 3
    assert reason in only.reason
    assert only.detail.isprintable()
    with pytest.raises(ManifestError, match=r"1 bad rows:\n  .*x_segments\.csv, line 3: ") as caught:
        bad.raise_if_any()
    assert "--skip-bad-rows" in caught.value.remedy


def test_the_first_ten_are_named_and_all_are_counted(tmp_path: Path) -> None:
    _, bad = read(written(tmp_path, HEADER + "short,1,2,/m/026t6\n" * 1234))
    with pytest.raises(ManifestError) as caught:
        bad.raise_if_any()
    message = str(caught.value)
    assert message.startswith("1234 bad rows:")
    assert message.count("line ") == 10
    assert message.endswith("… and 1224 more")


def test_a_file_that_says_how_long_it_is_and_is_not(tmp_path: Path) -> None:
    """What a download that was cut off at a line's end looks like."""
    rows, bad = read(written(tmp_path, OFFICIAL_HEADER.format(22160) + '--PJHxphWEs, 30.000, 40.000, "/m/09x0r"\n'))
    assert len(rows) == 1
    assert [(row.line, row.detail) for row in bad.named] == [(2, "says 22160, the file has 1")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x1f\x8b\x08\x00rest", "line 1: is compressed with gzip"),
        (b"PK\x03\x04rest", "zip archive"),
        (b"PAR1rest", "Parquet"),
        (b"<!DOCTYPE html><html>", "web page"),
        ("YTID,start".encode("utf-16"), "UTF-16"),
        (b"YTID,start_seconds\nabc,1\n", "line 1: the header lacks end_seconds, positive_labels"),
        (
            b"# x\nYTID,end_seconds,start_seconds,positive_labels\n",
            "line 2: the header lacks start_seconds, end_seconds",
        ),
    ],
)
def test_what_is_no_such_table_is_refused_whole(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ManifestError, match=message) as caught:
        read(written(tmp_path, content))
    assert "x_segments.csv" in str(caught.value)
    assert caught.value.remedy


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no such file"):
        read(tmp_path / "none.csv")


def test_an_endless_line_is_never_held(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "okokokokok1,0,10,/m/026t6\n")
    with path.open("r+b") as file:
        file.seek(64 << 20)  # a hole of NUL bytes
        file.write(b"\nokokokokok2,0,10,/m/026t6\n")
    tracemalloc.start()
    rows, bad = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(line, video) for line, video, *_ in rows] == [(2, "okokokokok1"), (4, "okokokokok2")]
    assert [(row.line, row.reason) for row in bad.named] == [(3, "longer than 4096 bytes")]
    assert peak < 24 << 20


FIELD = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\n"), max_size=14)


@settings(max_examples=60)
@given(
    st.lists(st.one_of(st.binary(max_size=40), st.tuples(FIELD, FIELD, FIELD, FIELD)), max_size=12),
    st.sampled_from([1, 7, 30]),
)
def test_whatever_stands_there_each_line_is_a_row_or_named(
    tmp_path_factory: pytest.TempPathFactory, noise: list[Any], block: int
) -> None:
    """No line vanishes, no error but ours, wherever the blocks are cut."""
    raw = [(",".join(n).encode() if isinstance(n, tuple) else n.replace(b"\n", b"")) for n in noise]
    content = [b"okokokokok1,0,10,/m/026t6"]
    for item in raw:
        content += [item, b"okokokokok1,0,10,/m/026t6"]
    path = written(tmp_path_factory.mktemp("noise"), b"\n".join(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "BLOCK_BYTES", block)
        patch.setattr(lines_module, "NAMED_ROWS", 1000)
        rows, bad = read(path)
    plain = {line for line, *_ in rows}
    named = {row.line for row in bad.named}
    blank = {number for number, line in enumerate(content, start=1) if not line.strip()}
    everything = set(range(1, len(content) + 1))
    assert not plain & named
    assert plain | named >= everything - blank
    assert set(range(1, len(content) + 1, 2)) <= plain

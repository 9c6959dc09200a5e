"""From lists to candidates: against a slow, plain way of doing the same, and where two rows do not go together."""

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audioset_tables import BARK, CHILDREN, DOG, GROWL, HEADER, KIT, MACHINE, SNARE, SPEECH, write_ontology
from vegas_data.audioset import Candidates, Tables, find_candidates, load_ontology, read_label_quality
from vegas_data.errors import ManifestError
from vegas_data.records import Category

DRUM_ID = "/m/026t6"
CATEGORIES = (
    Category(name="drum", title="Drum", include=(DRUM_ID,), exclude=(MACHINE,)),
    Category(name="dog", title="Dog", include=(DOG,), exclude=(GROWL,)),
)


def find(folder: Path, *files: str, skip: bool = False, **more: Any) -> Candidates:
    """Candidates of some segments CSVs, each given as its rows."""
    segments = {}
    for number, rows in enumerate(files):
        path = folder / f"{number}_segments.csv"
        path.write_text(HEADER + rows, encoding="utf-8")
        segments[f"list{number}"] = path
    ontology = load_ontology(write_ontology(folder))
    tables = Tables(segments=segments, ontology=ontology, known_labels=frozenset(CHILDREN), **more)
    return find_candidates(tables, CATEGORIES, skip_bad_rows=skip)


def rows(found: Candidates, *names: str) -> list[tuple[Any, ...]]:
    return list(zip(*(found.table[name].to_pylist() for name in names), strict=True))


def test_one_row_per_clip_and_category_with_what_made_it_one(tmp_path: Path) -> None:
    found = find(
        tmp_path,
        f'zzzzzzzzzzz,30,40,"{SNARE},{SPEECH},{BARK},{DOG}"\n-AAAAAAAAAA,0,10,{KIT}\nspeechspeec,0,10,{SPEECH}\n',
        f"aAAAAAAAAAA,5,15,{DRUM_ID}\ndrummachine,5,15,{MACHINE}\ngrowlgrowlg,5,15,{GROWL}\n",
    )
    assert found.table.column_names == ["video_id", "start_ms", "end_ms", "category", "origin", "labels", "via"]
    assert found.table.to_pylist() == [
        dict(zip(found.table.column_names, row, strict=True))
        for row in [
            ("-AAAAAAAAAA", 0, 10_000, "drum", "list0", KIT, KIT),
            ("aAAAAAAAAAA", 5000, 15_000, "drum", "list1", DRUM_ID, DRUM_ID),
            ("zzzzzzzzzzz", 30_000, 40_000, "dog", "list0", f"{SNARE} {SPEECH} {BARK} {DOG}", f"{BARK} {DOG}"),
            ("zzzzzzzzzzz", 30_000, 40_000, "drum", "list0", f"{SNARE} {SPEECH} {BARK} {DOG}", SNARE),
        ]
    ]
    assert list(found.num_rows.values()) == [3, 3]


def test_an_excluded_label_is_no_veto(tmp_path: Path) -> None:
    found = find(tmp_path, f'AAAAAAAAAAA,0,10,"{GROWL},{DOG}"\n')
    assert rows(found, "category", "via") == [("dog", DOG)]


@pytest.mark.parametrize(
    ("first", "second", "file", "line", "reason", "kept"),
    [
        ("AAAAAAAAAAA,0,10,{d}\n", "AAAAAAAAAAA,0,10,{d}\n", 1, 2, "the clip is listed already", 1),
        ("AAAAAAAAAAA,0,10,{d}\nAAAAAAAAAAA,0,9,{d}\n", "", 0, 3, "the clip is listed already", 1),
        ("AAAAAAAAAAA,0,10,{d}\nAAAAAAAAAAA,9.999,19,{d}\n", "", 0, 3, "overlaps another clip of its video", 1),
        ("AAAAAAAAAAA,5,15,{d}\n", "AAAAAAAAAAA,0,10,{d}\n", 0, 2, "overlaps another clip of its video", 1),
        ("AAAAAAAAAAA,0,10,/m/09x0r\n" * 2, "", 0, 3, "the clip is listed already", 0),
        ("AAAAAAAAAAA,0,10,/m/0none\n", "", 0, 2, "a label that AudioSet does not have", 0),
        ('AAAAAAAAAAA,0,10,"{d},/m/0none"\n', "", 0, 2, "a label that AudioSet does not have", 0),
    ],
)
def test_rows_that_do_not_go_together(
    tmp_path: Path, first: str, second: str, file: int, line: int, reason: str, kept: int
) -> None:
    files = [text.format(d=DRUM_ID) for text in (first, second)]
    with pytest.raises(ManifestError, match=rf"{file}_segments\.csv, line {line}: {reason}"):
        find(tmp_path, *files)
    found = find(tmp_path, *files, skip=True)
    assert len(found.table) == kept
    assert dict(found.bad.counts) == {(tmp_path / f"{file}_segments.csv", reason): 1}


def test_clips_that_touch_or_are_of_other_categories_do_not_overlap(tmp_path: Path) -> None:
    found = find(tmp_path, f"AAAAAAAAAAA,0,10,{DRUM_ID}\nAAAAAAAAAAA,10,20,{DRUM_ID}\nAAAAAAAAAAA,5,15,{DOG}\n")
    assert rows(found, "start_ms", "category") == [(0, "drum"), (5000, "dog"), (10_000, "drum")]


def test_a_clip_between_two_that_it_overlaps_is_the_only_one_to_go(tmp_path: Path) -> None:
    found = find(tmp_path, "".join(f"AAAAAAAAAAA,{s},{s + 10},{DOG}\n" for s in (0, 6, 12, 20, 22)), skip=True)
    assert rows(found, "start_ms") == [(0,), (12_000,), (22_000,)]
    assert found.bad.total == 2


def test_a_label_nobody_rated_has_no_quality(tmp_path: Path) -> None:
    counts = tmp_path / "qa_true_counts.csv"
    counts.write_text(f"label_id,num_rated,num_true\n{BARK},10,7\n{DOG},10,9\n{SNARE},0,0\n", encoding="utf-8")
    found = find(tmp_path, f'A0000000000,0,10,"{BARK},{DOG},{SNARE}"\n', quality=read_label_quality(counts))
    assert rows(found, "category", "quality") == [("dog", 0.9), ("drum", None)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y,z\n", "line 1: the header"),
        ("label_id,num_rated,num_true\n/m/0a,1\n", "line 2"),
        ("label_id,num_rated,num_true\n/m/0a,1,2\n", "line 2"),
        ("label_id,num_rated,num_true\n/m/0a,2,1\n/m/0a,2,1\n", "line 3"),
        ("label_id,num_rated,num_true\n/m/0a,nan,1\n", "line 2"),
    ],
)
def test_counts_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "qa.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError, match=message):
        read_label_quality(tmp_path / "qa.csv")


STRONG = "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n"


def test_strong_labels_say_when_the_target_sounds(tmp_path: Path) -> None:
    strong = tmp_path / "strong.tsv"
    events = [
        ("AAAAAAAAAAA_30000", "0.000", "2.300", SNARE),
        ("AAAAAAAAAAA_30000", "2.000", "4.5", KIT),
        ("AAAAAAAAAAA_30000", "9.000", "10.010", SNARE),
        ("AAAAAAAAAAA_30000", "5.000", "6.000", SPEECH),
        ("AAAAAAAAAAA_30000", "5.000", "6.000", "/t/notinontology"),
        ("BBBBBBBBBBB_0", "1.000", "2.000", SPEECH),
        ("CCCCCCCCCCC_77", "1.000", "2.000", SNARE),
    ]
    strong.write_text(STRONG + "".join("\t".join(event) + "\n" for event in events), encoding="utf-8")
    lists = "".join(f"{video},{s},{s + 10},{DRUM_ID}\n" for video, s in (("A" * 11, 30), ("B" * 11, 0), ("C" * 11, 0)))
    found = find(tmp_path, lists, strong=[strong])
    assert rows(found, "strong") == [("30000-34500 39000-40000",), ("none",), ("",)]


def test_a_strong_label_that_is_none_has_its_line(tmp_path: Path) -> None:
    strong = tmp_path / "strong.tsv"
    lines = ("AAAAAAAAAAA_0\t2\t1\t" + SNARE, "AAAAAAAAAAA_0\t-1\t1\t" + SNARE, "AAAAAAAAAAA_0\t2\t20\t" + SNARE)
    strong.write_text(STRONG + "\n".join(lines) + "\n", encoding="utf-8")
    found = find(tmp_path, "", strong=[strong], skip=True)
    assert sorted(row.line for row in found.bad.named) == [2, 3, 4]


# --- the same, done slowly ------------------------------------------------------------------------------------

LABELS = st.lists(st.sampled_from(sorted(CHILDREN)), min_size=1, max_size=4, unique=True)
ROWS = st.lists(st.tuples(st.sampled_from(["A" * 11, "a" * 11, "-" * 11]), st.integers(0, 6), LABELS), max_size=8)


@settings(max_examples=60)
@given(ROWS, ROWS)
def test_whole_columns_give_what_single_rows_give(
    tmp_path_factory: pytest.TempPathFactory, first: list[Any], second: list[Any]
) -> None:
    text = [
        "".join(f'{video},{5 * place},{5 * place + 10},"{",".join(labels)}"\n' for video, place, labels in rows)
        for rows in (first, second)
    ]
    found = find(tmp_path_factory.mktemp("plain"), *text, skip=True)
    seen: set[tuple[str, int]] = set()
    listed: list[tuple[str, int, str, str]] = []
    for origin, content in zip(("list0", "list1"), text, strict=True):
        for video, start, _, labels in csv.reader(content.splitlines()):
            if (video, int(start)) in seen:
                continue
            seen.add((video, int(start)))
            own = set(labels.split(","))
            for name, targets in (("dog", {DOG, BARK}), ("drum", {DRUM_ID, SNARE, KIT})):
                if own & targets:
                    listed.append((video, 1000 * int(start), name, origin))
    expected: list[tuple[str, int, str, str]] = []
    ends: dict[tuple[str, str], int] = {}
    for video, start, name, origin in sorted(listed):
        if ends.get((video, name), 0) <= start:
            ends[video, name] = start + 10_000
            expected.append((video, start, name, origin))
    assert rows(found, "video_id", "start_ms", "category", "origin") == expected

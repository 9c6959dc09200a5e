"""Judgments of other tools: every form they come in, every way in which they are wrong, and nothing twice."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vegas_data.annotate import JudgmentStore, ReviewOptions, Task
from vegas_data.annotate.imports import Imported, import_judgments, read_import
from vegas_data.annotate.panel import Panel
from vegas_data.errors import AnnotationError
from vegas_data.records import Clip

CLIPS = {
    clip.id: clip
    for clip in (
        Clip(video_id="local-one", start_ms=0, end_ms=10_000, categories=("drum", "dog")),
        Clip(video_id="local-two", start_ms=4000, end_ms=14_000, categories=("drum",)),
    )
}
ONE, TWO = CLIPS
HEADER = "category,clip_id,start_ms,end_ms,side,answer,annotator\n"
ROW = f"drum,{ONE},0,2000,heard,yes,ann\n"


def read(folder: Path, text: str | bytes, name: str = "export.csv", **options: Any) -> list[Imported]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_import(path, CLIPS, ("drum", "dog"), **options)


def told(rows: list[Imported]) -> list[tuple[str, int, str, str, str]]:
    return [(row.clip_id, row.start_ms, row.side, row.answer, row.annotator) for row in rows]


EXPECTED = [(ONE, 0, "heard", "yes", "7"), (ONE, 0, "seen", "sort_of", "7"), (TWO, 4000, "heard", "no", "8")]
FIRST = {"category": "drum", "clip_id": ONE, "start_ms": 0, "end_ms": 2000}
LAST = {"category": "drum", "clip_id": TWO, "start_ms": 4000, "end_ms": 6000}
WIDE = [
    {"id": 1, **FIRST, "heard": "Yes", "seen": "Sort of", "annotator": 7},
    {"id": 2, **LAST, "heard": {"choices": ["no"]}, "annotator": 8},
]
FULL = [
    {
        "id": 1,
        "data": {"category": "drum", "clip_id": ONE, "start_ms": "0", "end_ms": "2000", "heard": "not an answer"},
        "annotations": [
            {
                "completed_by": {"id": 7},
                "result": [
                    {"from_name": "heard", "to_name": "v", "type": "choices", "value": {"choices": ["Yes"]}},
                    {"from_name": "seen", "to_name": "v", "type": "choices", "value": {"choices": ["sort-of"]}},
                    {"from_name": "comment", "type": "textarea", "value": {"text": ["?"]}},
                ],
            },
            {"completed_by": 9, "was_cancelled": True, "result": []},
        ],
        "predictions": [],
    },
    {
        "id": 2,
        "data": {"category": "drum", "clip_id": TWO, "start_ms": 4000, "end_ms": 6000},
        "annotations": [{"completed_by": 8, "result": [{"from_name": "heard", "value": {"choices": ["no"]}}]}],
    },
]


def test_a_plain_table(tmp_path: Path) -> None:
    text = (
        f"{HEADER}drum,{ONE},0,2000,heard,yes,7\ndrum,{ONE},0,2000,seen,sort of,7\n\ndrum,{TWO},4000,6000,heard,NO,8\n"
    )
    assert told(read(tmp_path, "\ufeff" + text)) == EXPECTED
    assert told(read(tmp_path, text.replace("\n", "\r\n"))) == EXPECTED


def test_a_wide_table_with_columns_that_nobody_asked_for(tmp_path: Path) -> None:
    text = (
        "annotation_id,annotator,category,clip_id,created_at,end_ms,heard,seen,start_ms\n"
        f'5,7,drum,{ONE},2026-01-01,2000,Yes,Sort of,0\n6,8,drum,{TWO},"a\nb",6000,no,,4000\n'
    )
    assert told(read(tmp_path, text)) == EXPECTED


@pytest.mark.parametrize("records", [WIDE, FULL], ids=["JSON-MIN", "full JSON"])
def test_what_label_studio_exports(tmp_path: Path, records: list[Any]) -> None:
    for indent in (None, 2):
        assert told(read(tmp_path, json.dumps(records, indent=indent), "export.json")) == EXPECTED


def test_a_list_of_plain_records(tmp_path: Path) -> None:
    record = {"category": "drum", "clip_id": ONE, "start_ms": 0, "end_ms": 2000, "side": "pair", "answer": "y"}
    assert told(read(tmp_path, json.dumps([record]), "x.json", with_annotators=False)) == [(ONE, 0, "pair", "yes", "")]
    assert read(tmp_path, " [ ] ", "x.json") == []


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("", 1, "header"),
        ("a,b\n", 1, "header"),
        ("clip_id,clip_id\n", 1, "header"),
        (HEADER + ROW + "drum\n", 3, "1 fields"),
        (HEADER + ROW + ROW.replace("drum", "piano"), 3, "'piano'"),
        (HEADER + ROW.replace(ONE, "../../etc/passwd"), 2, "not listed"),
        (HEADER + ROW.replace(ONE, TWO).replace("drum", "dog"), 2, "not listed"),
        (HEADER + ROW.replace(",0,", ",-1,"), 2, "start_ms"),
        (HEADER + ROW.replace(",0,", ",1e3,"), 2, "start_ms"),
        (HEADER + ROW.replace(",0,", ",٣,"), 2, "start_ms"),
        (HEADER + ROW.replace("2000", "0"), 2, "no window"),
        (HEADER + ROW.replace("2000", "10001"), 2, "no window"),
        (HEADER + ROW.replace("heard", "smelt"), 2, "'smelt'"),
        (HEADER + ROW.replace("yes", "unsure"), 2, "'unsure'"),
        (HEADER + ROW.replace("yes", ""), 2, "''"),
        (HEADER + ROW.replace("ann", ""), 2, "annotator"),
        (HEADER + ROW.replace("ann", "a" * 201), 2, "annotator"),
        (HEADER + ROW + '"open', 3, "CSV"),
        (HEADER + ROW + "x" * (1 << 20), 3, "longer"),
        (HEADER.encode() + ROW.encode() + b"\xff\xfe,\n", 3, "UTF-8"),
        (HEADER + ROW.replace("drum", "\x1b[31mdrum"), 2, "\\x1b"),
    ],
    ids=range(21),
)
def test_a_bad_table_is_refused_with_its_line(tmp_path: Path, text: str | bytes, line: int, word: str) -> None:
    with pytest.raises(AnnotationError, match=rf"line {line}\b") as error:
        read(tmp_path, text)
    assert word in str(error.value)
    assert "\x1b" not in str(error.value)
    assert error.value.remedy


GOOD = json.dumps(WIDE[0])


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("", 1, "list"),
        ("{}", 1, "list"),
        (f"[\n{GOOD}", 2, "end of the list"),
        (f"[\n{GOOD}\n{GOOD}]", 3, "comma"),
        (f"[\n{GOOD},\n]", 3, "not JSON"),
        (f"[\n{GOOD},\n\n3]", 4, "object"),
        (f"[{GOOD},\n" + "[" * 100_000, 2, "nested"),
        (f"[{GOOD},\n" + '{"id": ' + "9" * 5000 + "}]", 2, "not JSON"),
        ("[\n\n{}]", 3, "category"),
        (f"[\n{GOOD.replace('Yes', 'Perhaps')}]", 2, "'Perhaps'"),
        ('[\n{"annotations": 3, "data": {}}]', 2, "Label Studio"),
        ('[\n{"annotations": [3], "data": {}}]', 2, "result"),
        (f"[\n{GOOD.replace('7', 'true')}]", 2, "annotator"),
        (f"[\n{GOOD.replace(': 0', ': [0]')}]", 2, "start_ms"),
        (f"[\n{GOOD.replace(': 0', ': 0.5')}]", 2, "start_ms"),
    ],
    ids=range(15),
)
def test_bad_json_is_refused_with_its_line(tmp_path: Path, text: str, line: int, word: str) -> None:
    with pytest.raises(AnnotationError, match=rf"line {line}\b") as error:
        read(tmp_path, text, "export.json")
    assert word in str(error.value)


@given(data=st.binary(max_size=300), suffix=st.sampled_from([".csv", ".json"]))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_taken_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    with contextlib.suppress(AnnotationError):
        read(folder, data, f"x{suffix}")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="cannot be read"):
        read_import(tmp_path / "none.csv", CLIPS, ("drum",))


@pytest.fixture
def store(tmp_path: Path) -> JudgmentStore:
    return JudgmentStore(tmp_path / "judgments.sqlite")


def take(store: JudgmentStore, folder: Path, text: str) -> tuple[int, int]:
    rows = read(folder, HEADER + text)
    counts = import_judgments(store, rows, folder / "export.csv", purpose="review", at_ms=1)
    return counts.new, counts.known


def test_importing_twice_adds_nothing(tmp_path: Path, store: JudgmentStore) -> None:
    more = ROW + ROW.replace("heard", "seen") + ROW.replace("ann", "bob") + ROW
    assert take(store, tmp_path, more) == (3, 1)
    assert take(store, tmp_path, more) == (0, 4)
    assert take(store, tmp_path, more + ROW.replace(",0,", ",2000,").replace(",2000,heard", ",4000,heard")) == (1, 4)
    judgments = store.judgments()
    assert len(judgments) == 4
    assert {one.annotator for one in judgments} == {store.pseudonym("ann"), store.pseudonym("bob")}


def test_another_answer_to_the_same_question_is_refused_and_nothing_is_taken(
    tmp_path: Path, store: JudgmentStore
) -> None:
    with pytest.raises(AnnotationError, match="line 4: says no, and yes was taken"):
        take(store, tmp_path, ROW + ROW.replace("heard", "seen") + ROW.replace("yes", "no"))
    assert store.judgments() == []
    take(store, tmp_path, ROW)
    with pytest.raises(AnnotationError, match="line 2"):
        take(store, tmp_path, ROW.replace("yes", "sort_of"))


def test_what_was_imported_is_not_asked_again(tmp_path: Path, store: JudgmentStore) -> None:
    take(store, tmp_path, ROW + ROW.replace("ann", "bob"))
    task = Task(
        purpose="review", category="drum", clip_id=ONE, video_id="local-one", media_key="a", windows=((0, 2000),),
        sides=("heard", "seen"),
    )  # fmt: skip
    panel = Panel(store, [task], ReviewOptions(), clock=lambda: 1000)
    assert [question.side for question, _ in panel.work("p1").assignments[0].open] == ["seen"]

"""The log: only ever added to, nothing in it twice, nobody's name in it."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from panels import Hands, gold_of, make_tasks, task

from vegas_data.annotate import JudgmentStore, ReviewOptions, read_judgments, write_judgments
from vegas_data.annotate.events import Answered, Completion, Event, Lease, Renewal, Undo
from vegas_data.annotate.export import DATABASE, TABLE
from vegas_data.annotate.tasks import Question
from vegas_data.errors import AnnotationError, JudgmentConflict, JudgmentsBusy
from vegas_data.workspace import Workspace

HEARD = Question(start_ms=0, end_ms=2000, side="heard")
SEEN = Question(start_ms=0, end_ms=2000, side="seen")


def lease(who: str = "p1", clip: str = "local-a_000000000", **changes: object) -> Lease:
    made = Lease(
        at_ms=5, annotator=who, scope=clip, task="t", purpose="review", category="drum", clip_id=clip,
        video_id="local-a", is_gold=False, questions=(HEARD, SEEN),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def answered(of: int, key: str, question: Question = HEARD, **changes: object) -> Answered:
    made = Answered(
        at_ms=9, annotator="p1", lease=of, key=key, question=question, answer="yes", revision=0, played_ms=1900
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> JudgmentStore:
    return JudgmentStore(tmp_path / "judgments.sqlite")


def test_events_come_back_as_they_went_in(store: JudgmentStore) -> None:
    given = store.append(lease())
    said = store.append(answered(given.seq, "k1"))
    events: list[Event] = [given, said]
    events.append(store.append(Undo(at_ms=10, annotator="p1", lease=given.seq, key="u1", undoes=said.seq)))
    events.append(store.append(Renewal(at_ms=11, annotator="p1", lease=given.seq, questions=(SEEN,))))
    events.append(store.append(Completion(at_ms=12, annotator="p1", scope="s")))
    store.close()
    again = JudgmentStore(store.path)
    assert list(again.events()) == events
    assert [event.seq for event in events] == [1, 2, 3, 4, 5]


def test_only_what_was_not_taken_back_is_a_judgment(store: JudgmentStore) -> None:
    given = store.append(lease())
    first = store.append(answered(given.seq, "k1"))
    store.append(answered(given.seq, "k2", SEEN, answer="no"))
    store.append(Undo(at_ms=10, annotator="p1", lease=given.seq, key="u1", undoes=first.seq))
    (left,) = read_judgments(store.path)
    assert (left.side, left.answer, left.annotator, left.purpose, left.is_gold) == ("seen", "no", "p1", "review", False)
    store.append(answered(given.seq, "k3", revision=1, answer="sort_of"))
    assert [(one.side, one.answer) for one in read_judgments(store.path)] == [("heard", "sort_of"), ("seen", "no")]


@pytest.mark.parametrize(
    "second",
    [
        lambda of, said: answered(of, "k1", SEEN),
        lambda of, said: answered(of, "k2"),
        lambda of, said: lease(),
        lambda of, said: answered(99, "k2", SEEN),
        lambda of, said: Undo(at_ms=1, annotator="p1", lease=of, key="u2", undoes=99),
        lambda of, said: Undo(at_ms=1, annotator="p1", lease=of, key="k1", undoes=said),
    ],
    ids=["same key", "same question", "same clip", "no such lease", "undo of nothing", "key of an answer"],
)
def test_what_must_not_be_there_twice_is_refused_by_the_file_itself(store: JudgmentStore, second: object) -> None:
    given = store.append(lease())
    said = store.append(answered(given.seq, "k1"))
    before = list(store.events())
    with pytest.raises(JudgmentConflict):
        store.append(second(given.seq, said.seq))  # type: ignore[operator]
    assert list(store.events()) == before


def test_an_answer_is_undone_once(store: JudgmentStore) -> None:
    given = store.append(lease())
    said = store.append(answered(given.seq, "k1"))
    store.append(Undo(at_ms=1, annotator="p1", lease=given.seq, key="u1", undoes=said.seq))
    with pytest.raises(JudgmentConflict):
        store.append(Undo(at_ms=1, annotator="p1", lease=given.seq, key="u2", undoes=said.seq))


@pytest.mark.parametrize("change", ["UPDATE events SET answer = 'no'", "DELETE FROM events"])
def test_rows_never_change(store: JudgmentStore, change: str) -> None:
    store.append(answered(store.append(lease()).seq, "k1"))
    with sqlite3.connect(store.path) as other, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        other.execute(change)
    other.close()
    assert len(store.judgments()) == 1


def test_all_or_none(store: JudgmentStore) -> None:
    with pytest.raises(JudgmentConflict):
        store.append_all([lease("p1"), lease("p2"), lease("p1")])
    assert list(store.events()) == []


def test_a_file_that_another_program_holds_is_busy_and_takes_answers_afterwards(tmp_path: Path) -> None:
    store = JudgmentStore(tmp_path / "j.sqlite", busy_timeout_s=0.05)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JudgmentsBusy):
        store.append(lease())
    other.execute("ROLLBACK")
    other.close()
    assert store.append(lease()).seq == 1


def test_pseudonyms_are_stable_in_one_file_and_differ_between_files(tmp_path: Path) -> None:
    first, second = JudgmentStore(tmp_path / "1.sqlite"), JudgmentStore(tmp_path / "2.sqlite")
    name = first.pseudonym("5f3c0ffee")
    assert name == JudgmentStore(tmp_path / "1.sqlite").pseudonym("5f3c0ffee")
    assert name != first.pseudonym("5f3c0ffef")
    assert name != second.pseudonym("5f3c0ffee")
    assert first.path.stat().st_mode & 0o077 == 0


def test_another_version_is_not_guessed_at(store: JudgmentStore) -> None:
    with sqlite3.connect(store.path) as other:
        other.execute("PRAGMA user_version = 2")
    other.close()
    with pytest.raises(AnnotationError, match="version 2"):
        JudgmentStore(store.path)
    with pytest.raises(AnnotationError, match="version 2"):
        read_judgments(store.path)


def test_a_damaged_file_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "j.sqlite").write_bytes(b"not a database" * 500)
    with pytest.raises(AnnotationError) as error:
        JudgmentStore(tmp_path / "j.sqlite")
    assert error.value.remedy


def test_no_file_means_no_judgments(tmp_path: Path) -> None:
    assert read_judgments(tmp_path / "none.sqlite") == []
    assert not (tmp_path / "none.sqlite").exists()


def test_the_table_has_pseudonyms_only_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    workspace = Workspace.create(tmp_path / "w", 'name = "x"\n')
    hands = Hands(workspace.path(DATABASE), make_tasks(3), ReviewOptions(gold_share=0.5), gold=[gold_of(task(9))])
    who = hands.panel.store.pseudonym("Jane Doe")
    hands.judge_all(who)
    assert write_judgments(workspace) == 16
    first = workspace.path(TABLE).read_bytes()
    write_judgments(workspace)
    assert workspace.path(TABLE).read_bytes() == first
    rows = pq.read_table(workspace.path(TABLE)).to_pylist()
    assert {row["annotator"] for row in rows} == {who}
    assert sum(row["is_gold"] for row in rows) == 4
    for file in workspace.root.rglob("*"):
        assert not file.is_file() or b"Jane" not in file.read_bytes()

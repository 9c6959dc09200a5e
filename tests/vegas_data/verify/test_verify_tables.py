"""Tables hold what was measured and decided, in the same bytes for the same input, and read back as records."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from verify_cases import FAKES, FINE, NO, SILENT, UNSURE, YES, clip_scores

from vegas_data.errors import WorkspaceError
from vegas_data.records import Clip
from vegas_data.store import place_file
from vegas_data.verify import (
    ClipScores,
    TableCounts,
    judge,
    merge_examples,
    read_examples,
    read_judgments,
    read_table,
    read_verdicts,
    scores_key,
    tables,
    tables_made_with,
    verdict_digest,
    write_tables,
)
from vegas_data.verify.scores import commit_scores
from vegas_data.verify.triage import triage
from vegas_data.workspace import Workspace

ROWS = {
    "test-b": [(YES, YES, FINE), (YES, YES, FINE), (NO, YES, FINE)],
    "test-a": [(YES, UNSURE, FINE), (YES, YES, SILENT), (YES, YES, FINE)],
}


def put_scores(workspace: Workspace, digest: str = "d") -> list[Clip]:
    """Two clips with scores for drum and dog, and a third that has not been scored."""
    clips = []
    for video_id, rows in ROWS.items():
        scores = clip_scores(rows)
        both = tuple(
            replace(window, scores={name: {**row, "dog": 0.0} for name, row in window.scores.items()})
            for window in scores.windows
        )
        clip = Clip(video_id=video_id, start_ms=0, end_ms=6_000, categories=("drum",))
        commit_scores(
            workspace,
            scores_key(digest, clip.id),
            replace(scores, clip_id=clip.id, video_id=video_id, windows=both),
        )
        clips.append(clip)
    return [*clips, Clip(video_id="test-c", start_ms=0, end_ms=6_000, categories=("drum",))]


def all_bytes(workspace: Workspace) -> dict[str, bytes]:
    return {key: workspace.path(key).read_bytes() for key in workspace.keys("tables")}


def test_counts_and_records(workspace: Workspace) -> None:
    counts = write_tables(workspace, put_scores(workspace), FAKES, "d", ("drum", "dog"))
    assert counts == TableCounts(
        windows=6,
        accepted=3,
        rejected=2,
        undecided=1,
        reasons=(("not_heard", 1), ("ok", 3), ("silent", 1), ("unsure_seen", 1)),
        examples=2,
    )
    verdicts = read_verdicts(workspace)
    assert [v.video_id for v in verdicts] == ["test-a"] * 3 + ["test-b"] * 3
    assert {v.category for v in verdicts} == {"drum"}, "only what the clip is a candidate for"
    assert read_examples(workspace) == merge_examples(verdicts)
    assert [e.id for e in read_examples(workspace)] == ["test-a_000004000_000006000", "test-b_000000000_000004000"]
    assert len(read_judgments(workspace)) == 12


def test_records_read_back_as_they_were(workspace: Workspace) -> None:
    clips = put_scores(workspace)
    write_tables(workspace, clips, FAKES, "d", ("drum",))
    expected_judgments, expected_verdicts = [], []
    for clip in sorted(clips[:2], key=lambda clip: clip.id):
        scores = tables.read_scores(workspace, scores_key("d", clip.id))
        judgments = judge(scores, FAKES, ("drum",))
        expected_judgments += judgments
        expected_verdicts += triage(judgments, scores, FAKES, ("drum",))
    assert read_judgments(workspace) == expected_judgments
    assert read_verdicts(workspace) == expected_verdicts


def test_scores_of_every_category_are_kept_with_the_signals(workspace: Workspace) -> None:
    write_tables(workspace, put_scores(workspace), FAKES, "d", ("drum",))
    rows = read_table(workspace, "scores").to_pylist()
    assert len(rows) == 2 * 3 * 2 * 2
    assert {row["category"] for row in rows} == {"drum", "dog"}
    first = rows[0]
    assert (first["scorer"], first["side"], first["digest"]) == ("brightness", "seen", "2" * 12)
    assert (first["rms_dbfs"], first["motion"]) == (FINE.rms_dbfs, FINE.motion)
    order = [(row["clip_id"], row["start_ms"], row["scorer"], row["category"]) for row in rows]
    assert order == sorted(order)


def test_same_scores_same_bytes_in_whatever_order(workspace: Workspace, tmp_path: Path) -> None:
    clips = put_scores(workspace)
    write_tables(workspace, clips, FAKES, "d", ("drum", "dog"))
    before = all_bytes(workspace)
    assert set(before) == {"tables/examples.csv", *(f"tables/{name}.parquet" for name in tables.NAMES)}
    other = Workspace.create(tmp_path / "other", "")
    put_scores(other)
    write_tables(other, reversed(clips), FAKES, "d", {"dog": 0, "drum": 0})
    assert all_bytes(other) == before


def test_many_rows_are_written_in_groups(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    monkeypatch.setattr(tables, "ROWS_PER_GROUP", 5)
    write_tables(workspace, put_scores(workspace), FAKES, "d", ("drum",))
    metadata = pq.ParquetFile(workspace.path("tables/scores.parquet")).metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [5, 5, 5, 5, 4]
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    assert read_table(workspace, "scores").num_rows == 24


def test_the_csv_says_what_the_table_says(workspace: Workspace) -> None:
    write_tables(workspace, put_scores(workspace), FAKES, "d", ("drum",))
    with workspace.path("tables/examples.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["category"], int(row["end_ms"])) for row in rows] == [
        (e.id, e.category, e.end_ms) for e in read_examples(workspace)
    ]


def test_the_tables_name_the_thresholds_they_were_made_with(workspace: Workspace) -> None:
    clips = put_scores(workspace)
    write_tables(workspace, clips, FAKES, "d", ("drum",))
    assert tables_made_with(workspace)["verdicts"] == verdict_digest(FAKES, "d")
    heard, seen = FAKES.scorers
    lenient = replace(FAKES, scorers=(heard, replace(seen, accept=0.2)))
    counts = write_tables(workspace, clips, lenient, "d", ("drum",))
    assert counts.accepted == 4, "another threshold, no media touched"
    assert tables_made_with(workspace)["verdicts"] == verdict_digest(lenient, "d") != verdict_digest(FAKES, "d")


def test_nothing_scored_gives_empty_tables(workspace: Workspace) -> None:
    counts = write_tables(workspace, [], FAKES, "d", ("drum",))
    assert (counts.windows, counts.examples) == (0, 0)
    assert read_examples(workspace) == []
    assert read_table(workspace, "scores").num_rows == 0


def test_missing_and_damaged_tables_are_named(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match=r"examples\.parquet: not there yet") as caught:
        read_examples(workspace)
    assert "vegas-data verify" in caught.value.remedy
    workspace.commit_bytes("tables/examples.parquet", b"PAR1 no table PAR1")
    with pytest.raises(WorkspaceError, match=r"examples\.parquet: unreadable"):
        read_examples(workspace)
    write_tables(workspace, [], FAKES, "d", ())
    workspace.commit_bytes("tables/verdicts.parquet", workspace.path("tables/examples.parquet").read_bytes())
    with pytest.raises(WorkspaceError, match=r"verdicts\.parquet: has other columns"):
        read_verdicts(workspace)


def test_damaged_scores_are_an_error_not_a_gap(workspace: Workspace) -> None:
    clips = put_scores(workspace)
    workspace.commit_bytes(scores_key("d", clips[0].id), b"{")
    with pytest.raises(WorkspaceError, match=clips[0].id):
        write_tables(workspace, clips, FAKES, "d", ("drum",))
    assert not workspace.exists("tables/examples.parquet")


def test_scores_are_a_plain_record() -> None:
    import pickle

    scores = clip_scores([(YES, YES, FINE)])
    assert isinstance(scores, ClipScores)
    assert pickle.loads(pickle.dumps(scores)) == scores


def test_what_says_that_the_tables_are_new_is_the_last_of_them(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = put_scores(workspace)
    write_tables(workspace, clips, FAKES, "d", ("drum",), inputs="older")
    write_tables(workspace, clips[1:], FAKES, "d", ("drum",), inputs="newer")
    newer = all_bytes(workspace)
    placed: list[str] = []
    most = 0

    def place_or_stop(file: Path, path: Path) -> None:
        if len(placed) == most:
            raise KeyboardInterrupt
        placed.append(path.name)
        place_file(file, path)

    for most in range(6):  # noqa: B007 - it is, by what is called
        monkeypatch.undo()
        write_tables(workspace, clips, FAKES, "d", ("drum",), inputs="older")
        placed.clear()
        monkeypatch.setattr("vegas_data.store.place_file", place_or_stop)
        try:
            write_tables(workspace, clips[1:], FAKES, "d", ("drum",), inputs="newer")
        except KeyboardInterrupt:
            assert tables_made_with(workspace)["inputs"] == "older", placed
        else:
            assert all_bytes(workspace) == newer
    assert len(placed) == 5

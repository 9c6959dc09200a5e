"""Evidence: what calibrations and people's answers do to digests and tables, and the files that hold them."""

import math
from dataclasses import replace

import pytest
from test_triage import calibration
from verify_cases import FAKES, FINE, INFO, NO, SILENT, UNSURE, YES, clip_scores

from vegas_data.config import canonical, digest
from vegas_data.errors import VerificationError, WorkspaceError
from vegas_data.records import Answer, Clip, Judgment, Side
from vegas_data.verify import (
    AuditItem,
    Draw,
    Evidence,
    TriageOptions,
    calibration_key,
    commit_calibration,
    commit_draw,
    draw_key,
    read_calibrations,
    read_draws,
    read_examples,
    read_judgments,
    read_verdicts,
    scores_key,
    tables_made_with,
    verdict_digest,
    write_tables,
)
from vegas_data.verify.digests import VERDICTS_VERSION
from vegas_data.verify.draws import drawn_videos, settled_sides
from vegas_data.verify.scores import commit_scores
from vegas_data.workspace import Workspace

CLIP = Clip(video_id="test-a", start_ms=0, end_ms=8_000, categories=("drum",))
ROWS = [(YES, YES, FINE), (UNSURE, YES, FINE), (YES, UNSURE, SILENT), (NO, YES, FINE)]
ITEM = AuditItem(
    category="drum",
    clip_id="test-a_000000000",
    video_id="test-a",
    start_ms=0,
    end_ms=2_000,
    path="auto_accept",
    weight=3.5,
)


def says(start_ms: int, side: Side, person: str, answer: Answer, *, end_ms: int | None = None) -> Judgment:
    return Judgment(
        category="drum",
        clip_id=CLIP.id,
        video_id=CLIP.video_id,
        start_ms=start_ms,
        end_ms=start_ms + 2_000 if end_ms is None else end_ms,
        side=side,
        judge=f"human:{person}",
        answer=answer,
        score=math.nan,
    )


def both(start_ms: int, answer: Answer) -> tuple[Judgment, ...]:
    sides: tuple[Side, ...] = ("heard", "seen")
    return tuple(says(start_ms, side, person, answer) for side in sides for person in ("p1", "p2"))


def put_tables(workspace: Workspace, evidence: Evidence) -> list[tuple[str, str]]:
    commit_scores(workspace, scores_key("d", CLIP.id), clip_scores(ROWS))
    write_tables(workspace, [CLIP], FAKES, "d", ("drum",), evidence=evidence)
    return [(verdict.decision, verdict.rule) for verdict in read_verdicts(workspace)]


def test_without_evidence_digests_are_what_they_were_before_there_was_any() -> None:
    assert "triage" not in canonical(FAKES)
    assert verdict_digest(FAKES, "d") == digest("verify.verdicts", VERDICTS_VERSION, "d", FAKES)
    assert verdict_digest(FAKES, "d", Evidence()) == verdict_digest(FAKES, "d")


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence(calibrations={"drum": calibration()}),
        Evidence(calibrations={"drum": calibration(accept=0.7)}),
        Evidence(judgments=both(0, "yes")),
        Evidence(judgments=both(0, "sort_of")),
        Evidence(judgments=both(0, "yes")[:3]),
    ],
)
def test_each_piece_of_evidence_names_other_verdicts(evidence: Evidence) -> None:
    others = [Evidence(), Evidence(calibrations={"drum": calibration(accept=0.65)}), Evidence(judgments=both(0, "no"))]
    assert verdict_digest(FAKES, "d", evidence) == verdict_digest(FAKES, "d", replace(evidence))
    assert verdict_digest(FAKES, "d", evidence) not in {verdict_digest(FAKES, "d", other) for other in others}


def test_other_rules_for_people_name_other_verdicts_and_the_same_scores() -> None:
    changed = replace(FAKES, triage=TriageOptions(judgments_per_window=3))
    assert verdict_digest(changed, "d") != verdict_digest(FAKES, "d")


def test_tables_follow_people_and_then_the_calibration(workspace: Workspace) -> None:
    plain = put_tables(workspace, Evidence())
    assert plain == [(d, "all_sides") for d in ("accepted", "undecided", "rejected", "rejected")]
    assert put_tables(workspace, Evidence(judgments=both(2_000, "yes"))) == [
        ("accepted", "all_sides"),
        ("accepted", "people"),
        *plain[2:],
    ]
    assert [example.end_ms for example in read_examples(workspace)] == [4_000]
    evidence = Evidence(calibrations={"drum": calibration()}, judgments=both(0, "no"))
    assert put_tables(workspace, evidence) == [
        ("rejected", "people"),
        ("undecided", "calibrated"),
        ("rejected", "all_sides"),
        ("undecided", "calibrated"),
    ]
    assert tables_made_with(workspace)["verdicts"] == verdict_digest(FAKES, "d", evidence)


def test_answers_of_people_stand_behind_those_of_models_and_only_for_windows_that_are_there(
    workspace: Workspace,
) -> None:
    stray = says(500, "heard", "p1", "no")
    longer = says(2_000, "heard", "p3", "no", end_ms=5_000)
    other = replace(stray, start_ms=0, end_ms=2_000, category="dog")
    put_tables(workspace, Evidence(judgments=(*both(2_000, "yes")[::-1], stray, longer, other)))
    judgments = read_judgments(workspace)
    second = [(one.side, one.judge.partition("@")[0]) for one in judgments if one.start_ms == 2_000]
    assert second == [
        ("heard", "model:loudness"),
        ("seen", "model:brightness"),
        ("heard", "human:p1"),
        ("heard", "human:p2"),
        ("seen", "human:p1"),
        ("seen", "human:p2"),
    ]
    assert len(judgments) == 2 * len(ROWS) + 4
    assert all(math.isnan(one.score) for one in judgments if one.judge.startswith("human:"))


def test_a_calibration_promises_what_it_was_made_for_and_no_more() -> None:
    made = calibration()
    assert made.keeps(TriageOptions())
    assert made.keeps(TriageOptions(target=0.9, target_reject=0.5, confidence=0.5))
    for asked in (TriageOptions(target=0.96), TriageOptions(target_reject=0.95), TriageOptions(confidence=0.99)):
        assert not made.keeps(asked)
    assert made.fits(INFO)


def test_calibrations_read_back_and_damaged_ones_are_named(workspace: Workspace) -> None:
    assert read_calibrations(workspace, ("drum", "dog")) == {}
    commit_calibration(workspace, calibration())
    assert read_calibrations(workspace, ("drum", "dog")) == {"drum": calibration()}
    workspace.commit_bytes(calibration_key("dog"), workspace.path(calibration_key("drum")).read_bytes())
    with pytest.raises(VerificationError, match=r"dog\.json: a calibration of drum"):
        read_calibrations(workspace, ("drum", "dog"))
    workspace.commit_bytes(calibration_key("drum"), b'{"schema": 1}')
    with pytest.raises(VerificationError, match=r"drum\.json"):
        read_calibrations(workspace, ("drum",))


def test_draws_read_back_and_damaged_ones_are_named(workspace: Workspace) -> None:
    draw = Draw(items=(ITEM, replace(ITEM, start_ms=2_000, end_ms=4_000)), excluded=("test-b",))
    commit_draw(workspace, "audit", "drum", draw)
    assert read_draws(workspace, "audit", ("drum", "dog")) == {"drum": draw}
    assert read_draws(workspace, "calibration", ("drum", "dog")) == {}
    assert drawn_videos(workspace, "audit", ("drum", "dog")) == {"test-a"}
    workspace.commit_bytes(draw_key("audit", "drum"), b"PAR1 no table PAR1")
    with pytest.raises(WorkspaceError, match=r"drum\.parquet: unreadable") as caught:
        read_draws(workspace, "audit", ("drum",))
    assert "audit draw" in caught.value.remedy


def test_what_is_not_settled_is_nothing() -> None:
    assert settled_sides(ITEM, {}) == (None, None)
    answers: dict[tuple[str, str, int, Side], Answer] = {
        ("drum", CLIP.id, 0, "heard"): "unsure",
        ("drum", CLIP.id, 0, "seen"): "no",
    }
    assert settled_sides(ITEM, answers) == (None, "no")

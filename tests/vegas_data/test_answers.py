"""Which answers of people count for verdicts: not those of audits, not gold, not of other windows; the last of each."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from vegas_data import verify
from vegas_data.annotate import opened_log
from vegas_data.annotate.events import Answered, Lease
from vegas_data.annotate.tasks import HumanAnswer, Purpose, Question
from vegas_data.cli.session import Place, writing
from vegas_data.context import Run, Selection
from vegas_data.evidence import COUNTED, answers_of, read_evidence
from vegas_data.verify.scores import ScorerInfo

CLIP = "local-a_000000000"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    place = Place(workspace_path=tmp_path / "workspace", recipe_name="smoke", categories_file=None, as_json=True)
    with writing(place, Selection()) as run:
        yield run


def say(
    run: Run,
    answer: HumanAnswer,
    *,
    at_ms: int = 1_000,
    purpose: Purpose = "review",
    person: str = "pa",
    start_ms: int = 0,
    length_ms: int = 2_000,
    is_gold: bool = False,
) -> None:
    question = Question(start_ms=start_ms, end_ms=start_ms + length_ms, side="heard")
    with opened_log(run.workspace) as store:
        lease = store.append(
            Lease(
                at_ms=at_ms,
                annotator=person,
                scope=f"{CLIP}/{at_ms}",
                task="t",
                purpose=purpose,
                category="drum",
                clip_id=CLIP,
                video_id="local-a",
                is_gold=is_gold,
                questions=(question,),
            )
        )
        store.append(
            Answered(
                at_ms=at_ms,
                annotator=person,
                lease=lease.seq,
                key=f"key-{at_ms:08d}",
                question=question,
                answer=answer,
                revision=0,
                played_ms=2_000,
            )
        )


def test_nothing_is_there_and_no_log_is_made(run: Run) -> None:
    evidence = read_evidence(run)
    assert (dict(evidence.calibrations), evidence.judgments) == ({}, ())
    assert not run.workspace.exists("judgments.sqlite")


def test_what_counts(run: Run) -> None:
    say(run, "yes", at_ms=1)
    say(run, "no", at_ms=2, purpose="calibration", person="pb")
    say(run, "no", at_ms=3, purpose="audit", person="pc")
    say(run, "no", at_ms=4, person="pd", is_gold=True)
    say(run, "no", at_ms=5, person="pe", length_ms=1_000)
    evidence = read_evidence(run)
    assert [(one.judge, one.answer) for one in evidence.judgments] == [("human:pa", "yes"), ("human:pb", "no")]
    assert [one.annotator for one in answers_of(run, {"audit"})] == ["pc"]


def test_a_calibration_counts_for_the_windows_and_prompts_it_was_made_with(run: Run) -> None:
    options, category = run.recipe.verify, run.categories["drum"]
    scorers = {one.name: ScorerInfo(side=one.side, digest="0" * 12) for one in options.scorers}

    def used(of: verify.VerifyOptions, heard: tuple[str, ...]) -> bool:
        measured = verify.measured_digest(of, replace(category, heard_classes=heard))
        made = verify.calibrate("drum", scorers, [], options.triage, measured=measured)
        verify.commit_calibration(run.workspace, made)
        return dict(read_evidence(run).calibrations) == {"drum": made}

    assert used(options, category.heard_classes)
    assert used(replace(options, duplicates="keep"), category.heard_classes), "a new rule scores nothing again"
    assert not used(replace(options, window_ms=1_000), category.heard_classes)
    assert not used(replace(options, picture_px=2 * options.picture_px), category.heard_classes)
    assert not used(options, (*category.heard_classes, "Speech"))


def test_of_two_answers_of_one_person_the_last_counts(run: Run) -> None:
    say(run, "no", at_ms=20, purpose="calibration")
    say(run, "yes", at_ms=10, purpose="review")
    (one,) = answers_of(run, COUNTED)
    assert one.answer == "no"


def test_answers_come_in_one_order_whoever_answered_first(run: Run) -> None:
    say(run, "yes", at_ms=1, person="pb", start_ms=2_000)
    say(run, "yes", at_ms=2, person="pa", start_ms=2_000)
    say(run, "yes", at_ms=3, person="pb")
    assert [(one.start_ms, one.annotator) for one in answers_of(run, COUNTED)] == [
        (0, "pb"),
        (2_000, "pa"),
        (2_000, "pb"),
    ]

"""What the verdicts of a workspace rest on besides scores: its calibrations, and what people answered.

Review and calibration count; an audit only measures what is there and mends nothing, and gold says something about the
person, not about the window.
"""

import math
from collections.abc import Collection
from typing import Final

from vegas_data import annotate, verify
from vegas_data.annotate import HumanJudgment
from vegas_data.annotate.tasks import Purpose
from vegas_data.context import Run
from vegas_data.records import Judgment

COUNTED: Final[frozenset[Purpose]] = frozenset({"review", "calibration"})


def read_evidence(run: Run) -> verify.Evidence:
    """All of it, for every category.

    Calibrations that promise less than the recipe asks for are left aside, and those of windows of another length,
    sampled otherwise or scored with other prompts; so are answers about windows of another length.

    Raises:
        VerificationError: a calibration is damaged, or a scorer is missing. AnnotationError: the log of judgments
            cannot be read.
    """
    calibrations = verify.read_calibrations(run.workspace, run.categories)
    return verify.Evidence(
        calibrations={name: one for name, one in calibrations.items() if _applies(name, one, run)},
        judgments=tuple(map(as_record, answers_of(run, COUNTED))),
    )


def _applies(name: str, calibration: verify.Calibration, run: Run) -> bool:
    options, category = run.recipe.verify, run.categories[name]
    return calibration.keeps(options.triage) and calibration.measured == verify.measured_digest(options, category)


def answers_of(run: Run, purposes: Collection[Purpose]) -> list[HumanJudgment]:
    """What people said for these purposes, gold left out: of each person, window and side the last; in a fixed order.

    Raises:
        AnnotationError: the log of judgments cannot be read.
    """
    window_ms = run.recipe.verify.window_ms
    said = [
        one
        for one in annotate.read_judgments(run.workspace.path(annotate.DATABASE))
        if one.purpose in purposes and not one.is_gold and one.end_ms - one.start_ms == window_ms
    ]
    last = {
        (one.category, one.clip_id, one.start_ms, one.side, one.annotator): one
        for one in sorted(said, key=lambda one: one.at_ms)
    }
    return [last[key] for key in sorted(last)]


def as_record(said: HumanJudgment) -> Judgment:
    """An answer as tables and releases hold it."""
    return Judgment(
        category=said.category,
        clip_id=said.clip_id,
        video_id=said.video_id,
        start_ms=said.start_ms,
        end_ms=said.end_ms,
        side=said.side,
        judge=f"human:{said.annotator}",
        answer=said.answer,
        score=math.nan,
    )

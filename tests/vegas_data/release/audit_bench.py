"""The bench's workspace once people were there: a calibration for drum, an answer by a person, and an audit.

drum  probability 0.81  seven windows   calibrated_accept, at the threshold itself
      probability 0.09  two             calibrated_reject
      probability 0.27  one, between    a person does not hear it: people_not_heard
dog   two windows, by the recipe's thresholds

Audited: three windows of each category and path, none of demo-000. Two people; they do not agree about one side.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Final

from release_bench import INFO, VERIFY, make_source

from vegas_data.records import Answer, Judgment, Side
from vegas_data.release import AuditSource, ReleaseSource, Rules
from vegas_data.release.again import Said
from vegas_data.verify import AuditItem, Calibration, Cut, TriageOptions, draw_audit, read_verdicts, settle
from vegas_data.verify.calibration import SideFit
from vegas_data.verify.intervals import lower_bound
from vegas_data.verify.logistic import log_odds, logistic

TRIAGE: Final = TriageOptions(judgments_per_window=1, audit_windows=3, target=0.7, target_reject=0.5, confidence=0.9)
OPTIONS: Final = replace(VERIFY, triage=TRIAGE)
EXCLUDED: Final = ("demo-000",)


def _probability(heard: float) -> float:
    return logistic(log_odds(heard)) * logistic(log_odds(0.9))


def _cut(threshold: float, items: int, target: float) -> Cut:
    bound = lower_bound(items, items, 0.9)
    return Cut(
        threshold=threshold,
        items=items,
        right=items,
        bound=bound,
        tested=1,
        least_items=1,
        target=target,
        confidence=0.9,
    )


CALIBRATION: Final = Calibration(
    category="drum",
    scorers=tuple(sorted((name, info.digest) for name, info in INFO.items())),
    measured="0" * 12,
    sides=(
        SideFit(side="heard", scorers=("loudness",), intercept=0.0, weights=(1.0,)),
        SideFit(side="seen", scorers=("brightness",), intercept=0.0, weights=(1.0,)),
    ),
    num_fit=5,
    num_test=20,
    num_present=15,
    accept=_cut(_probability(0.9), 12, 0.7),
    reject=_cut(0.1, 6, 0.5),
    draw="0" * 12,
)


def judgment(item: AuditItem, side: Side, who: str, answer: Answer) -> Judgment:
    """What a person said of a drawn window."""
    return Judgment(
        category=item.category,
        clip_id=item.clip_id,
        video_id=item.video_id,
        start_ms=item.start_ms,
        end_ms=item.end_ms,
        side=side,
        judge=f"human:{who}",
        answer=answer,
        score=math.nan,
    )


REFUSED: Final = AuditItem(
    category="drum",
    clip_id="demo-004_000030000",
    video_id="demo-004",
    start_ms=32_000,
    end_ms=34_000,
    path="undecided",
    weight=1.0,
)


def audited_source(root: Path, clip: bytes) -> ReleaseSource:
    """Make that workspace and say what it has to release. In the audit the last drum window is not judged."""
    rules = Rules(
        options=OPTIONS,
        calibrations={"drum": CALIBRATION},
        not_audited={"drum": EXCLUDED, "dog": EXCLUDED},
    )
    source = make_source(root, clip, rules=rules, people=(judgment(REFUSED, "heard", "p1", "no"),))
    items = draw_audit(
        read_verdicts(source.workspace), seed=TRIAGE.seed, count=TRIAGE.audit_windows, exclude=set(EXCLUDED)
    )
    *judged, _ = [item for item in items if item.category == "drum"]
    judged += [item for item in items if item.category == "dog"]
    absent, tied, *_ = judged
    said = [judgment(item, "seen", "p1", "yes") for item in judged]
    said += [judgment(item, "heard", "p1", "no" if item == absent else "yes") for item in judged]
    said += [judgment(item, "heard", "p2", "no" if item in (absent, tied) else "sort_of") for item in judged]
    people = [Said(j.category, j.clip_id, j.start_ms, j.side, j.judge, j.answer) for j in said]
    audit = AuditSource(
        items=items,
        excluded=rules.not_audited,
        judgments=tuple(said),
        settled=settle(people, TRIAGE),
        stale=(),
    )
    return replace(source, audit=audit)

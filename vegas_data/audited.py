"""What people found in the audit of a workspace, and whether its draws are of the verdicts that are there.

A draw fits while drawing again from the same verdicts, without the same videos, would give the same windows. It does
not fit any more once windows are decided otherwise, or the recipe asks for other windows: what people found then says
nothing about the verdicts of now.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from vegas_data import verify
from vegas_data.annotate import HumanJudgment
from vegas_data.context import Run
from vegas_data.evidence import answers_of, as_record, read_evidence
from vegas_data.records import Answer, Verdict
from vegas_data.release import AuditSource, Rules
from vegas_data.verify import AuditItem, Draw, Question


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The audit of some categories.

    Args:
        draws: by category. stale: categories whose draw does not fit the verdicts that are there.
        said: what people answered about drawn windows. settled: what follows from it.
    """

    draws: Mapping[str, Draw]
    stale: frozenset[str]
    said: tuple[HumanJudgment, ...]
    settled: Mapping[Question, Answer]

    @property
    def judged(self) -> dict[str, int]:
        """Drawn windows that somebody has judged, by category."""
        about = {(one.category, one.clip_id, one.start_ms) for one in self.said}
        return {
            category: sum((category, item.clip_id, item.start_ms) in about for item in draw.items)
            for category, draw in self.draws.items()
        }


def read_audit(run: Run, categories: Collection[str], verdicts: Iterable[Verdict]) -> Audit:
    """The audit of these categories.

    Args:
        verdicts: those that are there, of all categories.

    Raises:
        WorkspaceError: a draw is damaged. AnnotationError: the log of judgments cannot be read.
    """
    draws = verify.read_draws(run.workspace, "audit", categories)
    drawn = {(name, item.clip_id, item.start_ms) for name, draw in draws.items() for item in draw.items}
    said = [
        one
        for one in answers_of(run, {"audit"})
        if (one.category, one.clip_id, one.start_ms) in drawn and one.side in verify.REQUIRED_SIDES
    ]
    by_category: dict[str, list[Verdict]] = {name: [] for name in draws}
    for verdict in verdicts:
        if verdict.category in by_category:
            by_category[verdict.category].append(verdict)
    return Audit(
        draws=draws,
        stale=frozenset(
            name for name, draw in draws.items() if draw_again(run, by_category[name], draw.excluded) != draw.items
        ),
        said=tuple(said),
        settled=verify.settle(said, run.recipe.verify.triage),
    )


def draw_again(run: Run, verdicts: Iterable[Verdict], excluded: Collection[str]) -> tuple[AuditItem, ...]:
    """What the recipe draws from the verdicts of one category."""
    triage = run.recipe.verify.triage
    return verify.draw_audit(verdicts, seed=triage.seed, count=triage.audit_windows, exclude=frozenset(excluded))


def audit_to_release(run: Run) -> AuditSource:
    """The audit of all categories as a release takes it: where it fits and something is judged. Raises as above."""
    audit = read_audit(run, list(run.categories), verify.read_verdicts(run.workspace))
    judged = {name for name, count in audit.judged.items() if count}
    fits = judged - audit.stale
    return AuditSource(
        items=tuple(item for name in sorted(fits) for item in audit.draws[name].items),
        excluded={name: audit.draws[name].excluded for name in sorted(fits)},
        judgments=tuple(as_record(one) for one in audit.said if one.category in fits),
        settled=audit.settled,
        stale=tuple(sorted(judged & audit.stale)),
    )


def rules_to_release(run: Run, audit: AuditSource) -> Rules:
    """What made the verdicts, and what the audit was not drawn from; raises as ``read_evidence``."""
    calibrations = read_evidence(run).calibrations
    return Rules(options=run.recipe.verify, calibrations=calibrations, not_audited=audit.excluded)

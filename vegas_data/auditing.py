"""Audits, bound to the workspace: a blind draw for people to judge, and what they found.

tables ─draw→ audit/<category>.parquet ─people→ precision, recall, what was lost on the way, how far people agree
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vegas_data import annotate, verify
from vegas_data.annotate.imports import read_import
from vegas_data.annotate.tasks import PURPOSES
from vegas_data.audited import Audit, draw_again, read_audit
from vegas_data.clips import fetched
from vegas_data.context import Run
from vegas_data.errors import WorkspaceError
from vegas_data.evidence import answers_of
from vegas_data.pipeline import current_verdicts
from vegas_data.records import Answer
from vegas_data.verify import AuditItem, Draw, Question
from vegas_data.verify.audit import AuditKey, attrition
from vegas_data.verify.audit import report as report_audit
from vegas_data.verify.crowd import by_question
from vegas_data.verify.draws import Outcome


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The draw of one category.

    Args:
        outcome: ``unchanged``: drawn before from the same verdicts; ``extended``: by further windows, all of before are
            in it; ``drawn anew``: in place of one that did not fit any more.
        paths: windows by decision path.
    """

    category: str
    outcome: Outcome
    paths: dict[str, int]


def draw_audit(run: Run, *, anew: bool = False) -> list[Drawn]:
    """Draw windows of the selected categories for an audit. A draw that fits is left as it is.

    Args:
        anew: also in place of draws that do not fit any more and of which windows have been judged.

    Raises:
        WorkspaceError: nothing has been verified, the tables are not of what is here now, or draws of older verdicts
            have been judged. Then nothing is drawn.
    """
    current_verdicts(run)
    names = [category.name for category in run.wanted]
    verdicts = verify.read_verdicts(run.workspace)
    audit = read_audit(run, names, verdicts)
    calibrated_on = tuple(sorted(verify.drawn_videos(run.workspace, "calibration", run.categories)))
    made: dict[str, tuple[Draw, Outcome]] = {}
    for name in names:
        before = audit.draws.get(name)
        if before is not None and name not in audit.stale:
            made[name] = before, "unchanged"
            continue
        mine = [one for one in verdicts if one.category == name]
        draw = Draw(items=draw_again(run, mine, calibrated_on), excluded=calibrated_on)
        if before is None and not draw.items:
            continue
        made[name] = draw, "drawn" if before is None else "extended" if _extends(draw, before) else "drawn anew"
    if not anew:
        _refuse_judged(run, audit, [name for name, (_, outcome) in made.items() if outcome == "drawn anew"])
    for name, (draw, outcome) in made.items():
        if outcome != "unchanged":
            verify.commit_draw(run.workspace, "audit", name, draw)
    return [
        Drawn(
            category=name, outcome=outcome, paths=dict(sorted(Counter(str(item.path) for item in draw.items).items()))
        )
        for name, (draw, outcome) in made.items()
    ]


def _extends(draw: Draw, before: Draw) -> bool:
    """Whether every window of before is drawn again, from a stratum as large as it was."""
    return (
        _strata(before.items) == _strata(draw.items)
        and {i.key: i.path for i in before.items}.items() <= {item.key: item.path for item in draw.items}.items()
    )


def _strata(items: Iterable[AuditItem]) -> dict[str, int]:
    windows: dict[str, float] = defaultdict(float)
    for item in items:
        windows[item.path] += item.weight
    return {path: round(count) for path, count in windows.items()}


def _refuse_judged(run: Run, audit: Audit, names: list[str]) -> None:
    judged = audit.judged
    refused = [name for name in names if judged[name]]
    if refused:
        words = ", ".join(f"{judged[name]} of {len(audit.draws[name].items)} windows of {name}" for name in refused)
        raise WorkspaceError(
            f"{run.workspace.root}: verdicts have changed since the audit was drawn, and people have judged {words}",
            remedy="see `vegas-data audit report` before it is gone, then add --anew: answers about windows that are "
            "drawn again count again",
        )


def report(run: Run, *, gold: Path | None = None) -> dict[str, Any]:
    """What the audit of the selected categories says so far, what was lost on the way, and how far people agree.

    Args:
        gold: table of known answers, to hold each person against.

    Raises:
        WorkspaceError: nothing has been verified. AnnotationError: see ``read_judgments`` and ``read_import``.
    """
    names = [category.name for category in run.wanted]
    audit = read_audit(run, names, verify.read_verdicts(run.workspace))
    items = [item for draw in audit.draws.values() for item in draw.items]
    found = report_audit(items, _present(audit, items))
    return {
        "confidence": verify.AUDIT_CONFIDENCE,
        "drawn": len(items),
        "judged": sum(row.judged for one in found for row in one.strata),
        "categories": [asdict(one) for one in found],
        "stale": sorted(audit.stale),
        "attrition": [asdict(one) for one in _attrition(run, names)],
        "kept_in_the_paper": verify.PAPER_KEPT,
        "people": _people(run, set(names), gold),
    }


def _present(audit: Audit, items: Iterable[AuditItem]) -> dict[AuditKey, bool]:
    told = {item.key: verify.is_present(verify.settled_sides(item, audit.settled)) for item in items}
    return {key: present for key, present in told.items() if present is not None}


def _attrition(run: Run, names: list[str]) -> Iterable[verify.Attrition]:
    clips = run.manifest()
    here = [clip for clip, _, _ in fetched(run, clips)]
    listed = Counter(name for clip in clips for name in clip.categories)
    examples = Counter(example.category for example in verify.read_examples(run.workspace))
    return attrition(
        verify.read_verdicts(run.workspace),
        {name: listed[name] for name in names if listed[name]},
        Counter(name for clip in here for name in clip.categories),
        examples,
    )


def _people(run: Run, names: set[str], gold: Path | None) -> dict[str, Any]:
    """Agreement by category and side, over all purposes; by person, agreement with the others and with gold."""
    said = [one for one in answers_of(run, PURPOSES) if one.category in names]
    groups: dict[str, dict[str, list[list[Answer]]]] = defaultdict(lambda: defaultdict(list))
    for (category, _, _, side), answers in by_question(said).items():
        groups[category][side].append(list(answers.values()))
    told: dict[str, Any] = {
        "judgments": len(said),
        "alpha": {
            category: {side: verify.krippendorff_alpha(some, "ordinal") for side, some in sorted(by_side.items())}
            for category, by_side in sorted(groups.items())
        },
        "annotators": [asdict(one) for one in verify.informedness(said)],
        "gold": [],
    }
    if gold is not None:
        clips = {clip.id: clip for clip in run.manifest()}
        rows = read_import(gold, clips, run.categories, with_annotators=False)
        truth: dict[Question, Answer] = {(r.category, r.clip_id, r.start_ms, r.side): r.answer for r in rows}
        everything = annotate.read_judgments(run.workspace.path(annotate.DATABASE))
        told["gold"] = [asdict(one) for one in verify.gold_accuracy(everything, truth)]
    return told

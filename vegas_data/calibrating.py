"""Calibration, bound to the workspace: a draw for people to judge, and thresholds from what they said.

tables ─draw→ calibration/<category>.parquet ─people→ calibration/<category>.json ─→ the next verdicts
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vegas_data import verify
from vegas_data.context import Run
from vegas_data.errors import WorkspaceError
from vegas_data.evidence import answers_of
from vegas_data.pipeline import current_verdicts, scored_clips, scores_digest
from vegas_data.records import Answer, Verdict, Window
from vegas_data.verify import AuditItem, Calibration, CalibrationItem, Cut, Draw, PoolWindow, Question
from vegas_data.verify.draws import Outcome
from vegas_data.verify.flaws import find_flaw
from vegas_data.verify.scores import ClipScores
from vegas_data.verify.thresholds import explain

Scored = Mapping[str, tuple[frozenset[str], ClipScores]]  # clip id → its categories, its scores


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The draw of one category: how many windows, of as many videos; ``outcome`` as in ``auditing.Drawn``."""

    category: str
    outcome: Outcome
    windows: int


def draw_calibration(run: Run, *, anew: bool = False) -> list[Drawn]:
    """Draw windows of the selected categories for calibration. A draw that would come out the same is left as it is.

    Args:
        anew: also in place of draws of which windows have been judged and that others would take the place of.

    Raises:
        WorkspaceError: nothing has been verified, the tables are not of what is here now, or judged windows would be
            drawn no more. Then nothing is drawn.
    """
    current_verdicts(run)
    triage = run.recipe.verify.triage
    audited = verify.drawn_videos(run.workspace, "audit", run.categories)
    open_to_all = [one for one in verify.read_verdicts(run.workspace) if verify.path_of(one) != "signal"]
    draws = verify.read_draws(run.workspace, "calibration", (category.name for category in run.wanted))
    made: dict[str, tuple[Draw, Outcome]] = {}
    for category in run.wanted:
        mine = {_window(one).id: one for one in open_to_all if one.category == category.name}
        drawn = verify.draw_calibration(
            category.name,
            map(_window, mine.values()),
            seed=triage.seed,
            count=triage.calibration_windows,
            exclude=audited,
        )
        before = draws.get(category.name)
        draw = Draw(items=tuple(_as_item(mine[window.id]) for window in drawn), excluded=tuple(sorted(audited)))
        if before is not None and [item.key for item in before.items] == [item.key for item in draw.items]:
            made[category.name] = before, "unchanged"
        elif before is not None:
            extends = {item.key for item in before.items} <= {item.key for item in draw.items}
            made[category.name] = draw, "extended" if extends else "drawn anew"
        elif draw.items:
            made[category.name] = draw, "drawn"
    if not anew:
        _refuse_judged(run, [draws[name] for name, (_, outcome) in made.items() if outcome == "drawn anew"])
    for name, (draw, outcome) in made.items():
        if outcome != "unchanged":
            verify.commit_draw(run.workspace, "calibration", name, draw)
    return [Drawn(category=name, outcome=outcome, windows=len(draw.items)) for name, (draw, outcome) in made.items()]


def _refuse_judged(run: Run, draws: Iterable[Draw]) -> None:
    about = {(one.category, one.clip_id, one.start_ms) for one in answers_of(run, {"calibration"})}
    judged = Counter(i.category for draw in draws for i in draw.items if (i.category, i.clip_id, i.start_ms) in about)
    if judged:
        words = ", ".join(f"{count} windows of {category}" for category, count in judged.items())
        raise WorkspaceError(
            f"{run.workspace.root}: other windows would be drawn than those of which people have judged {words}",
            remedy="`vegas-data audit calibrate` fits what is judged; or add --anew: answers about windows that are "
            "drawn again count again",
        )


def _window(verdict: Verdict) -> Window:
    return Window(clip_id=verdict.clip_id, video_id=verdict.video_id, start_ms=verdict.start_ms, end_ms=verdict.end_ms)


def _as_item(verdict: Verdict) -> AuditItem:
    return AuditItem(
        category=verdict.category,
        clip_id=verdict.clip_id,
        video_id=verdict.video_id,
        start_ms=verdict.start_ms,
        end_ms=verdict.end_ms,
        path=verify.path_of(verdict),
        weight=1.0,
    )


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What became of one category's draw.

    Args:
        judged: drawn windows of which both sides are settled. calibration: None while too few are judged.
        accept, reject: in words, why a threshold is where it is, or what is missing.
    """

    category: str
    drawn: int
    judged: int
    calibration: Calibration | None = None
    accept: str = ""
    reject: str = ""


def calibrate(run: Run, *, partial: bool = False) -> list[Fit]:
    """Fit the judged draws of the selected categories, and put their calibrations into the workspace.

    Args:
        partial: also draws that are not judged to the end. What is missing there is rarely what is easy.

    Raises:
        WorkspaceError: nothing has been drawn, or no draw is judged to the end.
    """
    draws = verify.read_draws(run.workspace, "calibration", (category.name for category in run.wanted))
    if not draws:
        raise WorkspaceError(
            f"{run.workspace.root}: nothing is drawn for calibration", remedy=f"run `{verify.DRAWN_BY['calibration']}`"
        )
    triage = run.recipe.verify.triage
    settled = verify.settle(answers_of(run, {"calibration"}), triage, judgments=triage.calibration_judgments)
    judged = {
        category: [item for item in draw.items if None not in verify.settled_sides(item, settled)]
        for category, draw in draws.items()
    }
    ready = {c: items for c, items in judged.items() if items and (partial or len(items) == len(draws[c].items))}
    if not ready:
        waiting = ", ".join(f"{len(judged[category])} of {len(draws[category].items)} {category}" for category in draws)
        raise WorkspaceError(
            f"{run.workspace.root}: no draw is judged to the end: {waiting}",
            remedy="run `vegas-data review --purpose calibration`, or give --partial if the rest cannot be judged",
        )
    scores = _scores(run, set(ready))
    fits = []
    for category, draw in draws.items():
        drawn, done = len(draw.items), len(judged[category])
        if category in ready:
            fits.append(_fit(run, category, ready[category], drawn, scores, settled))
        else:
            fits.append(Fit(category=category, drawn=drawn, judged=done))
    return fits


def _fit(
    run: Run,
    category: str,
    drawn: Iterable[AuditItem],
    num_drawn: int,
    clips: Scored,
    settled: Mapping[Question, Answer],
) -> Fit:
    triage = run.recipe.verify.triage
    items, scorers = [], {}
    for item in drawn:
        if item.clip_id not in clips:
            continue  # its clip is gone, or was fetched anew and not scored since
        _, scores = clips[item.clip_id]
        heard, seen = (answer != "no" for answer in verify.settled_sides(item, settled))
        scorers = verify.covering(scores, category)
        for window in scores.windows:
            if window.start_ms == item.start_ms:
                row = {name: window.scores[name][category] for name in scorers}
                items.append(
                    CalibrationItem(video_id=item.video_id, start_ms=item.start_ms, scores=row, heard=heard, seen=seen)
                )
    if not items:
        return Fit(category=category, drawn=num_drawn, judged=0)
    pool = (
        PoolWindow(video_id=scores.video_id, scores={name: window.scores[name][category] for name in scorers})
        for names, scores in clips.values()
        if category in names
        for window in scores.windows
        if not find_flaw(window.signals, run.recipe.verify.signals)
    )
    measured = verify.measured_digest(run.recipe.verify, run.categories[category])
    made = verify.calibrate(category, scorers, items, triage, pool=pool, measured=measured)
    verify.commit_calibration(run.workspace, made)
    share = made.num_present / len(items)
    return Fit(
        category=category,
        drawn=num_drawn,
        judged=len(items),
        calibration=made,
        accept=_words(made.accept, made.num_test, share, triage.fit_share),
        reject=_words(made.reject, made.num_test, 1 - share, triage.fit_share),
    )


def _words(cut: Cut, num_test: int, share: float, fit_share: float) -> str:
    """Why a threshold is where it is; where there is none, also the smallest draw that could have shown one."""
    told = explain(cut, num_test)
    if cut.threshold is not None or not share:
        return told
    least = math.ceil(cut.least_items / share / (1 - fit_share))
    return f"{told}; even scorers without an error take {least} judged windows for that"


def _scores(run: Run, categories: set[str]) -> Scored:
    """The scores of all clips that are candidates for one of the categories, with these, by clip."""
    stage_digest = scores_digest(run)
    return {
        clip.id: (
            frozenset(clip.categories),
            verify.read_scores(run.workspace, verify.scores_key(stage_digest, clip.id)),
        )
        for clip in scored_clips(run)[0]
        if categories.intersection(clip.categories)
    }

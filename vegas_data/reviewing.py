"""People's part of verification, bound to the workspace: which windows they are asked about, and where answers go.

verdicts ─undecided→ Tasks ─page→ judgments.sqlite ─→ tables/human_judgments.parquet
draws ────────────────↗         └→ ``evidence`` for the next verdicts, ``calibrating`` and ``auditing`` for theirs
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from vegas_data import annotate, verify
from vegas_data.annotate import Binding, Gold, ReviewOptions, Task
from vegas_data.annotate.imports import ImportCounts, Imported, import_judgments, read_import
from vegas_data.annotate.panel import steady_clock
from vegas_data.annotate.tasks import MAX_WINDOWS, HumanAnswer, Purpose, Question
from vegas_data.clips import fetched
from vegas_data.context import Run
from vegas_data.errors import AnnotationError, WorkspaceError, WorkspaceLocked
from vegas_data.records import Side


def review_tasks(run: Run, purpose: Purpose = "review") -> list[Task]:
    """What people are asked about: the undecided windows of the selected categories, clip by clip, or what was drawn.

    Raises:
        WorkspaceError: nothing has been verified, or nothing has been drawn for this purpose.
    """
    if purpose != "review":
        return _drawn_tasks(run, purpose)
    wanted = {category.name for category in run.wanted}
    windows: dict[tuple[str, str, str], list[tuple[int, int]]] = defaultdict(list)
    for verdict in verify.read_verdicts(run.workspace):
        if verdict.decision == "undecided" and verdict.category in wanted:
            spans = windows[verdict.category, verdict.clip_id, verdict.video_id]
            spans.append((verdict.start_ms, verdict.end_ms))
    return _tasks(run, purpose, windows, run.recipe.verify.sides)


def _drawn_tasks(run: Run, purpose: verify.DrawName) -> list[Task]:
    """The drawn windows whose clips are here, clip by clip. Neither path nor verdict stands in a task."""
    draws = verify.read_draws(run.workspace, purpose, (category.name for category in run.wanted))
    if not draws:
        raise WorkspaceError(
            f"{run.workspace.root}: nothing is drawn for {purpose}", remedy=f"run `{verify.DRAWN_BY[purpose]}`"
        )
    windows: dict[tuple[str, str, str], list[tuple[int, int]]] = defaultdict(list)
    for category, draw in draws.items():
        for item in draw.items:
            windows[category, item.clip_id, item.video_id].append((item.start_ms, item.end_ms))
    return _tasks(run, purpose, windows, verify.REQUIRED_SIDES)


def _tasks(
    run: Run,
    purpose: Purpose,
    windows: Mapping[tuple[str, str, str], Iterable[tuple[int, int]]],
    sides: tuple[Side, ...],
) -> list[Task]:
    """A task for each category, clip and video: whoever gets a clip gets all that is asked about it, and once."""
    keys = _media_keys(run)
    return [
        Task(
            purpose=purpose,
            category=category,
            clip_id=clip_id,
            video_id=video_id,
            media_key=keys[clip_id],
            windows=tuple(sorted(spans)),
            sides=sides,
        )
        for (category, clip_id, video_id), spans in sorted(windows.items())
        if clip_id in keys
    ]


def judges_needed(run: Run, purpose: Purpose) -> int:
    """How many people's answers the recipe asks for before a side counts as settled."""
    triage = run.recipe.verify.triage
    return triage.calibration_judgments if purpose == "calibration" else triage.judgments_per_window


def gold_tasks(run: Run, path: Path) -> list[Gold]:
    """Clips with known answers from a table: category, clip_id, start_ms, end_ms, side, answer.

    Raises:
        AnnotationError: a bad line, a clip that is not here, or a clip of which some window lacks a side.
    """
    keys = _media_keys(run)
    known: dict[tuple[str, str], list[Imported]] = defaultdict(list)
    for row in _read(run, path, with_annotators=False):
        if row.clip_id not in keys:
            raise AnnotationError(
                f"{path}, line {row.line}: clip {row.clip_id} has not been fetched", remedy="delete it"
            )
        known[row.category, row.clip_id].append(row)
    for (_, clip_id), rows in known.items():
        if len({(row.start_ms, row.end_ms) for row in rows}) > MAX_WINDOWS:
            raise AnnotationError(
                f"{path}: {clip_id}: more than {MAX_WINDOWS} windows of one clip", remedy="leave some of them out"
            )
    return [
        Gold(task=task, answers=_known_answers(path, task, rows))
        for (category, clip_id), rows in sorted(known.items())
        for task in [
            Task(
                purpose="review",
                category=category,
                clip_id=clip_id,
                video_id=rows[0].video_id,
                media_key=keys[clip_id],
                windows=tuple(sorted({(row.start_ms, row.end_ms) for row in rows})),
                sides=run.recipe.verify.sides,
            )
        ]
    ]


def _known_answers(path: Path, task: Task, rows: Iterable[Imported]) -> tuple[HumanAnswer, ...]:
    answers: dict[Question, HumanAnswer] = {}
    for row in rows:
        said = answers.setdefault(Question(start_ms=row.start_ms, end_ms=row.end_ms, side=row.side), row.answer)
        if said != row.answer:
            raise AnnotationError(
                f"{path}, line {row.line}: says {row.answer} where a line before says {said}", remedy="decide for one"
            )
    missing = [question for question in task.questions if question not in answers]
    if missing:
        raise AnnotationError(
            f"{path}: {task.clip_id}: no known answer for {missing[0].side} at {missing[0].start_ms} ms",
            remedy="give every window of a gold clip an answer for each side",
        )
    return tuple(answers[question] for question in task.questions)


def preview_review(run: Run, purpose: Purpose, gold: Path | None) -> dict[str, Any]:
    """What there is to judge, in numbers."""
    tasks = review_tasks(run, purpose)
    counts: dict[str, int] = defaultdict(int)
    for task in tasks:
        counts[task.category] += len(task.windows)
    return {
        "purpose": purpose,
        "clips": len(tasks),
        "windows": dict(counts),
        "gold": 0 if gold is None else len(gold_tasks(run, gold)),
        "judgments": len(annotate.read_judgments(run.workspace.path(annotate.DATABASE))),
    }


def run_review(
    run: Run,
    options: ReviewOptions,
    binding: Binding,
    *,
    purpose: Purpose = "review",
    gold: Path | None = None,
    started: Callable[[str], None],
) -> bool:
    """Serve the page until it is told to stop; False at once if no window waits for people.

    Raises as ``review_tasks``, ``gold_tasks`` and ``annotate.serve``.
    """
    tasks = review_tasks(run, purpose)
    known = [] if gold is None else gold_tasks(run, gold)
    if not tasks:
        return False
    ids = {task.id for task in tasks}
    known = [one for one in known if one.task.id not in ids]
    annotate.serve(
        run.workspace, tasks, options, categories=run.categories, gold=known, binding=binding, started=started
    )
    return True


def import_file(run: Run, path: Path, purpose: Purpose = "review") -> ImportCounts:
    """Put the judgments of another tool's export into the log; raises AnnotationError, WorkspaceLocked."""
    rows = _read(run, path, with_annotators=True)
    with annotate.opened_log(run.workspace) as store:
        return import_judgments(store, rows, path, purpose=purpose, at_ms=steady_clock()())


def export_judgments(run: Run) -> int | None:
    """Write the table of judgments and return how many it has; None if another command holds the workspace."""
    try:
        with run.workspace.lock():
            return annotate.write_judgments(run.workspace)
    except WorkspaceLocked:
        return None


def _read(run: Run, path: Path, *, with_annotators: bool) -> list[Imported]:
    clips = {clip.id: clip for clip in run.manifest()}
    return read_import(path, clips, run.categories, with_annotators=with_annotators)


def _media_keys(run: Run) -> dict[str, str]:
    return {clip.id: key for clip, _, key in fetched(run, run.manifest())}

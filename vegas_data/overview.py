"""What a workspace holds, told to people and programs: status, check, the page and its summary. Changes no data."""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from vegas_data import demo, report, shards, verify
from vegas_data.context import Run
from vegas_data.errors import VegasError
from vegas_data.ledger import Attempt
from vegas_data.manifest import CLIPS, read_clips
from vegas_data.pipeline import FEATURIZE, FETCH, VERIFY, clips_digest, fetched, truth_of_corpus
from vegas_data.records import Clip, Media, ShardInfo
from vegas_data.report.page import write_report
from vegas_data.report.summary import summary
from vegas_data.report.truth import endings
from vegas_data.shards import Finding
from vegas_data.split import split_examples
from vegas_data.workspace import SIDE_CAR, Workspace

BROKEN: Final = frozenset({"rejected", "failed", "crashed"})
_REFETCH: Final = "delete the file and its side-car, then run `vegas-data fetch` again"
_REFEATURIZE: Final = "delete the file and its side-car, then run `vegas-data featurize` again"


def status(run: Run, *, with_failures: bool = False) -> dict[str, Any]:
    """How far the workspace is; reasons of clips that are not here, and, if asked for, each by name."""
    data = gather(run)
    result = summary(data)
    result["workspace"] = str(run.workspace.root)
    result["recipe"] = {"name": run.recipe.name, "digest": run.recipe.digest}
    result["verify"]["reasons"] = dict(sorted(Counter(v.reason for v in data.verdicts).items()))
    if with_failures:
        result["failures"] = [
            {"clip": failure.clip_id, "stage": failure.stage, "reason": failure.code, "message": failure.message}
            for failure in data.failures
        ]
    return result


def check(run: Run) -> tuple[dict[str, int], list[Finding]]:
    """Prove every byte of shards, clips and features against their side-cars: files read by kind, and findings."""
    workspace = run.workspace
    findings = shards.check_shards(workspace)
    counts = {"shards": sum(1 for _ in workspace.keys("shards", ".tar"))}
    for kind, suffix, remedy in (("clips", ".mp4", _REFETCH), ("features", ".npy", _REFEATURIZE)):
        keys = {key.removesuffix(SIDE_CAR) for key in workspace.keys(kind)}
        counts[kind] = len(keys)
        findings += [f for key in sorted(keys) for f in _check_artefact(workspace, key, suffix=suffix, remedy=remedy)]
    return counts, findings


def _check_artefact(workspace: Workspace, key: str, *, suffix: str, remedy: str) -> Iterator[Finding]:
    file = str(workspace.path(key))
    if not key.endswith(suffix):
        yield Finding(
            file=file, key="", code="foreign_file", message="does not belong here", remedy="move it elsewhere"
        )
        return
    for half in (key, key + SIDE_CAR):
        if not workspace.exists(half):
            message = f"{half.rpartition('/')[2]} is missing"
            yield Finding(file=file, key="", code="half_missing", message=message, remedy=remedy)
            return
    try:
        workspace.verify_checksum(key, str(workspace.side_car(key).get("sha256")))
    except VegasError as error:
        yield Finding(file=file, key="", code=error.code, message=str(error), remedy=error.remedy or remedy)


def write_page(run: Run) -> dict[str, Any]:
    """Commit ``report.html`` and ``summary.json``; the summary, and the planted faults that did not end as planted."""
    data = gather(run)
    keys = {clip.id: key for clip, _, key in fetched(run, data.clips)}
    write_report(data, run.workspace, media_path=lambda clip_id: run.workspace.path(keys[clip_id]))
    mismatches = [
        {
            "clip": ending.truth.clip_id,
            "fault": ending.truth.fault,
            "expected": ending.truth.expected,
            "observed": ending.observed,
        }
        for ending in endings(data)
        if ending.truth.fault and not ending.ok
    ]
    return {**summary(data), "mismatches": mismatches}


def gather(run: Run) -> report.ReportData:
    """Everything the page shows, from tables, side-cars and ledger; whatever is not there yet is empty."""
    recipe, workspace = run.recipe, run.workspace
    clips = _clips(run)
    media = {clip.id: media for clip, media, _ in fetched(run, clips)}
    verified = workspace.exists(verify.table_key("examples"))
    examples = tuple(verify.read_examples(workspace)) if verified else ()
    infos = tuple(_shard_infos(run))
    named = {name for clip in clips for name in clip.categories}
    return report.ReportData(
        recipe_name=recipe.name,
        digests=(("recipe", recipe.digest), ("clips", clips_digest(run))),
        categories=tuple(category for category in run.categories.values() if category.name in named),
        clips=clips,
        media=media,
        failures=tuple(_failures(run, clips, media)),
        verdicts=tuple(verify.read_verdicts(workspace)) if verified else (),
        scores=tuple(_scores(run, clips, media)) if verified else (),
        thresholds=tuple(
            report.Threshold(scorer=scorer.name, side=scorer.side, accept=scorer.accept, reject=scorer.reject)
            for scorer in recipe.verify.scorers
        ),
        examples=examples,
        splits=split_examples(examples, recipe.split),
        shards=infos,
        seconds=tuple(run.ledger.seconds_by_stage().items()),
        truth=tuple(_truth(clips, truth_of_corpus(run))),
        tools=tuple(sorted({*_tools(media.values()), *_tools(infos)})),
        window_ms=recipe.verify.window_ms,
        command_options=f"--workspace {shlex.quote(str(workspace.root))}",
        reproduce=("make demo",) if recipe.name == "demo" else (),
    )


def _clips(run: Run) -> tuple[Clip, ...]:
    return read_clips(run.workspace, run.categories) if run.workspace.exists(CLIPS) else ()


def _failures(run: Run, clips: tuple[Clip, ...], media: dict[str, Media]) -> Iterator[report.Failure]:
    """The latest failure of each clip: of fetching where it is not here, else of a later stage with its bytes."""
    fetching = run.ledger.latest(FETCH, clips_digest(run))
    later: dict[str, tuple[str, Attempt]] = {}  # by clip and bytes, the earliest stage that gave up
    for stage in (FEATURIZE, VERIFY):
        for unit, attempt in run.ledger.latest_of_all(stage).items():
            if attempt.status in BROKEN:
                span, _, sha256 = unit.rpartition("@")
                clip_id = span.rsplit("_", 2)[0] if stage == FEATURIZE else span
                later[f"{clip_id}@{sha256}"] = (stage, attempt)
    for clip in clips:
        if clip.id in media:
            found = later.get(f"{clip.id}@{media[clip.id].sha256[:8]}")
        else:
            found = (FETCH, fetching[clip.id]) if clip.id in fetching else None
        if found is not None and found[1].status in BROKEN:
            stage, last = found
            yield report.Failure(clip_id=clip.id, code=last.code, message=last.message, stage=stage)


def _scores(run: Run, clips: tuple[Clip, ...], media: dict[str, Media]) -> Iterator[report.WindowScores]:
    digest = verify.tables_made_with(run.workspace)["scores"]
    for clip in clips:
        key = verify.scores_key(digest, clip.id)
        if clip.id not in media or not verify.is_scored(run.workspace, key, media[clip.id].sha256):
            continue
        for window in verify.read_scores(run.workspace, key).windows:
            signals = window.signals
            yield report.WindowScores(
                clip_id=clip.id,
                start_ms=window.start_ms,
                end_ms=window.end_ms,
                signals={"rms_dbfs": signals.rms_dbfs, "motion": signals.motion},
                scores=window.scores,
            )


def _shard_infos(run: Run) -> Iterator[ShardInfo]:
    folder = shards.current_folder(run.workspace)
    for key in run.workspace.keys(folder, ".tar") if folder else ():
        if run.workspace.has_artefact(key):
            yield shards.read_side_car(run.workspace.path(key))


def _tools(records: Iterable[Media] | Iterable[ShardInfo]) -> Iterator[tuple[str, str]]:
    for record in records:
        yield from record.tools


def _truth(clips: tuple[Clip, ...], planned: tuple[demo.PlannedClip, ...]) -> Iterator[report.Truth]:
    here = {clip.id for clip in clips}
    for plan in planned:
        if plan.clip.id in here:
            yield report.Truth(
                clip_id=plan.clip.id,
                category=plan.category,
                fault=plan.fault,
                expected=plan.expected,
                window_truth=plan.window_truth,
                onsets_ms=tuple(ms - plan.clip.start_ms for ms in plan.onsets_ms),
                licence=plan.licence,
            )

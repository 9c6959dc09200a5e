"""What a workspace holds, told to people and programs: status, check, the page and its summary. Changes no data."""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from vegas_data import demo, fetch, report, shards, verify
from vegas_data.config import load_table
from vegas_data.errors import VegasError
from vegas_data.ledger import Attempt
from vegas_data.manifest import CLIPS, read_clips
from vegas_data.pipeline import CURRENT_SHARDS, FETCH, Run, fetched, truth_of_corpus
from vegas_data.records import Clip, Media, ShardInfo
from vegas_data.report.page import write_report
from vegas_data.report.summary import summary
from vegas_data.report.truth import endings
from vegas_data.shards import Finding
from vegas_data.split import split_examples

BROKEN: Final = frozenset({"rejected", "failed", "crashed"})


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


def check(run: Run) -> tuple[int, list[Finding]]:
    """Prove the shards and the fetched clips against their side-cars; how many files were read, and what was found."""
    workspace = run.workspace
    findings = shards.check_shards(workspace)
    checked = sum(1 for _ in workspace.keys("shards", ".tar"))
    for key in workspace.keys("clips", ".mp4"):
        checked += 1
        try:
            media = load_table(Media, workspace.side_car(key), where=str(workspace.path(key)) + ".json")
            workspace.verify_checksum(key, media.sha256)
        except VegasError as error:
            remedy = error.remedy or "delete the file and its side-car, then run `vegas-data fetch` again"
            findings.append(
                Finding(file=str(workspace.path(key)), key="", code=error.code, message=str(error), remedy=remedy)
            )
    return checked, findings


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
        digests=(("recipe", recipe.digest), ("clips", fetch.fetch_digest(recipe.fetch))),
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
    latest: dict[str, Attempt] = run.ledger.latest(FETCH, fetch.fetch_digest(run.recipe.fetch))
    for clip in clips:
        last = latest.get(clip.id)
        if clip.id not in media and last is not None and last.status in BROKEN:
            yield report.Failure(clip_id=clip.id, code=last.code, message=last.message)


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
    if run.workspace.exists(CURRENT_SHARDS):
        for key in run.workspace.keys(run.workspace.read_json(CURRENT_SHARDS)["folder"], ".tar"):
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

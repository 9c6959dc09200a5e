"""What a workspace holds, told to people and programs: status, the page and its summary. Changes no data."""

import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import Any, Final, TypeVar

from vegas_data import demo, report, shards, trained, verify
from vegas_data.clips import FETCH, clips_digest, fetched, truth_of_corpus
from vegas_data.context import Run
from vegas_data.errors import WorkspaceError
from vegas_data.manifest import CLIPS, read_clips
from vegas_data.onsets import read_onsets
from vegas_data.pipeline import FEATURIZE, VERIFY
from vegas_data.records import Clip, Example, Media, ShardInfo, Verdict, span_id
from vegas_data.report.page import write_report
from vegas_data.report.summary import summary
from vegas_data.report.truth import endings
from vegas_data.split import split_examples
from vegas_data.standing import stand
from vegas_data.store import Store
from vegas_data.workspace import Workspace

BROKEN: Final = frozenset({"rejected", "failed", "crashed"})
T = TypeVar("T")
_CHECKPOINT: Final = re.compile(rf"{trained.CHECKPOINTS}/step-(\d{{9,18}})\.safetensors", re.ASCII)


def status(run: Run, *, with_failures: bool = False) -> dict[str, Any]:
    """How far the workspace is; reasons of clips that are not here, and, if asked for, each by name."""
    data = gather(run)
    result = summary(data)
    result["workspace"] = str(run.workspace.root)
    result["recipe"] = {"name": run.recipe.name, "digest": run.recipe.digest}
    result["verify"]["reasons"] = dict(sorted(Counter(v.reason for v in data.verdicts).items()))
    later = Counter(f"{failure.code} ({failure.stage})" for failure in data.failures if failure.stage != FETCH)
    result["later_failures"] = dict(sorted(later.items()))
    last = run.ledger.latest(FETCH, clips_digest(run))
    result["categories"] = [asdict(one) for one in stand(run, data.clips, here=set(data.media), last=last)]
    result["damaged"] = [trouble for model in data.trained for trouble in model.troubles]
    if with_failures:
        waiting = [
            report.Failure(clip_id=clip.id, code=last[clip.id].code, message=last[clip.id].message, stage=FETCH)
            for clip in data.clips
            if clip.id not in data.media and clip.id in last and last[clip.id].status == "retry"
        ]
        result["failures"] = [
            {"clip": failure.clip_id, "stage": failure.stage, "reason": failure.code, "message": failure.message}
            for failure in sorted((*data.failures, *waiting), key=lambda f: (f.code, f.clip_id))
        ]
    return result


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
    verdicts = tuple(verify.read_verdicts(workspace)) if verified else ()
    infos = tuple(shard_infos(run))
    named = {name for clip in clips for name in clip.categories}
    models = tuple(_trained(workspace, category, model) for category, model in trained.trained_models(workspace))
    return report.ReportData(
        recipe_name=recipe.name,
        digests=(("recipe", recipe.digest), ("clips", clips_digest(run))),
        categories=tuple(category for category in run.categories.values() if category.name in named),
        clips=clips,
        media=media,
        failures=tuple(_failures(run, clips, media, examples, verdicts)),
        verdicts=verdicts,
        scores=tuple(window_scores(run, clips, media)) if verified else (),
        thresholds=thresholds(run),
        examples=examples,
        splits=split_examples(examples, recipe.split),
        shards=infos,
        seconds=tuple(run.ledger.seconds_by_stage().items()),
        truth=tuple(planted_truth(clips, truth_of_corpus(run))),
        trained=models,
        onsets=(read_onsets(workspace) or {}) if any(model.sounds for model in models) else {},
        experiment="demo" if recipe.name == "demo" else "",
        tools=tuple(sorted({*_tools(media.values()), *_tools(infos)})),
        window_ms=recipe.verify.window_ms,
        command_options=f"--workspace {shlex.quote(str(workspace.root))}",
        reproduce=("make demo",) if recipe.name == "demo" else (),
    )


def thresholds(run: Run) -> tuple[report.Threshold, ...]:
    """What the recipe asks of each scorer."""
    return tuple(
        report.Threshold(scorer=scorer.name, side=scorer.side, accept=scorer.accept, reject=scorer.reject)
        for scorer in run.recipe.verify.scorers
    )


def _clips(run: Run) -> tuple[Clip, ...]:
    return read_clips(run.workspace, run.categories) if run.workspace.exists(CLIPS) else ()


def _failures(
    run: Run,
    clips: tuple[Clip, ...],
    media: dict[str, Media],
    examples: tuple[Example, ...],
    verdicts: Iterable[Verdict],
) -> Iterator[report.Failure]:
    """Each clip's latest failure that has not been mended: of fetching, of its scores, or of an example's features."""
    fetching = run.ledger.latest(FETCH, clips_digest(run))
    verifying, featurizing = run.ledger.latest_of_all(VERIFY), run.ledger.latest_of_all(FEATURIZE)
    judged = {verdict.clip_id for verdict in verdicts}
    spans: dict[str, list[str]] = {}
    for example in examples:
        spans.setdefault(example.clip_id, []).append(span_id(example.clip_id, example.start_ms, example.end_ms))
    for clip in clips:
        if clip.id not in media:
            candidates = [(FETCH, fetching.get(clip.id))]
        else:
            bytes_ = media[clip.id].sha256[:8]
            candidates = [(VERIFY, None if clip.id in judged else verifying.get(f"{clip.id}@{bytes_}"))]
            candidates += [(FEATURIZE, featurizing.get(f"{span}@{bytes_}")) for span in spans.get(clip.id, ())]
        for stage, last in candidates:
            if last is not None and last.status in BROKEN:
                yield report.Failure(clip_id=clip.id, code=last.code, message=last.message, stage=stage)
                break


def window_scores(run: Run, clips: tuple[Clip, ...], media: dict[str, Media]) -> Iterator[report.WindowScores]:
    """What was measured of every window of the clips that are here, as far as the tables were made from it."""
    digest = verify.tables_made_with(run.workspace)["scores"]
    for clip in clips:
        key = verify.scores_key(digest, clip.id)
        if clip.id not in media or not verify.is_scored(run.workspace, key, media[clip.id].sha256):
            continue
        for window in verify.read_scores(run.workspace, key).windows:
            yield report.WindowScores(
                clip_id=clip.id,
                start_ms=window.start_ms,
                end_ms=window.end_ms,
                signals=asdict(window.signals),
                scores=window.scores,
            )


def shard_infos(run: Run) -> Iterator[ShardInfo]:
    """The side-cars of the latest shards."""
    folder = shards.current_folder(run.workspace)
    for key in run.workspace.keys(folder, ".tar") if folder else ():
        if run.workspace.has_artefact(key):
            yield shards.read_side_car(run.workspace.path(key))


def _tools(records: Iterable[Media] | Iterable[ShardInfo]) -> Iterator[tuple[str, str]]:
    for record in records:
        yield from record.tools


def planted_truth(clips: tuple[Clip, ...], planned: tuple[demo.PlannedClip, ...]) -> Iterator[report.Truth]:
    """What was planted in those clips that are of the embedded corpus."""
    here = {clip.id for clip in clips}
    for plan in planned:
        if plan.clip.id in here:
            yield report.Truth(
                clip_id=plan.clip.id,
                category=plan.category,
                fault=plan.fault,
                expected=plan.expected,
                window_truth=plan.window_truth,
                sides={"heard": plan.heard_truth, "seen": plan.seen_truth},
                onsets_ms=tuple(ms - plan.clip.start_ms for ms in plan.onsets_ms),
                licence=plan.licence,
            )


def _trained(workspace: Workspace, category: str, model: str) -> report.TrainedModel:
    """The latest run of a category's model; of a damaged file the page says so, and shows the rest."""
    troubles: list[str] = []

    def read(part: Callable[[], T]) -> T | None:
        try:
            return part()
        except WorkspaceError as error:
            troubles.append(f"{error}. {error.remedy}".rstrip(". "))
            return None

    name = read(lambda: trained.current_run(workspace, category, model))
    if name is None:
        return report.TrainedModel(category=category, model=model, troubles=tuple(troubles))
    run = trained.run_store(workspace, name)
    info = read(lambda: trained.read_record(run, trained.RUN, trained.RunInfo))
    sounds = read(lambda: trained.read_record(run, trained.SOUNDS, trained.SoundSet))
    return report.TrainedModel(
        category=category,
        model=model,
        info=info,
        log=read(lambda: trained.read_log(run)) or (),
        checkpoint=read(lambda: _newest_checkpoint(run)),
        sounds=sounds,
        sounds_folder=run.path(sounds.folder) if sounds else None,
        evaluation=read(lambda: trained.read_record(run, trained.EVALUATION, trained.Evaluation)),
        troubles=tuple(troubles),
    )


def _newest_checkpoint(run: Store) -> tuple[int, str] | None:
    """Updates made and sha256 of the newest checkpoint, as its side-car has it; nothing is read of its bytes."""
    keys = [(int(match[1]), key) for key in run.keys(trained.CHECKPOINTS) if (match := _CHECKPOINT.fullmatch(key))]
    for step, key in sorted(keys, reverse=True):
        if run.has_artefact(key):
            return step, str(run.side_car(key).get("sha256"))
    return None

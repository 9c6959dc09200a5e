"""The stages in order: the file to read first.

    manifest    AudioSet's tables ─→ Clips, each with its place in a queue
    fetch       Clip ─→ Media        an mp4 of exactly the clip's span; both in ``clips``
    verify      Media ─→ scores ─→ Judgments ─→ Verdicts ─→ Examples        with people: ``reviewing``, ``calibrating``
    featurize   Examples ─split─→ features ─→ Shards                         the last step in ``sealing``
    train       Shards ─→ models ─→ sounds ─→ their evaluation, by the commands of ``train``
    release     Shards, tables ─→ Release

Stage packages give worker factories and know nothing of how they are run; here each is bound to its units, its
digest and its place in the workspace, and handed to the driver. Every command of the CLI is one call from here or
``clips``.
"""

import time
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from vegas_data import demo, features, release, shards, verify
from vegas_data.audited import audit_to_release, rules_to_release
from vegas_data.clips import FETCH, clips_digest, fetched, licences, truth_of_corpus
from vegas_data.config import digest
from vegas_data.context import Run
from vegas_data.device import Device, require_device
from vegas_data.errors import ManifestError, ReleaseError, WeightsMissing, WorkspaceError
from vegas_data.evidence import read_evidence
from vegas_data.onsets import write_onsets
from vegas_data.records import Clip, Example
from vegas_data.run.driver import Work, in_part, pending_units
from vegas_data.run.stage import Stage
from vegas_data.run.summary import Summary
from vegas_data.sealing import Jobs, plan_shards, run_shards
from vegas_data.split import split_examples
from vegas_data.training import Tell, TrainingOptions, train_models

VERIFY, FEATURIZE, TRAIN = "verify", "featurize", "train"


# --- verify ---------------------------------------------------------------------------------------------------


def verify_work(run: Run, device: Device = "cpu") -> Work:
    """Media → scores of every window.

    Args:
        device: where networks run; ``cpu`` leaves it to the recipe.

    Raises:
        DeviceMissing: there is no such device.
        ManifestError: nothing has been fetched. ScorerMissing: nobody can judge a side of a category.
    """
    require_device(device)
    options, workspace, table = run.recipe.verify, run.workspace, tuple(run.categories.values())
    if device != "cpu":
        options = options.on(device)
    here = list(fetched(run, run.clips()))
    if not here and next(fetched(run, run.manifest()), None) is None:
        raise ManifestError("no clip has been fetched yet", remedy="run `vegas-data fetch` first")
    candidates = {name for clip, _, _ in here for name in clip.categories}
    verify.check_coverage(options, [category for category in run.wanted if category.name in candidates])
    stage_digest = scores_digest(run)
    jobs = [
        verify.VerifyJob(clip=clip, media=media, media_key=key, key=verify.scores_key(stage_digest, clip.id))
        for clip, media, key in here
    ]
    stage = Stage[verify.VerifyJob](
        name=VERIFY, digest=stage_digest, make_worker=partial(verify.make_verifier, options, workspace, table)
    )
    return Work(stage=stage, units=jobs, is_done=lambda job: verify.is_scored(workspace, job.key, job.media.sha256))


def scores_digest(run: Run) -> str:
    """Digest of everything that the scores of this recipe depend on."""
    options = run.recipe.verify
    return verify.scores_digest(
        options, run.categories.values(), verify.scorer_digests(options), verify.fields_read(options)
    )


def run_verify(run: Run, device: Device = "cpu") -> list[Summary]:
    """Score the selected clips, then judge every clip that has scores.

    A part of a job array scores only: tables are made from all scores by a run without ``--part``.
    """
    summary = run.do(verify_work(run, device))
    if run.selection.part is None:
        decide(run)
    return [summary]


def decide(run: Run) -> None:
    """Make the tables anew from all scores, calibrations and answers in the workspace, whatever was selected."""
    scored, inputs = scored_clips(run)
    copies = copies_among(run, scored)
    planted = truth_of_corpus(run)
    if planted:
        write_onsets(run.workspace, ((clip.clip.video_id, ms) for clip in planted for ms in clip.onsets_ms))
    options, evidence = run.recipe.verify, read_evidence(run)
    scores = scores_digest(run)
    verify.write_tables(
        run.workspace, scored, options, scores, run.categories, inputs=inputs, evidence=evidence, copies=copies
    )


def copies_among(run: Run, clips: Collection[Clip]) -> dict[str, frozenset[str]]:
    """For each clip that is a copy of another of these, the categories in which that one stays."""
    if run.recipe.verify.duplicates == "keep":
        return {}
    media = [media for _, media, _ in fetched(run, clips)]
    return verify.dropped_copies(clips, verify.known_duplicates(run.workspace, media))


def scored_clips(run: Run) -> tuple[list[Clip], str]:
    """The clips that have scores of their very bytes, and a digest of what they are."""
    stage_digest = scores_digest(run)
    scored = [
        (clip, media.sha256)
        for clip, media, _ in fetched(run, run.manifest())
        if verify.is_scored(run.workspace, verify.scores_key(stage_digest, clip.id), media.sha256)
    ]
    return [clip for clip, _ in scored], digest(scored)


def current_verdicts(run: Run) -> str:
    """The digest of the verdicts in the tables, once it is sure that they follow from what is there now.

    Raises:
        WorkspaceError: nothing has been verified, or other clips, or with another recipe or other evidence.
    """
    made_with = verify.tables_made_with(run.workspace)
    verdicts = verify.verdict_digest(run.recipe.verify, scores_digest(run), read_evidence(run))
    if (made_with["verdicts"], made_with["inputs"]) != (verdicts, scored_clips(run)[1]):
        raise WorkspaceError(
            f"{run.workspace.root}: its verdicts are of other clips, thresholds, scorers, categories, calibrations or "
            "answers of people",
            remedy="run `vegas-data verify` (without --part): what has been scored is not scored again",
        )
    return verdicts


def read_examples(run: Run) -> list[Example]:
    """All examples of the workspace; raises as ``current_verdicts``."""
    current_verdicts(run)
    return verify.read_examples(run.workspace)


# --- featurize ------------------------------------------------------------------------------------------------


def featurize_work(
    run: Run, jobs: Jobs, device: str = "cpu", only: tuple[str, ...] = (), server: str | None = None
) -> Work:
    """Example → one feature array per stream; what is there already is looked up now.

    Args:
        only: streams, or kinds of them (``features.select_streams``); none: all.
        server: address of the process that computes on the device; without one the workers do.

    Raises:
        DeviceMissing, WeightsMissing, RecipeError: see ``features``.
    """
    require_device(device)
    options, grid, workspace = features.select_streams(run.recipe.features, only), run.recipe.grid, run.workspace
    digests = features.stream_digests(options, grid)
    longest_ms = max((job.end_ms - job.start_ms for job in jobs.values()), default=0)
    shards.require_room(features.stream_shapes(options, grid, longest_ms))
    stage = Stage[features.FeatureJob](
        name=FEATURIZE,
        digest=digest(FEATURIZE, list(digests.values())),
        make_worker=partial(features.make_extractor, options, grid, workspace, device, server=server),
        deadline_s=3600.0,
    )
    names = {category.name for category in run.wanted}
    by_id = {job.id: job for example, job in jobs.items() if example.category in names}
    units = [job for job in by_id.values() if in_part(job.id, run.selection.part)]
    inventory = features.Inventory(digests, workspace)
    return Work(stage=stage, units=units, is_done=lambda job: not inventory.missing(job))


def feature_jobs(run: Run) -> Jobs:
    """All examples and where their media is; raises as ``read_examples``."""
    examples = read_examples(run)
    wanted = {example.clip_id for example in examples}
    here = {clip.id: (media, key) for clip, media, key in fetched(run, run.manifest()) if clip.id in wanted}
    jobs = {}
    for example in examples:
        media, key = here[example.clip_id]  # there: the verdicts are of the clips that are here now
        jobs[example] = features.FeatureJob(example=example, media=media, media_key=key)
    return jobs


def run_featurize(
    run: Run, device: str = "cpu", only: tuple[str, ...] = (), *, tell: Callable[[str], None] = lambda line: None
) -> list[Summary]:
    """Features of the selected examples, then the shards.

    Shards hold every example whose features are there, of all streams, whatever was selected now, so that splits are
    the same in all categories. A part of a job array makes features only: shards are written by a run without
    ``--part``.

    Args:
        only: as for ``featurize_work``. The weights of other streams need not be here; then there are no shards yet.
        tell: told of that.

    Raises:
        DeviceMissing, DeviceLost, WeightsMissing, RecipeError: see ``features``.
    """
    require_device(device)
    jobs = feature_jobs(run)
    work = featurize_work(run, jobs, device, only)
    several = device != "cpu" and run.executor.workers > 1
    if several and pending_units(work, run.ledger, again=run.selection.asks_again):
        options = features.select_streams(run.recipe.features, only)
        with features.serving(options, device, workers=run.executor.workers) as server:
            summary = run.do(featurize_work(run, jobs, device, only, server))
    else:
        summary = run.do(work)
    if run.selection.part is not None:
        return [summary]
    try:
        features.stream_digests(run.recipe.features, run.recipe.grid)
    except WeightsMissing as missing:
        if not only:
            raise
        tell(f"no shards yet, which hold all streams: {missing}; {missing.remedy}")
        return [summary]
    return [summary, run_shards(run, jobs, only)]


# --- train ----------------------------------------------------------------------------------------------------


def run_training(run: Run, options: TrainingOptions, *, jobs: int, tell: Tell) -> None:
    """Train, generate and evaluate the models of a recipe, ``jobs`` processes at a time; raises TrainError."""
    start = time.monotonic()
    train_models(options, run.workspace.root, jobs=jobs, tell=tell)
    models = len(options.categories) * len(options.models)
    run.ledger.record_run(TRAIN, digest(TRAIN, options), models, time.monotonic() - start)


# --- release --------------------------------------------------------------------------------------------------


def run_release(
    run: Run,
    options: release.ReleaseOptions,
    output: Path,
    *,
    dry_run: bool = False,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> release.ReleaseSummary:
    """Repack the working shards and tables as a release at ``output``, or say what would be in it.

    Raises:
        ReleaseError: the shards are not those of the tables, or as ``release.build_release`` does.
        WorkspaceError: as ``read_examples``.
    """
    source = release_source(run)
    if dry_run:
        return release.preview_release(source, options, output)
    return release.build_release(source, options, output, tell=tell)


def release_source(run: Run) -> release.ReleaseSource:
    """What the workspace has to release, once its shards are those of its tables; raises as ``run_release``."""
    jobs = feature_jobs(run)
    folder, plans = plan_shards(run, jobs, features.stream_digests(run.recipe.features, run.recipe.grid))
    pending = pending_units(featurize_work(run, jobs), run.ledger)
    stale = [plan.name for plan in plans if not shards.is_fresh(run.workspace, plan)]
    stale += shards.surplus_shards(run.workspace, folder, plans, categories=run.categories)
    if pending or stale or not plans:
        raise ReleaseError(
            f"{run.workspace.root}: {len(pending)} of {len(jobs)} examples have no features yet, "
            f"{len(stale)} of {len(plans)} shards are not of the tables that are there",
            remedy="run `vegas-data featurize` (without --part and --limit) first",
        )
    clips = run.manifest()
    media = {clip.id: (media, key) for clip, media, key in fetched(run, clips)}
    attempts, audit = run.ledger.latest(FETCH, clips_digest(run)).values(), audit_to_release(run)
    return release.ReleaseSource(
        workspace=run.workspace,
        clips=clips,
        media=media,
        failures={last.unit: last.code for last in attempts if last.status in ("rejected", "failed", "crashed")},
        licences=licences(run),
        credits={planned.clip.id: planned.credit for planned in truth_of_corpus(run)},
        licence_texts=demo.licence_texts() if run.recipe.corpus is not None else {},
        examples=tuple(jobs),
        splits=split_examples(jobs, run.recipe.split),
        shards=tuple(plan.key for plan in plans),
        grid=run.recipe.grid,
        cut=run.recipe.fetch.cut,
        recipe=run.recipe.name,
        recipe_digest=run.recipe.digest,
        rules=rules_to_release(run, audit),
        audit=audit,
    )

"""The stages in order: the file to read first.

    manifest    AudioSet's tables ─→ Clips, each with its place in a queue
    fetch       Clip ─→ Media        an mp4 of exactly the clip's span
    verify      Media ─→ scores ─→ Judgments ─→ Verdicts ─→ Examples
    featurize   Examples ─split─→ features ─→ Shards
    train       Shards ─→ models ─→ sounds ─→ their evaluation, by the commands of ``train``
    release     Shards, tables ─→ Release

Stage packages give worker factories and know nothing of how they are run; here each is bound to its units, its
digest and its place in the workspace, and handed to the driver. Every command of the CLI is one call from here.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from vegas_data import demo, features, fetch, listing, release, shards, verify
from vegas_data.config import digest
from vegas_data.context import Run
from vegas_data.device import require_device
from vegas_data.errors import ManifestError, ReleaseError, WorkspaceError
from vegas_data.fetch import SourceOptions
from vegas_data.manifest import (
    CLIPS,
    Table,
    clips_of,
    clips_to_try,
    read_queues,
    read_sources,
    read_workspace_table,
    table_of,
    walk_queue,
    write_table,
)
from vegas_data.onsets import write_onsets
from vegas_data.records import Clip, Example, Media
from vegas_data.run.driver import Summary, Work, in_part, pending_units
from vegas_data.run.stage import Stage
from vegas_data.split import split_examples
from vegas_data.training import Tell, TrainingOptions, train_models

CORPUS, FETCH, VERIFY, FEATURIZE, SHARDS, TRAIN = "corpus", "fetch", "verify", "featurize", "shards", "train"


# --- manifest -------------------------------------------------------------------------------------------------


def build_manifest(
    run: Run,
    folder: Path | None = None,
    *,
    priors: bool = False,
    skip_bad_rows: bool = False,
    bar: listing.Bar = listing.no_bar,
) -> listing.Listing:
    """The clips of all categories, from AudioSet's tables in a folder or, downloaded if need be, in the cache.

    Raises:
        WorkspaceError: the recipe brings its own corpus. ManifestError, FetchError: see ``listing``.
    """
    if run.recipe.corpus is not None:
        raise _brings_its_own(run)
    options = run.recipe.manifest or listing.ManifestOptions()
    files = folder or listing.download_tables(options, priors=priors, bar=bar)
    return listing.build_listing(options, run.categories.values(), files, skip_bad_rows=skip_bad_rows)


def import_manifest(
    run: Run, file: Path, *, form: listing.Form, skip_bad_rows: bool = False
) -> tuple[listing.Listing, Mapping[str, int]]:
    """The workspace's table with the clips of another list added; raises as ``build_manifest``."""
    if run.recipe.corpus is not None:
        raise _brings_its_own(run)
    workspace, options = run.workspace, run.recipe.manifest or listing.ManifestOptions()
    base = read_workspace_table(workspace, run.categories) if workspace.exists(CLIPS) else None
    known = read_sources(workspace)
    return listing.import_listing(
        options, run.categories, base, file, form=form, skip_bad_rows=skip_bad_rows, known=known
    )


def _brings_its_own(run: Run) -> WorkspaceError:
    message = f"{run.workspace.root}: the recipe {run.recipe.name} brings its own clips"
    return WorkspaceError(message, remedy="give another --workspace, or another --recipe")


def new_manifest(run: Run, given: Table | None) -> Table | None:
    """The table to go by from now on: the given one, else the embedded corpus' own; None to keep what there is.

    Raises:
        WorkspaceError: the recipe brings a corpus, and the workspace lists clips that are not of it.
    """
    if given is not None or run.recipe.corpus is None:
        return given
    corpus = tuple(planned.clip for planned in truth_of_corpus(run))
    if not run.workspace.exists(CLIPS):
        return table_of(corpus)
    if set(run.manifest()) - set(corpus):
        raise WorkspaceError(
            f"{run.workspace.root}: lists other clips than the corpus of the recipe {run.recipe.name}",
            remedy="give another --workspace",
        )
    return None


def preview_manifest(run: Run, given: Table | None) -> tuple[Clip, ...] | None:
    """The clips that ``prepare_manifest`` would list, without downloading anything; None to keep what there is."""
    table = new_manifest(run, given)
    options = run.recipe.manifest
    if table is None and options is not None and not run.workspace.exists(CLIPS) and listing.tables_are_here(options):
        table = build_manifest(run).table
    return None if table is None else clips_of(table)


def prepare_manifest(run: Run, given: Table | None, *, bar: listing.Bar = listing.no_bar) -> None:
    """Put a table of clips into the workspace: a new one if there is one, else, where there is none, AudioSet's."""
    table = new_manifest(run, given)
    if table is not None:
        write_table(run.workspace, table)
    elif run.recipe.manifest is not None and not run.workspace.exists(CLIPS):
        built = build_manifest(run, bar=bar)
        write_table(run.workspace, built.table, built.sources)


# --- fetch ----------------------------------------------------------------------------------------------------


def fetch_work(run: Run, sources: tuple[SourceOptions, ...] = ()) -> Work:
    """Clip → Media. Without sources the work can be previewed, not done."""
    workspace, stage = run.workspace, _fetch_stage(run, sources)
    return Work(
        stage=stage,
        units=_in_queue(run, run.clips(), stage.digest),
        is_done=lambda clip: fetch.is_fetched(workspace, stage.digest, clip),
    )


def _fetch_stage(run: Run, sources: tuple[SourceOptions, ...]) -> Stage[Clip]:
    options, corpus = run.recipe.fetch, corpus_digest(run)
    return Stage[Clip](
        name=FETCH,
        digest=fetch.fetch_digest(options, corpus),
        make_worker=partial(fetch.make_fetcher, options, sources, run.workspace, corpus),
        deadline_s=options.deadline_s,
        max_attempts=options.max_attempts,
    )


def _in_queue(run: Run, clips: tuple[Clip, ...], stage_digest: str) -> tuple[Clip, ...]:
    """Of ``clips`` those that the recipe's cap asks for: settled ones, then those to try, heads of queues first."""
    options = run.recipe.manifest
    if options is None or not options.cap:
        return clips
    table = read_workspace_table(run.workspace, run.categories) if run.listed is None else table_of(run.listed)
    names = {category.name for category in run.wanted}
    queues = {name: queue for name, queue in read_queues(table, options.seed).items() if name in names}
    by_id = {clip.id: clip for clip in clips}
    alive = {clip.id for clip in clips if fetch.is_fetched(run.workspace, stage_digest, clip)}
    dead = set()
    if not run.selection.again:
        attempts = run.ledger.latest(FETCH, stage_digest).values()
        dead = {last.unit for last in attempts if last.status == "rejected"} - alive
    settled = set(dead)
    for queue in queues.values():
        settled.update(walk_queue(queue, alive=alive, dead=dead, cap=options.cap).taken)
    to_try = clips_to_try(queues, alive=alive, dead=dead, cap=options.cap)
    return (*(clip for clip in clips if clip.id in settled), *(by_id[name] for name in to_try if name in by_id))


def run_fetch(run: Run) -> list[Summary]:
    """Bring the selected clips here; where the recipe has a cap, go on down the queues until enough are alive.

    What failed in a way that may pass keeps its place in the queue until another run of the command.
    """
    summaries: list[Summary] = []
    tried: set[str] = set()
    while True:
        work = fetch_work(run, run.recipe.sources)
        work = replace(work, units=[clip for clip in work.units if clip.id not in tried])
        pending = {unit.id for unit in pending_units(work, run.ledger, again=run.selection.again)}
        if summaries and not pending:
            return summaries
        summaries += _fetch_round(run, work, pending)
        tried |= pending
        if run.recipe.manifest is None or run.selection.limit is not None or summaries[-1].counts["left"]:
            return summaries


def _fetch_round(run: Run, work: Work, pending: set[str]) -> list[Summary]:
    if not pending or run.recipe.corpus is None:
        return [run.do(work)]
    planned = [clip for clip in demo.plan_corpus(run.recipe.corpus) if clip.clip.id in pending]
    rendered = run.do_all(_corpus_work(run, run.recipe.corpus, planned))
    folder = run.workspace.path(demo.corpus_folder(run.recipe.corpus))
    with demo.serve(folder, planned) as url:
        local = tuple(replace(s, url=url) if s.name == demo.SOURCE else s for s in run.recipe.sources)
        return [rendered, run.do(replace(work, stage=_fetch_stage(run, local)))]


def _corpus_work(run: Run, options: demo.CorpusOptions, planned: Sequence[demo.PlannedClip]) -> Work:
    workspace = run.workspace
    stage = Stage[demo.PlannedClip](
        name=CORPUS,
        digest=demo.corpus_digest(options),
        make_worker=partial(demo.make_renderer, options, workspace),
    )
    served = [clip for clip in planned if clip.is_served]
    return Work(stage=stage, units=served, is_done=lambda clip: workspace.exists(demo.video_key(options, clip)))


def corpus_digest(run: Run) -> str:
    """Digest of the embedded corpus, empty for real data."""
    return "" if run.recipe.corpus is None else demo.corpus_digest(run.recipe.corpus)


def clips_digest(run: Run) -> str:
    """Digest of everything that fetched clips depend on."""
    return fetch.fetch_digest(run.recipe.fetch, corpus_digest(run))


def fetched(run: Run, clips: Iterable[Clip]) -> Iterator[tuple[Clip, Media, str]]:
    """The clips that are here, with their media record and its key."""
    stage_digest = clips_digest(run)
    for clip in clips:
        media = fetch.read_media(run.workspace, stage_digest, clip)
        if media is not None:
            yield clip, media, fetch.clip_key(stage_digest, clip.id)


# --- verify ---------------------------------------------------------------------------------------------------


def verify_work(run: Run) -> Work:
    """Media → scores of every window.

    Raises:
        ManifestError: nothing has been fetched. ScorerMissing: nobody can judge a side of a category.
    """
    options, workspace, table = run.recipe.verify, run.workspace, tuple(run.categories.values())
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


def run_verify(run: Run) -> list[Summary]:
    """Score the selected clips, then judge every clip that has scores.

    A part of a job array scores only: tables are made from all scores by a run without ``--part``.
    """
    summary = run.do(verify_work(run))
    if run.selection.part is None:
        decide(run)
    return [summary]


def decide(run: Run) -> None:
    """Make the tables anew from all scores in the workspace; the same whatever was selected."""
    scored, inputs = _scored_clips(run)
    planted = truth_of_corpus(run)
    if planted:
        write_onsets(run.workspace, ((clip.clip.video_id, ms) for clip in planted for ms in clip.onsets_ms))
    verify.write_tables(run.workspace, scored, run.recipe.verify, scores_digest(run), run.categories, inputs=inputs)


def _scored_clips(run: Run) -> tuple[list[Clip], str]:
    """The clips that have scores of their very bytes, and a digest of what they are."""
    stage_digest = scores_digest(run)
    scored = [
        (clip, media.sha256)
        for clip, media, _ in fetched(run, run.manifest())
        if verify.is_scored(run.workspace, verify.scores_key(stage_digest, clip.id), media.sha256)
    ]
    return [clip for clip, _ in scored], digest(scored)


def read_examples(run: Run) -> list[Example]:
    """All examples of the workspace.

    Raises:
        WorkspaceError: nothing has been verified, or other clips, or with another recipe.
    """
    made_with = verify.tables_made_with(run.workspace)
    verdicts = verify.verdict_digest(run.recipe.verify, scores_digest(run))
    if (made_with["verdicts"], made_with["inputs"]) != (verdicts, _scored_clips(run)[1]):
        raise WorkspaceError(
            f"{run.workspace.root}: its verdicts are of other clips, thresholds, scorers or categories",
            remedy="run `vegas-data verify` (without --part): what has been scored is not scored again",
        )
    return verify.read_examples(run.workspace)


# --- featurize ------------------------------------------------------------------------------------------------


Jobs = dict[Example, features.FeatureJob]


def featurize_work(run: Run, jobs: Jobs, device: str = "cpu") -> Work:
    """Example → one feature array per stream.

    Raises:
        DeviceMissing, WeightsMissing, RecipeError: see ``features``.
    """
    require_device(device)
    options, grid, workspace = run.recipe.features, run.recipe.grid, run.workspace
    digests = features.stream_digests(options, grid)
    stage = Stage[features.FeatureJob](
        name=FEATURIZE,
        digest=digest(FEATURIZE, list(digests.values())),
        make_worker=partial(features.make_extractor, options, grid, workspace, device),
        deadline_s=3600.0,
    )
    names = {category.name for category in run.wanted}
    by_id = {job.id: job for example, job in jobs.items() if example.category in names}
    units = [job for job in by_id.values() if in_part(job.id, run.selection.part)]
    return Work(
        stage=stage,
        units=units,
        is_done=lambda job: not features.missing_streams(job, digests, workspace),
    )


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


def run_featurize(run: Run, device: str = "cpu") -> list[Summary]:
    """Features of the selected examples, then the shards.

    Shards hold every example whose features are there, whatever was selected now, so that splits are the same in all
    categories. A part of a job array makes features only: shards are written by a run without ``--part``.
    """
    require_device(device)
    jobs = feature_jobs(run)
    summary = run.do(featurize_work(run, jobs, device))
    if run.selection.part is not None:
        return [summary]
    return [summary, run_shards(run, jobs)]


def run_shards(run: Run, jobs: Jobs) -> Summary:
    """Seal what has all its features into shards, and remove shards that no plan asks for any more."""
    options, grid, workspace = run.recipe.shards, run.recipe.grid, run.workspace
    folder, plans = _plan_shards(run, jobs)
    stage = Stage[shards.ShardPlan](
        name=SHARDS,
        digest=digest(folder, [plan.inputs for plan in plans]),
        make_worker=partial(shards.make_shard_writer, options, workspace, grid),
    )
    summary = run.do_all(Work(stage=stage, units=plans, is_done=lambda plan: shards.is_fresh(workspace, plan)))
    for key in shards.surplus_shards(workspace, folder, plans, categories=run.categories):
        workspace.remove_artefact(key)
        summary.counts["removed"] += 1
    shards.set_current_folder(workspace, folder, recipe=run.recipe.digest)
    return summary


def _plan_shards(run: Run, jobs: Jobs) -> tuple[str, list[shards.ShardPlan]]:
    """The folder of the shards, and the shards that there must be."""
    options, grid = run.recipe.shards, run.recipe.grid
    streams = features.stream_digests(run.recipe.features, grid)
    plans = shards.plan_shards(
        _shard_sources(run, jobs), streams=streams, options=options, grid=grid, recipe=run.recipe.digest
    )
    return shards.shards_folder(options, grid, streams), plans


def _shard_sources(run: Run, jobs: Jobs) -> Iterator[shards.ExampleSource]:
    """The examples whose every stream is there."""
    workspace = run.workspace
    digests = features.stream_digests(run.recipe.features, run.recipe.grid)
    splits = split_examples(jobs, run.recipe.split)
    licences = _licences(run)
    for example, job in jobs.items():
        if features.missing_streams(job, digests, workspace):
            continue
        keys = [features.feature_key(job, value) for value in digests.values()]
        yield shards.ExampleSource(
            example=example,
            split=splits[example.video_id],
            media=job.media,
            media_key=job.media_key,
            features=tuple(shards.FeatureFile.from_side_car(key, workspace.side_car(key)) for key in keys),
            licence=licences.get(example.clip_id, shards.UNKNOWN_LICENCE),
        )


def truth_of_corpus(run: Run) -> tuple[demo.PlannedClip, ...]:
    """What was planted in the embedded corpus; nothing for real data."""
    return () if run.recipe.corpus is None else demo.plan_corpus(run.recipe.corpus)


def _licences(run: Run) -> dict[str, str]:
    return {planned.clip.id: planned.licence for planned in truth_of_corpus(run)}


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
    folder, plans = _plan_shards(run, jobs)
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
    attempts = run.ledger.latest(FETCH, clips_digest(run)).values()
    return release.ReleaseSource(
        workspace=run.workspace,
        clips=clips,
        media=media,
        failures={last.unit: last.code for last in attempts if last.status in ("rejected", "failed", "crashed")},
        licences=_licences(run),
        credits={planned.clip.id: planned.credit for planned in truth_of_corpus(run)},
        licence_texts=demo.licence_texts() if run.recipe.corpus is not None else {},
        examples=tuple(jobs),
        splits=split_examples(jobs, run.recipe.split),
        shards=tuple(plan.key for plan in plans),
        grid=run.recipe.grid,
        cut=run.recipe.fetch.cut,
        recipe=run.recipe.name,
        recipe_digest=run.recipe.digest,
    )

"""The stages in order: the file to read first.

    fetch       Clip ─→ Media        an mp4 of exactly the clip's span
    verify      Media ─→ scores ─→ Judgments ─→ Verdicts ─→ Examples
    featurize   Examples ─split─→ features ─→ Shards

Stage packages give worker factories and know nothing of how they are run; here each is bound to its units, its
digest and its place in the workspace, and handed to the driver. Every command of the CLI is one call from here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from vegas_data import demo, features, fetch, shards, verify
from vegas_data.categories import select_categories
from vegas_data.config import digest
from vegas_data.errors import ManifestError, WorkspaceError
from vegas_data.fetch import SourceOptions
from vegas_data.ledger import Ledger
from vegas_data.manifest import CLIPS, read_clips, read_manifest, write_manifest
from vegas_data.recipe import Recipe
from vegas_data.records import Category, Clip, Example, Media, Split
from vegas_data.run.driver import Progress, Summary, Work, in_part, pending_units, run_stage
from vegas_data.run.executors import Executor
from vegas_data.run.stage import Stage
from vegas_data.split import split_examples
from vegas_data.workspace import Workspace

CURRENT_SHARDS: Final = "tables/shards.json"  # which folder of shards is the latest
CORPUS, FETCH, VERIFY, FEATURIZE, SHARDS = "corpus", "fetch", "verify", "featurize", "shards"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which units a command works on: categories by name (none: all), a part I of N, at most ``limit``."""

    categories: tuple[str, ...] = ()
    part: tuple[int, int] | None = None
    limit: int | None = None
    again: bool = False


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything a stage is bound to."""

    workspace: Workspace
    recipe: Recipe
    categories: dict[str, Category]
    ledger: Ledger
    executor: Executor
    progress: Progress
    selection: Selection = Selection()

    @property
    def wanted(self) -> tuple[Category, ...]:
        """The categories that this command is about."""
        return select_categories(self.categories, self.selection.categories)

    def clips(self) -> tuple[Clip, ...]:
        """The manifest's clips in the wanted categories, in the selected part, up to the limit."""
        names = {category.name for category in self.wanted}
        clips = read_clips(self.workspace, self.categories)
        chosen = [c for c in clips if names.intersection(c.categories) and in_part(c.id, self.selection.part)]
        return tuple(chosen[: self.selection.limit])

    def do(self, work: Work) -> Summary:
        """Run a stage on its units."""
        return run_stage(
            work, ledger=self.ledger, executor=self.executor, progress=self.progress, again=self.selection.again
        )


# --- fetch ----------------------------------------------------------------------------------------------------


def prepare_manifest(run: Run, table: Path | None) -> None:
    """Put the clips' table into the workspace: the given one, or the embedded corpus' own."""
    if table is not None:
        write_manifest(run.workspace, read_manifest(table, run.categories))
    elif run.recipe.corpus is not None and not run.workspace.exists(CLIPS):
        write_manifest(run.workspace, (planned.clip for planned in demo.plan_corpus(run.recipe.corpus)))


def fetch_work(run: Run, sources: tuple[SourceOptions, ...] = ()) -> Work:
    """Clip → Media. Without sources the work can be previewed, not done."""
    options, workspace = run.recipe.fetch, run.workspace
    stage_digest = fetch.fetch_digest(options)
    stage = Stage[Clip](
        name=FETCH,
        digest=stage_digest,
        make_worker=partial(fetch.make_fetcher, options, sources, workspace),
        deadline_s=options.deadline_s,
        max_attempts=options.max_attempts,
    )
    return Work(
        stage=stage,
        units=run.clips(),
        is_done=lambda clip: workspace.has_artefact(fetch.clip_key(stage_digest, clip.id)),
    )


def run_fetch(run: Run) -> list[Summary]:
    """Bring the selected clips here."""
    pending = {unit.id for unit in pending_units(fetch_work(run), run.ledger, again=run.selection.again)}
    if not pending or run.recipe.corpus is None:
        return [run.do(fetch_work(run, run.recipe.sources))]
    planned = [clip for clip in demo.plan_corpus(run.recipe.corpus) if clip.clip.id in pending]
    rendered = run.do(_corpus_work(run, run.recipe.corpus, planned))
    folder = run.workspace.path(demo.corpus_folder(run.recipe.corpus))
    with demo.serve(folder, planned) as url:
        local = tuple(replace(source, url=url) for source in run.recipe.sources)
        return [rendered, run.do(fetch_work(run, local))]


def _corpus_work(run: Run, options: demo.CorpusOptions, planned: Sequence[demo.PlannedClip]) -> Work:
    workspace = run.workspace
    stage = Stage[demo.PlannedClip](
        name=CORPUS,
        digest=demo.corpus_digest(options),
        make_worker=partial(demo.make_renderer, options, workspace),
    )
    served = [clip for clip in planned if clip.is_served]
    return Work(stage=stage, units=served, is_done=lambda clip: workspace.exists(demo.video_key(options, clip)))


def fetched(run: Run, clips: Iterable[Clip]) -> Iterator[tuple[Clip, Media, str]]:
    """The clips that are here, with their media record and its key."""
    stage_digest = fetch.fetch_digest(run.recipe.fetch)
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
    if not here:
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
    """Score the selected clips, then judge every clip that has scores."""
    summary = run.do(verify_work(run))
    decide(run)
    return [summary]


def decide(run: Run) -> verify.TableCounts:
    """Make the tables anew from all scores in the workspace; the same whatever was selected."""
    stage_digest = scores_digest(run)
    scored = [
        clip
        for clip, media, _ in fetched(run, read_clips(run.workspace, run.categories))
        if verify.is_scored(run.workspace, verify.scores_key(stage_digest, clip.id), media.sha256)
    ]
    return verify.write_tables(run.workspace, scored, run.recipe.verify, stage_digest, run.categories)


def read_examples(run: Run) -> list[Example]:
    """All examples of the workspace.

    Raises:
        WorkspaceError: nothing has been verified, or with another recipe.
    """
    made_with = verify.tables_made_with(run.workspace)["verdicts"]
    if made_with != verify.verdict_digest(run.recipe.verify, scores_digest(run)):
        raise WorkspaceError(
            f"{run.workspace.root}: its verdicts were made with other thresholds, scorers or categories",
            remedy="run `vegas-data verify` again: what has been scored is not scored again",
        )
    return verify.read_examples(run.workspace)


# --- featurize ------------------------------------------------------------------------------------------------


def featurize_work(run: Run, device: str = "cpu") -> Work:
    """Example → one feature array per stream.

    Raises:
        WorkspaceError: nothing has been verified. DeviceMissing, WeightsMissing, RecipeError: see ``features``.
    """
    features.require_device(device)
    options, grid, workspace = run.recipe.features, run.recipe.grid, run.workspace
    digests = features.stream_digests(options, grid)
    stage = Stage[features.FeatureJob](
        name=FEATURIZE,
        digest=digest(FEATURIZE, list(digests.values())),
        make_worker=partial(features.make_extractor, options, grid, workspace, device),
        deadline_s=3600.0,
    )
    by_id = {job.id: job for job in _feature_jobs(run).values() if in_part(job.id, run.selection.part)}
    return Work(
        stage=stage,
        units=list(by_id.values())[: run.selection.limit],
        is_done=lambda job: not features.missing_streams(job, digests, workspace),
    )


def _feature_jobs(run: Run) -> dict[Example, features.FeatureJob]:
    """The wanted examples and where their media is; an example whose clip has left the manifest is passed over."""
    names = {category.name for category in run.wanted}
    examples = [example for example in read_examples(run) if example.category in names]
    wanted = {example.clip_id for example in examples}
    clips = [clip for clip in read_clips(run.workspace, run.categories) if clip.id in wanted]
    here = {clip.id: (media, key) for clip, media, key in fetched(run, clips)}
    return {
        example: features.FeatureJob(
            example=example, media=here[example.clip_id][0], media_key=here[example.clip_id][1]
        )
        for example in examples
        if example.clip_id in here
    }


def run_featurize(run: Run, device: str = "cpu") -> list[Summary]:
    """Features of the selected examples, then the shards of their categories.

    Shards hold every example of a category whose features are there, whatever was selected now. A part of a job
    array makes features only: shards are written by a run without ``--part``.
    """
    summary = run.do(featurize_work(run, device))
    if run.selection.part is not None:
        return [summary]
    return [summary, run_shards(run)]


def run_shards(run: Run) -> Summary:
    """Seal what has all its features into shards, and remove shards that no plan asks for any more."""
    options, grid, workspace = run.recipe.shards, run.recipe.grid, run.workspace
    streams = features.stream_digests(run.recipe.features, grid)
    plans = shards.plan_shards(
        _shard_sources(run), streams=streams, options=options, grid=grid, recipe=run.recipe.digest
    )
    folder = shards.shards_folder(options, grid, streams)
    stage = Stage[shards.ShardPlan](
        name=SHARDS,
        digest=digest(folder, [plan.inputs for plan in plans]),
        make_worker=partial(shards.make_shard_writer, options, workspace, grid),
    )
    summary = run.do(Work(stage=stage, units=plans, is_done=lambda plan: shards.is_fresh(workspace, plan)))
    for key in shards.surplus_shards(workspace, folder, plans, categories=[c.name for c in run.wanted]):
        workspace.remove_artefact(key)
    workspace.commit_json(CURRENT_SHARDS, {"folder": folder, "recipe": run.recipe.digest})
    return summary


def _shard_sources(run: Run) -> Iterator[shards.ExampleSource]:
    """The wanted examples whose every stream is there; splits are assigned over all examples, wanted or not."""
    workspace = run.workspace
    digests = features.stream_digests(run.recipe.features, run.recipe.grid)
    splits = splits_of(run)
    licences = _licences(run)
    for example, job in _feature_jobs(run).items():
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


def splits_of(run: Run) -> dict[str, Split]:
    """The split of every source video."""
    return split_examples(read_examples(run), run.recipe.split)


def truth_of_corpus(run: Run) -> tuple[demo.PlannedClip, ...]:
    """What was planted in the embedded corpus; nothing for real data."""
    return () if run.recipe.corpus is None else demo.plan_corpus(run.recipe.corpus)


def _licences(run: Run) -> dict[str, str]:
    return {planned.clip.id: planned.licence for planned in truth_of_corpus(run)}

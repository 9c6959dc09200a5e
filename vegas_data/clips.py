"""From AudioSet's tables to clips that are here: the first two stages, bound as in ``pipeline``.

    manifest    AudioSet's tables ─→ Clips, each with its place in a queue
    fetch       Clip ─→ Media        an mp4 of exactly the clip's span

Also what every later stage asks first: which clips are here, and what was planted in an embedded corpus.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from vegas_data import demo, fetch, listing
from vegas_data.context import Run
from vegas_data.errors import WorkspaceError
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
from vegas_data.records import Clip, Media
from vegas_data.run.driver import Summary, Work, pending_units
from vegas_data.run.stage import Stage

CORPUS: Final = "corpus"
FETCH: Final = "fetch"


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


def truth_of_corpus(run: Run) -> tuple[demo.PlannedClip, ...]:
    """What was planted in the embedded corpus; nothing for real data."""
    return () if run.recipe.corpus is None else demo.plan_corpus(run.recipe.corpus)


def licences(run: Run) -> dict[str, str]:
    """Licence of each clip, by clip id, where its source states one."""
    return {planned.clip.id: planned.licence for planned in truth_of_corpus(run)}

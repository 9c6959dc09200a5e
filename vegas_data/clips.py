"""From AudioSet's tables to clips that are here: the first two stages, bound as in ``pipeline``.

    manifest    AudioSet's tables ─→ Clips, each with its place in a queue
    fetch       Clip ─→ Media        an mp4 of exactly the clip's span

Also what every later stage asks first: which clips are here, and what was planted in an embedded corpus.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from vegas_data import demo, fetch, listing
from vegas_data.context import Run
from vegas_data.errors import Interrupted, WorkspaceError
from vegas_data.fetch import ANYONE, Access, SourceOptions
from vegas_data.manifest import (
    CLIPS,
    Table,
    clips_of,
    read_sources,
    read_workspace_table,
    table_of,
    write_table,
)
from vegas_data.records import Clip, Media
from vegas_data.run.driver import Work, pending_units
from vegas_data.run.stage import Stage
from vegas_data.run.summary import Summary
from vegas_data.standing import ended_in, in_queue, short_of_cap

CORPUS: Final = "corpus"
FETCH: Final = "fetch"
MEASURED_CLIPS: Final = 1000
"""So many of the latest fetches say how long a clip takes."""


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


def fetch_work(run: Run, sources: tuple[SourceOptions, ...] = (), access: Access = ANYONE) -> Work:
    """Clip → Media. Without sources the work can be previewed, not done."""
    workspace, stage, retry = run.workspace, _fetch_stage(run, sources, access), run.selection.retry
    clips = run.clips()
    last = run.ledger.latest(FETCH, stage.digest)
    units = in_queue(run, clips, here=clips_here(run, clips), last=last)
    return Work(
        stage=stage,
        units=ended_in(units, retry, last) if retry else units,
        is_done=lambda clip: fetch.is_fetched(workspace, stage.digest, clip),
    )


def _fetch_stage(run: Run, sources: tuple[SourceOptions, ...], access: Access) -> Stage[Clip]:
    options, corpus = run.recipe.fetch, corpus_digest(run)
    return Stage[Clip](
        name=FETCH,
        digest=fetch.fetch_digest(options, corpus),
        make_worker=partial(fetch.make_fetcher, options, sources, run.workspace, corpus, access),
        deadline_s=options.deadline_s + longest_wait_s(run, sources),
        max_attempts=options.max_attempts,
        affinity=lambda clip: clip.video_id,
        party=lambda clip: clip.source,
    )


def longest_wait_s(run: Run, sources: Iterable[SourceOptions]) -> float:
    """How long a worker's turn at a source can take to come while the others wait for theirs."""
    waiting = run.executor.workers * (run.selection.part[1] if run.selection.part else 1)
    return max((fetch.longest_wait_s(source.pace_per_hour, waiting) for source in sources), default=0.0)


def clips_here(run: Run, clips: Iterable[Clip]) -> set[str]:
    """Ids of the clips that have been fetched."""
    stage_digest = clips_digest(run)
    return {clip.id for clip in clips if fetch.is_fetched(run.workspace, stage_digest, clip)}


def short_of_clips(run: Run) -> dict[str, int]:
    """Category → how many clips it is short of the recipe's cap at the end of its queue, where it is short."""
    clips, last = run.clips(), run.ledger.latest(FETCH, clips_digest(run))
    short = short_of_cap(run, here=clips_here(run, clips), last=last)
    return {name: missing for name, missing in short.items() if missing}


def plan_fetch(run: Run, work: Work, *, workers: int, local: Path | None = None) -> fetch.FetchPlan:
    """What ``run_fetch`` would ask for, and how long that takes at the very least; nobody is asked.

    Raises:
        RecipeError: a local folder cannot be used.
    """
    units = pending_units(work, run.ledger, again=run.selection.asks_again)[: run.selection.limit]
    pending = {unit.id for unit in units}
    clips = [clip for clip in work.units if clip.id in pending and isinstance(clip, Clip)]
    seconds = run.ledger.seconds_of_done(FETCH, last=MEASURED_CLIPS)
    return fetch.plan_fetch(clips, sources_to_ask(run, local), seconds=seconds, workers=workers)


def run_fetch(run: Run, access: Access = ANYONE, local: Path | None = None) -> list[Summary]:
    """Bring the selected clips here; where the recipe has a cap, go on down the queues until enough are alive.

    What failed in a way that may pass keeps its place in the queue until another run of the command.

    Args:
        access: how this machine may reach the sources. local: a folder that is asked first for every video.
    """
    summaries: list[Summary] = []
    tried: set[str] = set()
    sources = sources_to_ask(run, local)
    while True:
        work = fetch_work(run, sources, access)
        work = replace(work, units=[clip for clip in work.units if clip.id not in tried])
        pending = {unit.id for unit in pending_units(work, run.ledger, again=run.selection.asks_again)}
        if summaries and not pending:
            return summaries
        try:
            summaries += _fetch_round(run, work, pending, sources, access)
        except Interrupted as stop:
            stop.earlier = summaries
            raise
        tried |= pending
        if run.recipe.manifest is None or run.selection.limit is not None or summaries[-1].stopped:
            return summaries


def sources_to_ask(run: Run, local: Path | None) -> tuple[SourceOptions, ...]:
    """The recipe's sources; before them, for the ids of each, the local folder if there is one."""
    if local is None:
        return run.recipe.sources
    names = {source.name for source in run.recipe.sources} | {clip.source for clip in run.manifest()}
    folder = str(local.absolute())
    return (*(SourceOptions(name=n, kind="local", folder=folder) for n in sorted(names)), *run.recipe.sources)


def _fetch_round(
    run: Run, work: Work, pending: set[str], sources: tuple[SourceOptions, ...], access: Access
) -> list[Summary]:
    if not pending or run.recipe.corpus is None:
        return [run.do(work)]
    planned = [clip for clip in truth_of_corpus(run) if clip.clip.id in pending]
    rendered = render_corpus(run, planned)
    with reachable(run, planned, sources, access) as (given, allowed):
        return [*rendered, run.do(replace(work, stage=_fetch_stage(run, given, allowed)))]


@contextmanager
def reachable(
    run: Run, planned: Sequence[demo.PlannedClip], sources: tuple[SourceOptions, ...], access: Access
) -> Iterator[tuple[tuple[SourceOptions, ...], Access]]:
    """Where the sources are for the time of the block: the embedded corpus is served on this machine, no proxy."""
    if run.recipe.corpus is None:
        yield sources, access
        return
    folder = run.workspace.path(demo.corpus_folder(run.recipe.corpus))
    with demo.serve(folder, planned) as url:
        served = tuple(replace(s, url=url) if s.name == demo.SOURCE and s.kind != "local" else s for s in sources)
        yield served, replace(access, proxy="", allow_private=True)


def render_corpus(run: Run, planned: Sequence[demo.PlannedClip]) -> list[Summary]:
    """Render what is not there yet of the embedded corpus."""
    return [] if run.recipe.corpus is None else [run.do_all(_corpus_work(run, run.recipe.corpus, planned))]


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

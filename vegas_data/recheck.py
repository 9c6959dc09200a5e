"""Ask the hosts again whether clips are still there, and what is known of that. Nothing is brought.

availability    Clip ─→ alive, or the class of its failure
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from vegas_data import fetch, release
from vegas_data.clips import FETCH, longest_wait_s, reachable, render_corpus, truth_of_corpus
from vegas_data.config import digest
from vegas_data.context import Run
from vegas_data.errors import ManifestError
from vegas_data.fetch import ANYONE, Access, SourceOptions
from vegas_data.records import Clip
from vegas_data.run.driver import Work
from vegas_data.run.stage import Stage
from vegas_data.run.summary import Summary

AVAILABILITY: Final = "availability"
STAGE_VERSION: Final = 1


def known_checks(run: Run) -> list[release.Check]:
    """Every look at a clip that settled something, of fetching and of asking again; a folder here is no host."""
    settled = [*run.ledger.settled(FETCH), *run.ledger.settled(AVAILABILITY)]
    return release.checks_of(attempt for attempt in settled if not fetch.came_from_folder(attempt))


def check_again(run: Run, access: Access = ANYONE) -> Summary:
    """Ask again for the selected clips that came once, or were gone: the longest ago first.

    A clip whose video is there, but holds nothing for it, is passed over: a look cannot tell whether it does now.

    Raises:
        ManifestError: there are none.
    """
    last = release.latest_checks(known_checks(run))
    hosts = tuple(source for source in run.recipe.sources if source.kind != "local")
    names = {source.name for source in hosts}
    known = [
        clip
        for clip in run.clips()
        if clip.source in names and clip.id in last and last[clip.id].kind in release.SEEN_BY_A_LOOK
    ]
    if not known:
        raise ManifestError("no host has been asked for any of these clips yet", remedy="run `vegas-data fetch` first")
    known.sort(key=lambda clip: (last[clip.id].checked_at, clip.id))
    run = replace(run, selection=replace(run.selection, again=True))
    known = known[: run.selection.limit]
    wanted = {clip.id for clip in known}
    planned = [clip for clip in truth_of_corpus(run) if clip.clip.id in wanted]
    render_corpus(run, planned)
    with reachable(run, planned, hosts, access) as (sources, allowed):
        return run.do(Work(stage=_stage(run, sources, allowed), units=known, is_done=lambda _: False))


def _stage(run: Run, sources: Sequence[SourceOptions], access: Access) -> Stage[Clip]:
    options = run.recipe.fetch
    return Stage[Clip](
        name=AVAILABILITY,
        digest=digest(AVAILABILITY, STAGE_VERSION),
        make_worker=partial(fetch.make_looker, options, tuple(sources), access, run.workspace),
        deadline_s=options.deadline_s + longest_wait_s(run, sources),
        max_attempts=options.max_attempts,
        affinity=lambda clip: clip.video_id,
        party=lambda clip: clip.source,
    )

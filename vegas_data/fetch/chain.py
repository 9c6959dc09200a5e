"""All places that a recipe names, opened once for a worker process; for a clip those of its source, asked in order.

A place that has never had a video (``NotHere``) passes the question on to the next of the same name; any other answer
is the answer.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vegas_data.errors import FetchError
from vegas_data.fetch.local import NotHere, make_local
from vegas_data.fetch.options import Access, FetchOptions, SourceOptions
from vegas_data.fetch.source import Download, Source
from vegas_data.records import Clip
from vegas_data.workspace import Workspace

if TYPE_CHECKING:
    from vegas_data.media.demux import Demuxer


@dataclass(frozen=True, kw_only=True)
class Chain:
    """The places that answer for the ids of one source.

    Args:
        places: at least one.
    """

    name: str
    places: tuple[Source, ...]

    def fetch(self, clip: Clip, into: Path) -> Download:
        """See ``Source.fetch``."""
        for place in self.places[:-1]:
            try:
                return place.fetch(clip, into)
            except NotHere:
                continue
        return self.places[-1].fetch(clip, into)

    def look(self, clip: Clip) -> None:
        """See ``Source.look``."""
        for place in self.places[:-1]:
            try:
                place.look(clip)
            except NotHere:
                continue
            return
        self.places[-1].look(clip)


def open_sources(
    options: FetchOptions,
    sources: tuple[SourceOptions, ...],
    workspace: Workspace,
    access: Access,
    demuxer: "Demuxer",
) -> dict[str, Chain]:
    """Sources by name.

    Raises:
        RecipeError: a folder, an address, the proxy or the cookies file cannot be used.
    """
    places: dict[str, list[Source]] = defaultdict(list)
    for source in sources:
        places[source.name].append(_open(source, options, workspace, access, demuxer))
    return {name: Chain(name=name, places=tuple(chain)) for name, chain in places.items()}


def source_of(clip: Clip, sources: dict[str, Chain]) -> Chain:
    """The source of a clip.

    Raises:
        FetchError: the recipe has none of its name.
    """
    try:
        return sources[clip.source]
    except KeyError:
        raise FetchError(
            f"{clip.id}: no source called {clip.source!r} in this recipe",
            remedy=f"known sources: {', '.join(sorted(sources))}",
        ) from None


def _open(
    source: SourceOptions, options: FetchOptions, workspace: Workspace, access: Access, demuxer: "Demuxer"
) -> Source:
    if source.kind == "local":
        return make_local(source)
    from vegas_data.fetch.direct import make_direct
    from vegas_data.fetch.pace import Pace
    from vegas_data.fetch.web import Web
    from vegas_data.fetch.youtube import YouTubeSource

    web = Web(options, access)
    pace = Pace(workspace.path("pace"), source.name, source.pace_per_hour)
    if source.kind == "http":
        return make_direct(source, options, access, web=web, demuxer=demuxer, pace=pace)
    return YouTubeSource(source, options, access, web=web, demuxer=demuxer, pace=pace)

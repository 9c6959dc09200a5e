"""All places that a recipe names, opened once for a worker process; for a clip those of its source, asked in order.

A place that has never had a video (``NotHere``) passes the question on to the next of the same name; any other answer
is the answer.
"""

from collections import defaultdict
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from vegas_data.errors import DependencyMissing, FetchError
from vegas_data.fetch.local import NotHere
from vegas_data.fetch.options import ENTRY_POINTS, KINDS, Access, FetchOptions, SourceOptions
from vegas_data.fetch.source import Download, Opener, Opening, Source
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
        DependencyMissing: a source of another package cannot be loaded.
    """
    places: dict[str, list[Source]] = defaultdict(list)
    for source in sources:
        opening = Opening(source=source, options=options, access=access, workspace=workspace, demuxer=demuxer)
        places[source.name].append(_open(opening))
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


def _open(opening: Opening) -> Source:
    """Open a source; raises as its opener, and DependencyMissing where that cannot be loaded."""
    kind = opening.source.kind
    if kind in KINDS:
        entry = EntryPoint(name=kind, value=KINDS[kind], group=ENTRY_POINTS)
    else:
        entry = min(entry_points(group=ENTRY_POINTS, name=kind), key=lambda each: each.value)
    try:
        opener: Opener = entry.load()
    except (ImportError, AttributeError) as error:
        raise DependencyMissing(
            f"source {opening.source.name}: kind {kind!r} is announced as {entry.value} and cannot be loaded: {error}",
            remedy="upgrade or uninstall the package that announces it",
        ) from error
    return opener(opening)

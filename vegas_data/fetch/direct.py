"""Videos that a plain web server has at an address made of their ids: kind ``http``. No yt-dlp."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vegas_data.errors import RecipeError
from vegas_data.fetch.addresses import Address, AddressRefused, read_url
from vegas_data.fetch.options import Access, FetchOptions, SourceOptions
from vegas_data.fetch.pace import Pace
from vegas_data.fetch.source import Download, Opening
from vegas_data.fetch.spans import bring, naming
from vegas_data.fetch.web import Web
from vegas_data.records import Clip

if TYPE_CHECKING:
    from vegas_data.media.demux import Demuxer

_LOOK_BYTES: Final = 1024


@dataclass(frozen=True, kw_only=True)
class DirectSource:
    """Videos of one web server, by id."""

    name: str
    url: str
    web: Web
    demuxer: "Demuxer | None"
    pace: Pace
    max_bytes: int
    deadline_s: float

    def fetch(self, clip: Clip, into: Path) -> Download:
        """See ``Source.fetch``. The clock starts when it is our turn."""
        self.pace.wait()
        self.web.deadline = time.monotonic() + self.deadline_s
        came = bring(self.web, (self._address(clip),), clip, into, self.demuxer, max_bytes=self.max_bytes)
        return replace(came, origin=f"http {came.origin}")

    def look(self, clip: Clip) -> None:
        """See ``Source.look``: asks for the first bytes and reads none of them."""
        self.pace.wait()
        self.web.deadline = time.monotonic() + self.deadline_s
        with naming(clip), self.web.get(self._address(clip), span=(0, _LOOK_BYTES - 1), max_bytes=self.max_bytes):
            return

    def _address(self, clip: Clip) -> Address:
        return Address(url=self.url.replace("{id}", clip.source_local_id))


def open_direct(opening: Opening) -> DirectSource:
    """Open a source of kind ``http``; raises as ``make_direct``."""
    return make_direct(
        opening.source,
        opening.options,
        opening.access,
        web=opening.web(),
        demuxer=opening.demuxer,
        pace=opening.pace(),
    )


def make_direct(
    source: SourceOptions, options: FetchOptions, access: Access, *, web: Web, demuxer: "Demuxer | None", pace: Pace
) -> DirectSource:
    """A source of kind ``http``.

    Raises:
        RecipeError: its url may not be asked.
    """
    try:
        read_url(source.url.replace("{id}", "x"), allow_private=access.allow_private)
    except AddressRefused as error:
        raise RecipeError(f"source {source.name}: {error}", remedy=error.remedy or "correct its url") from None
    return DirectSource(
        name=source.name,
        url=source.url,
        web=web,
        demuxer=demuxer,
        pace=pace,
        max_bytes=options.max_source_bytes,
        deadline_s=options.deadline_s,
    )

"""The seam between fetching and where videos come from: what a source is, and what it is opened with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vegas_data.fetch.options import Access, FetchOptions, SourceOptions
from vegas_data.media.section import Section
from vegas_data.records import Clip
from vegas_data.workspace import Workspace

if TYPE_CHECKING:
    from vegas_data.fetch.pace import Pace
    from vegas_data.fetch.web import Web
    from vegas_data.media.demux import Demuxer


@dataclass(frozen=True, kw_only=True)
class Download:
    """The files that hold a clip's span: one for both tracks, or picture and sound apart (nothing was merged).

    Args:
        origin: what was taken, for the record: kind of source and format, such as ``youtube 136+140``.
        num_bytes: that came over the network.
        start_ms: of the source's time, where the files begin; not 0 where somebody cut the clip before us.
    """

    picture: Section
    sound: Section
    origin: str = ""
    num_bytes: int = 0
    start_ms: int = 0


class Source(Protocol):
    """Brings the video of a clip into a folder, whole or at least the clip's span."""

    @property
    def name(self) -> str:
        """Of the ids it answers for."""
        ...

    def fetch(self, clip: Clip, into: Path) -> Download:
        """Bring the video of ``clip`` into the empty folder ``into``.

        Raises:
            VideoUnavailable: the source says for good that there is none. HostRefuses: it wants us to stay away.
            TransferFailed, TimedOut: host or network failed. LimitExceeded: the video is too large.
            Unclassified: it refused in words that nobody knows. ExtractorBroken, JsRuntimeMissing: the tool's fault.
            WorkspaceError: the disk is full.
        """
        ...

    def look(self, clip: Clip) -> None:
        """Ask whether the video of ``clip`` is there, and bring nothing; raises as ``fetch``."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Opening:
    """What a source is opened with, once for each worker process.

    Args:
        source: what the recipe says of it. demuxer: finds a clip's span in a file whose bytes are elsewhere.
    """

    source: SourceOptions
    options: FetchOptions
    access: Access
    workspace: Workspace
    demuxer: "Demuxer"

    def web(self) -> "Web":
        """A way to ask hosts, within the recipe's limits and no other addresses than allowed."""
        from vegas_data.fetch.web import Web

        return Web(self.options, self.access)

    def pace(self) -> "Pace":
        """The turns at this source, shared by all processes: wait for one before every video."""
        from vegas_data.fetch.pace import Pace

        return Pace(self.workspace.path("pace"), self.source.name, self.source.pace_per_hour)


Opener = Callable[[Opening], Source]
"""Opens a source of one kind; raises RecipeError where the recipe's url, folder or access cannot be used."""

"""The seam between fetching and where videos come from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vegas_data.media.section import Section
from vegas_data.records import Clip


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

"""The seam between fetching and where videos come from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vegas_data.records import Clip


@dataclass(frozen=True, kw_only=True)
class Download:
    """The files that hold a video: one for both, or picture and sound apart (nothing was merged on the way)."""

    picture: Path
    sound: Path


class Source(Protocol):
    """Brings the video of a clip into a folder, whole or at least the clip's span."""

    name: str

    def fetch(self, clip: Clip, into: Path) -> Download:
        """Download the video of ``clip`` into the empty folder ``into``.

        Raises:
            VideoUnavailable: the source says for good that there is none. RateLimited: it asks us to slow down.
            TransferFailed: host or network failed. LimitExceeded: the video is too large.
            WorkspaceError: the disk is full.
        """
        ...

"""The seam between fetching and where videos come from."""

from pathlib import Path
from typing import Protocol

from vegas_data.records import Clip


class Source(Protocol):
    """Brings the video of a clip into a folder, whole or at least the clip's span."""

    name: str

    def fetch(self, clip: Clip, into: Path) -> Path:
        """Download the video of ``clip`` into the empty folder ``into`` and return the file.

        Raises:
            VideoUnavailable: the source says for good that there is none. RateLimited: it asks us to slow down.
            TransferFailed: host or network failed. LimitExceeded: the video is too large.
        """
        ...

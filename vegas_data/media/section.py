"""What of a source video lies in a local file."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vegas_data.media.probe import Probe


class RandomAccess(Protocol):
    """Bytes of a media file that need not be here: a demuxer reads what it wants of them."""

    name: str
    size: int

    def read_at(self, offset: int, length: int) -> bytes:
        """At most ``length`` bytes from ``offset`` on, fewer at the end of the file only."""
        ...


class LocalBytes:
    """A file that is here; a demuxer reads it through its handle and asks nobody."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.size = path.stat().st_size

    def read_at(self, offset: int, length: int) -> bytes:
        """See ``RandomAccess``."""
        with self.path.open("rb", buffering=0) as file:
            return os.pread(file.fileno(), length, offset)

    def require_readable(self) -> None:
        """Read it to its end: a disk that fails does so for everybody, a damaged file only for its demuxer."""
        with self.path.open("rb", buffering=0) as file:
            while file.read(1 << 20):
                pass


@dataclass(frozen=True, kw_only=True)
class Section:
    """A local file with a piece of a source video, or all of it as it came.

    Args:
        probe: what the whole source says of itself; of a file as it came it may be None.
        shift_s: whole seconds that were added to all time stamps of a piece; None: the file is as it came.
        picture_until_us, sound_until_us: of a piece, where a track ends before the wanted span does, counted from the
            source's start in microseconds; None where it does not.
    """

    path: Path
    probe: Probe | None = None
    shift_s: int | None = None
    picture_until_us: int | None = None
    sound_until_us: int | None = None

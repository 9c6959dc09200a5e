"""A folder of videos that somebody already has, as a source: whole videos, or clips that are already cut.

The folder is indexed once; names are data and only ever compared. For a video id (bare, or what stands after the
source's name, or both) these names are known, in this order, each with the extension of a container that we read:

    {id}                                   the whole video; preferred where a clip of it is there as well
    {id}_{start}_{end}, {id}_{start}-{end} a clip; times in seconds (30, 30.0, 30.000) or in milliseconds (30000)
    {id}_{start_ms:09d}                    a clip, as this project names it
    {id}_{start_s:06d}                     a clip, as VGGSound names it

A clip's file is taken only for exactly its span, and is believed to begin where the clip begins.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vegas_data.errors import RecipeError, VideoUnavailable
from vegas_data.fetch.options import SourceOptions
from vegas_data.fetch.source import Download, Opening
from vegas_data.media.section import Section
from vegas_data.records import Clip

LOCAL: Final = "local"
"""The first word of what is recorded of a file that came from a folder."""
SUFFIXES: Final = (".mp4", ".mkv", ".webm", ".m4v", ".mov", ".ts")
MAX_FILES: Final = 3_000_000
MAX_DEPTH: Final = 16
_MIN_SPAN_MS: Final = 100  # below, milliseconds could be mistaken for seconds
_REMEDY: Final = "correct the folder of this source in the recipe"


class NotHere(VideoUnavailable):
    """This source has never had the video; the next source of the same name may."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message, reason="not_here", remedy=remedy)


@dataclass(frozen=True, kw_only=True)
class LocalSource:
    """Videos of one folder, by id.

    Args:
        files: path of each media file, by its name without the extension.
    """

    name: str
    folder: Path
    files: dict[str, Path]

    def fetch(self, clip: Clip, into: Path) -> Download:
        """See ``Source.fetch``; nothing is copied, ``into`` stays empty."""
        path, is_clip = self._find(clip)
        section = Section(path=path)
        start_ms = clip.start_ms if is_clip else 0
        return Download(
            picture=section, sound=section, origin=f"{LOCAL} {'clip' if is_clip else 'whole'}", start_ms=start_ms
        )

    def look(self, clip: Clip) -> None:
        """See ``Source.look``."""
        self._find(clip)

    def has(self, clip: Clip) -> bool:
        """Whether there is a file for ``clip``."""
        try:
            self._find(clip)
        except NotHere:
            return False
        return True

    def _find(self, clip: Clip) -> tuple[Path, bool]:
        """The file, and whether it is the clip alone."""
        ids = dict.fromkeys((clip.source_local_id, clip.video_id))
        for video_id in ids:
            if video_id in self.files:
                return self.files[video_id], False
        for video_id in ids:
            for name in _clip_names(video_id, clip.start_ms, clip.end_ms):
                if name in self.files:
                    return self.files[name], True
        raise NotHere(
            f"{clip.id}: not in {self.folder}", remedy="name another source or add the file, then --retry not_here"
        )


def open_local(opening: Opening) -> LocalSource:
    """Open a source of kind ``local``; raises as ``make_local``."""
    return make_local(opening.source)


def make_local(source: SourceOptions) -> LocalSource:
    """Index the folder of ``source``.

    Raises:
        RecipeError: the folder or a part of it cannot be read, or holds no videos at all. Nobody may take a disk that
            is not mounted for videos that are gone.
    """
    folder = Path(source.folder).expanduser()
    files = _index(folder)
    if not files:
        raise RecipeError(f"{folder}: holds no {', '.join(SUFFIXES)}", remedy=_REMEDY)
    return LocalSource(name=source.name, folder=folder, files=files)


def _index(folder: Path) -> dict[str, Path]:
    """Media files by name; of two that have the same, the shallower, then the better suffix, then the first path."""
    best: dict[str, tuple[tuple[int, int, str], Path]] = {}
    try:
        root = folder.resolve(strict=True)
        for depth, path in _walk(root):
            stem, suffix = path.stem, path.suffix.lower()
            if suffix not in SUFFIXES:
                continue
            rank = depth, SUFFIXES.index(suffix), str(path)
            if stem not in best or rank < best[stem][0]:
                best[stem] = rank, path
    except OSError as error:
        raise RecipeError(f"{error.filename or folder}: cannot be read: {error.strerror}", remedy=_REMEDY) from None
    return {stem: path for stem, (_, path) in best.items()}


def _walk(root: Path) -> Iterator[tuple[int, Path]]:
    """Regular files under ``root`` with their depths; links to folders, and out of ``root``, are not followed."""
    folders = [(0, root)]
    num_seen = 0
    while folders:
        depth, folder = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                num_seen += 1
                if num_seen > MAX_FILES or depth > MAX_DEPTH:
                    raise RecipeError(
                        f"{root}: more than {MAX_FILES:,} files, or {MAX_DEPTH} folders in one another", remedy=_REMEDY
                    )
                if entry.is_dir(follow_symlinks=False):
                    folders.append((depth + 1, Path(entry.path)))
                elif entry.is_file(follow_symlinks=False) or (entry.is_symlink() and _is_inside(entry.path, root)):
                    yield depth, Path(entry.path)


def _is_inside(link: str, root: Path) -> bool:
    try:
        target = Path(link).resolve(strict=True)
        return target.is_relative_to(root) and stat.S_ISREG(target.stat().st_mode)
    except (OSError, RuntimeError):  # dangling, or a loop
        return False


def _clip_names(video_id: str, start_ms: int, end_ms: int) -> Iterator[str]:
    pairs = list(zip(_seconds(start_ms), _seconds(end_ms), strict=True))
    if end_ms - start_ms >= _MIN_SPAN_MS:
        pairs += [(f"{start_ms}", f"{end_ms}"), (f"{start_ms:09d}", f"{end_ms:09d}")]
    for start, end in pairs:
        for dash in "_-":
            if start and end:
                yield f"{video_id}_{start}{dash}{end}"
    yield f"{video_id}_{start_ms:09d}"
    if start_ms % 1000 == 0:
        yield f"{video_id}_{start_ms // 1000:06d}"


def _seconds(time_ms: int) -> tuple[str, str, str, str]:
    """``time_ms`` in seconds with 0, 1, 2 and 3 decimals; empty where those cannot say it."""
    whole, rest = divmod(time_ms, 1000)
    return (
        "" if rest else f"{whole}",
        "" if rest % 100 else f"{whole}.{rest // 100}",
        "" if rest % 10 else f"{whole}.{rest // 10:02d}",
        f"{whole}.{rest:03d}",
    )

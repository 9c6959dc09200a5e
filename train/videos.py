"""An example's own pictures and a new sound in, an mp4 of both out.

The pictures come from the clip that the example was cut from: the file in ``clips/`` whose side-car has the sha256
that the shard records. Shards alone, without those clips, hold no pictures: then there is no video.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from train.sounds import is_whole, read_pcm
from vegas_data.errors import MediaError, WorkspaceError
from vegas_data.media.decode import iter_frames_at
from vegas_data.media.mux import write_mp4
from vegas_data.media.probe import MAX_FPS
from vegas_data.records import Media
from vegas_data.store import sha256_of
from vegas_data.trained import build_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from train.sounds import PlannedSound
    from vegas_data.shards.schema import ExampleMeta
    from vegas_data.store import Store
    from vegas_data.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class ClipFile:
    """A fetched clip: where it lies, when in the source video it begins, its frame rate."""

    path: "Path"
    start_ms: int
    fps: Fraction


class Clips:
    """The fetched clips of a workspace."""

    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace
        self._keys: dict[str, list[str]] = {}
        for key in workspace.keys("clips", ".mp4"):
            self._keys.setdefault(PurePosixPath(key).stem, []).append(key)

    def find(self, meta: "ExampleMeta") -> ClipFile | None:
        """The clip that an example was cut from; None if it is not, or no longer, here.

        Raises:
            WorkspaceError: it is here, and its side-car is damaged.
        """
        for key in self._keys.get(meta.clip_id, ()):
            if not self._workspace.has_artefact(key):
                continue
            where = str(self._workspace.path(key))
            media = build_record(Media, self._workspace.side_car(key), where=where)
            if media.sha256 == meta.media.sha256 and media.start_ms <= meta.start_ms:
                return ClipFile(path=self._workspace.path(key), start_ms=media.start_ms, fps=_fps(media.fps, where))
        return None


def _fps(text: str, where: str) -> Fraction:
    try:
        fps = Fraction(text)
    except (ValueError, ZeroDivisionError):
        fps = Fraction(0)
    if not 0 < fps <= MAX_FPS:
        raise WorkspaceError(
            f"{where}: its side-car says {text[:40]!r} frames/s", remedy="delete both and run `vegas-data fetch` again"
        )
    return fps


def write_videos(
    workspace: "Workspace",
    store: "Store",
    planned: "Sequence[PlannedSound]",
    *,
    make: bool = True,
    say: Callable[[str], None],
) -> dict[str, str]:
    """The videos of the first draws: name of the mp4 by name of the sound, of those that are there in the end.

    Args:
        make: those that are not there yet; without it only these are listed.
        say: told which were not made, and why.

    Raises:
        WorkspaceError: a clip's side-car is damaged, or the disk is full.
        ResourcesExhausted: the machine had too little time or memory just now.
    """
    found = {}
    clips = Clips(workspace) if make else None
    for sound in planned:
        if sound.draw:
            continue
        if clips is not None and not is_whole(store, sound.mp4):
            clip = clips.find(sound.meta)
            if clip is None:
                say(f"{sound.name}: no video, for the clip it was cut from is not in {workspace.path('clips')}")
                continue
            try:
                write_video(store, sound, clip)
            except MediaError as error:
                if error.retryable:
                    raise
                say(f"{sound.name}: no video: {error}")
                continue
        if store.has_artefact(sound.mp4):
            found[sound.name] = PurePosixPath(sound.mp4).name
    return found


def write_video(store: "Store", sound: "PlannedSound", clip: ClipFile) -> None:
    """Put the pictures of the sound's example, with the sound, beside its wav; they end together.

    Raises:
        MediaError: the clip cannot be decoded.
    """
    pcm = read_pcm(store, sound.wav)
    num_frames = math.ceil(Fraction(pcm.size, sound.sample_rate_hz) * clip.fps)
    offset_s = Fraction(sound.meta.start_ms - clip.start_ms, 1000)
    frames = iter_frames_at(clip.path, [offset_s + i / clip.fps for i in range(num_frames)])
    first = _even(next(frames))
    with store.scratch() as folder:
        path = folder / "video.mp4"
        write_mp4(
            path,
            itertools.chain([first], map(_even, frames)),
            size=(first.shape[1], first.shape[0]),
            fps=clip.fps,
            audio=pcm,
            sample_rate_hz=sound.sample_rate_hz,
        )
        store.commit_artefact(sound.mp4, path, {"sha256": sha256_of(path)})


def _even(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Without a last odd row or column, which H.264 cannot have."""
    return frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2]

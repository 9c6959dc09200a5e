"""Decode a fetched clip once: the sound and the sampled pictures of every window, and the windows' signals.

Enters: an mp4 whose time 0 is the clip's start. Leaves: one ``WindowMedia`` and one ``Signals`` per window. Pictures
are taken at the centres of equal parts of a window, so that no sample falls on a window's seam; every
``motion_fps / scored_fps``-th of those that tell motion is kept for the scorers. Only these are converted to colour;
all others are looked at in grey, as they are stored.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vegas_data.errors import DecodeFailed
from vegas_data.media.decode import iter_shown, picture_ends, read_audio
from vegas_data.records import Window
from vegas_data.verify.options import VerifyOptions
from vegas_data.verify.scorers import SAMPLE_RATE_HZ, WindowMedia
from vegas_data.verify.scores import Signals
from vegas_data.verify.signals import measure_change, measure_signals, motion_series, reduce_to_grey

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from numpy.typing import NDArray


def picture_times(num_windows: int, options: VerifyOptions) -> list[Fraction]:
    """Seconds from the start of the clip at which pictures are taken, ascending, all windows in a row."""
    per_window = options.frames_per_window(options.motion_fps)
    window_s = Fraction(options.window_ms, 1000)
    return [
        window_s * (window + Fraction(2 * index + 1, 2 * per_window))
        for window in range(num_windows)
        for index in range(per_window)
    ]


def read_windows(
    path: Path, windows: Sequence[Window], options: VerifyOptions
) -> Iterator[tuple[WindowMedia, Signals]]:
    """Yield what is seen and heard in each window, and its signals; one window's pictures in memory at a time.

    Args:
        windows: of the clip that ``path`` holds, tiling it from its start.

    Raises:
        DecodeFailed, NoAudio, LimitExceeded, Unsupported: as the decoder says.
    """
    num_samples = options.window_ms * SAMPLE_RATE_HZ // 1000
    stored = _Stored()
    sound = read_audio(
        path,
        sample_rate_hz=Fraction(SAMPLE_RATE_HZ),
        start_ms=0,
        num_samples=num_samples * len(windows),
        heard=stored.hear,
    )
    if not np.isfinite(sound).all():
        raise DecodeFailed(f"{path.name}: the sound decodes to values that are not numbers")
    waves = stored.split(len(windows), options.window_ms)
    seen_in = _look(path, len(windows), options)
    for index, (window, wave, seen) in enumerate(zip(windows, waves, seen_in, strict=True)):
        part = sound[index * num_samples : (index + 1) * num_samples]
        offset_ms = float(1000 * (stored.start_s - seen.file_start_s))
        signals = measure_signals(part, wave, seen.greys, seen.changes, offset_ms)
        motion = motion_series(seen.greys).astype(np.float32)
        yield WindowMedia(window=window, frames=np.stack(seen.kept), sound=part, motion=motion), signals


@dataclass(kw_only=True, slots=True)
class _Seen:
    """What was seen of one window.

    Args:
        file_start_s: when the file's first picture is shown. greys: at the times that tell motion; kept: those for
            scorers. changes: of every picture that begins in the window, from the one before.
    """

    file_start_s: Fraction
    greys: "list[NDArray[np.float32]]" = field(default_factory=list)
    kept: "list[NDArray[np.uint8]]" = field(default_factory=list)
    changes: list[float] = field(default_factory=list)


def _look(path: Path, num_windows: int, options: VerifyOptions) -> Iterator[_Seen]:
    """Go through all pictures once; yield each window when a picture of a later one comes."""
    per_window = options.frames_per_window(options.motion_fps)
    every = options.motion_fps // options.scored_fps
    window_s = Fraction(options.window_ms, 1000)
    times = picture_times(num_windows, options)
    index = due = 0
    seen: _Seen | None = None
    before: NDArray[np.float32] | None = None
    end_s = Fraction(0)
    for shown in iter_shown(path):
        luma, is_full_range = shown.to_luma()
        grey = reduce_to_grey(luma, is_full_range=is_full_range)
        seen, end_s = seen or _Seen(file_start_s=shown.start_s), shown.end_s
        if before is not None:
            while shown.start_s >= (index + 1) * window_s:
                yield seen
                seen, index = _Seen(file_start_s=seen.file_start_s), index + 1
                if index == num_windows:
                    return
            seen.changes.append(measure_change(before, grey))
        before = grey
        picture: NDArray[np.uint8] | None = None
        while due < len(times) and times[due] < end_s:
            if due // per_window > index:  # it lasts into the next window
                yield seen
                seen, index = _Seen(file_start_s=seen.file_start_s), index + 1
            seen.greys.append(grey)
            if due % per_window % every == every // 2:
                picture = reduce_picture(shown.to_rgb(), options.picture_px) if picture is None else picture
                seen.kept.append(picture)
            due += 1
    if due < len(times) or seen is None:
        raise picture_ends(path, end_s, times[-1])
    yield seen


class _Stored:
    """The sound of a file as it is stored, collected while it is decoded."""

    def __init__(self) -> None:
        from av import AudioResampler

        self.start_s = Fraction(0)
        self._rate_hz = SAMPLE_RATE_HZ
        self._to_planes = AudioResampler(format="fltp")  # what AAC is decoded to
        self._pieces: list[NDArray[np.float32]] = []

    def hear(self, frame: "AudioFrame") -> None:
        if not self._pieces:
            self._rate_hz = frame.sample_rate
            if frame.pts is not None and frame.time_base is not None:
                self.start_s = frame.pts * frame.time_base
        planes = [frame] if frame.format.name == "fltp" else self._to_planes.resample(frame)
        self._pieces += (np.asarray(part.to_ndarray(), dtype=np.float32) for part in planes)

    def split(self, num_windows: int, window_ms: int) -> "Iterator[NDArray[np.float32]]":
        """The sound of each window, [C, S]; the last may lack a few samples."""
        whole = np.concatenate(self._pieces, axis=1)
        edges = [window_ms * index * self._rate_hz // 1000 for index in range(num_windows + 1)]
        return (whole[:, start:end] for start, end in itertools.pairwise(edges))


def reduce_picture(frame: "NDArray[np.uint8]", short_px: int) -> "NDArray[np.uint8]":
    """The picture, reduced by area until its shorter side is at most ``short_px``.

    Shape:
        uint8 [H, W, 3] → uint8 [h, w, 3].
    """
    height, width = frame.shape[:2]
    scale = short_px / min(height, width)
    if scale >= 1:
        return frame
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)

"""Decode a fetched clip once: the sound and the sampled pictures of every window, and the windows' signals.

Enters: an mp4 whose time 0 is the clip's start. Leaves: one ``WindowMedia`` and one ``Signals`` per window. Pictures
are taken at the centres of equal parts of a window, so that no sample falls on a window's seam; every
``motion_fps / scored_fps``-th of those that tell motion is kept for the scorers.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vegas_data.errors import DecodeFailed
from vegas_data.media.decode import iter_frames_at, read_audio
from vegas_data.records import Window
from vegas_data.verify.options import VerifyOptions
from vegas_data.verify.scorers import SAMPLE_RATE_HZ, WindowMedia
from vegas_data.verify.scores import Signals
from vegas_data.verify.signals import measure_signals, reduce_to_grey

if TYPE_CHECKING:
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
    sound = read_audio(
        path, sample_rate_hz=Fraction(SAMPLE_RATE_HZ), start_ms=0, num_samples=num_samples * len(windows)
    )
    if not np.isfinite(sound).all():
        raise DecodeFailed(f"{path.name}: the sound decodes to values that are not numbers")
    per_window = options.frames_per_window(options.motion_fps)
    every = options.motion_fps // options.scored_fps
    frames = iter_frames_at(path, picture_times(len(windows), options))
    for index, window in enumerate(windows):
        greys, kept = [], []
        for position, frame in enumerate(islice(frames, per_window)):
            greys.append(reduce_to_grey(frame))
            if position % every == every // 2:
                kept.append(reduce_picture(frame, options.picture_px))
        part = sound[index * num_samples : (index + 1) * num_samples]
        yield WindowMedia(window=window, frames=np.stack(kept), sound=part), measure_signals(part, greys)


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

"""Numbers about a window that need no weights: is anything to be heard, is anything to be seen, and is it whole?

Enters: the sound of one window, as it is stored and as scorers hear it, and small grey versions of its pictures.
Leaves: ``Signals``. All of it went through two lossy encoders, an uploader's and ours: a still picture is never quite
still (its blocks breathe with every key frame), a clipped sound has no flat tops any more, and a picture shown twice is
not the same twice. What each number does about it stands with its function; figures are in ``docs/verification.md``.
"""

import itertools
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from vegas_data.verify.scores import Signals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FLOOR_DBFS: Final = -120.0  # of digital silence: a logarithm needs a floor
GREY_SHORT_PX: Final = 72  # averaging over about 5 × 5 pixels of 360p takes most coding noise away
DEAD_ZONE_LEVELS: Final = 1.0

_TOP_QUANTILE: Final = 0.998  # the flat top; the few samples above it are what an encoder made of its edges
_NEAR_TOP: Final = 0.8
_MIN_RUN: Final = 3
_FLAT: Final = 0.5
_BRIGHTEST: Final = 0.02
_SAME_LEVELS: Final = 2.0
_SAME_SHARE: Final = 1 / 3
_SAME_REACH: Final = 3
_BLACK_LUMA, _WHITE_LUMA = 16.0, 235.0  # of video, where it does not use all 8 bits


def measure_sound(sound: "NDArray[np.float32]") -> tuple[float, float]:
    """RMS level and peak of a sound in dB below full scale, at least −120.

    Shape:
        float32 [S], in [-1, 1].
    """
    wave = sound.astype(np.float64)
    return _to_db(float(np.sqrt(np.mean(wave * wave)))), _to_db(float(np.max(np.abs(wave))))


def _to_db(amplitude: float) -> float:
    return max(FLOOR_DBFS, 20.0 * float(np.log10(amplitude))) if amplitude > 0 else FLOOR_DBFS


def measure_clipping(sound: "NDArray[np.float32]") -> float:
    """Share of the samples of the worst channel that lie on a flat top, wherever the top is.

    A lossy encoder bends flat tops by a tenth or more of their height, so neither equal samples nor full scale tell
    them. What stays is that the wave comes up steeply, is near its top for long, and rises no further. A *run* is three
    or more successive samples of one sign beyond 80 % of the top, which is the amplitude that 0.2 % of the samples
    exceed. A parabola that enters and leaves the run as steeply as the wave does rises by slope × length / 4; a run
    that rises by less than half of this is flat. A pure tone of any pitch has none. Clipped hiss has hardly any,
    either: it is beyond its top for a sample or two at a time, and encoders leave nothing of that.

    Shape:
        float32 [C, S], as stored: resampling would round the tops off.
    """
    return max((_flat_share(channel) for channel in sound), default=0.0)


def _flat_share(wave: "NDArray[np.float32]") -> float:
    size = np.abs(wave)
    rank = int(_TOP_QUANTILE * (size.size - 1)) if size.size else 0
    top = float(np.partition(size, rank)[rank]) if size.size else 0.0
    if top == 0.0:
        return 0.0
    near = _NEAR_TOP * top
    side = np.sign(wave) * (size >= near)
    turns = np.flatnonzero(side[1:] != side[:-1]) + 1
    starts, ends = turns[:-1], turns[1:]  # what touches the window's seams is left out: its slope is not known
    is_run = (side[starts] != 0) & (ends - starts >= _MIN_RUN)
    starts, ends = starts[is_run], ends[is_run]
    if not starts.size:
        return 0.0
    highest = np.maximum.reduceat(size, np.stack([starts, ends], axis=1).ravel())[::2]
    slopes = side[starts] * (wave[starts] - wave[starts - 1] + wave[ends - 1] - wave[ends]) / 2
    lengths = ends - starts
    is_flat = highest - near < _FLAT * slopes * lengths / 4
    return float(lengths[is_flat].sum() / wave.size)


def reduce_to_grey(luma: "NDArray[np.uint8]", *, is_full_range: bool = True) -> "NDArray[np.float32]":
    """A small version of a picture's brightness, averaged without rounding; 0 is black, 255 is white.

    Shape:
        uint8 [H, W] → float32 [h, w], the shorter side 72 pixels or less.
    """
    import cv2

    height, width = luma.shape
    scale = min(1.0, GREY_SHORT_PX / min(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    grey = cast("NDArray[np.float32]", cv2.resize(luma.astype(np.float32), size, interpolation=cv2.INTER_AREA))
    if not is_full_range:
        grey -= np.float32(_BLACK_LUMA)
        grey *= np.float32(255.0 / (_WHITE_LUMA - _BLACK_LUMA))
    return grey


def measure_motion(greys: "Sequence[NDArray[np.float32]]") -> float:
    """Grey levels by which successive pictures differ *beyond one level*, averaged over pixels and pairs.

    Coding noise changes many pixels by a fraction of a level, motion changes few pixels by many levels: a dead
    zone of one level tells them apart where the plain mean difference does not. The default threshold stands between
    the cases of ``test_signals.py``: a still photograph of the embedded corpus stays below 0.0075, also where it was
    badly encoded before we encoded it, and a ninth of it swinging by one pixel gives 0.0225 or more. What is not
    caught is a still picture at poor quality with a key frame every half second: it flickers like something that moves.

    Shape:
        float32 [h, w] each, two or more.
    """
    if len(greys) < 2:
        raise ValueError("motion is told from at least two pictures")
    return float(np.mean(motion_series(greys)))


def motion_series(greys: "Sequence[NDArray[np.float32]]") -> "NDArray[np.float64]":
    """What ``measure_motion`` averages: one number for each two successive pictures.

    Shape:
        float32 [h, w] each, T of them → float64 [T - 1].
    """
    changes = (np.maximum(np.abs(b - a) - DEAD_ZONE_LEVELS, 0.0) for a, b in itertools.pairwise(greys))
    return np.asarray([change.mean(dtype=np.float64) for change in changes])


def measure_brightness(greys: "Sequence[NDArray[np.float32]]") -> float:
    """Mean of the brightest fiftieth of a picture, of the picture where it is largest: 0 is black, 255 is white.

    Of a picture only the brightest part counts, and of a window only its brightest picture, so that fireworks in the
    night or one flash are something to be seen.

    Shape:
        float32 [h, w] each, one or more.
    """
    return max(0.0, *(_brightest(grey) for grey in greys))


def _brightest(grey: "NDArray[np.float32]") -> float:
    count = max(1, round(_BRIGHTEST * grey.size))
    return float(np.partition(grey.ravel(), grey.size - count)[-count:].mean(dtype=np.float64))


def measure_change(before: "NDArray[np.float32]", after: "NDArray[np.float32]") -> float:
    """How far two successive pictures differ where they differ most, in grey levels."""
    return float(np.abs(after - before).max())


def measure_duplicates(changes: "Sequence[float]") -> float:
    """Share of the pictures that repeat the one before, beyond what encoders change; 1 where no new picture comes.

    Args:
        changes: ``measure_change`` of every decoded picture of the window from the one before, in order.

    A repetition changes by no more than two levels; or by no more than a third of both the largest of the three changes
    before it and the largest of the three after it: an encoder goes on mending a picture that moved for as long as it
    is repeated, by far less than the next motion changes it.
    """
    if not len(changes):
        return 1.0
    found = np.asarray(changes, dtype=np.float64)
    padded = np.pad(found, _SAME_REACH, constant_values=np.inf)  # beyond the window's seams anything may have moved
    views = np.lib.stride_tricks.sliding_window_view(padded, _SAME_REACH)
    around = np.minimum(views[: found.size].max(axis=1), views[_SAME_REACH + 1 :].max(axis=1))
    around[~np.isfinite(around)] = 0.0
    return float(np.mean(found <= np.maximum(_SAME_LEVELS, _SAME_SHARE * around)))


def measure_signals(
    sound: "NDArray[np.float32]",
    stored: "NDArray[np.float32]",
    greys: "Sequence[NDArray[np.float32]]",
    changes: "Sequence[float]",
    offset_ms: float,
) -> Signals:
    """All signals of one window, rounded so that the file of scores is short and stable.

    Args:
        sound: as scorers hear it. stored: the same, every channel at its own rate. greys: pictures at equal steps.
        changes: as ``measure_duplicates`` takes them. offset_ms: of the file.
    """
    rms_dbfs, peak_dbfs = measure_sound(sound)
    return Signals(
        rms_dbfs=round(rms_dbfs, 2),
        peak_dbfs=round(peak_dbfs, 2),
        motion=round(measure_motion(greys), 5),
        clipped_share=round(measure_clipping(stored), 5),
        brightness=round(measure_brightness(greys), 2),
        duplicate_share=round(measure_duplicates(changes), 4),
        offset_ms=round(offset_ms, 2),
    )

"""Numbers about a window that need no weights: how loud it is, and whether its picture moves.

Enters: the sound and small grey pictures of one window. Leaves: ``Signals``. Still pictures under a sound track
are common in the wild (5,965 clips of VGGSound, by its users' count), and a re-encoded still picture is never
quite still: its blocks breathe with every key frame. Hence the dead zone of ``measure_motion``.
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


def measure_sound(sound: "NDArray[np.float32]") -> tuple[float, float]:
    """RMS level and peak of a sound in dB below full scale, at least −120.

    Shape:
        float32 [S], in [-1, 1].
    """
    wave = sound.astype(np.float64)
    return _to_db(float(np.sqrt(np.mean(wave * wave)))), _to_db(float(np.max(np.abs(wave))))


def _to_db(amplitude: float) -> float:
    return max(FLOOR_DBFS, 20.0 * float(np.log10(amplitude))) if amplitude > 0 else FLOOR_DBFS


def reduce_to_grey(frame: "NDArray[np.uint8]") -> "NDArray[np.float32]":
    """A small grey version of a picture, averaged without rounding.

    Shape:
        uint8 [H, W, 3], RGB → float32 [h, w], 0 to 255, the shorter side 72 pixels or less.
    """
    import cv2

    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    height, width = grey.shape
    scale = min(1.0, GREY_SHORT_PX / min(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cast("NDArray[np.float32]", cv2.resize(grey, size, interpolation=cv2.INTER_AREA))


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
    changes = [np.maximum(np.abs(b - a) - DEAD_ZONE_LEVELS, 0.0) for a, b in itertools.pairwise(greys)]
    return float(np.mean([change.mean(dtype=np.float64) for change in changes]))


def measure_signals(sound: "NDArray[np.float32]", greys: "Sequence[NDArray[np.float32]]") -> Signals:
    """All signals of one window, rounded so that the file of scores is short and stable."""
    rms_dbfs, peak_dbfs = measure_sound(sound)
    return Signals(rms_dbfs=round(rms_dbfs, 2), peak_dbfs=round(peak_dbfs, 2), motion=round(measure_motion(greys), 5))

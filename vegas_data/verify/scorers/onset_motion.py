"""Pair, without weights: does the picture move when the sound sets in?

Onset strength (spectral flux: how much each band grows from one moment to the next, added up over bands) against how
much the picture changes, both over the window, brought to 100 values a second. The score is the largest correlation
over shifts of up to 0.2 s either way, as sound travels, players swing before they strike and pictures come a few
times a second: (1 + r) / 2. A window without onset or without motion says nothing: exactly 0.5.

It knows no category. It cannot tell a drum from a door, and a steady sound has no onsets; ``docs/scorers.md`` has what
it is worth. As a judge it is weak: use it as an adviser of a calibration.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vegas_data.records import Category, Side
from vegas_data.verify.scorers.seam import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vegas_data.verify.scorers.seam import WindowMedia

RATE_HZ: Final = 100
MAX_SHIFT_S: Final = 0.2
UNKNOWN: Final = 0.5
_FFT: Final = 512
_HOP: Final = SAMPLE_RATE_HZ // RATE_HZ
_BANDS: Final = 32
_FLOOR: Final = 1e-5  # below it (-50 dB of a full-scale band) a band is silent, so that noise has no onsets
_STEADY: Final = 1e-6  # a series that varies less holds no event


@dataclass(frozen=True, kw_only=True, eq=False)
class OnsetMotionScorer:
    """Onsets against motion, behind the seam; see ``Scorer``."""

    digest: str = ""
    name: str = "onset-motion"
    side: Side = "pair"

    def covers(self, category: Category) -> bool:
        """Every category."""
        return True

    def score(self, windows: "Sequence[WindowMedia]", categories: Sequence[Category]) -> "NDArray[np.float32]":
        """The same for every category.

        Shape:
            float32 [N, C], in [0, 1].
        """
        column = np.asarray([score_pair(media.sound, media.motion) for media in windows], dtype=np.float32)
        return np.repeat(column[:, None], len(categories), axis=1)


def score_pair(sound: "NDArray[np.float32]", motion: "NDArray[np.float32]") -> float:
    """How well onsets and motion go together, 0.5 where one of them says nothing.

    Shape:
        float32 [S] at 16 kHz; float32 [M], differences between M + 1 pictures spread over the same time.
    """
    if len(motion) < 2 or len(sound) < 2 * _FFT:
        return UNKNOWN
    onsets = onset_strength(sound)
    times = np.arange(len(onsets)) / RATE_HZ
    duration_s = len(sound) / SAMPLE_RATE_HZ
    gap_s = duration_s / (len(motion) + 1)
    # A difference between two pictures tells of all the time between them: onsets are spread over the same time.
    width = max(1, round(gap_s * RATE_HZ))
    onsets = np.convolve(onsets, np.ones(width) / width, mode="same")
    moved = np.interp(times, gap_s * np.arange(1, len(motion) + 1), motion.astype(np.float64))
    return (1.0 + best_correlation(onsets, moved, round(MAX_SHIFT_S * RATE_HZ))) / 2.0


def onset_strength(sound: "NDArray[np.float32]") -> "NDArray[np.float64]":
    """Growth of the logarithm of each band, added up over bands.

    Shape:
        float32 [S] → float64 [S // 160], 100 a second, not negative.
    """
    padded = np.pad(sound.astype(np.float64), (_FFT // 2, _FFT // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP][: len(sound) // _HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FFT), axis=1)) ** 2 / (_FFT / 4) ** 2
    edges = np.unique(np.geomspace(2, _FFT // 2 + 1, _BANDS + 1).astype(int))
    bands = np.log(np.maximum(np.add.reduceat(power, edges[:-1], axis=1), _FLOOR))
    growth = np.maximum(np.diff(bands, axis=0, prepend=bands[:1]), 0.0)
    return np.asarray(growth.sum(axis=1))


def best_correlation(a: "NDArray[np.float64]", b: "NDArray[np.float64]", max_shift: int) -> float:
    """Largest Pearson correlation over shifts of at most ``max_shift`` either way; 0 where a series is steady.

    A shift that leaves only the steady part of a series, because its one event is near the seam, tells nothing.
    """
    if min(a.std(), b.std()) < _STEADY:
        return 0.0
    best = -1.0
    for shift in range(-max_shift, max_shift + 1):
        x = a[max(0, shift) : len(a) + min(0, shift)]
        y = b[max(0, -shift) : len(b) + min(0, -shift)]
        x, y = x - x.mean(), y - y.mean()
        spread_x, spread_y = np.sqrt(np.mean(x * x)), np.sqrt(np.mean(y * y))
        if min(spread_x, spread_y) >= _STEADY:
            best = max(best, float(np.mean(x * y) / (spread_x * spread_y)))
    return min(best, 1.0)

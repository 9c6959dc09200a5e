"""A clip's sound: its outline, and a spectrogram on a logarithmic axis of frequency.

Hann windows of 40 ms, zero-padded to at least twice their length; column k stands for the time (k + ½) / columns of
the axis and its window lies around it. A row is a band of equal share of an octave and shows the strongest bin in it.
0 dB is a sine of full scale: for a sine of amplitude a in the middle of a bin the level is 20 lg a.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vegas_data.media.decode import read_audio
from vegas_data.records import Media
from vegas_data.report.pictures import outline

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Wave = npt.NDArray[np.float32]
    Levels = npt.NDArray[np.float32]

WINDOW_S: Final = Fraction(1, 25)
LOW_HZ: Final = 50.0
RANGE_DB: Final = 80
OUTLINE_COLUMNS: Final = 960
_COLUMNS: Final = 1000
_ROWS: Final = 160
_LEAST_TOP_DB: Final = -60
_FLOOR: Final = 1e-12  # -120 dB as amplitude squared


@dataclass(frozen=True, kw_only=True)
class Spectrogram:
    """Levels of a sound over time and frequency.

    Args:
        top_db: the level drawn brightest; ``RANGE_DB`` below it is darkest.

    Shape:
        level_db: float32 [rows, columns], the lowest frequency first; edges_hz: float64 [rows + 1].
    """

    level_db: "Levels"
    edges_hz: "npt.NDArray[np.float64]"
    top_db: int

    @property
    def low_hz(self) -> float:
        return float(self.edges_hz[0])

    @property
    def high_hz(self) -> float:
        return float(self.edges_hz[-1])

    def loudest(self) -> tuple[float, float, float]:
        """Share of the time axis, frequency in Hz and level in dB of the loudest place."""
        import numpy as np

        row, column = np.unravel_index(int(self.level_db.argmax()), self.level_db.shape)
        middle = float(np.sqrt(self.edges_hz[row] * self.edges_hz[row + 1]))
        return (float(column) + 0.5) / self.level_db.shape[1], middle, float(self.level_db[row, column])


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What was heard of a clip; ``peak`` is its largest sample, full scale = 1."""

    outline: tuple[tuple[float, float], ...]
    peak: float
    spectrogram: Spectrogram


def listen(path: Path, media: Media, sample_rate_hz: Fraction) -> Heard:
    """Read a clip's sound at the given rate, mixed to mono; where it ends before the picture, silence follows.

    Raises:
        MediaError: the sound cannot be decoded.
    """
    import numpy as np

    there = int(media.num_samples * sample_rate_hz / media.sample_rate_hz)
    wave = np.zeros(int(media.duration_ms * sample_rate_hz / 1000), dtype=np.float32)
    count = min(there, wave.size)
    wave[:count] = read_audio(path, sample_rate_hz=sample_rate_hz, start_ms=0, num_samples=count)
    return Heard(
        outline=outline(wave, OUTLINE_COLUMNS),
        peak=float(np.abs(wave).max(initial=0)),
        spectrogram=compute_spectrogram(wave, float(sample_rate_hz)),
    )


def compute_spectrogram(wave: "Wave", sample_rate_hz: float, *, rows: int = _ROWS) -> Spectrogram:
    """See the module.

    Shape:
        wave: float32 [S].
    """
    import numpy as np

    length = max(16, round(float(WINDOW_S) * sample_rate_hz))
    padded = 1 << (2 * length - 1).bit_length()
    columns = min(_COLUMNS, max(1, wave.size))
    window = np.hanning(length + 1)[:length]
    around = np.pad(wave.astype(np.float64), length)
    first = np.rint((np.arange(columns) + 0.5) * wave.size / columns - length / 2).astype(int) + length
    pieces = np.lib.stride_tricks.sliding_window_view(around, length)[first]
    bins_hz = np.asarray(np.fft.rfftfreq(padded, 1 / sample_rate_hz), dtype=np.float64)
    edges_hz = np.geomspace(LOW_HZ, sample_rate_hz / 2, rows + 1)
    power = np.empty((columns, bins_hz.size))
    for start in range(0, columns, 128):  # flat memory
        spectrum = np.fft.rfft(pieces[start : start + 128] * window, padded, axis=1)
        power[start : start + 128] = (np.abs(spectrum) * (2 / window.sum())) ** 2
    level_db = 10 * np.log10(np.maximum(_strongest(power, bins_hz, edges_hz), _FLOOR))
    top_db = max(_LEAST_TOP_DB, 10 * int(np.ceil(float(level_db.max()) / 10)))
    return Spectrogram(level_db=level_db.T.astype(np.float32), edges_hz=edges_hz, top_db=top_db)


def _strongest(
    power: "npt.NDArray[np.float64]", bins_hz: "npt.NDArray[np.float64]", edges_hz: "npt.NDArray[np.float64]"
) -> "npt.NDArray[np.float64]":
    """The strongest bin of every band; where a band is narrower than a bin, what lies between its neighbours.

    Shape:
        [columns, bins] → [columns, rows].
    """
    import numpy as np

    middles_hz = np.sqrt(edges_hz[:-1] * edges_hz[1:])
    place = middles_hz / bins_hz[1]
    below = np.minimum(place.astype(int), bins_hz.size - 2)
    share = place - below
    bands = np.asarray(power[:, below] * (1 - share) + power[:, below + 1] * share, dtype=np.float64)
    starts, stops = np.searchsorted(bins_hz, edges_hz[:-1]), np.searchsorted(bins_hz, edges_hz[1:])
    for row, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        if stop > start:
            bands[:, row] = np.maximum(bands[:, row], power[:, start:stop].max(axis=1))
    return bands

"""Waveforms in [-1, 1] to 256 levels and back: what the sound generator predicts is a level.

Linear levels are those of unsigned 8-bit PCM: level q stands for the value (q − 128) / 128. This is the only mapping
with these three properties at once: the steps are equal, level 0 is −1, and level 128 is exactly 0. It follows that the
topmost level is 127/128 and not 1, for 256 is even and zero takes one: there are 128 levels below it and 127 above.
A peak of +1 therefore comes back one step lower. Moving zero instead, as a min–max normalisation of each clip does,
gives every clip an offset of its own and leaves a silent one without any valid level.

A wave x gets the level whose value is nearest. With decision thresholds half-way between successive values, that level
is the number of thresholds at or below x: monotone by construction, never below 0 and, with 255 thresholds, never above
255. So |x − value| ≤ 1/256, but for x beyond 127.5/128, where it is at most 1/128.

µ-law (ITU-T G.711's continuous form, µ = 255) bends both with the odd function
    expand(y) = sign(y) · ((1 + µ)^|y| − 1) / µ
which keeps −1, 0 and the order: fine steps for quiet sound, coarse ones for loud.

NumPy and torch compare with the same float32 thresholds and read the same float32 values, so that they agree bit by
bit.
"""

import functools
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from train.config import Spacing

if TYPE_CHECKING:
    from torch import Tensor

NUM_LEVELS: Final = 256
ZERO_LEVEL: Final = 128
FULL_SCALE: Final = 32767  # of the shards' int16, see vegas_data/shards/sound.py
_MU: Final = 255.0


@functools.cache
def level_values(spacing: Spacing = "linear") -> npt.NDArray[np.float32]:
    """The value each level stands for.

    Shape:
        returns float32 [256], rising from -1, read-only.
    """
    return _bend((np.arange(NUM_LEVELS) - ZERO_LEVEL) / ZERO_LEVEL, spacing)


@functools.cache
def _thresholds(spacing: Spacing) -> npt.NDArray[np.float32]:
    """What lies between successive levels: float32 [255], rising."""
    return _bend((np.arange(1, NUM_LEVELS) - 0.5 - ZERO_LEVEL) / ZERO_LEVEL, spacing)


def _bend(values: npt.NDArray[np.float64], spacing: Spacing) -> npt.NDArray[np.float32]:
    if spacing == "mu_law":
        values = np.sign(values) * np.expm1(np.abs(values) * np.log1p(_MU)) / _MU
    array = values.astype(np.float32)
    array.flags.writeable = False
    return array


def to_wave(audio: npt.NDArray[np.int16], *, gain_db: float = 0.0) -> npt.NDArray[np.float32]:
    """An example's stored sound as a wave, amplified by ``gain_db``; zero stays zero, so silence stays silence.

    Shape:
        audio: int16 [T]. Returns float32 [T] in [-1, 1]: the rounding of a stored gain cannot leave it.
    """
    scale = np.float32(10 ** (gain_db / 20) / FULL_SCALE)
    wave: npt.NDArray[np.float32] = np.clip(audio.astype(np.float32) * scale, -1.0, 1.0)
    return wave


def quantize(wave: npt.NDArray[np.floating], spacing: Spacing = "linear") -> npt.NDArray[np.uint8]:
    """The level nearest to each value; what is beyond [-1, 1] gets the outermost.

    Shape:
        wave: float [*], no NaN. Returns uint8 [*].

    Raises:
        ValueError: a value is NaN.
    """
    if np.isnan(wave).any():
        raise ValueError("a wave with NaN has no levels")
    return np.searchsorted(_thresholds(spacing), wave.astype(np.float32, copy=False), side="right").astype(np.uint8)


def dequantize(levels: npt.NDArray[np.integer], spacing: Spacing = "linear") -> npt.NDArray[np.float32]:
    """The value each level stands for.

    Shape:
        levels: integers [*] in 0…255. Returns float32 [*].
    """
    values: npt.NDArray[np.float32] = level_values(spacing)[levels]
    return values


def quantize_tensor(wave: "Tensor", spacing: Spacing = "linear") -> "Tensor":
    """``quantize`` for tensors, on their device.

    Shape:
        wave: float [*], no NaN. Returns uint8 [*].

    Raises:
        ValueError: a value is NaN.
    """
    import torch

    if bool(wave.isnan().any()):
        raise ValueError("a wave with NaN has no levels")
    thresholds = torch.tensor(_thresholds(spacing), device=wave.device)
    return torch.bucketize(wave.float().contiguous(), thresholds, right=True).to(torch.uint8)


def dequantize_tensor(levels: "Tensor", spacing: Spacing = "linear") -> "Tensor":
    """``dequantize`` for tensors, on their device.

    Shape:
        levels: integers [*] in 0…255. Returns float32 [*].
    """
    import torch

    return torch.tensor(level_values(spacing), device=levels.device)[levels.long()]

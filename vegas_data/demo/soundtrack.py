"""The sound of one source video: recordings at their times over a faint room tone.

Enters: a planned clip. Leaves: its samples, scaled down if their peak would be clipped.
"""

from typing import TYPE_CHECKING, Final

import numpy as np

from vegas_data.demo.assets import SOUND_RATE_HZ, load_assets, read_sound

if TYPE_CHECKING:
    import numpy.typing as npt

    from vegas_data.demo.corpus import PlannedClip
    from vegas_data.demo.timeline import Sound

PEAK: Final = 0.89
FADE_MS: Final = 10
TEXTURE_FADE_MS: Final = 25


def render_sound(planned: "PlannedClip") -> "npt.NDArray[np.float32]":
    """Mix the soundtrack at ``SOUND_RATE_HZ``.

    Shape:
        float32 [S], in [-1, 1], S = duration.
    """
    rng = np.random.default_rng([planned.seed, 2])
    mix = np.zeros(_samples(planned.duration_ms), dtype=np.float32)
    for sound in planned.sounds:
        first = _samples(sound.start_ms)
        piece = _piece(rng, sound)[: mix.size - first]
        mix[first : first + piece.size] += piece
    peak = float(np.max(np.abs(mix), initial=0.0))
    if peak > PEAK:
        mix *= np.float32(PEAK / peak)
    if planned.room_tone_dbfs is None:
        return mix
    return mix + np.float32(10 ** (planned.room_tone_dbfs / 20)) * rng.standard_normal(mix.size, dtype=np.float32)


def _samples(time_ms: int) -> int:
    return time_ms * SOUND_RATE_HZ // 1000


def _piece(rng: np.random.Generator, sound: "Sound") -> "npt.NDArray[np.float32]":
    """What a sound adds: a hit as recorded, or a stretch of a texture; faded out where the plan cuts it off."""
    samples = read_sound(sound.sound)
    length = _samples(sound.end_ms - sound.start_ms)
    fade_in = 0
    if load_assets()[sound.sound].texture:
        samples = _loop(samples, int(rng.integers(samples.size)), length)
        fade_in = fade_out = _samples(TEXTURE_FADE_MS)
    else:
        fade_out = _samples(FADE_MS) if samples.size > length else 0
    piece = samples[:length] * np.float32(10 ** (sound.gain_db / 20))
    if fade_in:
        piece[:fade_in] *= np.linspace(0, 1, fade_in, dtype=np.float32)
    if fade_out:
        piece[-fade_out:] *= np.linspace(1, 0, fade_out, dtype=np.float32)
    return piece


def _loop(samples: "npt.NDArray[np.float32]", start: int, length: int) -> "npt.NDArray[np.float32]":
    """``length`` samples of an endless texture from ``start`` on; the seam is cross-faded.

    Shape:
        float32 [S] → float32 [length].
    """
    overlap = samples.size // 8
    rise = np.sqrt(np.linspace(0, 1, overlap, dtype=np.float32))  # equal power: the two ends are not correlated
    body = samples[: samples.size - overlap].copy()
    body[:overlap] = body[:overlap] * rise + samples[-overlap:] * rise[::-1]
    return np.take(body, np.arange(start, start + length), mode="wrap")

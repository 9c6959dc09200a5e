"""What a sound can be recognised by after it was encoded again, made louder or cut a little: 100 bytes a second.

Enters: a sound at 16 kHz. Leaves: one big-endian 32-bit word every 40 ms, which says for each of 31 pairs of
neighbouring bands whether the difference of their energies has grown in the last 160 ms (after Haitsma and Kalker,
2002). The highest bit says whether anything sounds: 40 dB below the clip's loudest moment, or below −60 dB full scale,
the other bits are noise and count for nothing. See ``docs/decisions/0013-fingerprints.md`` for the measurements.

The same samples give the same bytes on one kind of machine. Elsewhere a rounding may turn a bit: fingerprints are
compared by distance, never by equality.
"""

import base64
import binascii
import functools
from typing import TYPE_CHECKING, Final

from vegas_data.errors import MediaError
from vegas_data.media.alignment import Match, align

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SAMPLE_RATE_HZ: Final = 16_000
HOP: Final = 640
HOP_MS: Final = 40
SAME_BELOW: Final = 0.35
MIN_COMPARED: Final = 12  # words, half a second: fewer agree by chance
NUM_BITS: Final = 31
WORD_BYTES: Final = 4
SILENT_BELOW_DBFS: Final = -60.0
QUIET_BELOW_DB: Final = -40.0  # beside the loudest moment
_WINDOW: Final = 4_096
_LAG: Final = 4
_LOWEST_HZ: Final = 150.0
_HIGHEST_HZ: Final = 6_000.0
_SOUNDS: Final = 1 << NUM_BITS
_TEXT: Final = "s1:"


def fingerprint_sound(wave: "npt.NDArray[np.float32]") -> bytes:
    """The fingerprint of ``wave``: 4 bytes for each 40 ms that a window of 256 ms fits at.

    A sound shorter than a window has one word.

    Shape:
        float32 [S], finite, mono, 16 kHz.
    """
    import cv2
    import numpy as np

    if wave.ndim != 1:
        raise ValueError(f"a sound is mono, [S], not {list(wave.shape)}")
    padded = np.pad(wave, (0, max(0, _WINDOW - wave.size))).astype(np.float32, copy=False)
    window, edges, to_mean_square = _bands()
    blocks = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP]
    # Three times as fast as numpy's. A row is the real part of bin 0, then both parts of bins 1, 2, …
    spectrum = cv2.dft(blocks * window, flags=cv2.DFT_ROWS)[:, 1 : 2 * edges[-1] - 1]
    energy = np.add.reduceat(spectrum * spectrum, 2 * edges[:-1] - 2, axis=1)
    slope = energy[:, :-1] - energy[:, 1:]
    before = slope[np.maximum(np.arange(len(slope)) - _LAG, 0)]
    words = (slope > before).astype(np.uint32) @ (np.uint32(1) << np.arange(NUM_BITS, dtype=np.uint32))
    level = energy.sum(axis=1) * to_mean_square
    sounds = level > max(10 ** (SILENT_BELOW_DBFS / 10), 10 ** (QUIET_BELOW_DB / 10) * float(level.max()))
    return np.where(sounds, words | np.uint32(_SOUNDS), np.uint32(0)).astype(">u4").tobytes()


@functools.cache
def _bands() -> "tuple[npt.NDArray[np.float32], npt.NDArray[np.intp], float]":
    """The window, the first bin of each band and the one after the last, and what makes energy a mean square."""
    import numpy as np

    window = np.hanning(_WINDOW).astype(np.float32)
    hz = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, NUM_BITS + 2)
    edges = np.round(hz * _WINDOW / SAMPLE_RATE_HZ).astype(np.intp)
    return window, edges, 2.0 / (_WINDOW * float(np.sum(window.astype(np.float64) ** 2)))


def distance(a: bytes, b: bytes) -> Match:
    """Compare two sounds at the offset at which they agree best.

    Raises:
        ValueError: not fingerprints.
    """
    words_a, words_b = sound_words(a), sound_words(b)
    return align(
        words_a,
        words_b,
        says_a=words_a != 0,
        says_b=words_b != 0,
        num_bits=NUM_BITS,
        step_ms=HOP_MS,
        at_least=MIN_COMPARED,
    )


def is_same_sound(a: bytes, b: bytes) -> bool:
    """Whether both are the same recording. Silence is the same as nothing, not even as silence.

    Raises:
        ValueError: not fingerprints.
    """
    return distance(a, b).error_rate < SAME_BELOW


def is_silent(fingerprint: bytes) -> bool:
    """Whether nothing sounds between 150 Hz and 6 kHz: muted, or never anything there.

    Raises:
        ValueError: not a fingerprint.
    """
    return not sound_words(fingerprint).any()


def sound_words(fingerprint: bytes) -> "npt.NDArray[np.uint32]":
    """The words of a fingerprint; 0 where nothing sounds.

    Raises:
        ValueError: not a fingerprint.

    Shape:
        uint32 [N].
    """
    import numpy as np

    if not fingerprint or len(fingerprint) % WORD_BYTES:
        raise ValueError(f"a sound fingerprint has 4 bytes a word and at least one word, not {len(fingerprint)} bytes")
    words = np.frombuffer(fingerprint, dtype=">u4").astype(np.uint32)
    return np.where(words >= _SOUNDS, words, np.uint32(0))


def sound_to_text(fingerprint: bytes) -> str:
    """The form in side-cars and tables: ``s1:`` and base64, 1.3 kB for 10 s. Another way to compute it, another tag."""
    return to_text(_TEXT, fingerprint)


def sound_from_text(text: str) -> bytes:
    """The fingerprint that ``sound_to_text`` wrote.

    Raises:
        MediaError: it did not.
    """
    return from_text(_TEXT, text, WORD_BYTES)


def to_text(tag: str, data: bytes) -> str:
    """``data`` as base64 behind ``tag``."""
    return tag + base64.b64encode(data).decode("ascii")


def from_text(tag: str, text: str, word_bytes: int) -> bytes:
    """The bytes that ``to_text`` wrote.

    Raises:
        MediaError: another tag, no base64, or no whole number of words.
    """
    try:
        if not text.startswith(tag):
            raise ValueError(f"it does not begin with {tag!r}")
        data = base64.b64decode(text.removeprefix(tag), validate=True)
        if not data or len(data) % word_bytes:
            raise ValueError(f"{len(data)} bytes are no words of {word_bytes}")
    except (binascii.Error, ValueError) as error:
        raise MediaError(
            f"{text[:20]!r} is no fingerprint: {error}", remedy="fetch the clip again with this version"
        ) from None
    return data

"""The sound of an example as a shard holds it.

Stored as it is, ``round(32767 · clip(x, −1, 1))``, with the gain that would bring its peak to full scale beside it.
That gain is symmetric: zero stays zero, which a min–max normalisation moves (it gave the public SampleRNN code DC
offset and dead clips). The paper does not say which gain it used, so nothing is applied here: whoever does, or does
not, has lost nothing until then.
"""

import hashlib
import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FULL_SCALE: Final = 32767
MAX_GAIN_DB: Final = 20 * math.log10(FULL_SCALE)  # of a sound whose loudest sample is ±1


def to_int16(wave: "npt.NDArray[np.float32]") -> "npt.NDArray[np.int16]":
    """Quantise ``wave`` to 16 bits, symmetrically.

    Shape:
        wave: float32 [S], finite; what is beyond [-1, 1] is clipped. Returns int16 [S].
    """
    import numpy as np

    return np.rint(np.clip(wave, -1.0, 1.0) * FULL_SCALE).astype(np.int16)


def gain_db(audio: "npt.NDArray[np.int16]") -> float:
    """Gain that brings the peak of ``audio`` to full scale, in dB, to 4 decimals; 0.0 for silence.

    Shape:
        audio: int16 [S].
    """
    import numpy as np

    peak = int(np.abs(audio.astype(np.int32)).max(initial=0))
    return round(20 * math.log10(FULL_SCALE / min(peak, FULL_SCALE)), 4) if peak else 0.0


def audio_sha256(audio: "npt.NDArray[np.int16]") -> str:
    """Hex sha256 of the samples as little-endian int16, without any header.

    Shape:
        audio: int16 [S].
    """
    return hashlib.sha256(audio.astype("<i2", copy=False).tobytes()).hexdigest()

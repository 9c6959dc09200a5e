"""What a clip's pictures can be recognised by after they were encoded again, scaled, brightened or cropped a little.

Enters: the picture shown at 0.5 s, 1.5 s, 2.5 s, … Leaves: 8 bytes each, OpenCV's perceptual hash (the signs of the
64 lowest frequencies) of the picture shrunk to 32 × 32 grey pixels. A picture without anything in it has the hash 0,
which no other picture has, and is the same as nothing. See ``docs/decisions/0013-fingerprints.md``.
"""

from typing import TYPE_CHECKING, Final, cast

from vegas_data.media.alignment import UNRELATED, Match, align
from vegas_data.media.fingerprint import from_text, to_text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FIRST_MS: Final = 500
EVERY_MS: Final = 1_000
SAME_BELOW: Final = 0.2
HASH_BYTES: Final = 8
FLAT_BELOW_LEVELS: Final = 2.0  # standard deviation of the small grey picture
_SIDE_PX: Final = 32
_TEXT: Final = "p1:"


def hash_picture(rgb: "npt.NDArray[np.uint8]") -> bytes:
    """The 8 bytes that a picture is recognised by; zeros where it is black or flat.

    Shape:
        uint8 [H, W, 3], RGB.
    """
    import cv2

    if rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise ValueError(f"a picture is [H, W, 3], not {list(rgb.shape)}")
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    if float(cv2.meanStdDev(small)[1][0, 0]) < FLAT_BELOW_LEVELS:
        return bytes(HASH_BYTES)
    return cast("npt.NDArray[np.uint8]", cv2.img_hash.pHash(small)).tobytes()


def pictures_distance(a: bytes, b: bytes) -> Match:
    """Compare the pictures of two clips, hashes one after another, at the whole second at which they agree best.

    Raises:
        ValueError: not hashes.
    """
    words_a, words_b = _words(a), _words(b)
    return align(
        words_a,
        words_b,
        says_a=words_a != 0,
        says_b=words_b != 0,
        num_bits=8 * HASH_BYTES,
        step_ms=EVERY_MS,
        at_least=1,
    )


def pictures_distance_at(a: bytes, b: bytes, offset_ms: int) -> Match:
    """Compare the pictures of two clips where the second begins ``offset_ms`` after the first (or before, if negative).

    Pictures are hashed once a second, so both whole seconds beside the offset are tried, and the better one counts.

    Raises:
        ValueError: not hashes.
    """
    import numpy as np

    words_a, words_b = _words(a), _words(b)
    best = Match(error_rate=UNRELATED, offset_ms=offset_ms, num_compared=0)
    for shift in sorted({offset_ms // EVERY_MS, -(-offset_ms // EVERY_MS)}):
        first, last = max(0, shift), min(words_a.size, words_b.size + shift)
        if first >= last:
            continue
        part_a, part_b = words_a[first:last], words_b[first - shift : last - shift]
        says = (part_a != 0) & (part_b != 0)
        compared = int(says.sum())
        differing = int(np.bitwise_count(part_a ^ part_b)[says].sum())
        if compared and (rate := differing / (8 * HASH_BYTES * compared)) < best.error_rate:
            best = Match(error_rate=rate, offset_ms=shift * EVERY_MS, num_compared=compared)
    return best


def are_same_pictures(a: bytes, b: bytes) -> bool:
    """Whether both clips show the same pictures. Black is the same as nothing, not even as black.

    Raises:
        ValueError: not hashes.
    """
    return pictures_distance(a, b).error_rate < SAME_BELOW


def _words(hashes: bytes) -> "npt.NDArray[np.uint64]":
    import numpy as np

    if not hashes or len(hashes) % HASH_BYTES:
        raise ValueError(f"hashes have 8 bytes a picture and at least one picture, not {len(hashes)} bytes")
    return np.frombuffer(hashes, dtype=np.uint64)


def pictures_to_text(hashes: bytes) -> str:
    """The form in side-cars and tables: ``p1:`` and base64, 111 characters for 10 s."""
    return to_text(_TEXT, hashes)


def pictures_from_text(text: str) -> bytes:
    """The hashes that ``pictures_to_text`` wrote.

    Raises:
        MediaError: it did not.
    """
    return from_text(_TEXT, text, HASH_BYTES)

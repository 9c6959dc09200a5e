"""What the page shows of a clip's media: key frames and sound outline, as data that can stand inside a page."""

import base64
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vegas_data.media.decode import iter_frames_at, read_audio
from vegas_data.records import Media

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]
    Wave = npt.NDArray[np.float32]

FlowStrip = Callable[[Path, Sequence[Fraction]], "Sequence[Picture]"]
"""The strongest motion between each two of some ascending times (s) of a clip, in colours: uint8 [H, W, 3], RGB."""

MAX_PLAYER_BYTES: Final = 1_500_000
_HEIGHT_PX: Final = 112
_QUALITY: Final = 62
_OUTLINE_HZ: Final = 16_000


def key_frames(path: Path, times_s: Sequence[Fraction]) -> tuple[str, ...]:
    """The pictures at ``times_s`` as WebP data URIs.

    Raises:
        MediaError: the clip cannot be decoded so far.
    """
    return tuple(webp(picture) for picture in iter_frames_at(path, times_s))


def webp(picture: "Picture", *, max_height_px: int = _HEIGHT_PX, quality: int = _QUALITY) -> str:
    """A picture as a WebP data URI; above 100, ``quality`` means without loss.

    Shape:
        picture: uint8 [H, W, 3], RGB.
    """
    import cv2

    height, width = picture.shape[:2]
    if height > max_height_px:
        size = (max(1, round(width * max_height_px / height)), max_height_px)
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".webp", picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, quality])
    assert done, "OpenCV is built with WebP"
    return f"data:image/webp;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"


def sound_outline(path: Path, media: Media, *, columns: int = 720) -> tuple[tuple[float, float], ...]:
    """Lowest and highest audio sample in each of ``columns`` equal parts of the clip.

    Raises:
        MediaError: the sound cannot be decoded.
    """
    num_samples = media.num_samples * _OUTLINE_HZ // media.sample_rate_hz
    if num_samples < columns:
        return ()
    return outline(read_audio(path, sample_rate_hz=Fraction(_OUTLINE_HZ), start_ms=0, num_samples=num_samples), columns)


def outline(wave: "Wave", columns: int = 720) -> tuple[tuple[float, float], ...]:
    """Lowest and highest audio sample in each of ``columns`` equal parts of a wave that has at least as many.

    Shape:
        wave: float32 [S].
    """
    import numpy as np

    starts = np.arange(columns) * wave.size // columns
    low, high = np.minimum.reduceat(wave, starts), np.maximum.reduceat(wave, starts)
    return tuple(zip(low.tolist(), high.tolist(), strict=True))


def player(path: Path) -> str:
    """The clip itself as a data URI; empty if it is too large to stand inside a page."""
    if path.stat().st_size > MAX_PLAYER_BYTES:
        return ""
    return f"data:video/mp4;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"

"""A span of a clip's pictures, small, with any sound: what a reader plays. And generated sounds, read from wav files.

A film carries picture and sound in one file, so that a browser keeps them together; nothing else would show
whether a sound begins in time.
"""

import base64
import math
import wave as riff
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from vegas_data.errors import ChecksumMismatch, DecodeFailed
from vegas_data.media.decode import iter_frames_at
from vegas_data.media.mux import write_mp4
from vegas_data.records import Media
from vegas_data.store import sha256_of

if TYPE_CHECKING:
    from vegas_data.report.pictures import Picture, Wave

_HEIGHT_PX: Final = 180
_CRF: Final = 30
_MAX_FPS: Final = 30
_MAX_WAV_BYTES: Final = 8 << 20
_FULL_SCALE: Final = 32767


def read_wav(path: Path, *, sample_rate_hz: int, num_samples: int, sha256: str) -> "Wave":
    """The sound in a wav file of 16 bits and one channel, cut or followed by silence to ``num_samples``.

    Shape:
        float32 [num_samples], in [-1, 1].

    Raises:
        ChecksumMismatch: its bytes are not those that were recorded. DecodeFailed: it is not such a wav. OSError.
    """
    import numpy as np

    if path.stat().st_size > _MAX_WAV_BYTES:
        raise DecodeFailed(f"{path.name}: more than {_MAX_WAV_BYTES} bytes")
    actual = sha256_of(path)
    if actual != sha256:
        raise ChecksumMismatch(f"{path.name}: sha256 is {actual[:12]}…, recorded was {sha256[:12]}…")
    try:
        with riff.open(str(path), "rb") as file:
            form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            samples = np.frombuffer(file.readframes(num_samples), dtype="<i2") if form[1] == 2 else None
    except (riff.Error, EOFError, ValueError) as error:
        raise DecodeFailed(f"{path.name}: not a wav file: {error}") from None
    if samples is None or form != (1, 2, sample_rate_hz):
        raise DecodeFailed(f"{path.name}: {form[0]} channels of {8 * form[1]} bits at {form[2]} Hz")
    wave = np.zeros(num_samples, dtype=np.float32)
    wave[: samples.size] = np.clip(samples.astype(np.float32) / _FULL_SCALE, -1, 1)
    return wave


def to_full_scale(wave: "Wave") -> "Wave":
    """A sound with its loudest sample brought to full scale, as the models are taught it; silence stays silence."""
    import numpy as np

    peak = float(np.abs(wave).max(initial=0))
    return (wave / np.float32(peak)).astype(np.float32) if peak else wave


def film_rate(media: Media) -> Fraction:
    """Pictures per second of a film: every one of the clip's, or every second, third, …"""
    fps = Fraction(media.fps)
    return fps / math.ceil(fps / _MAX_FPS)


def film_pictures(path: Path, media: Media, *, start_ms: int, duration_ms: int) -> "list[Picture]":
    """The pictures of a span of a clip (in its own time), small.

    Shape:
        each uint8 [H, W, 3], RGB, both even, H at most 180.

    Raises:
        MediaError: the clip cannot be decoded so far.
    """
    import cv2

    rate = film_rate(media)
    height = max(2, min(_HEIGHT_PX, media.height) // 2 * 2)
    size = (max(2, round(media.width * height / media.height / 2) * 2), height)
    times_s = [Fraction(start_ms, 1000) + index / rate for index in range(math.ceil(duration_ms * rate / 1000))]
    return [
        cast("Picture", cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
        for picture in iter_frames_at(path, times_s)
    ]


def film(pictures: "Sequence[Picture]", rate: Fraction, wave: "Wave", sample_rate_hz: int, scratch: Path) -> str:
    """Pictures and sound as an mp4 in a data URI.

    Args:
        scratch: an existing folder for the file on its way.

    Raises:
        MediaError, DependencyMissing, WorkspaceError: ffmpeg failed, is missing, or the disk is full.
    """
    height, width = pictures[0].shape[:2]
    path = scratch / "film.mp4"
    try:
        write_mp4(path, pictures, size=(width, height), fps=rate, audio=wave, sample_rate_hz=sample_rate_hz, crf=_CRF)
        return f"data:video/mp4;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
    finally:
        path.unlink(missing_ok=True)

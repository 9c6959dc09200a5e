"""A span of a source in, one clip out: exactly the span's pictures and audio samples, proven by decoding it again.

The source's frame rate is kept. Picture and sound both start at the span's start: the source is decoded from the
key frame before it, whatever lies before is thrown away, and where no frame begins exactly there the next one is
shown from the start on (less than one frame early). ffmpeg is never shown a source but a piece of it (``remux``), so a
clip has the same bytes whether the source or only that piece is here. A track that ends just before the clip does is
padded and ``padding_ms`` says so; one that ends earlier gives a shorter clip, and ``duration_ms`` says so.
"""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

from vegas_data.errors import DecodeFailed, NoSuchTime
from vegas_data.media.confine import Limits
from vegas_data.media.demux import Demuxer, Tracks, demuxer_here
from vegas_data.media.encode import Order, command
from vegas_data.media.probe import MAX_FPS, MICROSECONDS, PictureTrack, SoundTrack
from vegas_data.media.readback import ReadBack, read_back
from vegas_data.media.sandbox import run_ffmpeg
from vegas_data.media.section import LocalBytes, Section
from vegas_data.records import MAX_CLIP_MS

SHORTFALL_TOLERATED_MS: Final = 100  # beyond this more was there to be decoded than could be
MAX_PADDING_MS: Final = 1_000
MIN_HEIGHT_PX: Final = 32
X264_PRESETS: Final = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
AAC_RATES_HZ: Final = (
    7_350,
    8_000,
    11_025,
    12_000,
    16_000,
    22_050,
    24_000,
    32_000,
    44_100,
    48_000,
    64_000,
    88_200,
    96_000,
)
_LIMITS: Final = Limits(memory_bytes=2 << 30, file_bytes=256 << 20, open_files=64)  # for ten seconds of 4K


@dataclass(frozen=True, kw_only=True)
class CutOptions:
    """How clips are stored: H.264 and AAC in mp4.

    Args:
        max_height_px: taller sources are scaled down. max_fps: faster sources lose frames.
        crf: x264 quality, lower is better. preset: x264 preset. audio_kbps: AAC bit rate.
        sample_rate_hz: audio sample rate in the file (the grid's rate is reached later).
        min_ms: a clip must have at least this much.
        max_padding_ms: a source may end so much before the clip: the last picture is held, and silence follows.
    """

    max_height_px: int = 360
    max_fps: int = 60
    crf: int = 20
    preset: str = "veryfast"
    audio_kbps: int = 128
    sample_rate_hz: int = 48_000
    min_ms: int = 2_000
    max_padding_ms: int = 250

    def __post_init__(self) -> None:
        if self.max_height_px < MIN_HEIGHT_PX:
            raise ValueError(f"max_height_px must be at least {MIN_HEIGHT_PX}, not {self.max_height_px}")
        if not 1 <= self.max_fps <= MAX_FPS:
            raise ValueError(f"max_fps must lie in 1..{MAX_FPS}, not {self.max_fps}")
        if not 0 <= self.crf <= 51:
            raise ValueError(f"crf must lie in 0..51, not {self.crf}")
        if self.preset not in X264_PRESETS:
            raise ValueError(f"preset must be one of {', '.join(X264_PRESETS)}, not {self.preset!r}")
        if not 8 <= self.audio_kbps <= 512:
            raise ValueError(f"audio_kbps must lie in 8..512, not {self.audio_kbps}")
        if self.sample_rate_hz not in AAC_RATES_HZ:
            rates = ", ".join(map(str, AAC_RATES_HZ))
            raise ValueError(f"sample_rate_hz must be a rate of AAC ({rates}), not {self.sample_rate_hz}")
        if not 1_000 <= self.min_ms <= MAX_CLIP_MS:
            raise ValueError(f"min_ms must lie in 1000..{MAX_CLIP_MS}, not {self.min_ms}")
        if not 0 <= self.max_padding_ms <= MAX_PADDING_MS:
            raise ValueError(f"max_padding_ms must lie in 0..{MAX_PADDING_MS}, not {self.max_padding_ms}")


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What ``cut_clip`` wrote: counts as decoded from the file.

    Args:
        padding_ms: so much at the end of the longer-padded track is not the source's.
        sound_fingerprint, picture_hashes: see ``readback``.
    """

    width: int
    height: int
    fps: Fraction
    num_frames: int
    num_samples: int
    duration_ms: int
    padding_ms: int = 0
    sound_fingerprint: bytes = b""
    picture_hashes: bytes = b""


def cut_clip(
    picture: Section,
    target: Path,
    *,
    start_ms: int,
    end_ms: int,
    options: CutOptions,
    sound: Section | None = None,
    demuxer: Demuxer | None = None,
    limits: Limits = _LIMITS,
) -> Cut:
    """Write ``[start_ms, end_ms)`` of a source to ``target`` (mp4).

    Args:
        picture: the source's file, or a piece that ``Demuxer.copy_span`` made for this very span.
        sound: the same for the sound if it lies in another file; both begin at the same moment.
        demuxer: opens files that came whole; by default this thread's own.

    Raises:
        NoSuchTime: the source holds less than ``min_ms`` of the span. NoVideo, NoAudio, Unsupported, LimitExceeded: see
            ``Demuxer.probe``. DecodeFailed: the source announces more than can be decoded.
        ResourcesExhausted, WorkspaceError: the machine's fault, see ``run_ffmpeg``.
    """
    demuxer = demuxer or demuxer_here()
    name = picture.path.name
    with contextlib.ExitStack() as stack:

        def piece_of(source: Section, tracks: Tracks) -> Section:
            return stack.enter_context(_piece(source, tracks, target, start_ms, end_ms, demuxer))

        if sound is None or sound.path == picture.path:
            picture = sound = piece_of(picture, "both")
        else:
            picture, sound = piece_of(picture, "picture"), piece_of(sound, "sound")
        order = _order(picture, sound, start_ms, end_ms, options, name)
        found = _carry_out(order, target, limits)
        missing_ms = _missing_ms(order, found)
        if 0 < missing_ms <= min(SHORTFALL_TOLERATED_MS, options.max_padding_ms - order.padding_ms):
            order = replace(order, padding_ms=order.padding_ms + missing_ms)
            found = _carry_out(order, target, limits)
    if (found.num_frames, found.num_samples) != (order.num_frames, order.num_samples):
        raise DecodeFailed(
            f"{name}: {found.num_frames} of {order.num_frames} pictures and {found.num_samples} of "
            f"{order.num_samples} audio samples could be decoded"
        )
    return Cut(
        width=found.width,
        height=found.height,
        fps=order.fps,
        num_frames=found.num_frames,
        num_samples=found.num_samples,
        duration_ms=order.span_ms,
        padding_ms=order.padding_ms,
        sound_fingerprint=found.sound_fingerprint,
        picture_hashes=found.picture_hashes,
    )


@contextlib.contextmanager
def _piece(
    source: Section, tracks: Tracks, target: Path, start_ms: int, end_ms: int, demuxer: Demuxer
) -> Iterator[Section]:
    """``source`` if it is a piece already, or one that lasts as long as the block."""
    if source.shift_s is not None:
        yield source
        return
    path = target.with_name(f"{target.stem}-{tracks}.piece")
    piece = demuxer.copy_span(LocalBytes(source.path), path, start_ms=start_ms, end_ms=end_ms, tracks=tracks)
    assert piece is not None, "of a local file there is always one"
    try:
        yield piece
    finally:
        path.unlink()


def _order(picture: Section, sound: Section, start_ms: int, end_ms: int, options: CutOptions, name: str) -> Order:
    shown, heard = _tracks(picture, sound)
    ends_us = [until for until in (picture.picture_until_us, sound.sound_until_us) if until is not None]
    missing_ms = max(0, end_ms - min(ends_us) // 1000) if ends_us else 0
    found_ms = end_ms - start_ms - missing_ms
    if found_ms < options.min_ms:
        raise NoSuchTime(f"{name}: {max(found_ms, 0)} ms of the span exist, {options.min_ms} ms are needed")
    is_padded = missing_ms <= options.max_padding_ms
    return Order(
        picture=picture.path,
        sound=sound.path,
        picture_offset_us=_offset_us(picture, shown, start_ms),
        sound_offset_us=_offset_us(sound, heard, start_ms),
        span_ms=end_ms - start_ms if is_padded else found_ms,
        padding_ms=missing_ms if is_padded else 0,
        fps=min(shown.fps, Fraction(options.max_fps)),
        max_height=options.max_height_px,
        sample_rate_hz=options.sample_rate_hz,
        crf=options.crf,
        preset=options.preset,
        audio_kbps=options.audio_kbps,
    )


def _tracks(picture: Section, sound: Section) -> tuple[PictureTrack, SoundTrack]:
    shown = picture.probe.picture if picture.probe else None
    heard = sound.probe.sound if sound.probe else None
    if shown is None or heard is None:
        raise ValueError(f"{picture.path.name}, {sound.path.name}: a piece whose source's tracks nobody knows")
    return shown, heard


def _offset_us(piece: Section, track: PictureTrack | SoundTrack, start_ms: int) -> int:
    assert piece.shift_s is not None
    return piece.shift_s * MICROSECONDS + track.start_us + start_ms * 1000


def _missing_ms(order: Order, found: ReadBack) -> int:
    lacks_s = (order.num_frames - found.num_frames) / order.fps
    lacks_sound_s = Fraction(order.num_samples - found.num_samples, order.sample_rate_hz)
    return math.ceil(1000 * max(lacks_s, lacks_sound_s))


def _carry_out(order: Order, target: Path, limits: Limits) -> ReadBack:
    pieces = tuple(dict.fromkeys((order.picture, order.sound)))
    run_ffmpeg(command(order, target), what=target.name, target=target, foreign=pieces, limits=limits)
    return read_back(target)

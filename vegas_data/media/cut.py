"""A fetched video in, one clip out: exactly the span's pictures and audio samples, proven by decoding it again.

The source's frame rate is kept. Picture and sound both start at the span's start: the source is decoded from the
key frame before it, whatever lies before is thrown away, and where no frame begins exactly there the next one is
shown from the start on (less than one frame early). Nothing is padded at the end: a source that ends early gives a
shorter clip, and ``duration_ms`` says so.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from vegas_data.errors import DecodeFailed, TooShort
from vegas_data.media.mux import encoder_settings
from vegas_data.media.probe import count_contents, probe
from vegas_data.media.sandbox import FORMAT_WHITELIST, MAX_PIXELS, PROTOCOL_WHITELIST, Limits, run_ffmpeg

SHORTFALL_TOLERATED_MS: Final = 100  # beyond this a source announced more than it holds


@dataclass(frozen=True, kw_only=True)
class CutOptions:
    """How clips are stored: H.264 and AAC in mp4.

    Args:
        max_height_px: taller sources are scaled down. max_fps: faster sources lose frames.
        crf: x264 quality, lower is better. preset: x264 preset. audio_kbps: AAC bit rate.
        sample_rate_hz: audio sample rate in the file (the grid's rate is reached later).
        min_ms: a clip must have at least this much.
    """

    max_height_px: int = 360
    max_fps: int = 60
    crf: int = 20
    preset: str = "veryfast"
    audio_kbps: int = 128
    sample_rate_hz: int = 48_000
    min_ms: int = 2_000


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What ``cut_clip`` wrote: counts as decoded from the file."""

    width: int
    height: int
    fps: Fraction
    num_frames: int
    num_samples: int
    duration_ms: int


def cut_clip(
    source: Path, target: Path, *, start_ms: int, end_ms: int, options: CutOptions, limits: Limits | None = None
) -> Cut:
    """Write ``[start_ms, end_ms)`` of ``source`` to ``target`` (mp4).

    Raises:
        TooShort: the source holds less than ``min_ms`` of the span. NoAudio, ProbeFailed: the source's fault.
        DecodeFailed: the source announces more than can be decoded. LimitExceeded: too large or too slow.
    """
    info = probe(source)
    span_ms = min(end_ms, info.end_ms) - start_ms
    if span_ms < options.min_ms:
        raise TooShort(f"{source.name}: {max(span_ms, 0)} ms of the span exist, {options.min_ms} ms are needed")
    fps = min(info.fps, Fraction(options.max_fps))
    span_s = Fraction(span_ms, 1000)
    num_frames = math.ceil(span_s * fps)
    num_samples = int(span_s * options.sample_rate_hz)
    argv = _command(
        source, target, start_ms, span_s, fps, num_frames, num_samples, min(info.height, options.max_height_px), options
    )
    run_ffmpeg(argv, what=source.name, limits=limits)
    found = count_contents(target)
    duration_ms = int(1000 * min(found.num_frames / fps, Fraction(found.num_samples, options.sample_rate_hz), span_s))
    if duration_ms < span_ms - SHORTFALL_TOLERATED_MS:
        raise DecodeFailed(
            f"{source.name}: {span_ms} ms announced, {duration_ms} ms decoded "
            f"({found.num_frames} of {num_frames} pictures, {found.num_samples} of {num_samples} audio samples)"
        )
    if found.num_frames > num_frames or found.num_samples > num_samples:
        raise DecodeFailed(f"{target.name}: the cut holds more than was asked for")
    return Cut(
        width=found.width,
        height=found.height,
        fps=fps,
        num_frames=found.num_frames,
        num_samples=found.num_samples,
        duration_ms=duration_ms,
    )


def _command(
    source: Path,
    target: Path,
    start_ms: int,
    span_s: Fraction,
    fps: Fraction,
    num_frames: int,
    num_samples: int,
    height: int,
    options: CutOptions,
) -> list[str]:
    import ffmpeg

    given: dict[str, Any] = {
        "protocol_whitelist": PROTOCOL_WHITELIST,
        "format_whitelist": FORMAT_WHITELIST,
        "max_pixels": MAX_PIXELS,
        "threads": 1,
        "ss": f"{start_ms / 1000:.3f}",
        "t": f"{float(span_s) + 1:.3f}",
    }
    media = ffmpeg.input(f"file:{source}", **given)
    height -= height % 2
    video = (
        media.video.filter("scale", w=f"trunc(iw*{height}/ih/2)*2", h=height, flags="bicubic+accurate_rnd+bitexact")
        .filter("setsar", 1)
        .filter("fps", fps=str(fps), start_time=0, round="near")
        .filter("trim", end_frame=num_frames)
    )
    audio = (
        media.audio.filter("aresample", options.sample_rate_hz, first_pts=0)
        .filter("aformat", sample_fmts="fltp", channel_layouts="mono|stereo")
        .filter("atrim", end_sample=num_samples)
    )
    form = encoder_settings(crf=options.crf, preset=options.preset, audio_kbps=options.audio_kbps)
    command: list[str] = ffmpeg.output(video, audio, f"file:{target}", **form).get_args()
    return command

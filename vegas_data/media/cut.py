"""A fetched video in, one clip out: exactly the span's pictures and audio samples, proven by decoding it again.

The source's frame rate is kept. Picture and sound both start at the span's start: the source is decoded from the
key frame before it, whatever lies before is thrown away, and where no frame begins exactly there the next one is
shown from the start on (less than one frame early). Nothing is padded at the end: a source that ends early gives a
shorter clip, and ``duration_ms`` says so.
"""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from vegas_data.errors import DecodeFailed, TooShort
from vegas_data.media.decode import open_media
from vegas_data.media.mux import encoder_settings
from vegas_data.media.probe import MAX_FPS, count_contents, probe
from vegas_data.media.sandbox import FORMAT_WHITELIST, MAX_PIXELS, PROTOCOL_WHITELIST, Limits, run_ffmpeg
from vegas_data.records import MAX_CLIP_MS

SHORTFALL_TOLERATED_MS: Final = 100  # beyond this a source announced more than it holds
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
_LEAD_MS: Final = 500  # decoded before the span and thrown away: a sound decoder's first block is not yet right
_GAP_FILLED_S: Final = 0.002  # of missing sound; smaller steps are the rounding of a container's clock


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


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What ``cut_clip`` wrote: counts as decoded from the file."""

    width: int
    height: int
    fps: Fraction
    num_frames: int
    num_samples: int
    duration_ms: int


@dataclass(frozen=True, kw_only=True)
class _Order:
    """What ffmpeg is to make."""

    picture: Path
    sound: Path
    start_ms: int
    span_ms: int
    fps: Fraction
    height: int
    options: CutOptions

    @property
    def span_s(self) -> Fraction:
        return Fraction(self.span_ms, 1000)

    @property
    def num_frames(self) -> int:
        return math.ceil(self.span_s * self.fps)

    @property
    def num_samples(self) -> int:
        return int(self.span_s * self.options.sample_rate_hz)


def cut_clip(
    source: Path,
    target: Path,
    *,
    start_ms: int,
    end_ms: int,
    options: CutOptions,
    sound: Path | None = None,
    limits: Limits | None = None,
) -> Cut:
    """Write ``[start_ms, end_ms)`` of ``source`` to ``target`` (mp4).

    Args:
        sound: the file that the sound comes from, if it is not ``source``; both begin at the same moment.

    Raises:
        TooShort: the source holds less than ``min_ms`` of the span. NoAudio, ProbeFailed: the source's fault.
        DecodeFailed: the source announces more than can be decoded. LimitExceeded: too large.
        ResourcesExhausted, WorkspaceError: the machine's fault, see ``run_ffmpeg``.
    """
    with contextlib.ExitStack() as stack:
        picture = stack.enter_context(_indexed(source, target, limits))
        sound = picture if sound in (None, source) else stack.enter_context(_indexed(sound, target, limits))
        return _cut_indexed(picture, sound, target, start_ms, end_ms, options, limits)


def _cut_indexed(
    source: Path, sound: Path, target: Path, start_ms: int, end_ms: int, options: CutOptions, limits: Limits | None
) -> Cut:
    info = probe(source, sound)
    span_ms = (end_ms if info.end_ms is None else min(end_ms, info.end_ms)) - start_ms
    _require_length(source, span_ms, options)
    order = _Order(
        picture=source,
        sound=sound,
        start_ms=start_ms,
        span_ms=span_ms,
        fps=min(info.fps, Fraction(options.max_fps)),
        height=min(info.height, options.max_height_px),
        options=options,
    )
    cut, complaints = _carry_out(order, target, limits)
    if cut.duration_ms < span_ms - SHORTFALL_TOLERATED_MS:
        if info.end_is_known or complaints:
            raise DecodeFailed(
                f"{source.name}: {span_ms} ms announced, {cut.duration_ms} ms decoded ({cut.num_frames} of "
                f"{order.num_frames} pictures, {cut.num_samples} of {order.num_samples} audio samples)"
            )
        # Nobody announced where each track ends and nothing was damaged: now that we know, both get one length.
        _require_length(source, cut.duration_ms, options)
        cut, _ = _carry_out(replace(order, span_ms=cut.duration_ms), target, limits)
    return cut


@contextlib.contextmanager
def _indexed(source: Path, target: Path, limits: Limits | None) -> Iterator[Path]:
    """``source``, or for a transport stream an mp4 of the same packets: a stream has no index of its key frames.

    A seek in it would land between two of them, and the pictures up to the next one would be lost.
    """
    with open_media(source) as container:
        is_stream = container.format.name == "mpegts"
    if not is_stream:
        yield source
        return
    import ffmpeg

    wrapped = target.with_name(f"{source.stem}-indexed.mp4")
    given = {"protocol_whitelist": PROTOCOL_WHITELIST, "format_whitelist": FORMAT_WHITELIST}
    streams = ffmpeg.input(f"file:{source}", **given)
    try:
        command = ffmpeg.output(
            streams["v:0?"], streams["a:0?"], f"file:{wrapped}", c="copy", map_metadata=-1, format="mp4"
        )
        run_ffmpeg(command.get_args(), what=source.name, target=wrapped, limits=limits)
        yield wrapped
    finally:
        wrapped.unlink(missing_ok=True)


def _require_length(source: Path, span_ms: int, options: CutOptions) -> None:
    if span_ms < options.min_ms:
        raise TooShort(f"{source.name}: {max(span_ms, 0)} ms of the span exist, {options.min_ms} ms are needed")


def _carry_out(order: _Order, target: Path, limits: Limits | None) -> tuple[Cut, str]:
    """Run ffmpeg, count what it wrote, and return that and what it complained of."""
    complaints = run_ffmpeg(_command(order, target), what=order.picture.name, target=target, limits=limits)
    found = count_contents(target)
    if found.num_frames > order.num_frames or found.num_samples > order.num_samples:
        raise DecodeFailed(f"{target.name}: the cut holds more than was asked for")
    decoded_s = min(found.num_frames / order.fps, Fraction(found.num_samples, order.options.sample_rate_hz))
    cut = Cut(
        width=found.width,
        height=found.height,
        fps=order.fps,
        num_frames=found.num_frames,
        num_samples=found.num_samples,
        duration_ms=int(1000 * min(decoded_s, order.span_s)),
    )
    return cut, complaints


def _command(order: _Order, target: Path) -> list[str]:
    import ffmpeg

    lead_ms = min(order.start_ms, _LEAD_MS)
    given: dict[str, Any] = {
        "protocol_whitelist": PROTOCOL_WHITELIST,
        "format_whitelist": FORMAT_WHITELIST,
        "max_pixels": MAX_PIXELS,
        "threads": 1,
        "ss": f"{(order.start_ms - lead_ms) / 1000:.3f}",
        "itsoffset": f"{-lead_ms / 1000:.3f}",
        "t": f"{float(order.span_s) + 2:.3f}",
    }
    options = order.options
    media = ffmpeg.input(f"file:{order.picture}", **given)
    sound = media if order.sound == order.picture else ffmpeg.input(f"file:{order.sound}", **given)
    height = order.height - order.height % 2
    video = (
        media.video.filter("scale", w=f"trunc(iw*{height}/ih/2)*2", h=height, flags="bicubic+accurate_rnd+bitexact")
        .filter("setsar", 1)
        .filter("fps", fps=str(order.fps), start_time=0, round="near")
        .filter("trim", end_frame=order.num_frames)
    )
    # Without async a gap in the sound is closed up, and all that follows comes too early.
    resampled = {"first_pts": 0, "async": 1, "min_hard_comp": _GAP_FILLED_S}
    audio = (
        sound.audio.filter("aresample", options.sample_rate_hz, **resampled)
        .filter("aformat", sample_fmts="fltp", channel_layouts="mono|stereo")
        .filter("atrim", end_sample=order.num_samples)
    )
    form = encoder_settings(crf=options.crf, preset=options.preset, audio_kbps=options.audio_kbps)
    command: list[str] = ffmpeg.output(video, audio, f"file:{target}", **form).get_args()
    return command

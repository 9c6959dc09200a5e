"""ffmpeg's command line for one clip: which pictures and audio samples of its pieces are kept, and how they are filled.

Pieces are not sought in: their time stamps are shifted so that the span begins at 0, and filters keep what follows.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from vegas_data.media.decode import MISSING_SAMPLES_TOLERATED
from vegas_data.media.mux import encoder_settings
from vegas_data.media.probe import MICROSECONDS
from vegas_data.media.sandbox import FORMAT_WHITELIST, MAX_PIXELS, PROTOCOL_WHITELIST

_GLOBAL: Final = ("-copyts", "-filter_complex_threads", "1")
_LEAD_S: Final = 1  # a piece holds so much of the sound before its span
_MAX_ASPECT: Final = 4  # of a point; beyond, it is no shape that anybody filmed in
_GAP_FILLED_S: Final = 0.002  # of missing sound; smaller steps are the rounding of a container's clock


@dataclass(frozen=True, kw_only=True)
class Order:
    """A clip that ffmpeg is to make of one or two pieces.

    Args:
        picture_offset_us, sound_offset_us: what a piece's clock shows where the span begins.
        padding_ms: so much at the end may be missing, and is filled.
        max_height: of the clip; a taller picture is scaled down. crf, preset, audio_kbps: see ``encoder_settings``.
    """

    picture: Path
    sound: Path
    picture_offset_us: int
    sound_offset_us: int
    span_ms: int
    padding_ms: int
    fps: Fraction
    max_height: int
    sample_rate_hz: int
    crf: int
    preset: str
    audio_kbps: int

    @property
    def span_s(self) -> Fraction:
        return Fraction(self.span_ms, 1000)

    @property
    def num_frames(self) -> int:
        return math.ceil(self.span_s * self.fps)

    @property
    def num_samples(self) -> int:
        return int(self.span_s * self.sample_rate_hz)


def command(order: Order, target: Path) -> list[str]:
    """ffmpeg's arguments; one thread, so that the same pieces give the same bytes."""
    import ffmpeg

    media = _input(order.picture, order.picture_offset_us)
    sound = media if order.sound == order.picture else _input(order.sound, order.sound_offset_us)
    # In a filter, a picture has the shape it is shown in (a phone's may lie on its side); its points may be no squares.
    height = f"trunc(min(ih,{order.max_height})/2)*2"
    width = f"trunc(iw*clip(sar,1/{_MAX_ASPECT},{_MAX_ASPECT})*oh/ih/2)*2"
    held = math.ceil(Fraction(order.padding_ms, 1000) * order.fps) + 1  # the last picture's duration may be unknown
    video = (
        media.video.filter("fps", fps=str(order.fps), start_time=0, round="near")
        .filter("tpad", stop=held, stop_mode="clone")
        .filter("trim", end_frame=order.num_frames)
        .filter("scale", w=width, h=height, flags="bicubic+accurate_rnd+bitexact")
        .filter("setsar", 1)
    )
    first = _LEAD_S * order.sample_rate_hz
    silence = math.ceil(Fraction(order.padding_ms, 1000) * order.sample_rate_hz) + MISSING_SAMPLES_TOLERATED
    # What lies before the span is cut off twice: down to a second, to the sample, for aresample aligns to a millisecond
    # only; and that second when decoder and resampler have run in. Without async a gap in the sound is closed up, and
    # all that follows comes too early. Its first_pts counts in the source's rate, so that it has to be 0.
    resampled = {"first_pts": 0, "async": 1, "min_hard_comp": _GAP_FILLED_S}
    audio = (
        sound.audio.filter("atrim", start=-_LEAD_S)
        .filter("asetpts", f"PTS+{_LEAD_S}/TB")
        .filter("aresample", order.sample_rate_hz, **resampled)
        .filter("aformat", sample_fmts="fltp", channel_layouts="mono|stereo")
        .filter("apad", pad_len=silence)
        .filter("atrim", start_sample=first, end_sample=first + order.num_samples)
        .filter("asetpts", "PTS-STARTPTS")
    )
    form = encoder_settings(crf=order.crf, preset=order.preset, audio_kbps=order.audio_kbps)
    arguments: list[str] = (
        ffmpeg.output(video, audio, f"file:{target.absolute()}", **form).global_args(*_GLOBAL).get_args()
    )
    return arguments


def _input(piece: Path, offset_us: int) -> Any:
    import ffmpeg

    given: dict[str, Any] = {
        "protocol_whitelist": PROTOCOL_WHITELIST,
        "format_whitelist": FORMAT_WHITELIST,
        "max_pixels": MAX_PIXELS,
        "threads": 1,
        "itsoffset": _seconds(-offset_us),
    }
    return ffmpeg.input(f"file:{piece.absolute()}", **given)


def _seconds(microseconds: int) -> str:
    sign, (whole, rest) = "-" if microseconds < 0 else "", divmod(abs(microseconds), MICROSECONDS)
    return f"{sign}{whole}.{rest:06d}"

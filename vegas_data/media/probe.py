"""What a media file says of itself, and what can really be decoded from it, by PyAV."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from vegas_data.errors import LimitExceeded, NoAudio, NoVideo, Unsupported
from vegas_data.media.sandbox import MAX_PIXELS

if TYPE_CHECKING:
    import av.container
    import av.stream

MAX_FPS: Final = 240
MAX_SOURCE_S: Final = 48 * 3600
MICROSECONDS: Final = 1_000_000
_DURATION_TAG: Final = re.compile(r"(\d{1,5}):(\d\d):(\d\d(?:\.\d{1,12})?)", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Track:
    """What a container announces of one of its tracks.

    Args:
        start_us: what the clock of the track's file shows where the file begins.
        end_us: where the track ends, from the start of the file; None if nothing says so.
        end_is_known: the track says so itself. Otherwise ``end_us`` is the file's end, no more than an upper bound.
    """

    start_us: int
    end_us: int | None
    end_is_known: bool


@dataclass(frozen=True, kw_only=True)
class PictureTrack(Track):
    """The first picture track of a file."""

    width: int
    height: int
    fps: Fraction


@dataclass(frozen=True, kw_only=True)
class SoundTrack(Track):
    """The first sound track of a file."""

    sample_rate_hz: int
    channels: int


@dataclass(frozen=True, kw_only=True)
class Probe:
    """The first picture and the first sound track of a video, of one file or of two; nothing is decoded.

    Args:
        picture, sound: None where nobody asked for it (of a file that was asked for, a missing track is an error).
    """

    picture: PictureTrack | None
    sound: SoundTrack | None

    @property
    def end_ms(self) -> int | None:
        """Where the shorter of the tracks ends, from the start; None if nothing says so."""
        ends = [track.end_us for track in (self.picture, self.sound) if track is not None and track.end_us is not None]
        return min(ends) // 1000 if ends else None

    @property
    def end_is_known(self) -> bool:
        """Whether each track says for itself where it ends."""
        return all(track.end_is_known for track in (self.picture, self.sound) if track is not None)


def describe(container: "av.container.InputContainer", *, picture: bool, sound: bool) -> Probe:
    """What an open file announces of the wanted tracks.

    Raises:
        NoVideo, NoAudio: a wanted track is not there. Unsupported: nothing can decode it, or it says too little.
        LimitExceeded: absurd size, rate or length.
    """
    if container.duration is not None and container.duration > MAX_SOURCE_S * MICROSECONDS:
        raise LimitExceeded(f"longer than {MAX_SOURCE_S // 3600} hours")
    return Probe(picture=_picture(container) if picture else None, sound=_sound(container) if sound else None)


def _picture(container: "av.container.InputContainer") -> PictureTrack:
    if not container.streams.video:
        raise NoVideo("no picture track")
    video = container.streams.video[0]
    _require_decoder(video)
    width, height = video.codec_context.width, video.codec_context.height
    fps = video.guessed_rate or video.average_rate
    if fps is None or fps <= 0 or width <= 0 or height <= 0:
        raise Unsupported("the picture track has no size or rate")
    if width * height > MAX_PIXELS or fps > MAX_FPS:
        raise LimitExceeded(f"{width} × {height} at {float(fps):.0f} fps is beyond what a clip may be")
    end_us, is_known = _end(container, video)
    return PictureTrack(
        start_us=container.start_time or 0, end_us=end_us, end_is_known=is_known, width=width, height=height, fps=fps
    )


def _sound(container: "av.container.InputContainer") -> SoundTrack:
    if not container.streams.audio:
        raise NoAudio("no sound track")
    audio = container.streams.audio[0]
    _require_decoder(audio)
    if audio.codec_context.sample_rate <= 0:
        raise Unsupported("the sound track has no rate")
    end_us, is_known = _end(container, audio)
    return SoundTrack(
        start_us=container.start_time or 0,
        end_us=end_us,
        end_is_known=is_known,
        sample_rate_hz=audio.codec_context.sample_rate,
        channels=audio.codec_context.channels,
    )


def _require_decoder(stream: "av.stream.Stream") -> None:
    if getattr(stream, "codec_context", None) is None:
        raise Unsupported(f"its {stream.type} track is of a kind that nothing here can decode")


def _end(container: "av.container.InputContainer", stream: "av.stream.Stream") -> tuple[int | None, bool]:
    """Where a track ends, in microseconds from the start of the file, and whether that is its own word.

    mp4 gives each track a duration. Matroska has only one for the whole file; most writers add a tag to each track.
    Both are times on the file's clock, which need not begin at 0.
    """
    file_start = container.start_time or 0
    if stream.duration is not None and stream.time_base is not None:
        end_s = ((stream.start_time or 0) + stream.duration) * stream.time_base
        return int(end_s * MICROSECONDS) - file_start, True
    tag = _DURATION_TAG.match(stream.metadata.get("DURATION", ""))
    if tag is not None:
        end_s = int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])
        return int(end_s * MICROSECONDS) - file_start, True
    if container.duration is not None:
        return container.duration, False
    return None, False

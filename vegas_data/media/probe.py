"""What a media file says of itself, and what can really be decoded from it, by PyAV."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vegas_data.errors import DecodeFailed, LimitExceeded, NoAudio, ProbeFailed
from vegas_data.media.decode import open_media
from vegas_data.media.sandbox import MAX_PIXELS

if TYPE_CHECKING:
    import av.container
    import av.stream

MAX_FPS: Final = 240
_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A file's first picture and sound track, as its container announces them; nothing is decoded.

    Args:
        end_ms: where the shorter of the two tracks ends.
    """

    width: int
    height: int
    fps: Fraction
    sample_rate_hz: int
    channels: int
    end_ms: int


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What was decoded from a file: pictures, and audio samples up to the track's end."""

    width: int
    height: int
    num_frames: int
    num_samples: int


def probe(path: Path) -> Probe:
    """Read the header of ``path``.

    Raises:
        ProbeFailed: not a media file, or no picture. NoAudio: no sound track. LimitExceeded: absurd size or rate.
    """
    with open_media(path) as container:
        if not container.streams.video:
            raise ProbeFailed(f"{path.name}: no picture track")
        if not container.streams.audio:
            raise NoAudio(f"{path.name}: no sound track")
        video, audio = container.streams.video[0], container.streams.audio[0]
        width, height = video.codec_context.width, video.codec_context.height
        fps = video.guessed_rate or video.average_rate
        if fps is None or fps <= 0 or width <= 0 or height <= 0:
            raise ProbeFailed(f"{path.name}: the picture track has no size or rate")
        if width * height > MAX_PIXELS or fps > MAX_FPS:
            raise LimitExceeded(f"{path.name}: {width} × {height} at {float(fps):.0f} fps is beyond what a clip may be")
        ends = [end for end in (_end_s(container, video), _end_s(container, audio)) if end is not None]
        if not ends:
            raise ProbeFailed(f"{path.name}: the container does not say how long it is")
        return Probe(
            width=width,
            height=height,
            fps=fps,
            sample_rate_hz=audio.codec_context.sample_rate,
            channels=audio.codec_context.channels,
            end_ms=int(min(ends) * 1000),
        )


def _end_s(container: "av.container.InputContainer", stream: "av.stream.Stream") -> Fraction | None:
    if stream.duration is not None and stream.time_base is not None:
        return ((stream.start_time or 0) + stream.duration) * stream.time_base
    if container.duration is not None:
        return Fraction((container.start_time or 0) + container.duration, _MICROSECONDS)
    return None


def count_contents(path: Path) -> Contents:
    """Decode ``path`` to its end and count.

    AAC comes in blocks of 1,024: the sound track's duration says where in the last block the sound ends.

    Raises:
        DecodeFailed: damaged, or the sound track holds fewer samples than it announces.
    """
    frames = samples = 0
    with open_media(path) as container:
        if not (container.streams.video and container.streams.audio):
            raise DecodeFailed(f"{path.name}: a track is missing")
        video, audio = container.streams.video[0], container.streams.audio[0]
        video.thread_count = 1
        for packet in container.demux(video, audio):
            for frame in packet.decode():
                if packet.stream is video:
                    frames += 1
                else:
                    samples += getattr(frame, "samples", 0)
        announced = samples
        if audio.duration is not None and audio.time_base is not None:
            announced = int(audio.duration * audio.time_base * audio.codec_context.sample_rate)
        if samples < announced:
            raise DecodeFailed(f"{path.name}: {announced} audio samples announced, {samples} decoded")
        size = video.codec_context.width, video.codec_context.height
    return Contents(width=size[0], height=size[1], num_frames=frames, num_samples=announced)

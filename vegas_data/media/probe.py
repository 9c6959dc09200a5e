"""What a media file says of itself, and what can really be decoded from it, by PyAV."""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vegas_data.errors import DecodeFailed, LimitExceeded, NoAudio, ProbeFailed
from vegas_data.media.decode import open_media, require_decoder
from vegas_data.media.sandbox import MAX_PIXELS

if TYPE_CHECKING:
    import av.container
    import av.stream

MAX_FPS: Final = 240
_MICROSECONDS: Final = 1_000_000
_DURATION_TAG: Final = re.compile(r"(\d{1,5}):(\d\d):(\d\d(?:\.\d{1,12})?)", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A file's first picture and sound track, as its container announces them; nothing is decoded.

    Args:
        end_ms: where the shorter of the two tracks ends, from the start of the file; None if nothing says so.
        end_is_known: each track says for itself where it ends. Otherwise ``end_ms`` is no more than an upper bound.
    """

    width: int
    height: int
    fps: Fraction
    sample_rate_hz: int
    channels: int
    end_ms: int | None
    end_is_known: bool


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What was decoded from a file: pictures, and audio samples up to the track's end."""

    width: int
    height: int
    num_frames: int
    num_samples: int


def probe(path: Path, sound: Path | None = None) -> Probe:
    """Read the header of ``path``, and that of ``sound`` if the sound lies in another file.

    Raises:
        ProbeFailed: not a media file, no picture, or nothing that can be decoded. NoAudio: no sound track.
        LimitExceeded: absurd size or rate.
    """
    with open_media(path) as container:
        if not container.streams.video:
            raise ProbeFailed(f"{path.name}: no picture track")
        video = container.streams.video[0]
        require_decoder(video, path.name)
        width, height = video.codec_context.width, video.codec_context.height
        fps = video.guessed_rate or video.average_rate
        if fps is None or fps <= 0 or width <= 0 or height <= 0:
            raise ProbeFailed(f"{path.name}: the picture track has no size or rate")
        if width * height > MAX_PIXELS or fps > MAX_FPS:
            raise LimitExceeded(f"{path.name}: {width} × {height} at {float(fps):.0f} fps is beyond what a clip may be")
        picture_end = _end_s(container, video)
    sound = sound or path
    with open_media(sound) as container:
        if not container.streams.audio:
            raise NoAudio(f"{sound.name}: no sound track")
        audio = container.streams.audio[0]
        require_decoder(audio, sound.name)
        sound_end = _end_s(container, audio)
        sample_rate_hz, channels = audio.codec_context.sample_rate, audio.codec_context.channels
    ends = [end for end, _ in (picture_end, sound_end) if end is not None]
    return Probe(
        width=width,
        height=height,
        fps=fps,
        sample_rate_hz=sample_rate_hz,
        channels=channels,
        end_ms=int(min(ends) * 1000) if ends else None,
        end_is_known=picture_end[1] and sound_end[1],
    )


def _end_s(container: "av.container.InputContainer", stream: "av.stream.Stream") -> tuple[Fraction | None, bool]:
    """Where a track ends, in seconds from the start of the file (what ffmpeg counts from), and whether that is its own.

    mp4 gives each track a duration. Matroska has only one for the whole file; most writers add a tag to each track.
    Both are times on the file's clock, which need not begin at 0.
    """
    file_start = Fraction(container.start_time or 0, _MICROSECONDS)
    if stream.duration is not None and stream.time_base is not None:
        return ((stream.start_time or 0) + stream.duration) * stream.time_base - file_start, True
    tag = _DURATION_TAG.match(stream.metadata.get("DURATION", ""))
    if tag is not None:
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3]) - file_start, True
    if container.duration is not None:
        return Fraction(container.duration, _MICROSECONDS), False
    return None, False


def count_contents(path: Path) -> Contents:
    """Decode ``path`` to its end and count.

    AAC comes in blocks of 1,024: the sound track's duration says where in the last block the sound ends.

    Raises:
        DecodeFailed: damaged, or the sound track holds fewer samples than it announces.
        ProbeFailed: a track that nothing here can decode.
    """
    frames = samples = 0
    with open_media(path) as container:
        if not (container.streams.video and container.streams.audio):
            raise DecodeFailed(f"{path.name}: a track is missing")
        video, audio = container.streams.video[0], container.streams.audio[0]
        require_decoder(video, path.name)
        require_decoder(audio, path.name)
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

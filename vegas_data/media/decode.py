"""A clip's pictures at given times and its sound at a given rate, by PyAV; one thread, same bytes every time.

The picture at time t is the one a player shows then: the last frame whose timestamp is not after t.
"""

import bisect
import errno
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from vegas_data.errors import DecodeFailed, LimitExceeded, NoAudio, NoVideo, ResourcesExhausted, Unsupported
from vegas_data.media.sandbox import (
    BUSY_ERRNOS,
    DISK_ERRNOS,
    FORMAT_WHITELIST,
    MAX_PIXELS,
    PROTOCOL_WHITELIST,
    REMEDY_BUSY,
)

if TYPE_CHECKING:
    import av
    import av.container
    import av.stream
    import numpy as np
    import numpy.typing as npt
    from av.audio.frame import AudioFrame
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter

_LUMA_FIRST: Final = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12"})
MISSING_SAMPLES_TOLERATED: Final = 64  # a resampler's last few samples at the very end of a clip


@contextmanager
def open_media(path: Path) -> "Iterator[av.container.InputContainer]":
    """Open a local media file of an allowed format; decoding errors inside the block become ours.

    Raises:
        Unsupported: not a media file we accept. DecodeFailed: the decoder found an error.
        ResourcesExhausted: no memory or no file handle was left. OSError: the disk is at fault, not the file.
    """
    import av

    options = {"protocol_whitelist": PROTOCOL_WHITELIST, "format_whitelist": FORMAT_WHITELIST}
    try:
        container = av.open(f"file:{path}", options=options, metadata_errors="replace")
    except av.FFmpegError as error:
        _blame_machine(path, error)
        raise Unsupported(f"{path.name}: not a readable mp4, webm, mkv or ts: {error.strerror}") from None
    try:
        with container:
            yield container
    except av.FFmpegError as error:
        _blame_machine(path, error)
        raise DecodeFailed(f"{path.name}: decoding stopped: {error.strerror}") from None


def _blame_machine(path: Path, error: "av.FFmpegError") -> None:
    """Raise if the machine is at fault: then the file may be innocent."""
    if isinstance(error, OSError) and error.errno in DISK_ERRNOS:
        raise error
    if error.errno in BUSY_ERRNOS:
        raise ResourcesExhausted(f"{path.name}: decoding stopped: {error.strerror}", remedy=REMEDY_BUSY) from None
    if error.errno == errno.EIO:  # demuxers say it of damaged files, too: a disk that fails does so for everybody
        with path.open("rb") as file:
            while file.read(1 << 20):
                pass


def require_decoder(stream: "av.stream.Stream", name: str) -> None:
    """Raise ``Unsupported`` if no decoder for ``stream`` exists (PyAV then has no codec context)."""
    if getattr(stream, "codec_context", None) is None:
        raise Unsupported(f"{name}: its {stream.type} track is of a kind that nothing here can decode")


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A decoded picture and when a player shows it: from ``start_s`` until the next one's start.

    Args:
        end_s: of the last picture: as long as an average one lasts.
        converter: one for all pictures of a file: to set one up costs as much as to use it.
    """

    start_s: Fraction
    end_s: Fraction
    frame: "VideoFrame"
    converter: "VideoReformatter"

    def to_rgb(self) -> "npt.NDArray[np.uint8]":
        """The picture, uint8 [H, W, 3], RGB."""
        return cast("npt.NDArray[np.uint8]", self.converter.reformat(self.frame, format="rgb24").to_ndarray())

    def to_luma(self) -> "tuple[npt.NDArray[np.uint8], bool]":
        """Its brightness as it is stored, uint8 [H, W], and whether 0 to 255 are black to white (else 16 to 235).

        No copy where the format has a plane of it; good as long as the picture is.
        """
        import numpy as np
        from av.video.reformatter import ColorRange

        frame = self.frame
        if frame.format.name not in _LUMA_FIRST:
            return cast("npt.NDArray[np.uint8]", frame.to_ndarray(format="gray")), True
        plane = frame.planes[0]
        rows = np.frombuffer(plane, dtype=np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
        is_full = frame.format.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG
        return rows[: frame.height, : frame.width], is_full


def iter_frames_at(path: Path, times_s: Sequence[Fraction]) -> "Iterator[npt.NDArray[np.uint8]]":
    """Yield the picture shown at each of the ascending ``times_s`` (seconds from the start of the file).

    Shape:
        each uint8 [H, W, 3], RGB.

    Raises:
        DecodeFailed: the file ends before the last time, or is damaged; others as ``iter_shown``.
    """
    if any(b < a for a, b in itertools.pairwise(times_s)):
        raise ValueError("times_s must ascend")
    index, end_s = 0, Fraction(0)
    for shown in iter_shown(path):
        end_s = shown.end_s
        due = bisect.bisect_left(times_s, end_s, lo=index)
        if due > index:  # only a picture that is asked for is converted
            yield from itertools.repeat(shown.to_rgb(), due - index)
            index = due
        if index == len(times_s):
            return
    raise picture_ends(path, end_s, times_s[-1])


def picture_ends(path: Path, end_s: Fraction, needed_s: Fraction) -> DecodeFailed:
    """What to raise where the pictures end before they may."""
    return DecodeFailed(f"{path.name}: the picture ends at {float(end_s):.3f} s, needed until {float(needed_s):.3f} s")


def iter_shown(path: Path) -> Iterator[Shown]:
    """Decode every picture of a file, in the order in which they are shown.

    Raises:
        DecodeFailed: the file is damaged. LimitExceeded: pictures too large.
        NoVideo: no picture track. Unsupported: none that can be decoded.
    """
    from av.video.reformatter import VideoReformatter

    with open_media(path) as container:
        converter = VideoReformatter()
        if not container.streams.video:
            raise NoVideo(f"{path.name}: no picture track")
        stream = container.streams.video[0]
        require_decoder(stream, path.name)
        stream.thread_count = 1
        if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
            raise LimitExceeded(f"{path.name}: pictures larger than {MAX_PIXELS} pixels")
        period = 1 / (stream.average_rate or Fraction(25))
        before: VideoFrame | None = None
        since = Fraction(0)
        for frame in container.decode(stream):
            if frame.pts is None or frame.time_base is None:
                raise DecodeFailed(f"{path.name}: a picture without a timestamp")
            start = frame.pts * frame.time_base
            if before is not None:
                yield Shown(start_s=since, end_s=start, frame=before, converter=converter)
            before, since = frame, start
        if before is not None:
            yield Shown(start_s=since, end_s=since + period, frame=before, converter=converter)


def read_audio(
    path: Path,
    *,
    sample_rate_hz: Fraction,
    start_ms: int,
    num_samples: int,
    heard: "Callable[[AudioFrame], None] | None" = None,
) -> "npt.NDArray[np.float32]":
    """Read the sound from ``start_ms`` on, mixed to mono and resampled to the grid.

    A rate that is not an integer (15,974.4 Hz, the paper's literal reading) is reached exactly: both rates are
    scaled by one factor that makes them integers, and a resampler only knows their ratio.

    Args:
        heard: called with every frame that is decoded, as it is stored: before it is mixed and resampled.

    Shape:
        float32 [num_samples], in [-1, 1].

    Raises:
        NoAudio: no sound track. Unsupported: none that can be decoded.
        DecodeFailed: the sound ends too early, or is damaged.
    """
    import av
    import numpy as np

    first = int(start_ms * sample_rate_hz / 1000)
    needed = first + num_samples
    pieces: list[npt.NDArray[np.float32]] = []
    have = 0
    with open_media(path) as container:
        if not container.streams.audio:
            raise NoAudio(f"{path.name}: no sound track")
        stream = container.streams.audio[0]
        require_decoder(stream, path.name)
        source_hz = stream.codec_context.sample_rate
        ratio = sample_rate_hz / source_hz
        scale = max(1, source_hz // ratio.denominator)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=ratio.numerator * scale)
        for frame in container.decode(stream):
            if heard is not None:
                heard(frame)
            frame.sample_rate = ratio.denominator * scale
            frame.pts = None
            for out in resampler.resample(frame):
                pieces.append(out.to_ndarray()[0])
                have += out.samples
            if have >= needed:
                break
        else:
            for out in resampler.resample(None):
                pieces.append(out.to_ndarray()[0])
                have += out.samples
    if have < needed - MISSING_SAMPLES_TOLERATED:
        raise DecodeFailed(f"{path.name}: {have} audio samples decoded, {needed} needed at {float(sample_rate_hz)} Hz")
    wave = np.zeros(needed, dtype=np.float32)
    sound = np.concatenate(pieces)[:needed] if pieces else wave[:0]
    wave[: sound.size] = sound
    return wave[first:]

"""Our own clip, decoded once to its end: what it holds, and what it can be recognised by.

Enters: an mp4 that ``cut`` wrote. Leaves: ``ReadBack``: the counts that prove the cut, the fingerprint of the sound and
the hashes of the pictures. Only the pictures that are hashed are converted; the sound is resampled once, as a whole.
"""

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from vegas_data.errors import DecodeFailed
from vegas_data.media.decode import open_media, require_decoder
from vegas_data.media.fingerprint import SAMPLE_RATE_HZ, fingerprint_sound
from vegas_data.media.picture_hash import EVERY_MS, FIRST_MS, hash_picture

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from av.audio.frame import AudioFrame
    from av.filter.graph import Graph
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_FILTER_TAPS: Final = 16  # half of the usual: what lies above 6 kHz is not looked at
_HASHED_SIZE_PX: Final = (128, 72)  # averaged down to this by the converter, whatever the shape


@dataclass(frozen=True, kw_only=True)
class ReadBack:
    """What was decoded from a clip: pictures, and audio samples up to the sound track's end.

    Args:
        sound_fingerprint: see ``fingerprint``. picture_hashes: see ``picture_hash``; 8 bytes for each second whose
            middle the clip has a picture for.
    """

    width: int
    height: int
    num_frames: int
    num_samples: int
    sound_fingerprint: bytes
    picture_hashes: bytes


def read_back(path: Path) -> ReadBack:
    """Decode ``path`` to its end, count, and compute its fingerprints.

    AAC comes in blocks of 1,024: the sound track's duration says where in the last block the sound ends.

    Raises:
        DecodeFailed: damaged, or the sound track holds fewer samples than it announces.
        Unsupported: a track that nothing here can decode.
    """
    sound = _Sound()
    with open_media(path) as container:
        if not (container.streams.video and container.streams.audio):
            raise DecodeFailed(f"{path.name}: a track is missing")
        video, audio = container.streams.video[0], container.streams.audio[0]
        require_decoder(video, path.name)
        require_decoder(audio, path.name)
        video.thread_count = 1
        pictures = _Pictures(path.name, video)
        for packet in container.demux(video, audio):
            for frame in packet.decode():
                if packet.stream is video:
                    pictures.show(cast("VideoFrame", frame))
                else:
                    sound.hear(cast("AudioFrame", frame))
        samples = announced = sound.count
        if audio.duration is not None and audio.time_base is not None:
            announced = int(audio.duration * audio.time_base * audio.codec_context.sample_rate)
        if samples < announced:
            raise DecodeFailed(f"{path.name}: {announced} audio samples announced, {samples} decoded")
        width, height = video.codec_context.width, video.codec_context.height
        fingerprint = fingerprint_sound(sound.finish(announced))
    return ReadBack(
        width=width,
        height=height,
        num_frames=pictures.count,
        num_samples=announced,
        sound_fingerprint=fingerprint,
        picture_hashes=pictures.finish(),
    )


class _Pictures:
    """Counts the pictures of a clip as they come, and hashes the one shown in the middle of each second."""

    def __init__(self, name: str, stream: "VideoStream") -> None:
        from av.video.reformatter import VideoReformatter

        self.count = 0
        self._name = name
        self._hashes: list[bytes] = []
        self._shown: VideoFrame | None = None
        self._time_base = stream.time_base or Fraction(1, 1000)
        self._period = 1 / (stream.average_rate or Fraction(25)) / self._time_base
        self._due = FIRST_MS / self._time_base / 1000
        self._reformatter = VideoReformatter()  # a frame's own would set up a new converter each time

    def show(self, frame: "VideoFrame") -> None:
        if frame.pts is None:
            raise DecodeFailed(f"{self._name}: a picture without a timestamp")
        if frame.pts > self._due:
            self._hash_shown(until=frame.pts)
        self._shown = frame
        self.count += 1

    def finish(self) -> bytes:
        if self._shown is not None and self._shown.pts is not None:
            self._hash_shown(until=self._shown.pts + self._period)
        return b"".join(self._hashes)

    def _hash_shown(self, *, until: Fraction | int) -> None:
        if self._shown is None or self._due >= until:
            return
        width, height = _HASHED_SIZE_PX
        small = self._reformatter.reformat(self._shown, width, height, format="rgb24", interpolation="AREA")
        found = hash_picture(cast("npt.NDArray[np.uint8]", small.to_ndarray()))
        while self._due < until:
            self._hashes.append(found)
            self._due += EVERY_MS / self._time_base / 1000


class _Sound:
    """Counts the samples of a clip as they come, and resamples them to the fingerprint's rate, a second at a time."""

    def __init__(self) -> None:
        from av import AudioFifo

        self._waiting = AudioFifo()
        self._graph: Graph | None = None
        self._pieces: list[npt.NDArray[np.float32]] = []
        self._rate_hz = SAMPLE_RATE_HZ

    @property
    def count(self) -> int:
        return self._waiting.samples_written

    def hear(self, frame: "AudioFrame") -> None:
        frame.pts = None  # the queue would check that times follow one another; only the count matters
        self._waiting.write(frame)
        if self._waiting.samples >= frame.sample_rate:
            self._resample()

    def finish(self, num_samples: int) -> "npt.NDArray[np.float32]":
        """The first ``num_samples`` that were heard, mono, at the fingerprint's rate."""
        import numpy as np

        self._resample()
        if self._graph is None:
            return np.zeros(0, dtype=np.float32)
        self._graph.push(None)
        self._pull()
        return np.concatenate(self._pieces)[: num_samples * SAMPLE_RATE_HZ // self._rate_hz]

    def _resample(self) -> None:
        second = self._waiting.read(partial=True)
        if second is None:
            return
        if self._graph is None:
            self._graph, self._rate_hz = _resampler(second), second.sample_rate
        self._graph.push(second)
        self._pull()

    def _pull(self) -> None:
        import av

        assert self._graph is not None
        with contextlib.suppress(av.BlockingIOError, av.EOFError):  # no more, yet or ever
            while True:
                self._pieces.append(cast("AudioFrame", self._graph.pull()).to_ndarray()[0])


def _resampler(like: "AudioFrame") -> "Graph":
    from av.filter import Graph

    graph = Graph()
    source = graph.add_abuffer(
        sample_rate=like.sample_rate, format=like.format.name, layout=like.layout.name, time_base=Fraction(1, 1000)
    )
    resampler = graph.add("aresample", f"{SAMPLE_RATE_HZ}:filter_size={_FILTER_TAPS}:ochl=mono:osf=flt")
    sink = graph.add("abuffersink")
    source.link_to(resampler)
    resampler.link_to(sink)
    graph.configure()
    return graph

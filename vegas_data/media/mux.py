"""Pictures and sound in, one deterministic H.264/AAC mp4 out.

One encoder thread and bit-exact flags: the same arrays give the same bytes with the same ffmpeg.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vegas_data.media.confine import Limits
from vegas_data.media.sandbox import run_ffmpeg

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def encoder_settings(*, crf: int = 20, preset: str = "veryfast", audio_kbps: int = 128) -> dict[str, Any]:
    """ffmpeg-python keyword arguments of the project's one output form, deterministic and seekable."""
    return {
        "vcodec": "libx264",
        "crf": crf,
        "preset": preset,
        "pix_fmt": "yuv420p",
        "threads": 1,
        "acodec": "aac",
        "audio_bitrate": f"{audio_kbps}k",
        "movflags": "+faststart",
        "map_metadata": -1,
        "fflags": "+bitexact",
        "flags:v": "+bitexact",
        "flags:a": "+bitexact",
        "format": "mp4",
    }


def _raw(frames: "Iterable[npt.NDArray[np.uint8]]", size: tuple[int, int]) -> Iterator[bytes]:
    shape = (size[1], size[0], 3)
    for frame in frames:
        if frame.shape != shape or frame.dtype.name != "uint8":
            raise ValueError(f"a frame is {frame.dtype}{frame.shape}, expected uint8{shape}")
        yield frame.tobytes()


def write_mp4(
    path: Path,
    frames: "Iterable[npt.NDArray[np.uint8]]",
    *,
    size: tuple[int, int],
    fps: Fraction,
    audio: "npt.NDArray[Any] | None",
    sample_rate_hz: int = 48_000,
    crf: int = 20,
    limits: Limits | None = None,
) -> None:
    """Write ``frames`` and ``audio`` to ``path``.

    Shape:
        frames: each uint8 [H, W, 3] RGB, ``size`` = (W, H), both even; audio: int16, or float in [-1, 1], [S] mono.

    Raises:
        ValueError: a frame has another shape. DecodeFailed, LimitExceeded, ResourcesExhausted, WorkspaceError: ffmpeg
            failed, see ``run_ffmpeg``.
    """
    import ffmpeg
    import numpy as np

    if size[0] % 2 or size[1] % 2:
        raise ValueError(f"H.264 with 4:2:0 colour needs an even width and height, not {size}")
    video = ffmpeg.input("pipe:0", format="rawvideo", pix_fmt="rgb24", s=f"{size[0]}x{size[1]}", r=str(fps))
    streams = [video]
    sound_file = path.with_name(path.name + ".pcm")
    try:
        if audio is not None:
            pcm = audio if audio.dtype == np.int16 else np.round(np.clip(audio, -1.0, 1.0) * 32767.0)
            sound_file.write_bytes(np.asarray(pcm, dtype="<i2").tobytes())
            streams.append(ffmpeg.input(f"file:{sound_file}", format="s16le", ar=sample_rate_hz, ac=1).audio)
        output = ffmpeg.output(*streams, f"file:{path}", **encoder_settings(crf=crf))
        run_ffmpeg(output.get_args(), what=str(path), target=path, stdin=_raw(frames, size), limits=limits)
    finally:
        sound_file.unlink(missing_ok=True)

"""Films that differ in container, rate and track layout, and a file that counts how much of it is read."""

from pathlib import Path

from vegas_data.media.sandbox import run_ffmpeg

_AAC = ["-c:a", "aac", "-b:a", "96k"]


class CountedFile:
    """A file that is elsewhere: its bytes are asked for, and counted."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.size = path.stat().st_size
        self.num_read = 0
        self._data = path.read_bytes()

    def read_at(self, offset: int, length: int) -> bytes:
        assert 0 <= offset < self.size
        found = self._data[offset : offset + length]
        self.num_read += len(found)
        return found


def film(
    path: Path,
    *options: str,
    rate: str = "25",
    seconds: float = 120,
    key_s: int = 5,
    coding: tuple[str, ...] = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", "-bf", "2", *_AAC),
    picture_filter: str = "null",
) -> Path:
    """A moving picture with noise in it and a sound that never repeats; ``options`` go to the output."""
    picture = f"testsrc=s=96x72:r={rate}:d={seconds},noise=alls=12:allf=t:all_seed=7,{picture_filter}"
    sound = f"aevalsrc='0.4*sin(2*PI*(200+0.5*t)*t)':s=44100:d={seconds}"
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    keys = ["-force_key_frames", f"expr:gte(t,n_forced*{key_s})", "-g", "9999"]
    run_ffmpeg([*inputs, *coding, *keys, "-pix_fmt", "yuv420p", *options, f"file:{path}"], what=path.name, target=path)
    return path


def copied(source: Path, target: Path, *options: str) -> Path:
    """The same packets in another file."""
    run_ffmpeg(["-i", f"file:{source}", "-c", "copy", *options, f"file:{target}"], what=target.name, target=target)
    return target

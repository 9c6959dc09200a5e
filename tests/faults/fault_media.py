"""The media files that the fault server has: a good one, and those with which something is wrong."""

import random
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vegas_data.media.sandbox import find_ffmpeg, run_ffmpeg

SECONDS: Final = 16
CLIP_MS: Final = (9_300, 12_300)  # of every source: between two key frames, so that most of the file is not needed
_PICTURE: Final = f"testsrc2=size=320x240:rate=25:duration={SECONDS},noise=alls=12:allf=t"
_SOUND: Final = f"sine=frequency=440:beep_factor=4:sample_rate=48000:duration={SECONDS}"


@dataclass(frozen=True, kw_only=True)
class FaultMedia:
    """Bytes of whole files. ``good`` is larger than what is fetched whole without asking for spans."""

    good: bytes
    silent: bytes
    blind: bytes
    damaged: bytes
    short: bytes

    @classmethod
    def make(cls, folder: Path) -> "FaultMedia":
        good = folder / "good.mp4"
        inputs = ["-f", "lavfi", "-i", _PICTURE, "-f", "lavfi", "-i", _SOUND]
        coded = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "28", "-g", "50", "-pix_fmt", "yuv420p"]
        command = [find_ffmpeg(), "-v", "error", *inputs, *coded, "-c:a", "aac", "-movflags", "+faststart", good]
        subprocess.run(command, check=True)

        def copy(name: str, *arguments: str) -> bytes:
            target = folder / name
            run_ffmpeg(
                ["-i", f"file:{good}", "-c", "copy", *arguments, f"file:{target}"], what=str(target), target=target
            )
            return target.read_bytes()

        return cls(
            good=good.read_bytes(),
            silent=copy("silent.mp4", "-an"),
            blind=copy("blind.mp4", "-vn"),
            damaged=_damage(good.read_bytes()),
            short=copy("short.mp4", "-t", "4"),
        )


def _damage(whole: bytes) -> bytes:
    """The same headers, and noise where the packets were."""
    start = whole.index(b"mdat") + 4
    return whole[:start] + random.Random(0).randbytes(len(whole) - start)

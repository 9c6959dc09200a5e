"""Clips per minute through *featurize*, where the time goes, and what the naive composition of the same parts takes.

    python -m benchmarks.featurize                       the paper's pair, it in float32, the light pair
    python -m benchmarks.featurize --memory 500          resident memory every 50 examples
    python -m benchmarks.featurize --resume 100000       how long it takes to find that all of them are there

Clips of the embedded corpus are rendered at 360p and cut as `vegas-data fetch` cuts them. `vgg` is the paper's pair
as in the recipe `vegas`, in bfloat16 where the CPU has it, with weights drawn at random, which take as long as
trained ones; `vgg-float32` is the same in float32; `light` is the demo's pair as in its recipe.

Ours is the worker of the stage, on one thread pinned to one core, with its computer and its workspace timed from
outside: what is left is decoding. Naive is what most scripts do: `cv2.VideoCapture`, `DualTVL1OpticalFlow` on each
pair, the same networks in float32 one row at a time, `np.save`. Both take every clip in turn, round by round; a ratio
is taken within a round. Seconds are CPU seconds, so that others on the machine disturb them less. With two cores the
real pool runs two workers, and clips per minute are by the clock, from the first results on.
"""

import argparse
import hashlib
import itertools
import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from benchmarks.verify import render_reels, spread
from vegas_data.config import shipped
from vegas_data.features import (
    FeatureJob,
    FeatureOptions,
    FlowOptions,
    Inventory,
    StreamOptions,
    feature_key,
    make_extractor,
    missing_streams,
    serving,
)
from vegas_data.features.computer import LocalComputer
from vegas_data.features.desk import Desk, Task
from vegas_data.features.device import confine
from vegas_data.features.encoders import Encoder, load_encoder
from vegas_data.features.flow.pictures import quantise
from vegas_data.features.flow.tvl1_opencv import OpenCvFlow
from vegas_data.features.inputs import Span, row_index
from vegas_data.features.options import FLOW_ENGINE_VERSIONS
from vegas_data.features.pictures import View, frame_picture
from vegas_data.features.worker import Extractor
from vegas_data.recipe import load_recipe
from vegas_data.records import Example, Media
from vegas_data.run.executors import PoolExecutor
from vegas_data.run.gate import Gate
from vegas_data.run.stage import Stage
from vegas_data.store import sha256_of
from vegas_data.units import Grid
from vegas_data.workspace import Workspace

GRID: Final = Grid()
SIZE: Final = (640, 360, 10_000)
SEED: Final = 1
TINY: Final = FeatureOptions(
    streams=(
        StreamOptions(name="lite0", encoder="efficientnet-lite0", size_px=64),
        StreamOptions(
            name="flow_lite0", encoder="efficientnet-lite0-flow", size_px=64, window=10, flow=FlowOptions(epsilon=0.1)
        ),
    ),
)
PAIRS: Final = ("vgg", "vgg-float32", "light")
Spent = dict[str, float]


def options_of(pair: str) -> FeatureOptions:
    """The streams of a pair."""
    if pair == "light":
        return load_recipe(shipped("pipelines/demo.toml")).features
    options = replace(load_recipe(shipped("pipelines/vegas.toml")).features, random_weights=SEED)
    return in_float32(options) if pair == "vgg-float32" else options


def in_float32(options: FeatureOptions) -> FeatureOptions:
    return replace(options, streams=tuple(replace(stream, precision="float32") for stream in options.streams))


def make_jobs(workspace: Workspace, clips: Sequence[Path], spans: Sequence[tuple[int, int]]) -> list[FeatureJob]:
    """Every span of every clip, which is put into the workspace."""
    jobs = []
    for number, clip in enumerate(clips):
        one = [make_job(f"demo-reel{number}_000000000", sha256_of(clip), span) for span in spans]
        workspace.commit_bytes(one[0].media_key, clip.read_bytes())
        jobs += one
    return jobs


def make_job(clip_id: str, sha256: str, span: tuple[int, int]) -> FeatureJob:
    """A span of a clip that has these bytes."""
    video_id = clip_id.partition("_")[0]
    media = Media(
        clip_id=clip_id,
        video_id=video_id,
        start_ms=0,
        end_ms=SIZE[2],
        duration_ms=SIZE[2],
        sha256=sha256,
        num_bytes=1,
        width=SIZE[0],
        height=SIZE[1],
        fps="25/1",
        num_frames=SIZE[2] // 40,
        sample_rate_hz=48_000,
        num_samples=48 * SIZE[2],
        settings="0" * 12,
    )
    example = Example(category="drum", clip_id=clip_id, video_id=video_id, start_ms=span[0], end_ms=span[1])
    return FeatureJob(example=example, media=media, media_key=f"clips/0/{clip_id}.mp4")


# --- ours, timed from outside ---------------------------------------------------------------------------------


@contextmanager
def adding(spent: Spent, part: str) -> Iterator[None]:
    start = time.process_time()
    try:
        yield
    finally:
        spent[part] += time.process_time() - start


class TimedDesk(Desk):
    """Every step by what it was."""

    spent: Spent

    def _compute_flow(self, task: Task) -> list[Task]:
        with adding(self.spent, "flow"):
            return super()._compute_flow(task)

    def _encode(self, name: str) -> list[Task]:
        with adding(self.spent, "flow encoder" if self._streams[name].flow else "picture encoder"):
            return super()._encode(name)


class TimedComputer(LocalComputer):
    """Computes at a timed desk."""

    def __init__(self, options: FeatureOptions) -> None:
        confine("cpu")
        self._desk = self.timed = TimedDesk(options, "cpu", is_shared=False)


class TimedWorkspace(Workspace):
    """Every commit."""

    spent: Spent

    def commit_artefact(self, key: str, content: Path | bytes, side_car: Mapping[str, Any]) -> None:
        with adding(self.spent, "write"):
            super().commit_artefact(key, content, side_car)


def forget(workspace: Workspace) -> None:
    """Remove all features, so that they are computed again."""
    for key in list(workspace.keys("features", ".npy")):
        workspace.remove_artefact(key)


# --- the naive composition ------------------------------------------------------------------------------------


class Naive:
    """The same rows, composed from what is at hand, one picture and one pair at a time."""

    def __init__(self, options: FeatureOptions, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._encoders: dict[str, Encoder] = {
            stream.name: load_encoder(stream, "cpu", options.random_weights) for stream in in_float32(options).streams
        }

    def __call__(self, path: Path, span: Span, spent: Spent) -> None:
        with adding(spent, "decode"):
            pictures = self._read(path, span)
        for stream in self._options.streams:
            with adding(spent, "decode"):
                views = [frame_picture(picture, View.of(stream)) for picture in pictures]
            if stream.flow is None:
                rows = [view[None] for view in views]
            else:
                with adding(spent, "flow"):
                    engine = OpenCvFlow(stream.flow)
                    fields = [
                        quantise(engine.compute_flow(before, after), bound_px=stream.flow.bound_px)
                        for before, after in itertools.pairwise(views)
                    ]
                    stacks = row_index(stream, span, GRID)
                    rows = [np.concatenate([fields[min(j, len(fields) - 1)] for j in stack])[None] for stack in stacks]
            with adding(spent, "flow encoder" if stream.flow else "picture encoder"):
                features = np.concatenate([self._encoders[stream.name].encode(row) for row in rows])
            with adding(spent, "write"):
                np.save(self._folder / f"{path.stem}.{stream.name}.npy", features.astype(np.float16))

    @staticmethod
    def _read(path: Path, span: Span) -> list[np.ndarray]:
        wanted = [
            int((span.start_ms / 1000 + float(GRID.frame_time_s(row))) * 25)
            for row in range(GRID.num_frames(span.duration_ms))
        ]
        capture = cv2.VideoCapture(str(path))
        pictures = []
        for number in range(wanted[-1] + 1):
            _, picture = capture.read()
            pictures += [cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)] * wanted.count(number)
        capture.release()
        return pictures


# --- measurements ---------------------------------------------------------------------------------------------


def measure_split(
    options: FeatureOptions, workspace: TimedWorkspace, jobs: Sequence[FeatureJob], rounds: int, folder: Path
) -> list[dict[str, Spent]]:
    """CPU seconds per clip of each part, ours and naive, round by round, after a short example that does not count."""
    computer = TimedComputer(options)
    extract, naive = Extractor(options, GRID, workspace, computer), Naive(options, folder)
    found = []
    for index in range(rounds + 1):
        ours: Spent = defaultdict(float)
        theirs: Spent = defaultdict(float)
        computer.timed.spent = workspace.spent = ours
        forget(workspace)
        for job in jobs if index else [short(jobs[0])]:
            with adding(ours, "all"):
                extract(job)
            with adding(theirs, "all"):
                naive(workspace.path(job.media_key), Span(start_ms=job.start_ms, end_ms=job.end_ms), theirs)
        ours["decode"] = 2 * ours["all"] - sum(ours.values())
        if index:
            each = {"ours": ours, "naive": theirs}
            found.append({way: {part: s / len(jobs) for part, s in spent.items()} for way, spent in each.items()})
    return found


def short(job: FeatureJob) -> FeatureJob:
    """Its first ten rows."""
    return replace(job, example=replace(job.example, end_ms=job.example.start_ms + 640))


def measure_pool(options: FeatureOptions, workspace: Workspace, jobs: Sequence[FeatureJob], workers: int) -> float:
    """Clips per minute by the clock, from the first result of every worker on."""
    forget(workspace)
    make = partial(make_extractor, options, GRID, workspace)
    stage: Stage[FeatureJob] = Stage(name="featurize", digest="benchmark", make_worker=make)
    at = []
    for outcome in PoolExecutor(workers).map(stage, list(jobs), Gate(stage)):
        assert outcome.status == "done", outcome
        at.append(time.monotonic())
    return 60 * (len(at) - workers) / (at[-1] - at[workers - 1])


def measure_memory(
    clips: Sequence[Path], workspace: Workspace, count: int, *, served: bool
) -> dict[int, dict[str, float]]:
    """Resident MB of the processes that work, every 50 examples: the light pair at 64 px, spans of 0.64 s."""
    starts = range(-(-count // len(clips)))
    jobs = make_jobs(workspace, clips, [(4 * start, 4 * start + 640) for start in starts])[:count]
    forget(workspace)
    found = {}
    with serving(TINY, "cpu", workers=1) if served else nobody() as address:
        extract = make_extractor(TINY, GRID, workspace, server=address)
        pids = {"worker": os.getpid()} | ({"device's process": youngest_child()} if served else {})
        for number, job in enumerate(jobs, start=1):
            extract(job)
            if number % 50 == 0:
                found[number] = {who: round(resident_mb(pid)) for who, pid in pids.items()}
    return found


def measure_resume(workspace: Workspace, count: int) -> Spent:
    """Seconds, by the clock, to find that nothing is missing of so many examples: one look at each, and one listing."""
    digests = {"one": "1" * 12, "two": "2" * 12}
    clips = (f"demo-{number}_000000000" for number in range(count))
    jobs = [make_job(clip, hashlib.sha256(clip.encode()).hexdigest(), (0, 2000)) for clip in clips]
    for key in (feature_key(job, value) for job in jobs for value in digests.values()):
        for path in (workspace.path(key), workspace.path(f"{key}.json")):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    spent = {}
    for way in ("a look at each", "one listing") * 2:  # the first time does not count
        start = time.monotonic()
        if way == "one listing":
            inventory = Inventory(digests, workspace)
            missing = [job for job in jobs if inventory.missing(job)]
        else:
            missing = [job for job in jobs if missing_streams(job, digests, workspace)]
        assert not missing
        spent[way] = time.monotonic() - start
    return spent


@contextmanager
def nobody() -> Iterator[None]:
    yield None


def youngest_child() -> int:
    own = Path(f"/proc/{os.getpid()}/task")
    return max(int(pid) for task in own.iterdir() for pid in (task / "children").read_text().split())


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def show(name: str, seconds: float, rounds: Sequence[dict[str, Spent]]) -> None:
    print(f"\n{name}, examples of {seconds:g} s, one core: CPU seconds per example")
    parts = ("decode", "flow", "picture encoder", "flow encoder", "write", "all")
    for part in parts:
        ours, naive = ([one[way][part] for one in rounds] for way in ("ours", "naive"))
        ratios = [b / a for a, b in zip(ours, naive, strict=True)]
        share = statistics.median(a / one["ours"]["all"] for a, one in zip(ours, rounds, strict=True))
        ways = f"{spread(ours, 3):26} {100 * share:5.1f} % | naive {spread(naive, 3):28}"
        print(f"  {part:16} {ways} | x {spread(ratios, 2)}")
    per_minute = [60 / one["ours"]["all"] for one in rounds]
    print(
        f"  examples per minute: {spread(per_minute, 2)}, naive {spread([60 / r['naive']['all'] for r in rounds], 2)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", nargs="*", default=PAIRS, choices=PAIRS)
    parser.add_argument("--clips", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=2, help="of each example")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pool", type=int, default=0, help="examples for one and for two workers, too")
    parser.add_argument("--memory", type=int, default=0, help="instead: so many examples")
    parser.add_argument("--resume", type=int, default=0, help="instead: so many examples")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--output", type=Path, help="all rounds as JSON")
    arguments = parser.parse_args()
    found: dict[str, Any] = {"engines": dict(FLOW_ENGINE_VERSIONS)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Workspace.create(folder / "workspace", "")
        if arguments.resume:
            print(measure_resume(Workspace(folder / "workspace"), arguments.resume))
            return
        clips = [reel.path for reel in render_reels(folder, SIZE, arguments.clips)]
        workspace = TimedWorkspace(folder / "workspace")
        workspace.spent = defaultdict(float)
        if arguments.memory:
            for served in (False, True):
                found[f"served {served}"] = measure_memory(clips, workspace, arguments.memory, served=served)
                print("with a device's process:" if served else "alone:", found[f"served {served}"])
        cores = os.sched_getaffinity(0)
        for pair in () if arguments.memory else arguments.pairs:
            options = options_of(pair)
            jobs = make_jobs(workspace, clips, [(2000, 2000 + 1000 * arguments.seconds)])
            os.sched_setaffinity(0, {arguments.core})
            found[pair] = measure_split(options, workspace, jobs, arguments.rounds, folder)
            os.sched_setaffinity(0, cores)
            show(pair, arguments.seconds, found[pair])
            if arguments.pool:
                starts = [100 * number for number in range(-(-arguments.pool // len(clips)))]
                many = make_jobs(workspace, clips, [(at, at + 1000 * arguments.seconds) for at in starts])
                plain = Workspace(workspace.root)
                found[f"{pair}, pool"] = {n: measure_pool(options, plain, many[: arguments.pool], n) for n in (1, 2)}
                print("  by the clock, workers:", found[f"{pair}, pool"])
    if arguments.output:
        arguments.output.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

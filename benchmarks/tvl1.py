"""TV-L1 engines on one core against OpenCV: how fast, how close, and how close OpenCV is to itself.

    python benchmarks/tvl1.py [--media DIR] [--pairs 44] [--torch-pairs 12] [--out FILE]

Pairs are two pictures of one clip a grid frame (0.064 s) apart, of clips of the embedded corpus, of the videos in DIR
(``shared/data/media`` beside the project, where it is), and of slow pans over its photographs; square of 224 px and
340 × 256. Pairs across a cut, and pairs in which nothing moves, are told apart before anything is computed: the mean
difference of grey levels is above 40 or below 0.2. The gates are judged over all pairs but those; the exit status is 1
if one fails. Shown besides: the cuts, and the pairs on which OpenCV does not agree with itself (the control below, by
more than 0.1 px in the mean), whose flow is not settled where the iteration stops.

The process is pinned to one core. Engines take turns pair by pair; CPU time of the thread counts, as others may use
the machine. OpenCV against itself is OpenCV on the same pair with every level of the first picture changed by -1, 0 or
+1 at random (one in four each way): what a camera's last bit does. Synthetic pairs are photographs moved by a known
smooth field, rotation or zoom, with noise of one level.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vegas_data.demo.assets import load_assets, read_picture
from vegas_data.demo.compose import render_source
from vegas_data.demo.corpus import CorpusOptions, plan_corpus
from vegas_data.features.flow.engines import make_flow_engine
from vegas_data.features.flow.pictures import quantise
from vegas_data.features.flow.tvl1 import Flow, FlowEngine, Pixels
from vegas_data.features.options import FlowOptions
from vegas_data.media.decode import iter_frames_at

SIZES = {"224x224": (224, 224), "340x256": (256, 340)}
STEP_S = Fraction(1024, 16_000)
CUT, STILL = 40.0, 0.2
UNSETTLED_PX = 0.1
LEAST_PAIRS, LEAST_RATIO, MOST_MEAN_PX, MOST_MEDIAN_PX, MOST_BYTES_OFF, MOST_OVER_OPENCV = (
    36,
    20.0,
    0.03,
    0.02,
    0.5,
    2.0,
)
REPEATS = 5  # of a fast engine, per pair; its median counts


@dataclass(frozen=True, kw_only=True)
class Pair:
    name: str
    previous: Pixels
    following: Pixels
    truth: Flow | None = None

    @property
    def difference(self) -> float:
        return float(np.abs(self.previous.astype(int) - self.following).mean())


def fit(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """The largest part of that shape in the middle, scaled, grey."""
    height, width = picture.shape[:2]
    scale = min(height / size[0], width / size[1])
    h, w = round(size[0] * scale), round(size[1] * scale)
    part = picture[(height - h) // 2 :, (width - w) // 2 :][:h, :w]
    return cv2.cvtColor(cv2.resize(part, size[::-1], interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)


def pictures_of(path: Path, moments: list[Fraction]) -> list[Pixels]:
    times = sorted({t for moment in moments for t in (moment, moment + STEP_S)})
    return list(iter_frames_at(path, times))


def real_pairs(folder: Path | None, count: int) -> Iterator[tuple[str, Pixels, Pixels]]:
    """Pictures in colour, in turns from each kind of source."""
    moments = [Fraction(k * 13, 40) + Fraction(1, 5) for k in range(12)]
    kinds: list[list[tuple[str, Pixels, Pixels]]] = [[], [], []]
    with tempfile.TemporaryDirectory() as name:
        options = CorpusOptions()
        planned = [one for one in plan_corpus(options) if one.fault in ("", "wrong_sound", "middle_only")]
        for number, one in enumerate(planned[:: max(1, len(planned) // 12)][:12]):
            path = Path(name) / "clip.mp4"
            render_source(one, options, path)
            shown = pictures_of(path, moments[number % 3 :: 3][:3])
            kinds[0] += [(f"corpus {one.id} {k}", shown[2 * k], shown[2 * k + 1]) for k in range(3)]
    for path in sorted(folder.glob("*.mp4")) if folder else ():
        shown = pictures_of(path, moments)
        kinds[1] += [(f"{path.stem} {k}", shown[2 * k], shown[2 * k + 1]) for k in range(len(moments))]
    photographs = sorted(path for path in folder.iterdir() if path.suffix in (".webp", ".jpg")) if folder else []
    for number, path in enumerate(photographs):
        rgb = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        x, y = 3 + 2 * number, 2 - number
        scale = 640 / rgb.shape[1]
        large = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        kinds[2].append((f"pan {path.stem}", large[12:-12, 12:-12], large[12 - y : -12 - y or None, 12 - x : -12 - x]))
    found = [one for turn in range(max(map(len, kinds))) for kind in kinds for one in kind[turn : turn + 1]]
    yield from found[:count]


def synthetic_pairs() -> Iterator[Pair]:
    """Photographs under a flow that is known everywhere: what was at a place has gone there by as much."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:224, :224].astype(np.float32)
    names = [asset.name for asset in load_assets().values() if asset.kind == "picture"][:4]
    for name in names:
        ground = cv2.cvtColor(read_picture(name), cv2.COLOR_RGB2GRAY)
        ground = fit(cv2.cvtColor(ground, cv2.COLOR_GRAY2RGB), (264, 264)).astype(np.float32)
        waves = [cv2.GaussianBlur(rng.normal(size=(224, 224)).astype(np.float32), (0, 0), 32) for _ in range(2)]
        fields = {
            "smooth": np.stack([3 * wave / np.abs(wave).max() for wave in waves]),
            "turn": 0.02 * np.stack([-(y - 112), x - 112]) + 0.01 * np.stack([x - 112, y - 112]),
            "layers": np.stack([np.where(y < 112, 2.5, -1.25), np.where(x < 112, 1.0, 0.0)]),
        }
        for kind, field in fields.items():
            flow = field.astype(np.float32)
            # seen from the second picture, so that the first is where each of its pixels goes
            following = ground[20:244, 20:244]
            previous = cv2.remap(ground, x + 20 + flow[0], y + 20 + flow[1], cv2.INTER_CUBIC)
            noisy = [picture + rng.normal(size=picture.shape) for picture in (previous, following)]
            first, second = (np.rint(np.clip(picture, 0, 255)).astype(np.uint8) for picture in noisy)
            yield Pair(name=f"{kind} {name}", previous=first, following=second, truth=flow)


def timed(engine: FlowEngine, pair: Pair, repeats: int) -> tuple[Flow, float, float]:
    """Flow, and the median CPU and wall time in seconds."""
    cpu, wall = [], []
    for _ in range(repeats):
        begun, begun_wall = time.thread_time(), time.perf_counter()
        flow = engine.compute_flow(pair.previous, pair.following)
        cpu.append(time.thread_time() - begun)
        wall.append(time.perf_counter() - begun_wall)
    return flow, statistics.median(cpu), statistics.median(wall)


def apart(one: Flow, other: Flow) -> npt.NDArray[np.float32]:
    return np.hypot(*(one - other))


def last_bit(picture: Pixels, seed: int) -> Pixels:
    noise = np.random.default_rng(seed).choice([-1, 0, 0, 1], size=picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def measure(pairs: list[Pair], engines: dict[str, FlowEngine], torch_pairs: int) -> list[dict[str, Any]]:
    rows = []
    spread = {number * len(pairs) // torch_pairs for number in range(torch_pairs)} if torch_pairs else set()
    for number, pair in enumerate(pairs):
        names = [name for name in engines if name != "torch" or number in spread]
        done = {name: timed(engines[name], pair, REPEATS if name == "numba" else 1) for name in names}
        reference = done["opencv"][0]
        noisy = engines["opencv"].compute_flow(last_bit(pair.previous, number), pair.following)
        row: dict[str, Any] = {"pair": pair.name, "difference": round(pair.difference, 2)}
        row["moves_px"] = round(float(np.hypot(*reference).mean()), 3)
        for name, (flow, cpu_s, wall_s) in done.items():
            row[f"{name}_ms"], row[f"{name}_wall_ms"] = 1000 * cpu_s, 1000 * wall_s
            if name != "opencv":
                row |= compared(name, flow, reference)
                row[f"{name}_ratio"] = done["opencv"][1] / cpu_s
        row |= compared("self", noisy, reference)
        rows.append(row)
    return rows


def compared(name: str, flow: Flow, reference: Flow) -> dict[str, float]:
    off = np.abs(quantise(flow).astype(int) - quantise(reference)) > 1
    epe = apart(flow, reference)
    return {
        f"{name}_mean_px": float(epe.mean()),
        f"{name}_median_px": float(np.median(epe)),
        f"{name}_bytes_off_percent": 100 * float(off.mean()),
    }


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Per figure: median, smallest and largest over the pairs."""
    if not rows:
        return {"pairs": 0}
    keys = dict.fromkeys(key for row in rows for key in row if key != "pair")
    told: dict[str, Any] = {"pairs": len(rows)}
    for key in keys:
        values = [row[key] for row in rows if key in row]
        told[key] = [round(float(v), 4) for v in (statistics.median(values), min(values), max(values))]
    for name in ("numba", "torch", "self"):
        values = [row[f"{name}_bytes_off_percent"] for row in rows if f"{name}_bytes_off_percent" in row]
        told[f"{name}_bytes_off_percent_of_all"] = round(statistics.fmean(values), 4) if values else None
    return told


def against_truth(engines: dict[str, FlowEngine]) -> dict[str, Any]:
    errors: dict[str, list[float]] = {name: [] for name in engines}
    for pair in synthetic_pairs():
        assert pair.truth is not None
        for name, engine in engines.items():
            flow = engine.compute_flow(pair.previous, pair.following)
            errors[name].append(float(apart(flow, pair.truth)[8:-8, 8:-8].mean()))
    return {
        name: {
            "mean_px": round(statistics.fmean(values), 4),
            "over_opencv_percent": round(100 * (statistics.fmean(values) / statistics.fmean(errors["opencv"]) - 1), 3),
        }
        for name, values in errors.items()
    }


def gates(rows: dict[str, list[dict[str, Any]]], truth: dict[str, Any]) -> list[dict[str, Any]]:
    """What the engines are held to, judged over ``rows`` of each size: medians over pairs."""
    judged = []

    def judge(what: str, value: float, limit: float, *, least: bool = False) -> None:
        passed = value >= limit if least else value <= limit
        judged.append({"gate": what, "value": round(value, 4), "limit": limit, "passed": bool(passed)})

    for label, some in rows.items():
        judge(f"{label}: pairs that are no cuts", len(some), LEAST_PAIRS, least=True)
        judge(f"{label}: numba, times as fast", summary(some)["numba_ratio"][0], LEAST_RATIO, least=True)
        for name in ("numba", "torch"):
            told = summary([row for row in some if f"{name}_ms" in row])
            if told["pairs"]:
                over = f"{label}: {name}, {told['pairs']} pairs"
                judge(f"{over}, mean px apart", told[f"{name}_mean_px"][0], MOST_MEAN_PX)
                judge(f"{over}, median px apart", told[f"{name}_median_px"][0], MOST_MEDIAN_PX)
                judge(f"{over}, bytes off, %", told[f"{name}_bytes_off_percent"][0], MOST_BYTES_OFF)
    for name in ("numba", "torch"):
        judge(f"known flow: {name}, % off OpenCV's error", abs(truth[name]["over_opencv_percent"]), MOST_OVER_OPENCV)
    return judged


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    beside = Path(__file__).resolve().parents[1] / "shared" / "data" / "media"
    parser.add_argument("--media", type=Path, default=beside if beside.is_dir() else None)
    parser.add_argument("--pairs", type=int, default=44)
    parser.add_argument("--torch-pairs", type=int, default=12, help="of each size, spread over all")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    import torch

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    engines = {name: make_flow_engine(FlowOptions(engine=name)) for name in ("opencv", "numba", "torch")}  # type: ignore[arg-type]
    warm = Pair(name="", previous=np.zeros((32, 32), np.uint8), following=np.eye(32, dtype=np.uint8))
    for engine in engines.values():
        timed(engine, warm, 1)
    colour = list(real_pairs(arguments.media, arguments.pairs))
    result: dict[str, Any] = {"opencv": cv2.__version__, "torch": torch.__version__}
    measured, everything = {}, []
    for label, size in SIZES.items():
        pairs = [Pair(name=f"{name} {label}", previous=fit(a, size), following=fit(b, size)) for name, a, b in colour]
        rows = measure([pair for pair in pairs if STILL <= pair.difference <= CUT], engines, arguments.torch_pairs)
        cuts = measure([pair for pair in pairs if pair.difference > CUT], engines, 0)
        kinds = {
            "no cuts": rows,
            "of these settled": [row for row in rows if row["self_mean_px"] <= UNSETTLED_PX],
            "of these unsettled": [row for row in rows if row["self_mean_px"] > UNSETTLED_PX],
            "cuts": cuts,
        }
        result[label] = {kind: summary(some) for kind, some in kinds.items() if some}
        measured[label] = rows
        everything += rows + cuts
    result["truth"] = against_truth(engines)
    result["gates"] = gates(measured, result["truth"])
    print(json.dumps(result, indent=2))
    for gate in result["gates"]:
        print("PASS" if gate["passed"] else "FAIL", f"{gate['gate']}: {gate['value']} (limit {gate['limit']})")
    if arguments.out:
        arguments.out.write_text(json.dumps({**result, "rows": everything}, indent=1), encoding="utf-8")
    raise SystemExit(not all(gate["passed"] for gate in result["gates"]))


if __name__ == "__main__":
    main()

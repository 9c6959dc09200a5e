"""Encoders in float32 and in bfloat16: milliseconds per row on one thread, and how far the rows are apart.

    python benchmarks/precision.py [--batch 16] [--repeats 7] [--device cpu] [--out FILE]

Weights are drawn at random where the real ones are not here, which changes no time; the deviation it does, so the
table says which it was. Both precisions take turns; what counts is the CPU time of the thread on a CPU, and the wall
clock on a GPU. Rows of pictures are photographs of the embedded corpus, rows of flow smooth fields that drift. How far
two rows are apart is the length of their difference over the length of the one in float32.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from vegas_data.config import to_json
from vegas_data.demo.assets import load_assets, read_picture
from vegas_data.errors import WeightsMissing
from vegas_data.features.device import confine, tools
from vegas_data.features.encoders import Encoder, digest_of_weights, load_encoder
from vegas_data.features.options import FlowOptions, Precision, StreamOptions

ENCODERS: Final = (
    ("vgg19-fc6", None, 224),
    ("temporal-vgg16-fc6", FlowOptions(), 224),
    ("efficientnet-lite0", None, 160),
    ("efficientnet-lite0-flow", FlowOptions(), 112),
)
PRECISIONS: Final[tuple[Precision, ...]] = ("float32", "bfloat16")
SEED: Final = 7
Batch = npt.NDArray[np.uint8]


def stream_of(name: str, flow: FlowOptions | None, size: int, precision: Precision) -> StreamOptions:
    window = 10 if flow else 1
    return StreamOptions(name="row", encoder=name, flow=flow, window=window, size_px=size, precision=precision)


def rows_of(stream: StreamOptions, count: int) -> Batch:
    """Rows as an encoder is shown them."""
    size = stream.size_px
    if stream.flow is None:
        pictures = [read_picture(asset.name) for asset in load_assets().values() if asset.kind == "picture"]
        return np.stack([cv2.resize(pictures[i % len(pictures)], (size, size)) for i in range(count)])
    random = np.random.default_rng(SEED)
    coarse = random.normal(0, 2, (count, 2 * stream.window, 7, 7)).cumsum(axis=1)
    fields = [[cv2.resize(field, (size, size), interpolation=cv2.INTER_CUBIC) for field in row] for row in coarse]
    return np.clip(np.round(128 + 6 * np.asarray(fields)), 0, 255).astype(np.uint8)


def timed(encoder: Encoder, batch: Batch, device: str) -> tuple[float, npt.NDArray[np.float32]]:
    clock = time.thread_time if device == "cpu" else time.perf_counter
    start = clock()
    rows = encoder.encode(batch)
    return 1e3 * (clock() - start) / len(batch), rows


def measure(name: str, flow: FlowOptions | None, size: int, options: argparse.Namespace) -> dict[str, Any]:
    streams = {precision: stream_of(name, flow, size, precision) for precision in PRECISIONS}
    seed: int | None = None
    try:
        weights = digest_of_weights(streams["float32"])
    except WeightsMissing:
        seed, weights = SEED, f"random-{SEED}"
    encoders = {p: load_encoder(stream, options.device, seed) for p, stream in streams.items()}
    batch = rows_of(streams["float32"], options.batch)
    rows = {p: timed(encoder, batch, options.device)[1] for p, encoder in encoders.items()}
    spent: dict[Precision, list[float]] = {p: [] for p in PRECISIONS}
    for _ in range(options.repeats):
        for precision, encoder in encoders.items():
            spent[precision].append(timed(encoder, batch, options.device)[0])
    apart = np.linalg.norm(rows["bfloat16"] - rows["float32"], axis=1) / np.linalg.norm(rows["float32"], axis=1)
    return {
        "encoder": name,
        "weights": weights,
        "ms_per_row": {p: [statistics.median(each), min(each), max(each)] for p, each in spent.items()},
        "times_as_fast": statistics.median(spent["float32"]) / statistics.median(spent["bfloat16"]),
        "apart": [float(np.median(apart)), float(apart.max())],
        "probe": encoders["bfloat16"].tools,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    confine(options.device)
    found = {"tools": tools(options.device), "batch": options.batch, "encoders": []}
    print(json.dumps(found["tools"]))
    print("| encoder | weights | float32, ms per row | bfloat16 | times as fast | apart, median | largest | probe |")
    print("|---|---|--:|--:|--:|--:|--:|---|")
    for name, flow, size in ENCODERS:
        row = measure(name, flow, size, options)
        found["encoders"].append(row)
        ms = [f"{m:.1f} ({low:.1f} to {high:.1f})" for m, low, high in row["ms_per_row"].values()]
        probe = next(iter(row["probe"].values()))
        print(
            f"| {name} | {row['weights'][:8]} | {ms[0]} | {ms[1]} | {row['times_as_fast']:.1f} | {row['apart'][0]:.1e} "
            f"| {row['apart'][1]:.1e} | {probe} |",
            flush=True,
        )
    if options.out:
        options.out.write_text(to_json(found, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()

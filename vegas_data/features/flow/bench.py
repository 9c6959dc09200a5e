"""How fast flow is on this machine: pairs per second of an engine, and what share of the memory's speed it uses.

The same made-up pictures everywhere, so that machines can be compared: a texture that moves by two pixels and turns.
Memory's speed is that of a triad, a = b + s · c, over arrays that no cache holds, measured in the same run. The
engine's traffic is what its iterations would read and write if no cache held anything; a share above 1 says that
caches do.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import cv2
import numpy as np

from vegas_data.device import require_device
from vegas_data.features.device import confine, tools
from vegas_data.features.flow.engines import make_flow_engine
from vegas_data.features.flow.tvl1 import FlowEngine
from vegas_data.features.options import FlowOptions
from vegas_data.features.pictures import Pixels

STATE_AND_FIELDS_BYTES: Final = 64  # per pixel and iteration: six floats read and written, four read
TRIAD_FLOATS: Final = {"cpu": 1 << 25, "cuda": 1 << 28}
TRIAD_REPEATS: Final = 5
NUM_PICTURES: Final = 17
MOVES_PX: Final = 2.0
TURNS_DEG: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class FlowSpeed:
    """What ``measure_flow`` found.

    Args:
        iterations: per pair, as if all were at full size.
        traffic_gb_s, share: of iterations alone; absent for an engine that does not count them.
    """

    engine: str
    device: str
    size_px: int
    pairs: int
    pairs_per_s: float
    cpu_ms_per_pair: float
    triad_gb_s: float
    iterations: float | None
    traffic_gb_s: float | None
    share: float | None


def measure_flow(options: FlowOptions, *, device: str, size_px: int, seconds: float) -> FlowSpeed:
    """Compute flow for at least ``seconds``, after a first round that is not counted.

    Raises:
        DeviceMissing: there is no such device. ValueError: the engine does not compute on it.
    """
    require_device(device)
    name = options.engine_on(device)
    if device != "cpu" and name != "torch":
        raise ValueError(f"the engine {name} computes on the CPU; on {device}, use torch")
    confine(device)
    engine = make_flow_engine(options, device)
    pictures = moving_pictures(size_px)
    _run(engine, pictures)
    rounds, counted = 0, _iterated(engine)
    begun, begun_cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - begun < seconds or not rounds:
        _run(engine, pictures)
        rounds += 1
    took, took_cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
    pairs = rounds * (len(pictures) - 1)
    triad = measure_triad(device)
    iterated = _iterated(engine) - counted
    traffic = iterated * _bytes_per_pixel(engine) / took / 1e9 if iterated else None
    return FlowSpeed(
        engine=name,
        device=tools(device)["cpu" if device == "cpu" else "device"],
        size_px=size_px,
        pairs=pairs,
        pairs_per_s=pairs / took,
        cpu_ms_per_pair=1000 * took_cpu / pairs,
        triad_gb_s=triad,
        iterations=iterated / pairs / size_px**2 if iterated else None,
        traffic_gb_s=traffic,
        share=traffic / triad if traffic else None,
    )


def moving_pictures(size_px: int) -> Pixels:
    """A texture that moves and turns from picture to picture. Shape: uint8 [17, S, S]."""
    side = 2 * size_px + 2 * NUM_PICTURES
    noise = np.random.default_rng(0).normal(size=(side, side)).astype(np.float32)
    layers = sum(sigma * cv2.GaussianBlur(noise, (0, 0), sigma) for sigma in (1.5, 4.0, 10.0))
    ground = cv2.normalize(layers, None, 0, 255, cv2.NORM_MINMAX)
    pictures = []
    for index in range(NUM_PICTURES):
        matrix = cv2.getRotationMatrix2D((side / 2, side / 2), TURNS_DEG * index, 1)
        matrix[:, 2] += MOVES_PX * index - (side - size_px) / 2
        pictures.append(cv2.warpAffine(ground, matrix, (size_px, size_px), flags=cv2.INTER_CUBIC))
    return cast(Pixels, np.rint(np.clip(pictures, 0, 255)).astype(np.uint8))


def measure_triad(device: str) -> float:
    """Bytes read and written by a = b + s · c per second, in GB/s, the best of five."""
    import torch

    a, b, c = (torch.ones(TRIAD_FLOATS[device], device=device) for _ in range(3))
    wait: Callable[[], object] = torch.cuda.synchronize if device == "cuda" else lambda: None
    took = []
    for _ in range(TRIAD_REPEATS):
        wait()
        begun = time.perf_counter()
        torch.add(b, c, alpha=3.0, out=a)
        wait()
        took.append(time.perf_counter() - begun)
    return 3 * a.numel() * a.element_size() / min(took) / 1e9


def _run(engine: FlowEngine, pictures: Pixels) -> None:
    for _ in engine.iter_flows(pictures):
        pass


def _iterated(engine: FlowEngine) -> int:
    return int(getattr(engine, "num_iterated", 0))


def _bytes_per_pixel(engine: FlowEngine) -> int:
    return int(getattr(engine, "bytes_per_pixel", STATE_AND_FIELDS_BYTES))

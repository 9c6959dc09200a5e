"""What a recipe says about features: the streams, how pictures are framed and how flow is computed.

Everything here decides bytes and enters the stream digest. Where features are computed (device, workers) is said
by flags and never stands in a recipe.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

from vegas_data.records import MAX_STREAMS

Crop = Literal["center", "squash"]
AtEnds = Literal["repeat", "zero"]
Precision = Literal["float32", "bfloat16", "auto"]
Engine = Literal["auto", "numba", "torch", "opencv"]

MAX_SIZE_PX: Final = 1024
MAX_WINDOW: Final = 64
MAX_WARPS: Final = 100
MAX_BATCH_SIZE: Final = 1024
MAX_RATE_HZ: Final = 120
MAX_RATE_DENOMINATOR: Final = 1_000_000  # shards record a rate as a float that leads back to the fraction
MAX_SEED: Final = 2**32 - 1
# Raised whenever an engine would give other bytes for the same pictures and options.
FLOW_ENGINE_VERSIONS: Final[Mapping[str, int]] = {"opencv": 1, "numba": 1, "torch": 1}
# Device → what ``auto`` means there.
AUTO_FLOW_ENGINES: Final[Mapping[str, str]] = {"cpu": "numba", "cuda": "torch"}
# The shard's own member, ``.audio.npy``, and what ``--only`` calls all streams of a kind.
RESERVED_NAMES: Final = ("audio", "flow", "pictures")
_STREAM_NAME: Final = re.compile(r"[a-z0-9_]{1,32}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class FlowOptions:
    """How optical flow is computed and stored; the algorithm is TV-L1 (``features.flow.tvl1``).

    Args:
        engine: who computes it: ``numba`` on one core, ``torch`` in batches on any device, ``opencv`` as reference,
            ``auto``: numba on a CPU, torch on a GPU.
        rate_hz: pictures per second that flow is computed between; absent: the grid's frame rate. Displacements
            at 15.625 Hz are 1.6 times those at 25 Hz, which the public UCF-101 weights were trained on.
        bound_px: displacement that the largest 8-bit value stands for, at the size flow is computed at.
        quantised: round to 8 bits, as two-stream work stores flow; else the encoder is shown the same levels unrounded.
        num_warps: warps per pyramid scale.
        epsilon: an inner iteration ends the loop when it changes flow by less than this, root mean square, px.
    """

    engine: Engine = "auto"
    rate_hz: Fraction | None = None
    bound_px: float = 20.0
    quantised: bool = True
    num_warps: int = 5
    epsilon: float = 0.01

    def __post_init__(self) -> None:
        _check_rate(self.rate_hz, "rate_hz")
        if not 0 < self.bound_px <= MAX_SIZE_PX:
            raise ValueError(f"bound_px must be above 0 and at most {MAX_SIZE_PX}")
        if not 1 <= self.num_warps <= MAX_WARPS or not 0 < self.epsilon < 1:
            raise ValueError(f"num_warps must be 1 to {MAX_WARPS}, epsilon between 0 and 1")

    def engine_on(self, device: str) -> str:
        """Which engine computes where features are computed on ``device``; stands in side-cars."""
        return AUTO_FLOW_ENGINES[device.partition(":")[0]] if self.engine == "auto" else self.engine

    @property
    def engine_versions(self) -> dict[str, int]:
        """Versions of every engine that may compute, for the digest, which does not know the device."""
        names = AUTO_FLOW_ENGINES.values() if self.engine == "auto" else (self.engine,)
        return {name: FLOW_ENGINE_VERSIONS[name] for name in sorted(names)}


def _check_rate(rate_hz: Fraction | None, what: str) -> None:
    if rate_hz is None:
        return
    if not 0 < rate_hz <= MAX_RATE_HZ or rate_hz.denominator > MAX_RATE_DENOMINATOR:
        raise ValueError(
            f"{what} must be above 0 and at most {MAX_RATE_HZ}, a fraction with a denominator of at most "
            f"{MAX_RATE_DENOMINATOR:,}"
        )


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """One kind of feature: an encoder, what it is shown, and how much of it makes one row.

    Args:
        name: extension of the shard member, ``.{name}.npy``; lower-case letters, digits and ``_``.
        encoder: a name from ``features.encoders``.
        rate_hz: rows per second, the first at the example's start; absent: the grid's frame rate.
        size_px: side of the square that flow is computed on and that the encoder is shown.
        crop: ``center`` cuts the central square, ``squash`` scales the whole picture to a square.
        crop_fraction: side of the central square over the picture's short side; 0.875 is 224 out of 256.
        window: flow fields that one row looks at, from its own frame forwards; 1 for a stream of pictures.
        stride: steps from one field of a window to the next.
        at_ends: beyond the example's last field, ``repeat`` it, or put ``zero`` motion.
        precision: numbers that the network computes in; ``auto`` is bfloat16 where the device does so natively, else
            float32 (docs/decisions/0018-precision.md). What it was stands in the side-car.
        flow: present for a stream of flow, absent for a stream of pictures.
    """

    name: str
    encoder: str
    rate_hz: Fraction | None = None
    size_px: int = 224
    crop: Crop = "center"
    crop_fraction: float = 1.0
    window: int = 1
    stride: int = 1
    at_ends: AtEnds = "repeat"
    precision: Precision = "float32"
    flow: FlowOptions | None = None

    def __post_init__(self) -> None:
        if not _STREAM_NAME.fullmatch(self.name) or self.name in RESERVED_NAMES:
            raise ValueError(
                f"stream name {self.name!r}: 1 to 32 of a-z 0-9 _ are allowed, and not {', '.join(RESERVED_NAMES)}"
            )
        _check_rate(self.rate_hz, f"stream {self.name}: rate_hz")
        if not 16 <= self.size_px <= MAX_SIZE_PX:
            raise ValueError(f"stream {self.name}: size_px must be 16 to {MAX_SIZE_PX}")
        if not 0 < self.crop_fraction <= 1 or (self.crop == "squash" and self.crop_fraction != 1):
            raise ValueError(f"stream {self.name}: crop_fraction is above 0 and at most 1; only center has one")
        if not (1 <= self.window <= MAX_WINDOW and 1 <= self.stride <= MAX_WINDOW):
            raise ValueError(f"stream {self.name}: window and stride must be 1 to {MAX_WINDOW}")
        if self.flow is None and self.window != 1:
            raise ValueError(f"stream {self.name}: window is for flow; a row of pictures is one picture")


@dataclass(frozen=True, kw_only=True)
class FeatureOptions:
    """The streams of a recipe.

    Args:
        batch_size: rows per call of an encoder. Always this many, the last batch padded, because a network may
            round differently for another batch size: it is part of what the bytes depend on.
        random_weights: draw the encoders' weights at random with this seed, instead of loading them. The features then
            mean nothing: this is for trying out the way through.
    """

    streams: tuple[StreamOptions, ...]
    batch_size: int = 16
    random_weights: int | None = None

    def __post_init__(self) -> None:
        names = [stream.name for stream in self.streams]
        if not 1 <= len(names) <= MAX_STREAMS or len(set(names)) != len(names):
            raise ValueError(f"1 to {MAX_STREAMS} streams, and each name once")
        if not 1 <= self.batch_size <= MAX_BATCH_SIZE:
            raise ValueError(f"batch_size must be 1 to {MAX_BATCH_SIZE}")
        if self.random_weights is not None and not 0 <= self.random_weights <= MAX_SEED:
            raise ValueError(f"random_weights is a seed of 0 to {MAX_SEED}")

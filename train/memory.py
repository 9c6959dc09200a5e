"""An experiment in, the bytes it will take out, before they are taken: an error now instead of a crash in the night.

Weights, gradients and Adam's two averages are counted. What the graph of one piece keeps for the way back is what
autograd saves in the real forward, of two and of three examples, of a short piece and of one twice as long: it grows
in proportion to either, so that four small numbers give all large ones. What comes and goes on the way (the logits,
what the MLP sees, their gradients, another set of weight gradients) and the loaded batch are added by their sizes.
``tests/train/test_memory.py`` holds the sum against the memory of a real process, on a CPU; on CUDA it is not
measured.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from train.config import DataShape, Experiment
from train.models.sound import SoundModel
from train.quantize import NUM_LEVELS
from vegas_data.errors import TrainError

HEADROOM: Final = 0.9  # share of what is free that training may take
_LIBRARIES: Final = 64 * 2**20  # what torch and oneDNN keep for themselves
_SLACK: Final = 1.25  # of what comes and goes: allocators do not pack it
_FLOAT: Final = 4
_HALF: Final = 2
_MEASURED_ROWS: Final = (2, 3)  # one is special: a transposed row needs no copy
_COPIES: Final = 4  # of each weight: itself, its gradient, Adam's two averages
_MEMINFO: Final = Path("/proc/meminfo")
_CGROUP: Final = Path("/proc/self/cgroup")
_CGROUPS: Final = Path("/sys/fs/cgroup")
_UNLIMITED: Final = 2**60


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """Bytes that training takes at its peak.

    Args:
        weights: with gradients and Adam's averages. activations: of one piece, forward and back.
        batch: the loaded examples, and their features as the model gets them.
    """

    weights: int
    activations: int
    batch: int

    @property
    def total(self) -> int:
        return self.weights + self.activations + self.batch


class Footprint:
    """What an experiment takes, for any size of its batches and pieces.

    Args:
        free: bytes that there are; a model, or features, that alone are larger are refused before they are made.

    Raises:
        TrainError: they are.
    """

    def __init__(self, experiment: Experiment, shape: DataShape, *, free: int = _UNLIMITED) -> None:
        least = _COPIES * _FLOAT * _least_parameters(experiment, shape)
        if least > HEADROOM * free:
            raise TrainError(
                f"the model alone needs more than {as_size(least)} to be trained, {as_size(free)} are free",
                remedy="set a smaller width in the experiment, or use a machine with more memory",
            )
        self._experiment, self._shape = experiment, shape
        features = _MEASURED_ROWS[-1] * experiment.data.num_frames * sum(width for _, width in shape.stream_widths)
        if _FLOAT * features > HEADROOM * free:
            raise TrainError(
                f"the features of {experiment.data.num_frames} video frames need more than "
                f"{as_size(_FLOAT * features)} for {_MEASURED_ROWS[-1]} examples, {as_size(free)} are free",
                remedy="set a smaller num_frames in the experiment's [data]",
            )
        model = SoundModel(experiment.model, shape)
        self.num_parameters = sum(parameter.numel() for parameter in model.parameters())
        coarsest = experiment.model.samplernn.frame_sizes[0]
        self._unit = coarsest * math.ceil(min(64, shape.samples_per_frame // 2) / coarsest)
        frames = max(experiment.data.num_frames, math.ceil(2 * self._unit / shape.samples_per_frame))
        saved = {
            (rows, units): _saved_bytes(model, shape, rows=rows, frames=frames, piece=units * self._unit)
            for rows in _MEASURED_ROWS
            for units in (1, 2)
        }
        self._per_both = saved[3, 2] - saved[3, 1] - saved[2, 2] + saved[2, 1]
        self._per_row = saved[3, 1] - saved[2, 1] - self._per_both
        self._per_unit = saved[2, 2] - saved[2, 1] - 2 * self._per_both
        self._fixed = saved[2, 1] - 2 * self._per_row - self._per_unit - 2 * self._per_both

    def estimate(self, *, rows: int, piece: int) -> MemoryEstimate:
        """The bytes for batches of ``rows`` examples and pieces of ``piece`` audio samples."""
        frames, width = self._experiment.data.num_frames, self._experiment.model.samplernn.width
        num_samples = frames * self._shape.samples_per_frame
        piece = min(piece, num_samples)
        features = rows * frames * sum(numbers for _, numbers in self._shape.stream_widths)
        units = piece / self._unit
        saved = self._fixed + self._per_row * rows + self._per_unit * units + self._per_both * rows * units
        passing = 2 * rows * piece * (NUM_LEVELS + width) * _FLOAT + self.num_parameters * _FLOAT
        return MemoryEstimate(
            weights=_COPIES * self.num_parameters * _FLOAT,
            activations=int(_SLACK * (saved + passing)) + _LIBRARIES,
            # the batch before, the examples of the next and that next itself; then as float, joined and rectified
            batch=3 * (features * _HALF + rows * num_samples) + 2 * features * _FLOAT,
        )

    def check(self, *, rows: int, free: int) -> MemoryEstimate:
        """The estimate for the experiment's own pieces, in batches of ``rows`` examples.

        Raises:
            TrainError: it does not fit; the remedy names a batch size, and a length of pieces, that does.
        """
        piece = self._experiment.train.piece_samples
        estimate = self.estimate(rows=rows, piece=piece)
        if estimate.total <= HEADROOM * free:
            return estimate
        raise TrainError(
            f"training needs about {as_size(estimate.total)} for {rows} examples × {piece} audio samples "
            f"({as_size(estimate.activations)} of it for activations), {as_size(free)} are free",
            remedy=self._smaller(rows, piece, budget=HEADROOM * free),
        )

    def _smaller(self, rows: int, piece: int, *, budget: float) -> str:
        """What to change so that it fits: fewer rows, else shorter pieces too."""
        coarsest = self._experiment.model.samplernn.frame_sizes[0]
        shorter = piece
        while shorter >= coarsest:
            one = self.estimate(rows=1, piece=shorter).total
            if one <= budget:
                slope = (self.estimate(rows=rows, piece=shorter).total - one) / max(1, rows - 1)
                fitting = min(rows, 1 + int((budget - one) / slope)) if slope else rows
                pieces = "" if shorter == piece else f" with piece_samples = {shorter} in the experiment"
                return f"--batch-size {fitting}{pieces} fits; it is another run"
            shorter = shorter // 2 // coarsest * coarsest
        return "set a smaller width in the experiment, or use a machine with more memory"


def _least_parameters(experiment: Experiment, shape: DataShape) -> int:
    """Numbers that the large matrices of a model hold at the least, however it is conditioned."""
    samplernn = experiment.model.samplernn
    widths = sum(width for _, width in shape.stream_widths)
    recurrent = 3 * samplernn.width * (samplernn.width * len(samplernn.frame_sizes) + widths)
    return recurrent + samplernn.embedding * (NUM_LEVELS + samplernn.look_back * samplernn.width)


def _saved_bytes(model: SoundModel, shape: DataShape, *, rows: int, frames: int, piece: int) -> int:
    """What autograd saves of the first piece of a batch: that one has the encoder's graph too."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    saved: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage.nbytes()  # alive as long as the graph: no address comes twice
        return tensor

    streams = {name: torch.zeros(rows, frames, width) for name, width in shape.stream_widths}
    levels = torch.zeros(rows, piece, dtype=torch.int64)
    with torch.autograd.graph.saved_tensors_hooks(keep, _as_it_is):
        conditioning = model.encode(streams)
        logits, _ = model(levels, conditioning, model.initial_state(rows, conditioning))
        loss = cross_entropy(logits.flatten(0, 1), levels.flatten())
    num_bytes = sum(size for address, size in saved.items() if address not in weights)
    del loss  # until here the graph was alive
    return num_bytes


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


# --- what is free -----------------------------------------------------------------------------------------------------


def free_memory(device: torch.device) -> int:
    """Bytes free on a CUDA device; else those that this process may still take of the machine's."""
    if device.type == "cuda":
        free: int = torch.cuda.mem_get_info(device)[0]
        return free
    limits = [_machine_free(), *_cgroup_free()]
    return max(0, min(limits))


def _machine_free() -> int:
    for line in _lines(_MEMINFO):
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return _UNLIMITED


def _cgroup_free() -> Iterator[int]:
    """What each limit above this process leaves, in cgroups of either version."""
    for line in _lines(_CGROUP):
        _, controllers, name = line.split(":", 2)
        version_2 = not controllers
        if not version_2 and "memory" not in controllers.split(","):
            continue
        limit, usage, cache = (
            ("memory.max", "memory.current", "inactive_file")
            if version_2
            else ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        )
        root = _CGROUPS if version_2 else _CGROUPS / "memory"
        inner = PurePosixPath(name).relative_to("/")
        for part in (inner, *inner.parents):  # in a container the root of the tree is the container's own group
            folder = root / part
            maximum, used = _number(folder / limit), _number(folder / usage)
            if maximum is not None and used is not None and maximum < _UNLIMITED:
                yield maximum - used + _reclaimable(folder / "memory.stat", cache)


def _reclaimable(path: Path, name: str) -> int:
    """Bytes of files that the kernel drops when memory is wanted."""
    for line in _lines(path):
        key, _, value = line.partition(" ")
        if key == name and value.isdigit():
            return int(value)
    return 0


def _number(path: Path) -> int | None:
    lines = _lines(path)
    return int(lines[0]) if lines and lines[0].isdigit() else None


def _lines(path: Path) -> list[str]:
    """Lines of a file of the kernel; none where there is no such file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def as_size(num_bytes: float) -> str:
    """Bytes for people: ``340 MiB``, ``12.5 GiB``."""
    return f"{num_bytes / 2**20:.0f} MiB" if num_bytes < 2**30 else f"{num_bytes / 2**30:.1f} GiB"

"""Sealed shards in, batches of levels and features out.

``find_shards`` says which shards of a workspace are current; ``Examples`` proves them and reads any example of them;
``batches`` orders them by seed and epoch. An example is repeated to the length of the experiment here (Zhou et al.,
"Visual to Sound", CVPR 2018, §4.1: 10 s by duplicating and joining), features and sound together: shards hold whole
video frames and exactly their audio samples, so that frame i lies on its own sound across every seam. How long it was
before stays with it, for what is measured on the true part.

A row of a batch is one example from its first sample to its last; the pieces of a batch are the same rows, so that no
state can pass from one example to another.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from train.config import DataConfig, DataShape
from train.quantize import quantize, to_wave
from vegas_data.errors import ShardError, TrainError, WorkspaceError
from vegas_data.records import Split
from vegas_data.shards import ShardExample, ShardReader, current_folder
from vegas_data.shards.reader import decode_example, read_extent, split_example
from vegas_data.shards.schema import SHARD_NAME, ExampleMeta, refuse
from vegas_data.workspace import Workspace

if TYPE_CHECKING:
    from torch import Tensor

_FEATURIZE: Final = "run `vegas-data featurize` first"


def find_shards(workspace: Workspace, category: str, split: Split, *, required: bool = True) -> tuple[Path, ...]:
    """The workspace's current shards of a category and split, in order; none is an error where they are required.

    Raises:
        WorkspaceError: nothing says which shards are current, or what says it is damaged.
        ShardError: there is no such shard, or one is missing between others.
    """
    folder = current_folder(workspace)
    if folder is None:
        raise WorkspaceError(f"{workspace.root}: holds no shards yet", remedy=_FEATURIZE)
    found, others = {}, set()
    for key in workspace.keys(folder, ".tar.json"):
        name = SHARD_NAME.fullmatch(PurePosixPath(key).name.removesuffix(".json"))
        if name is not None and (name[1], name[2]) == (category, split):
            found[int(name[3])] = workspace.path(key.removesuffix(".json"))
        elif name is not None and name[2] == split:
            others.add(name[1])
    if not found and not required:
        return ()
    if not found:
        there = f"there are some of {', '.join(sorted(others))}; for others " if others else ""
        raise ShardError(f"{workspace.path(folder)}: no shard of {category}, {split}", remedy=there + _FEATURIZE)
    missing = sorted(set(range(max(found))) - found.keys())
    if missing:
        raise ShardError(
            f"{workspace.path(folder)}: {category}, {split}: shard {missing[0]:06d} is missing",
            remedy="run `vegas-data featurize` again",
        )
    return tuple(path for _, path in sorted(found.items()))


@dataclass(frozen=True, kw_only=True)
class TrainingExample:
    """One example as the model gets it.

    Args:
        num_frames, num_samples: how much of it is true, from its beginning; what follows repeats it.

    Shape:
        levels: uint8 [T]; streams: each float16 [F, D], before the ReLU. T = samples_per_frame · F.
    """

    key: str
    levels: npt.NDArray[np.uint8]
    streams: Mapping[str, npt.NDArray[np.float16]]
    num_frames: int
    num_samples: int


def repeat_example(example: TrainingExample, num_frames: int) -> TrainingExample:
    """``example`` from its beginning to ``num_frames``, again and again: features and sound together, or cut."""
    true_frames = example.num_frames
    frame_of = np.arange(num_frames) % true_frames
    levels_FS = example.levels.reshape(true_frames, -1)
    kept = min(true_frames, num_frames)
    return replace(
        example,
        levels=levels_FS[frame_of].reshape(-1),
        streams={name: stream[frame_of] for name, stream in example.streams.items()},
        num_frames=kept,
        num_samples=kept * levels_FS.shape[1],
    )


class Examples:
    """All examples of some shards, to be read in any order; opening it proves every shard once.

    Cheap to pickle: no file stays open, so that worker processes can each have a copy.

    Args:
        shards: of one split, of one category or several, as ``find_shards`` returns them.
        streams: names of the streams to read, in the order in which a model joins them.

    Raises:
        SchemaMismatch, ChecksumMismatch: a shard is not what its side-car says.
        TrainError: the shards are a release's, lack a stream, or hold one that is not a row of numbers for each frame.
    """

    def __init__(self, shards: Sequence[Path], *, streams: Sequence[str], config: DataConfig) -> None:
        if not shards:
            raise ValueError("no shards")
        self.config = config
        infos = [(path, ShardReader(path).info) for path in shards]
        self.shards = tuple((path.name, info.sha256) for path, info in infos)
        self._places = [(path, info, i) for path, info in infos for i in range(len(info.keys))]
        # the category too: the same span may be an example of two
        self.keys = tuple(f"{info.category}/{info.keys[i]}" for _, info, i in self._places)
        for path, info in infos:
            if info.profile != "train":
                raise TrainError(
                    f"{path}: a shard of a release (profile {info.profile}), not a working shard",
                    remedy="train on the shards of a workspace: `vegas-data featurize` makes them",
                )
            there = [name for name, _ in info.streams]
            missing = [name for name in streams if name not in there]
            if missing:
                raise TrainError(
                    f"{path}: no stream {missing[0]!r}, it holds {', '.join(there)}",
                    remedy="name streams of these shards in the experiment's [model.conditioning]",
                )
        first = self._read(0)
        widths = tuple((name, _width(first, name, shards[0])) for name in streams)
        self.shape = DataShape(stream_widths=widths, samples_per_frame=first.meta.samples_per_frame)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> TrainingExample:
        """The example, quantised and repeated to the length of the experiment.

        Raises:
            SchemaMismatch: the shard changed since it was proven, or its features are not finite.
        """
        example, path = self._read(index), self._places[index][0]
        meta = example.meta
        shape = DataShape(
            stream_widths=tuple((name, _width(example, name, path)) for name, _ in self.shape.stream_widths),
            samples_per_frame=meta.samples_per_frame,
        )
        if shape != self.shape:
            refuse(path, f"{shape}, the first example has {self.shape}", key=meta.key)
        streams = {name: example.streams[name] for name, _ in shape.stream_widths}
        for name, stream in streams.items():
            if not np.isfinite(stream).all():
                refuse(path, "holds NaN or infinite features", key=meta.key, member=f"{name}.npy")
        assert example.audio is not None, "working shards hold the sound: proven on opening"
        wave = to_wave(example.audio, gain_db=meta.gain_db if self.config.gain else 0.0)
        whole = TrainingExample(
            key=self.keys[index],
            levels=quantize(wave, self.config.spacing),
            streams=streams,
            num_frames=meta.num_frames,
            num_samples=meta.num_samples,
        )
        return repeat_example(whole, self.config.num_frames)

    def meta(self, index: int) -> ExampleMeta:
        """What its shard says of the example: where it comes from, how long it is.

        Raises:
            SchemaMismatch: the shard changed since it was proven.
        """
        return self._read(index).meta

    def _read(self, index: int) -> ShardExample:
        path, info, i = self._places[index]
        with path.open("rb") as file:
            block = read_extent(file, info.extents[i])
        return decode_example(split_example(block, info.keys[i], info, path), info.keys[i], info, path)


def _width(example: ShardExample, name: str, shard: Path) -> int:
    """Width of a stream that has one row of numbers for each video frame."""
    meta, shape = example.meta, example.streams[name].shape
    rate_hz = meta.streams[name].rate_hz
    if len(shape) != 2 or rate_hz != meta.frame_rate_hz:  # at this rate the schema demands as many rows as frames
        raise TrainError(
            f"{shard}: {example.key}: stream {name!r} of shape {shape} at {rate_hz} Hz is not one row of numbers "
            f"for each of the {meta.num_frames} video frames",
            remedy="name another stream in the experiment's [model.conditioning]",
        )
    return int(shape[1])


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Examples side by side, one to a row.

    Shape:
        levels: uint8 [B, T]; streams: each float16 [B, F, D]; num_samples: int64 [B], how much of each row is true.
    """

    keys: tuple[str, ...]
    levels: "Tensor"
    streams: "Mapping[str, Tensor]"
    num_samples: "Tensor"

    def pieces(self, piece_samples: int) -> "Iterator[Tensor]":
        """The levels of all rows in successive pieces, the last one shorter if need be.

        Shape:
            yields uint8 [B, piece_samples].
        """
        for start in range(0, self.levels.shape[1], piece_samples):
            yield self.levels[:, start : start + piece_samples]


def collate(examples: Sequence[TrainingExample]) -> Batch:
    """Put examples of equal length side by side."""
    import torch

    return Batch(
        keys=tuple(example.key for example in examples),
        levels=torch.from_numpy(np.stack([example.levels for example in examples])),
        streams={
            name: torch.from_numpy(np.stack([example.streams[name] for example in examples]))
            for name in examples[0].streams
        },
        num_samples=torch.tensor([example.num_samples for example in examples]),
    )


def epoch_order(keys: Sequence[str], *, seed: int, epoch: int) -> list[int]:
    """Indices of ``keys`` in the order of an epoch: by sha256, the same on every machine and with every library."""
    ranks = [hashlib.sha256(f"{seed}/{epoch}/{key}".encode()).digest() for key in keys]
    return sorted(range(len(keys)), key=ranks.__getitem__)


def batch_sizes(num_examples: int, batch_size: int) -> list[int]:
    """Sizes of an epoch's batches: as few as ``batch_size`` allows, all alike but for one example.

    A last batch of what happens to be left, of 2 examples after one of 24, would have as many updates as the other.
    """
    count = -(-num_examples // batch_size)
    return [num_examples // count + (i < num_examples % count) for i in range(count)]


def batches(examples: Examples, *, batch_size: int, seed: int, epoch: int, start: int = 0) -> Iterator[Batch]:
    """Every example once, in the order of the epoch, in batches of ``batch_sizes``.

    Args:
        start: batches to leave out at the beginning, unread: where a run was interrupted.
    """
    order = iter(epoch_order(examples.keys, seed=seed, epoch=epoch))
    for number, size in enumerate(batch_sizes(len(examples.keys), batch_size)):
        indices = list(islice(order, size))
        if number >= start:
            yield collate([examples[index] for index in indices])

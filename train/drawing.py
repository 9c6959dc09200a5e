"""A trained model and the examples of a split in, their sounds, videos and the set's record in the run's folder out.

Each sound has a generator of its own, seeded by sha256(seed, example, draw), and batches have one size, filled up with
rows that are thrown away: what a sound becomes depends on nothing it shares a batch with. (Rows of products of
different shapes may differ in their last bits: the same bytes are promised for one ``batch_size``, kind of CPU or GPU,
and version of torch.) So what a killed command left is what an undisturbed one makes, and the rest is made alike.

A model hears its examples at full scale (``gain_db``), and its sounds stay at full scale: how loud the video was is
something it was never told. The encoder reads the repeated frames, as in training; the true part is what is kept.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from train.data import Examples, collate
from train.progress import Meter
from train.quantize import dequantize
from train.runs import OpenRun
from train.sampler.reference import generate
from train.sounds import DrawOptions, PlannedSound, Weights, commit_set, commit_sound, missing_batches, plan_sounds
from train.videos import write_videos
from vegas_data.shards.sound import to_int16
from vegas_data.trained import SoundSet
from vegas_data.workspace import Workspace

BATCH_SIZE: Final = 24

Meters = Callable[..., Meter]  # of a title, a total and what is done already


def make_sounds(
    workspace: Workspace,
    run: OpenRun,
    weights: Weights,
    examples: Examples,
    options: DrawOptions,
    *,
    limit: int | None = None,
    batch_size: int = BATCH_SIZE,
    videos: bool = True,
    meters: Meters,
) -> SoundSet:
    """Make all sounds of the first ``limit`` examples that are not there yet; whoever calls holds the run's lock.

    Args:
        videos: make those of the first draws too.
        meters: makes the meter that is told of it.

    Raises:
        ShardError: a shard changed since it was proven.
        WorkspaceError: what is recorded of the latest sounds is damaged, or the disk is full.
    """
    planned = plan_sounds(examples, weights, options, limit=limit)
    batches = missing_batches(run.store, planned, batch_size=batch_size)
    total, missing = _seconds(planned), sum(_seconds(batch) for batch in batches)
    title = f"{run.info.category}, {run.info.model}: seconds of sound"
    with meters(title, round(total), done=round(total - missing)) as meter:
        pace = _Pace(meter, there=total - missing)
        for batch in batches:
            sounds = draw_batch(weights, examples, batch, options, batch_size=batch_size, advance_to=pace.of(batch))
            for sound, pcm in zip(batch, sounds, strict=True):
                commit_sound(run.store, sound, pcm)
            pace.finish(batch)
        names = write_videos(workspace, run.store, planned, make=videos, say=meter.say)
    return commit_set(run.store, weights, planned, options, names)


@torch.inference_mode()
def draw_batch(
    weights: Weights,
    examples: Examples,
    batch: Sequence[PlannedSound],
    options: DrawOptions,
    *,
    batch_size: int = BATCH_SIZE,
    advance_to: Callable[[int], None] | None = None,
) -> list[npt.NDArray[np.int16]]:
    """The sounds of a batch; raises ShardError if a shard changed since it was proven.

    Args:
        advance_to: told now and then how many audio samples each sound has.

    Shape:
        returns for each sound int16 [its num_samples].
    """
    rows = [batch[i % len(batch)] for i in range(batch_size)]
    loaded = {index: examples[index] for index in sorted({sound.index for sound in batch})}
    model = weights.model
    device = next(model.parameters()).device
    streams = collate([loaded[sound.index] for sound in rows]).streams
    levels_BT = generate(
        model.generator,
        model.encode({name: stream.to(device) for name, stream in streams.items()}),
        num_samples=max(sound.num_samples for sound in batch),
        generators=[torch.Generator().manual_seed(seed_of(sound, options.seed)) for sound in rows],
        temperature=options.temperature,
        advance_to=advance_to,
    )
    waves_BT = dequantize(levels_BT.cpu().numpy(), examples.config.spacing)
    return [to_int16(wave_T[: sound.num_samples]) for sound, wave_T in zip(batch, waves_BT, strict=False)]


def seed_of(sound: PlannedSound, seed: int) -> int:
    """The seed of one sound's own generator."""
    drawn = hashlib.sha256(f"{seed}/{sound.meta.key}/{sound.draw}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") >> 1  # 63 bits


def _seconds(sounds: Sequence[PlannedSound]) -> float:
    return sum(sound.seconds for sound in sounds)


class _Pace:
    """Tells the meter how many seconds of sound there are, and how fast they come."""

    def __init__(self, meter: Meter, *, there: float) -> None:
        self._meter = meter
        self._first = self._there = there
        self._begun = time.monotonic()

    def of(self, batch: Sequence[PlannedSound]) -> Callable[[int], None]:
        """To be told how many audio samples each sound of ``batch`` has."""

        def advance_to(num_samples: int) -> None:
            made = sum(sound.seconds * min(1.0, num_samples / sound.num_samples) for sound in batch)
            self._tell(self._there + made)

        return advance_to

    def finish(self, batch: Sequence[PlannedSound]) -> None:
        self._there += _seconds(batch)
        self._tell(self._there)

    def _tell(self, seconds: float) -> None:
        passed = max(time.monotonic() - self._begun, 1e-3)
        self._meter.tell(round(seconds), f"{(seconds - self._first) / passed:.2f} s per s")

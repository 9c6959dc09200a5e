"""Examples in, updates of a model's weights out: the training loop, which knows no files but those of the examples.

As in Zhou et al., "Visual to Sound" (CVPR 2018), §4.1, with Adam, on examples repeated to 10 s, seams and all; and by
truncated back-propagation as in Mehri et al., "SampleRNN" (ICLR 2017), §3: a batch goes through in pieces, each piece
is one update, the state is carried from piece to piece and the gradient is not. With the next batch the state begins
anew, so that none ever passes from one example to another. The batches of an epoch are alike in size, and every
example counts once in every epoch.

What comes before the first sample (the encoder of *seq* and *flow*, learned initial states) gets its gradient from the
first piece of each batch, and none from the others, in which Adam leaves those weights and their averages alone. That
is plain truncation, no mistake, but it is few updates: one in ``Schedule.num_pieces``.

Which piece an update is about follows from its number alone. Resumed from a checkpoint, a run ends with the very
weights of one that was never interrupted, on the same machine with as many threads.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from train.checkpoint import ADAM, REMEDY, Checkpoint
from train.config import DataShape, Experiment
from train.data import Batch, Examples, batch_sizes, batches
from train.models.conditioning import Conditioning
from train.models.samplernn import SampleRnnState
from train.models.sound import SoundModel
from vegas_data.errors import CheckpointCorrupt, NonFiniteLoss


@dataclass(frozen=True, kw_only=True)
class Place:
    """What an update is about: the piece of a batch of an epoch, each from 0."""

    epoch: int
    batch: int
    piece: int


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How many updates there are, and what each is about.

    Args:
        num_samples: audio samples of a repeated example.
    """

    num_examples: int
    batch_size: int
    num_samples: int
    piece_samples: int

    @property
    def num_batches(self) -> int:
        return len(batch_sizes(self.num_examples, self.batch_size))

    @property
    def num_pieces(self) -> int:
        return math.ceil(self.num_samples / self.piece_samples)

    @property
    def steps_per_epoch(self) -> int:
        return self.num_batches * self.num_pieces

    def place(self, step: int) -> Place:
        """What update ``step``, from 0, is about."""
        epoch, rest = divmod(step, self.steps_per_epoch)
        batch, piece = divmod(rest, self.num_pieces)
        return Place(epoch=epoch, batch=batch, piece=piece)

    def rows(self, batch: int) -> int:
        """Examples in a batch of an epoch; in the first at least as many as in any."""
        return batch_sizes(self.num_examples, self.batch_size)[batch]


def make_schedule(experiment: Experiment, shape: DataShape, num_examples: int) -> Schedule:
    """The schedule of an experiment on so many examples."""
    return Schedule(
        num_examples=num_examples,
        batch_size=experiment.train.batch_size,
        num_samples=experiment.data.num_frames * shape.samples_per_frame,
        piece_samples=experiment.train.piece_samples,
    )


@dataclass(frozen=True, kw_only=True)
class Update:
    """One update that was made.

    Args:
        step: updates made so far, this one included. nats: mean cross-entropy per audio sample of its piece.
    """

    step: int
    epoch: int
    nats: float
    learning_rate: float


class Trainer:
    """A model that learns: weights, optimiser, and where in the data it stands.

    Args:
        seed: of the first weights, drawn on the CPU whatever the device, by ``experiment.train.seed``.
    """

    def __init__(self, experiment: Experiment, shape: DataShape, *, num_examples: int, device: torch.device) -> None:
        self.config = experiment.train
        self.schedule = make_schedule(experiment, shape, num_examples)
        self.device = device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            model = SoundModel(experiment.model, shape)
        self.model = model.to(device)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=self.config.learning_rate, fused=True)
        self.step = 0
        self._state: SampleRnnState | None = None  # before the next piece; None where a batch begins

    def updates(self, examples: Examples) -> Iterator[Update]:
        """Go on to the end, yielding after each update.

        Raises:
            NonFiniteLoss: the loss became NaN or infinite; the weights are those before that update.
            SchemaMismatch: a shard changed since it was proven.
        """
        while self.step < self.config.num_steps:
            place = self.schedule.place(self.step)
            epoch = batches(
                examples,
                batch_size=self.config.batch_size,
                seed=self.config.seed,
                epoch=place.epoch,
                start=place.batch,
            )
            for batch in epoch:
                yield from self._learn(batch)
                if self.step >= self.config.num_steps:
                    return

    def _learn(self, batch: Batch) -> Iterator[Update]:
        """The updates of a batch, from the piece at which we stand."""
        place = self.schedule.place(self.step)
        streams = {name: stream.to(self.device) for name, stream in batch.streams.items()}
        with torch.set_grad_enabled(self._state is None):  # only its first piece teaches the encoder
            conditioning = self.model.encode(streams)
        state = self._state or self.model.initial_state(len(batch.keys), conditioning)
        left = self.config.num_steps - self.step
        for piece in islice(batch.pieces(self.schedule.piece_samples), place.piece, place.piece + left):
            rate = self.config.learning_rate_at(self.step)
            nats, state = self._update(piece.to(self.device), conditioning, state, rate, batch.keys)
            conditioning = _detach(conditioning)
            self.step += 1
            after = self.schedule.place(self.step)
            self._state = state if after.piece else None
            yield Update(step=self.step, epoch=place.epoch, nats=nats, learning_rate=rate)

    def _update(
        self,
        piece_BT: Tensor,
        conditioning: Conditioning,
        state: SampleRnnState,
        rate: float,
        keys: tuple[str, ...],
    ) -> tuple[float, SampleRnnState]:
        """One piece forward and back, one step of Adam: its loss, and the state after it without its past."""
        logits_BTQ, after = self.model(piece_BT, conditioning, state)
        loss = cross_entropy(logits_BTQ.flatten(0, 1), piece_BT.long().flatten())
        nats = float(loss.detach())
        if not math.isfinite(nats):
            raise NonFiniteLoss(
                f"update {self.step + 1}: the loss is {nats} on the examples {', '.join(keys)}",
                remedy="lower learning_rate or set clip_element in the experiment; the checkpoint before is kept",
            )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.config.clip_element:
            torch.nn.utils.clip_grad_value_(self.model.parameters(), self.config.clip_element)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        return nats, after.detach()

    # --- to and from a checkpoint -----------------------------------------------------------------------

    def checkpoint(self, *, seconds: float, nats_sum: float = 0.0, nats_count: int = 0) -> Checkpoint:
        """All that ``restore`` needs; shares memory with the model, so write it before the next update."""
        parameters = dict(self.model.named_parameters())
        return Checkpoint(
            step=self.step,
            seconds=seconds,
            weights=self.model.state_dict(),
            adam={
                name: {kind: self.optimiser.state[parameter][kind] for kind in ADAM}
                for name, parameter in parameters.items()
                if parameter in self.optimiser.state
            },
            state=self._state,
            nats_sum=nats_sum,
            nats_count=nats_count,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Stand where the checkpoint was made.

        Raises:
            CheckpointCorrupt: its sounds do not stand where its number of updates says.
        """
        place = self.schedule.place(checkpoint.step)
        self._check_state(checkpoint, place)
        self.model.load_state_dict(dict(checkpoint.weights))
        parameters = dict(self.model.named_parameters())
        self.optimiser.state.clear()
        for name, numbers in checkpoint.adam.items():
            parameter = parameters[name]
            self.optimiser.state[parameter] = {
                kind: tensor.clone().to(parameter.device) for kind, tensor in numbers.items()
            }
        state = checkpoint.state
        self._state = state and SampleRnnState(
            context=state.context.to(self.device),
            hidden=tuple(hidden_BW.to(self.device) for hidden_BW in state.hidden),
            position=state.position,
        )
        self.step = checkpoint.step

    def _check_state(self, checkpoint: Checkpoint, place: Place) -> None:
        state, generator = checkpoint.state, self.model.generator
        rows, width = self.schedule.rows(place.batch), generator.config.width
        expected = None
        if place.piece:
            position = place.piece * self.schedule.piece_samples
            expected = ((rows, generator.context), ((rows, width),) * len(generator.tiers), position)
        found = state and (tuple(state.context.shape), tuple(tuple(h.shape) for h in state.hidden), state.position)
        if found != expected:
            raise CheckpointCorrupt(
                f"{checkpoint.where}: its sounds are {found}, the next update needs {expected}", remedy=REMEDY
            )


def _detach(conditioning: Conditioning) -> Conditioning:
    """The same, without the graph that led to it: its gradient was taken."""
    state, frames = conditioning.initial_state, conditioning.frames
    return Conditioning(
        initial_state=None if state is None else state.detach(), frames=None if frames is None else frames.detach()
    )

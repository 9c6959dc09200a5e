"""A model and the examples of a split in, its mean cross-entropy per audio sample out.

The loss of Table 1 of Zhou et al., "Visual to Sound" (CVPR 2018). With x the levels of example e, n its true number of
audio samples and T that of its repeated form,

    nll(e, t) = −ln p(x_t | x_0 … x_{t-1}, pictures of e)       in nats; divided by ln 2, in bits

    true     = Σ_e Σ_{t<n_e} nll(e, t) / Σ_e n_e                what can be compared between data sets
    repeated = Σ_e Σ_{t<T} nll(e, t) / (number of examples · T)   what is trained on, and what Table 1 must have been

One pass gives both: the state is carried over the pieces, from silence to the end, and an audio sample never sees what
follows it, so the true part of the repeated form *is* the example. (But the encoder of *seq* and *flow* reads the
repeated frames, as in training.) A uniform guess is ln 256 = 5.545 nats = 8 bits.

Each piece is summed in float64: a sum of ten million float32 numbers would lose the third decimal.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from train.data import Batch, Examples, collate
from train.models.sound import SoundModel
from vegas_data.errors import NonFiniteLoss


@dataclass(frozen=True, kw_only=True)
class CrossEntropy:
    """Means per audio sample, in nats.

    Args:
        num_samples: audio samples of the true parts.
        repeated: over the repeated form; None if only the true part was asked for.
    """

    num_examples: int
    num_samples: int
    true: float
    repeated: float | None


@torch.inference_mode()
def split_loss(
    model: SoundModel,
    examples: Examples,
    *,
    batch_size: int,
    piece_samples: int,
    repeated: bool = True,
    advance: Callable[[int], None] | None = None,
) -> CrossEntropy:
    """The mean cross-entropy of ``model`` on ``examples``; computed on the model's device.

    Args:
        piece_samples: audio samples that go through the model at once; decides memory and time, not the result.
        repeated: go on beyond the true parts; without it, validation during training takes less time.
        advance: told after each piece how many audio samples went through, repetitions included.

    Raises:
        ValueError: ``piece_samples`` is not a multiple of the coarsest tier's node.
        ShardError: a shard changed since it was proven.
        NonFiniteLoss: the logits overflow, though no weight may be infinite.
    """
    if not len(examples):
        raise ValueError("no examples")
    device = next(model.parameters()).device
    sum_true = torch.zeros((), dtype=torch.float64, device=device)
    sum_all = torch.zeros_like(sum_true)
    num_true = num_all = 0
    for batch in _batches(examples, batch_size):
        num_true += int(batch.num_samples.sum())
        num_all += batch.levels.numel()
        length = batch.levels.shape[1] if repeated else int(batch.num_samples.max())
        true_B1 = batch.num_samples.to(device)[:, None]
        conditioning = model.encode({name: stream.to(device) for name, stream in batch.streams.items()})
        state = model.initial_state(len(batch.keys), conditioning)
        for piece in batch.pieces(piece_samples):
            if state.position >= length:
                break
            first, levels_BT = state.position, piece.to(device).long()
            logits_BTQ, state = model(levels_BT, conditioning, state)
            nll_X = cross_entropy(logits_BTQ.flatten(0, 1), levels_BT.flatten(), reduction="none")
            nll_BT = nll_X.double().reshape(levels_BT.shape)
            t_T = torch.arange(first, state.position, device=device)
            sum_true += (nll_BT * (t_T < true_B1)).sum()
            sum_all += nll_BT.sum()
            if advance is not None:
                advance(nll_BT.numel())
    if not math.isfinite(float(sum_all)):  # of all that was heard: the true part is in it
        raise NonFiniteLoss(
            f"the loss of {len(examples)} examples is {float(sum_all)}: the weights are too large",
            remedy="train again with a lower learning_rate in the experiment",
        )
    return CrossEntropy(
        num_examples=len(examples),
        num_samples=num_true,
        true=float(sum_true) / num_true,
        repeated=float(sum_all) / num_all if repeated else None,
    )


def _batches(examples: Examples, batch_size: int) -> Iterator[Batch]:
    """The examples in the order of the shards: nothing is drawn, so nothing must be seeded."""
    for first in range(0, len(examples), batch_size):
        yield collate([examples[i] for i in range(first, min(first + batch_size, len(examples)))])

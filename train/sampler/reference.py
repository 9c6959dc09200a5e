"""A trained generator in, levels out, one audio sample at a time: plain and correct, the measure of faster samplers.

Follows Mehri et al., "SampleRNN" (ICLR 2017), §2: at each audio sample the tiers whose node begins there take one step
each, coarse to fine; then the MLP says the logits. Equal to ``SampleRnn.forward`` on the same levels, but for the
order of sums.

Each sound is drawn with a generator of its own, one uniform number per audio sample, by the inverse of the cumulated
probabilities: so a sound depends neither on its neighbours in the batch nor, in its beginning, on its length.

Axes: B sounds, T audio samples, C audio samples of context, R nodes of the tier below in one node, W width, Q levels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from train.models.conditioning import Conditioning
from train.models.samplernn import SampleRnn, to_values
from train.quantize import NUM_LEVELS

_DRAWS: Final = 1024  # uniform numbers drawn at once, always as many: torch draws another sequence in other portions


@dataclass(frozen=True, kw_only=True)
class StepState:
    """Where sounds stand between two audio samples.

    Shape:
        context: int64 [B, C], the last levels. hidden: of each tier float [B, W], coarse to fine.
        lower: of each tier float [B, R, W], what its current node says to the tier below; empty before the first.
        position: index of the audio sample that comes next.
    """

    context: Tensor
    hidden: tuple[Tensor, ...]
    lower: tuple[Tensor, ...]
    position: int


def begin(model: SampleRnn, batch: int, conditioning: Conditioning) -> StepState:
    """The state before the first sample of ``batch`` sounds; raises ValueError as ``SampleRnn.initial_state``."""
    state = model.initial_state(batch, conditioning)
    return StepState(context=state.context, hidden=state.hidden, lower=(), position=0)


def step(model: SampleRnn, conditioning: Conditioning, state: StepState) -> tuple[Tensor, StepState]:
    """Logits of the next audio sample; ``advance`` the returned state by a level before the next ``step``.

    Shape:
        returns float [B, Q].

    Raises:
        ValueError: the sample lies beyond the last video frame.
    """
    t, values_BC = state.position, to_values(state.context, like=state.hidden[0])
    coarsest = model.config.frame_sizes[0]
    hidden, lower = list(state.hidden), list(state.lower)
    for i, tier in enumerate(model.tiers):
        if t % tier.frame_size:
            continue  # within a node: what it said still stands
        values_B1S = values_BC[:, None, -tier.frame_size :]
        if i == 0:
            upper = None
            frames = model.frames_of_nodes(conditioning, start=t, num_samples=coarsest)
        else:
            upper, frames = _now(lower[i - 1], t, tier.frame_size), None
        said, hidden[i] = tier(values_B1S, upper, frames, hidden[i])
        lower[i:] = [said]  # a new node silences those below, which begin here as well
    logits_B1Q = model.mlp(state.context[:, -model.config.look_back :], _now(lower[-1], t, 1))
    return logits_B1Q[:, 0], replace(state, hidden=tuple(hidden), lower=tuple(lower))


def _now(lower_BRW: Tensor, t: int, frame_size: int) -> Tensor:
    """The one vector [B, 1, W] of a node's R that is meant for the node of ``frame_size`` at ``t``."""
    slot = t // frame_size % lower_BRW.shape[1]
    return lower_BRW[:, slot : slot + 1]


def advance(state: StepState, level_B: Tensor) -> StepState:
    """The state after the audio sample got this level.

    Shape:
        level_B: integers in 0…255.
    """
    context_BC = torch.cat([state.context[:, 1:], level_B.long()[:, None]], dim=1)
    return replace(state, context=context_BC, position=state.position + 1)


def pick(logits_BQ: Tensor, uniform_B: Tensor, *, temperature: float) -> Tensor:
    """The level at which the cumulated probability passes each uniform number.

    Shape:
        logits_BQ: float. uniform_B: float64 in [0, 1). Returns int64 [B].
    """
    cumulated_BQ = (logits_BQ / temperature).softmax(dim=-1, dtype=torch.float64).cumsum(dim=-1)
    total_B1 = cumulated_BQ[:, -1:]  # not exactly 1: scaled, so that no number lies beyond the last level
    picked_B1 = torch.searchsorted(cumulated_BQ, uniform_B[:, None] * total_B1, right=True)
    return picked_B1[:, 0].clamp(max=NUM_LEVELS - 1)


@torch.inference_mode()
def generate(
    model: SampleRnn,
    conditioning: Conditioning,
    *,
    num_samples: int,
    generators: Sequence[torch.Generator],
    temperature: float = 1.0,
    advance_to: Callable[[int], None] | None = None,
) -> Tensor:
    """Draw one sound for each generator.

    Args:
        generators: one for each sound, on the CPU whatever the model's device; they are advanced.
        temperature: divides the logits: below 1 the likely gets likelier.
        advance_to: told now and then how many audio samples each sound has.

    Shape:
        returns uint8 [B, T], T = ``num_samples``, on the model's device.

    Raises:
        ValueError: the temperature or the number of samples is not positive, or the sound would outlast the frames.
    """
    if not temperature > 0 or num_samples < 1:
        raise ValueError(f"temperature and num_samples must be positive, not {temperature} and {num_samples}")
    state = begin(model, len(generators), conditioning)
    levels = []
    for t in range(num_samples):
        if t % _DRAWS == 0:
            draws = [torch.rand(_DRAWS, generator=generator, dtype=torch.float64) for generator in generators]
            uniform_BT = torch.stack(draws).to(state.context.device)
            if advance_to is not None:
                advance_to(t)
        logits_BQ, state = step(model, conditioning, state)
        level_B = pick(logits_BQ, uniform_BT[:, t % _DRAWS], temperature=temperature)
        state = advance(state, level_B)
        levels.append(level_B.to(torch.uint8))
    return torch.stack(levels, dim=1)

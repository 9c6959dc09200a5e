"""The three models learn: every weight gets a gradient, and four sounds can be learned by heart."""

import pytest
import torch
from torch.nn.functional import cross_entropy
from train_bench import KINDS, logits_of, random_levels, random_streams, tiny_model

from train.config import ModelKind

every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
@pytest.mark.parametrize("weight_norm", [False, True])
def test_every_weight_gets_a_gradient(kind: ModelKind, weight_norm: bool) -> None:
    model = tiny_model(kind, frame_sizes=(16, 4), weight_norm=weight_norm)
    levels = random_levels(2, 128)
    logits = logits_of(model, levels, model.encode(random_streams(2, 2)))
    cross_entropy(logits.flatten(0, 1), levels.flatten()).backward()
    without = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert without == []


@every_kind
def test_four_sounds_are_learned_by_heart(kind: ModelKind) -> None:
    """Square waves of four pitches, the second half louder; until the wave first turns only the pictures tell which."""
    model = tiny_model(kind, width=32, embedding=16)
    streams = random_streams(4, 2)
    t = torch.arange(128)
    levels = torch.stack([128 + torch.where(t < 64, 40, 80) * (1 - 2 * (t // half % 2)) for half in (3, 5, 8, 11)])
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        conditioning = model.encode(streams)
        state = model.initial_state(4, conditioning)
        total = 0.0
        for piece in levels.split(64, dim=1):
            logits, state = model(piece, conditioning, state)
            loss = cross_entropy(logits.flatten(0, 1), piece.flatten())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            state = state.detach()
            total += loss.item() / 2
        losses.append(total)
    assert losses[0] > 2
    assert losses[-1] < 0.1 * losses[0]
    with torch.no_grad():
        shuffled = logits_of(model, levels, model.encode({name: x.roll(1, dims=0) for name, x in streams.items()}))
    assert cross_entropy(shuffled.flatten(0, 1), levels.flatten()) > 2 * losses[-1]

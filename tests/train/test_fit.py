"""The training loop: what is learned from what, and that an interruption changes nothing."""

import math

import numpy as np
import pytest
import torch
from run_bench import NUM_PIECES, new_trainer, open_examples, small_experiment, weights_of, write_drums
from torch.nn.functional import cross_entropy
from train_bench import KINDS, ShardBench

from train.config import Experiment, ModelKind
from train.data import Examples, batches
from train.fit import Place, Schedule, Trainer
from vegas_data.errors import CheckpointCorrupt, NonFiniteLoss

every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def drums(bench: ShardBench) -> ShardBench:
    write_drums(bench)
    return bench


def setting(drums: ShardBench, kind: ModelKind = "frame", **train: object) -> tuple[Experiment, Examples]:
    experiment = small_experiment(drums.workspace.root.parent, kind, **train)
    return experiment, open_examples(drums, experiment)


def train_to(trainer: Trainer, examples: Examples, step: int) -> list[float]:
    """Make updates until ``step``; their losses."""
    losses = []
    for update in trainer.updates(examples):
        losses.append(update.nats)
        if update.step == step:
            break
    return losses


# --- the schedule -----------------------------------------------------------------------------------------------------


def test_every_piece_of_every_batch_has_its_turn() -> None:
    schedule = Schedule(num_examples=5, batch_size=2, num_samples=2500, piece_samples=1000)
    places = [schedule.place(step) for step in range(10)]
    assert [(p.epoch, p.batch, p.piece) for p in places] == [
        *((0, batch, piece) for batch in range(3) for piece in range(3)),
        (1, 0, 0),
    ]
    assert [schedule.rows(batch) for batch in range(3)] == [2, 2, 1]
    assert schedule.steps_per_epoch == 9


def test_a_batch_larger_than_the_split_is_one_batch() -> None:
    schedule = Schedule(num_examples=3, batch_size=128, num_samples=512, piece_samples=512)
    assert (schedule.num_batches, schedule.rows(0)) == (1, 3)
    assert schedule.place(7) == Place(epoch=7, batch=0, piece=0)


# --- learning ---------------------------------------------------------------------------------------------------------


def test_one_batch_is_overfitted(drums: ShardBench) -> None:
    """A tone and silence: the loss falls far below the entropy of how often each level occurs."""
    experiment, examples = setting(drums, num_steps=60, batch_size=3, learning_rate=0.03)
    (batch,) = batches(examples, batch_size=3, seed=0, epoch=0)
    share = np.bincount(batch.levels.flatten(), minlength=256) / batch.levels.numel()
    entropy = -float((share[share > 0] * np.log(share[share > 0])).sum())
    losses = train_to(new_trainer(experiment, examples), examples, 60)
    assert losses[0] > entropy
    assert np.mean(losses[-NUM_PIECES:]) < 0.25 * entropy


def test_silence_can_be_learned(bench: ShardBench) -> None:
    bench.write(bench.source(1))
    experiment, examples = setting(bench, num_steps=30, learning_rate=0.05)
    losses = train_to(new_trainer(experiment, examples), examples, 30)
    assert losses[-1] < 0.1
    assert all(map(math.isfinite, losses))


@every_kind
def test_the_state_is_carried_from_piece_to_piece(drums: ShardBench, kind: ModelKind) -> None:
    """Without learning, the mean over the pieces of a batch is the loss of the whole in one go."""
    experiment, examples = setting(drums, kind, num_steps=NUM_PIECES, batch_size=3, learning_rate=1e-30)
    trainer = new_trainer(experiment, examples)
    losses = train_to(trainer, examples, NUM_PIECES)
    (batch,) = batches(examples, batch_size=3, seed=0, epoch=0)
    with torch.no_grad():
        conditioning = trainer.model.encode(batch.streams)
        logits, _ = trainer.model(batch.levels, conditioning, trainer.model.initial_state(3, conditioning))
    whole = cross_entropy(logits.flatten(0, 1), batch.levels.flatten().long())
    assert np.mean(losses) == pytest.approx(float(whole), abs=1e-5)


def test_no_state_passes_from_one_batch_to_the_next(drums: ShardBench) -> None:
    """Without learning, a batch's losses are the same whatever was heard before it."""
    experiment, examples = setting(drums, num_steps=8 * NUM_PIECES, learning_rate=1e-30)
    losses = train_to(new_trainer(experiment, examples), examples, 8 * NUM_PIECES)
    found: dict[tuple[str, ...], list[float]] = {}
    for epoch in range(4):
        for number, batch in enumerate(batches(examples, batch_size=2, seed=0, epoch=epoch)):
            first = (2 * epoch + number) * NUM_PIECES
            now = losses[first : first + NUM_PIECES]
            before = found.setdefault(tuple(sorted(batch.keys)), now)
            assert now == pytest.approx(before, abs=1e-6)
    assert len(found) < 8, "some batch came twice"


def test_the_learning_rate_is_the_schedules(drums: ShardBench) -> None:
    experiment, examples = setting(drums, num_steps=6, warm_up_steps=2, decay_from=0.5, decay_factor=0.1)
    rates = [update.learning_rate for update in new_trainer(experiment, examples).updates(examples)]
    assert rates == [experiment.train.learning_rate_at(step) for step in range(6)]
    assert len(set(rates)) == 4


def test_gradients_are_clipped_element_by_element(drums: ShardBench) -> None:
    for bound in (1e-6, 0.0):
        experiment, examples = setting(drums, num_steps=1, clip_element=bound)
        trainer = new_trainer(experiment, examples)
        train_to(trainer, examples, 1)
        largest = max(
            float(weight.grad.abs().max()) for weight in trainer.model.parameters() if weight.grad is not None
        )
        assert largest == pytest.approx(bound) if bound else largest > 1e-3


@pytest.mark.parametrize("kind", ["seq", "flow"])
def test_the_encoder_learns_from_the_first_piece_of_a_batch(drums: ShardBench, kind: ModelKind) -> None:
    experiment, examples = setting(drums, kind, num_steps=NUM_PIECES + 1)
    trainer = new_trainer(experiment, examples)
    changed = []
    before = weights_of(trainer)
    for _ in trainer.updates(examples):
        after = weights_of(trainer)
        changed.append(any(after[name] != before[name] for name in after if name.startswith("encoder")))
        assert after["generator.mlp.output.weight"] != before["generator.mlp.output.weight"]
        before = after
    assert changed == [True] + [False] * (NUM_PIECES - 1) + [True]


def test_the_seed_decides_the_first_weights_and_nothing_else_does(drums: ShardBench) -> None:
    experiment, examples = setting(drums)
    torch.manual_seed(1)
    first = weights_of(new_trainer(experiment, examples))
    torch.manual_seed(2)
    assert weights_of(new_trainer(experiment, examples)) == first
    other, _ = setting(drums, seed=1)
    assert weights_of(new_trainer(other, examples)) != first


# --- trouble ----------------------------------------------------------------------------------------------------------


def test_a_loss_that_is_not_a_number_names_the_examples(drums: ShardBench) -> None:
    experiment, examples = setting(drums, num_steps=20)
    trainer = new_trainer(experiment, examples)
    train_to(trainer, examples, 2)
    with torch.no_grad():
        trainer.model.generator.mlp.output.bias[3] = torch.nan
    before = weights_of(trainer)
    with pytest.raises(NonFiniteLoss, match=r"update 3: the loss is nan on the examples drum/demo-") as caught:
        train_to(trainer, examples, 3)
    assert "learning_rate" in caught.value.remedy
    assert weights_of(trainer) == before


# --- resuming ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["frame", "seq"])
def test_interrupted_anywhere_the_weights_are_the_same(drums: ShardBench, kind: ModelKind) -> None:
    """Two epochs of a whole and a smaller batch: within a batch, between two, between epochs."""
    steps = 4 * NUM_PIECES
    experiment, examples = setting(drums, kind, num_steps=steps)
    whole = new_trainer(experiment, examples)
    losses = train_to(whole, examples, steps)
    for stop in range(0, steps + 1, 5):
        first = new_trainer(experiment, examples)
        before = train_to(first, examples, stop) if stop else []
        second = new_trainer(experiment, examples)
        second.restore(first.checkpoint(seconds=0))
        assert before + train_to(second, examples, steps) == losses
        assert weights_of(second) == weights_of(whole)


def test_a_state_that_does_not_fit_the_step_is_refused(drums: ShardBench) -> None:
    experiment, examples = setting(drums)
    trainer = new_trainer(experiment, examples)
    train_to(trainer, examples, 2)
    checkpoint = trainer.checkpoint(seconds=0)
    smaller, _ = setting(drums, batch_size=1)
    with pytest.raises(CheckpointCorrupt, match="its sounds are"):
        new_trainer(smaller, examples).restore(checkpoint)

"""Mean cross-entropy of a split, against a sum over single samples."""

import math
from dataclasses import replace

import pytest
import torch
from run_bench import small_experiment
from train_bench import GRID, KINDS, ShardBench

from train.config import ModelKind
from train.data import Examples, find_shards
from train.metrics.cross_entropy import split_loss
from train.models.sound import SoundModel

SHORT, LONG, REPEATED = GRID.num_frames(2000), GRID.num_frames(4000), 40


@pytest.fixture
def examples(bench: ShardBench) -> Examples:
    """Three examples of 31, 40 (62, cut) and 31 frames, repeated to 40."""
    bench.write(bench.source(0), bench.source(1, end_ms=4000), bench.source(2))
    experiment = small_experiment(bench.workspace.root, "flow")
    data = replace(experiment.data, num_frames=REPEATED)
    return Examples(find_shards(bench.workspace, "drum", "train"), streams=("lite0", "flow_lite0"), config=data)


def make_model(bench: ShardBench, examples: Examples, kind: ModelKind) -> SoundModel:
    torch.manual_seed(3)
    config = small_experiment(bench.workspace.root, kind).model
    shape = replace(
        examples.shape,
        stream_widths=tuple(pair for pair in examples.shape.stream_widths if pair[0] in config.conditioning.streams),
    )
    return SoundModel(config, shape).eval()


@torch.no_grad()
def naive(model: SoundModel, examples: Examples) -> tuple[float, float]:
    """True and repeated, one example at a time in one go, summed by Python."""
    true, repeated = [], []
    for example in examples:
        levels = torch.from_numpy(example.levels).long()[None]
        conditioning = model.encode({name: torch.from_numpy(x)[None] for name, x in example.streams.items()})
        logits, _ = model(levels, conditioning, model.initial_state(1, conditioning))
        nll = -logits[0].double().log_softmax(dim=-1)[torch.arange(levels.shape[1]), levels[0]]
        true += nll[: example.num_samples].tolist()
        repeated += nll.tolist()
    return math.fsum(true) / len(true), math.fsum(repeated) / len(repeated)


@pytest.mark.parametrize("kind", KINDS)
def test_both_means_are_those_of_single_samples(bench: ShardBench, examples: Examples, kind: ModelKind) -> None:
    model = make_model(bench, examples, kind)
    found = split_loss(model, examples, batch_size=2, piece_samples=4096)
    true, repeated = naive(model, examples)
    assert (found.num_examples, found.num_samples) == (3, 1024 * (SHORT + REPEATED + SHORT))
    assert found.true == pytest.approx(true, abs=1e-6)
    assert found.repeated == pytest.approx(repeated, abs=1e-6)
    assert abs(true - repeated) > 1e-4  # the two are different questions


def test_neither_batch_nor_piece_matters(bench: ShardBench, examples: Examples) -> None:
    model = make_model(bench, examples, "frame")
    first = split_loss(model, examples, batch_size=3, piece_samples=1024)
    second = split_loss(model, examples, batch_size=1, piece_samples=1024 * REPEATED)
    assert first.true == pytest.approx(second.true, abs=1e-6)
    assert first.repeated == pytest.approx(second.repeated or 0, abs=1e-6)


def test_without_repetitions_the_true_part_is_the_same_for_less_work(bench: ShardBench, examples: Examples) -> None:
    model = make_model(bench, examples, "frame")
    done: list[int] = []
    both = split_loss(model, examples, batch_size=1, piece_samples=1024, advance=done.append)
    assert sum(done) == 3 * 1024 * REPEATED
    done.clear()
    only = split_loss(model, examples, batch_size=1, piece_samples=1024, repeated=False, advance=done.append)
    assert sum(done) == 1024 * (SHORT + REPEATED + SHORT)
    assert (only.true, only.repeated) == (both.true, None)


def test_a_model_that_knows_nothing_has_8_bits(bench: ShardBench, examples: Examples) -> None:
    model = make_model(bench, examples, "frame")
    with torch.no_grad():
        for weight in model.generator.mlp.output.parameters():
            weight.zero_()
    found = split_loss(model, examples, batch_size=2, piece_samples=8192)
    assert found.true == pytest.approx(math.log(256), abs=1e-6)
    assert found.repeated == pytest.approx(5.545, abs=1e-3)


def test_no_gradient_is_left_behind(bench: ShardBench, examples: Examples) -> None:
    model = make_model(bench, examples, "seq")
    split_loss(model, examples, batch_size=2, piece_samples=8192, repeated=False)
    assert all(weight.grad is None for weight in model.parameters())
    assert all(weight.requires_grad for weight in model.parameters())


def test_pieces_that_cut_a_node_are_refused(bench: ShardBench, examples: Examples) -> None:
    with pytest.raises(ValueError, match="multiple of 64"):
        split_loss(make_model(bench, examples, "frame"), examples, batch_size=2, piece_samples=100)

"""Sample by sample is the same as all at once, and a sound belongs to its seed."""

import pytest
import torch
from train_bench import KINDS, SAMPLES_PER_FRAME, logits_of, random_levels, random_streams, row, tiny_model

from train.config import ModelKind
from train.models.sound import SoundModel
from train.sampler.reference import advance, begin, generate, pick, step

every_kind = pytest.mark.parametrize("kind", KINDS)


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def sound(model: SoundModel, *seeds: int, num_samples: int = 128, temperature: float = 1.0) -> torch.Tensor:
    conditioning = model.encode(random_streams(len(seeds), 2))
    return generate(
        model.generator,
        conditioning,
        num_samples=num_samples,
        generators=generators(*seeds),
        temperature=temperature,
    )


@every_kind
@pytest.mark.parametrize("frame_sizes", [(8, 2), (16, 4), (64, 16, 4), (4,), (8, 1)])
@torch.no_grad()
def test_step_by_step_logits_are_the_teacher_forced_ones(kind: ModelKind, frame_sizes: tuple[int, ...]) -> None:
    for look_back, weight_norm in ((4, False), (20, True)):
        model = tiny_model(kind, frame_sizes=frame_sizes, look_back=look_back, weight_norm=weight_norm)
        levels, conditioning = random_levels(3, 2 * SAMPLES_PER_FRAME), model.encode(random_streams(3, 2))
        forced = logits_of(model, levels, conditioning)
        state = begin(model.generator, 3, conditioning)
        for t in range(levels.shape[1]):
            logits, state = step(model.generator, conditioning, state)
            assert torch.allclose(logits, forced[:, t], atol=1e-5), t
            state = advance(state, levels[:, t])


@every_kind
def test_a_sound_depends_on_its_seed_and_not_on_its_batch(kind: ModelKind) -> None:
    model = tiny_model(kind)
    conditioning = model.encode(random_streams(3, 2))
    together = generate(model.generator, conditioning, num_samples=128, generators=generators(1, 2, 3))
    assert together.dtype == torch.uint8
    for i, seed in enumerate((1, 2, 3)):
        told = row(conditioning, i)
        alone = generate(model.generator, told, num_samples=128, generators=generators(seed))
        assert torch.equal(together[i], alone[0])
        other = generate(model.generator, told, num_samples=128, generators=generators(seed + 10))
        assert not torch.equal(alone, other)


def test_a_longer_sound_begins_like_a_shorter_one() -> None:
    model = tiny_model("frame")
    assert torch.equal(sound(model, 1, num_samples=50), sound(model, 1, num_samples=100)[:, :50])


def test_a_cold_model_takes_the_likeliest_level() -> None:
    model = tiny_model("frame")
    cold = sound(model, 1, 2, temperature=1e-6)
    likeliest = logits_of(model, cold, model.encode(random_streams(2, 2))).argmax(dim=-1)
    assert torch.equal(cold.long(), likeliest)
    assert not torch.equal(sound(model, 1, 2), cold)


def test_levels_are_drawn_as_often_as_they_are_likely() -> None:
    logits = torch.tensor([0.5, 0.0, 0.3, 0.2] + [0.0] * 252).log()
    uniform = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    picked = pick(logits.expand(1000, -1), uniform, temperature=1.0)
    assert torch.bincount(picked, minlength=256)[:5].tolist() == [500, 0, 300, 200, 0]
    hotter = pick(logits.expand(1000, -1), uniform, temperature=2.0)
    share = torch.tensor([0.5, 0.3, 0.2]).sqrt()
    expected = (1000 * share / share.sum()).tolist()
    assert torch.bincount(hotter, minlength=4)[[0, 2, 3]].tolist() == pytest.approx(expected, abs=1.01)


def test_the_largest_uniform_number_is_still_a_possible_level() -> None:
    logits = torch.zeros(1, 256)
    logits[0, 200:] = -torch.inf
    last = torch.tensor([1 - 2**-53], dtype=torch.float64)
    assert pick(logits, last, temperature=1.0).item() == 199
    assert pick(logits, torch.zeros(1, dtype=torch.float64), temperature=1.0).item() == 0


def test_wrong_calls_are_refused() -> None:
    model = tiny_model("frame")
    with pytest.raises(ValueError, match="must be positive"):
        sound(model, 1, temperature=0.0)
    with pytest.raises(ValueError, match="must be positive"):
        sound(model, 1, num_samples=0)
    with pytest.raises(ValueError, match="beyond the last of 2 frames"):
        sound(model, 1, num_samples=2 * SAMPLES_PER_FRAME + 1)

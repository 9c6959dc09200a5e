"""The generator's graph: what each logit may and may not depend on."""

import pytest
import torch
from train_bench import (
    KINDS,
    SAMPLES_PER_FRAME,
    logits_of,
    random_levels,
    random_streams,
    row,
    tiny_model,
)

from train.config import DataShape, ModelConfig, ModelKind, SampleRnnConfig
from train.models.conditioning import Conditioning, ConditioningShape
from train.models.samplernn import SampleRnn
from train.models.sound import SoundModel

TIERS = [(8, 2), (16, 4), (64, 16, 4), (4,)]
TOLERANCE = 1e-5

every_kind = pytest.mark.parametrize("kind", KINDS)
all_tiers = pytest.mark.parametrize("frame_sizes", TIERS)


@pytest.fixture(autouse=True)
def _no_grad() -> object:
    with torch.no_grad():
        yield


def told(model: SoundModel, batch: int = 1, num_frames: int = 2) -> Conditioning:
    return model.encode(random_streams(batch, num_frames))


@every_kind
@all_tiers
def test_a_level_changes_the_logits_after_it_and_none_before(kind: ModelKind, frame_sizes: tuple[int, ...]) -> None:
    model = tiny_model(kind, frame_sizes=frame_sizes)
    levels, conditioning = random_levels(1, SAMPLES_PER_FRAME), told(model)
    before = logits_of(model, levels, conditioning)
    batch = levels.repeat(SAMPLES_PER_FRAME, 1)
    steps = torch.arange(SAMPLES_PER_FRAME)
    batch[steps, steps] = (batch[steps, steps] + 100) % 256  # row t has another level at t
    copies = Conditioning(
        initial_state=None if conditioning.initial_state is None else conditioning.initial_state.repeat(len(batch), 1),
        frames=None if conditioning.frames is None else conditioning.frames.repeat(len(batch), 1, 1),
    )
    difference = (logits_of(model, batch, copies) - before).abs().amax(dim=-1)
    for t in range(SAMPLES_PER_FRAME):
        assert difference[t, : t + 1].max() < TOLERANCE, t
        if t + 1 < SAMPLES_PER_FRAME:
            assert difference[t, t + 1] > 1e-3, t


@pytest.mark.parametrize("frame_sizes", [(8, 2), (16, 4)])
@pytest.mark.parametrize("look_back", [1, 4, 20])
def test_the_mlp_sees_its_look_back_and_the_tiers_the_rest(frame_sizes: tuple[int, ...], look_back: int) -> None:
    """With the upper tiers silenced, exactly the last ``look_back`` levels count."""
    model = tiny_model("frame", frame_sizes=frame_sizes, look_back=look_back)
    for tier in model.generator.tiers:
        tier.upsample.weight.zero_()
    levels, conditioning = random_levels(1, SAMPLES_PER_FRAME), told(model)
    before = logits_of(model, levels, conditioning)[0, -1]
    for back in range(1, 24):
        changed = levels.clone()
        changed[0, -1 - back] = (changed[0, -1 - back] + 100) % 256
        same = torch.allclose(logits_of(model, changed, conditioning)[0, -1], before, atol=1e-6)
        assert same == (back > look_back), back


@every_kind
@pytest.mark.parametrize("weight_norm", [False, True])
def test_a_batch_is_its_rows(kind: ModelKind, weight_norm: bool) -> None:
    model = tiny_model(kind, weight_norm=weight_norm)
    levels, conditioning = random_levels(5, 128), told(model, batch=5)
    whole = logits_of(model, levels, conditioning)
    for i in range(5):
        alone = logits_of(model, levels[i : i + 1], row(conditioning, i))
        assert torch.allclose(whole[i], alone[0], atol=TOLERANCE)


@every_kind
@all_tiers
def test_pieces_with_carried_state_are_the_whole(kind: ModelKind, frame_sizes: tuple[int, ...]) -> None:
    model = tiny_model(kind, frame_sizes=frame_sizes, look_back=5)
    levels, conditioning = random_levels(2, 256), told(model, batch=2, num_frames=4)
    state, pieces = model.initial_state(2, conditioning), []
    for piece in levels.split([64, 128, 64], dim=1):
        logits, state = model(piece, conditioning, state)
        pieces.append(logits)
    assert torch.allclose(torch.cat(pieces, dim=1), logits_of(model, levels, conditioning), atol=TOLERANCE)
    assert state.position == 256


def test_a_forgotten_state_would_be_noticed() -> None:
    """What the test above rests on."""
    model = tiny_model("seq")
    levels, conditioning = random_levels(1, 128), told(model)
    second = logits_of(model, levels[:, 64:], conditioning)
    assert (logits_of(model, levels, conditioning)[:, 64:] - second).abs().max() > 1e-2


def test_before_the_first_sample_there_is_silence() -> None:
    model = tiny_model("seq")
    levels, conditioning = random_levels(1, 64), told(model)
    start = model.initial_state(1, conditioning)
    assert (start.context == 128).all()
    silence = torch.full((1, 8), 128)
    _, after = model(silence, conditioning, start)
    assert torch.equal(after.context, start.context)
    assert not torch.equal(model(levels, conditioning, start)[0], model(levels, conditioning, after)[0])


def test_frames_reach_the_samples_they_lie_on_and_later_ones_only() -> None:
    model = tiny_model("frame")
    levels, streams = random_levels(1, 3 * SAMPLES_PER_FRAME), random_streams(1, 3)
    before = logits_of(model, levels, model.encode(streams))
    streams["lite0"][:, 1] += 2
    difference = (logits_of(model, levels, model.encode(streams)) - before).abs().amax(dim=-1)[0]
    assert difference[:SAMPLES_PER_FRAME].max() == 0
    assert difference[SAMPLES_PER_FRAME] > 1e-3
    nodes = model.generator.frames_of_nodes(model.encode(streams), start=0, num_samples=3 * SAMPLES_PER_FRAME)
    assert torch.equal(nodes, model.encode(streams).frames.repeat_interleave(SAMPLES_PER_FRAME // 8, dim=1))


def test_only_the_coarsest_tier_sees_frames_and_as_wide_as_they_are() -> None:
    """The paper's numbers: samples expanded to the 4096 of fc6, the coarsest GRU 8192 wide."""
    with torch.device("meta"):
        shape = ConditioningShape(frames_width=4096)
        model = SampleRnn(SampleRnnConfig(), shape, samples_per_frame=1024)
    coarse, fine = model.tiers
    assert (coarse.expand.in_features, coarse.expand.out_features, coarse.rnn.input_size) == (8, 4096, 8192)
    assert (fine.expand.in_features, fine.expand.out_features, fine.rnn.input_size) == (2, 1024, 1024)
    assert coarse.upsample.out_features == 4 * 1024
    assert fine.upsample.out_features == 2 * 1024
    assert model.mlp.output.out_features == 256


@every_kind
def test_each_tier_has_its_own_learned_state_unless_it_is_given_one(kind: ModelKind) -> None:
    model = tiny_model(kind, frame_sizes=(64, 16, 4))
    conditioning = told(model)
    learned = [tier.initial_state is not None for tier in model.generator.tiers]
    assert learned == [kind == "frame", True, True]
    state = model.initial_state(1, conditioning)
    if kind != "frame":
        assert torch.equal(state.hidden[0], conditioning.initial_state)
    assert torch.equal(state.hidden[1][0], model.generator.tiers[1].initial_state)


def test_no_conditioning_at_all_makes_sound_from_nothing() -> None:
    model = SampleRnn(SampleRnnConfig(width=16, embedding=8), ConditioningShape(), samples_per_frame=64)
    state = model.initial_state(2, Conditioning())
    logits, _ = model(random_levels(2, 64), Conditioning(), state)
    assert logits.shape == (2, 64, 256)


def test_weight_norm_is_there_when_asked_for() -> None:
    names = [name for name, _ in tiny_model("frame", weight_norm=True).named_parameters()]
    assert sum("weight.original0" in name for name in names) == 2 * 2 + 3  # expand and upsample twice, the MLP's three
    assert not any("original" in name for name, _ in tiny_model("frame").named_parameters())


def test_state_dicts_come_back() -> None:
    for weight_norm in (False, True):
        model, other = (tiny_model("flow", seed=seed, weight_norm=weight_norm) for seed in (0, 1))
        levels, conditioning = random_levels(1, 64), told(model)
        assert not torch.equal(logits_of(model, levels, conditioning), logits_of(other, levels, conditioning))
        other.load_state_dict(model.state_dict())
        assert torch.equal(logits_of(model, levels, conditioning), logits_of(other, levels, told(other)))


def test_wrong_calls_are_refused() -> None:
    model = tiny_model("frame")
    conditioning = told(model)
    state = model.initial_state(1, conditioning)
    with pytest.raises(ValueError, match="not a multiple of 8"):
        model(random_levels(1, 12), conditioning, state)
    with pytest.raises(ValueError, match="not a multiple of 8"):
        model(random_levels(1, 0), conditioning, state)
    with pytest.raises(ValueError, match="beyond the last of 2 frames"):
        model(random_levels(1, 3 * SAMPLES_PER_FRAME), conditioning, state)
    with pytest.raises(ValueError, match="built for frames"):
        model.initial_state(1, Conditioning())
    with pytest.raises(ValueError, match="built for frames"):
        model.initial_state(2, conditioning)
    with pytest.raises(ValueError, match="built for initial_state"):
        tiny_model("seq").initial_state(1, Conditioning(initial_state=torch.zeros(1, 15)))
    with pytest.raises(ValueError, match="whole nodes"):
        SoundModel(ModelConfig(), DataShape(stream_widths=(("fc6", 4),), samples_per_frame=12))


def test_detached_state_stops_gradients_and_nothing_else() -> None:
    with torch.enable_grad():
        model = tiny_model("seq")
        conditioning = told(model)
        _, state = model(random_levels(1, 64), conditioning, model.initial_state(1, conditioning))
        assert all(hidden.requires_grad for hidden in state.hidden)
        detached = state.detach()
    assert not any(hidden.requires_grad for hidden in detached.hidden)
    assert all(torch.equal(a, b) for a, b in zip(detached.hidden, state.hidden, strict=True))
    assert torch.equal(detached.context, state.context)
    assert detached.position == state.position == 64

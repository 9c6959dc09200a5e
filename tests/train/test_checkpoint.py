"""Checkpoints: what is saved comes back bit for bit, and what is damaged is said to be."""

import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from train_bench import SAMPLES_PER_FRAME, random_levels, random_streams, tiny_model

from train.checkpoint import (
    Checkpoint,
    checkpoint_key,
    list_checkpoints,
    list_unfinished,
    read_checkpoint,
    save_checkpoint,
)
from train.models.sound import SoundModel
from vegas_data.errors import CheckpointCorrupt, NonFiniteLoss, WorkspaceError
from vegas_data.store import Store, sha256_of

KEY = checkpoint_key(7)
Tensors = dict[str, torch.Tensor]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "run")
    with store.lock():
        yield store


@pytest.fixture
def model() -> SoundModel:
    return tiny_model("seq", frame_sizes=(16, 4))


def checkpoint_of(model: SoundModel, step: int = 7) -> Checkpoint:
    """One that has everything: Adam's numbers of all weights but one, and a state between two pieces."""
    random = torch.Generator().manual_seed(step)
    adam = {
        name: {
            "exp_avg": torch.randn(weight.shape, generator=random),
            "exp_avg_sq": torch.rand(weight.shape, generator=random),
            "step": torch.tensor(float(step)),
        }
        for name, weight in list(model.named_parameters())[1:]
    }
    with torch.no_grad():
        conditioning = model.encode(random_streams(2, 2))
        _, state = model(random_levels(2, SAMPLES_PER_FRAME), conditioning, model.initial_state(2, conditioning))
    return Checkpoint(
        step=step, seconds=1.25, weights=model.state_dict(), adam=adam, state=state, nats_sum=3.1, nats_count=2
    )


def test_everything_comes_back(run: Store, model: SoundModel) -> None:
    saved = checkpoint_of(model)
    sha256 = save_checkpoint(run, saved)
    read = read_checkpoint(run, KEY, tiny_model("seq", seed=5, frame_sizes=(16, 4)))
    assert (read.step, read.seconds, read.nats_sum, read.nats_count, read.sha256) == (7, 1.25, 3.1, 2, sha256)
    assert read.weights.keys() == saved.weights.keys()
    assert all(torch.equal(read.weights[name], saved.weights[name]) for name in saved.weights)
    assert read.adam.keys() == saved.adam.keys()
    assert all(
        torch.equal(read.adam[name][kind], saved.adam[name][kind]) for name in saved.adam for kind in read.adam[name]
    )
    assert read.state is not None
    assert saved.state is not None
    assert read.state.position == saved.state.position == SAMPLES_PER_FRAME
    assert torch.equal(read.state.context, saved.state.context)
    assert all(map(torch.equal, read.state.hidden, saved.state.hidden))


def test_between_two_batches_there_is_no_state(run: Store, model: SoundModel) -> None:
    save_checkpoint(run, Checkpoint(step=7, seconds=0, weights=model.state_dict()))
    read = read_checkpoint(run, KEY, model)
    assert (read.state, dict(read.adam)) == (None, {})


def test_making_sound_needs_the_weights_alone(run: Store, model: SoundModel) -> None:
    save_checkpoint(run, checkpoint_of(model))
    read = read_checkpoint(run, KEY, model, resume=False)
    assert (read.step, read.state, dict(read.adam)) == (7, None, {})
    assert read.weights.keys() == model.state_dict().keys()


def test_the_same_numbers_are_the_same_bytes(run: Store, model: SoundModel) -> None:
    first = save_checkpoint(run, checkpoint_of(model))
    assert save_checkpoint(run, checkpoint_of(model)) == first == sha256_of(run.path(KEY))


def test_the_two_newest_are_kept(run: Store, model: SoundModel) -> None:
    for step in (5, 900, 1_000_000_000, 20):
        save_checkpoint(run, checkpoint_of(model, step))
    assert list_checkpoints(run) == [checkpoint_key(1_000_000_000), checkpoint_key(900)]
    files = sorted(path.name for path in run.path("checkpoints").iterdir())
    assert files == [f"step-{step}.safetensors{end}" for step in ("000000900", "1000000000") for end in ("", ".json")]


def test_a_full_disk_is_said_and_the_checkpoint_before_stays(run: Store, model: SoundModel) -> None:
    save_checkpoint(run, checkpoint_of(model, 3))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    try:
        with pytest.raises(WorkspaceError, match=r"step-000000007\.safetensors: cannot be written") as caught:
            save_checkpoint(run, checkpoint_of(model))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "make room" in caught.value.remedy
    assert list_checkpoints(run) == [checkpoint_key(3)]


def test_files_of_other_names_are_not_unfinished_checkpoints(run: Store, model: SoundModel) -> None:
    save_checkpoint(run, checkpoint_of(model))
    run.commit_bytes("checkpoints/best.safetensors", b"somebody's own copy")
    run.commit_bytes(checkpoint_key(9), b"cut off")
    assert list_unfinished(run) == [checkpoint_key(9)]


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_is_not_finite_is_not_saved(run: Store, model: SoundModel, bad: float) -> None:
    save_checkpoint(run, checkpoint_of(model, 3))
    broken = checkpoint_of(model)
    broken.weights["generator.mlp.output.bias"][0] = bad
    with pytest.raises(NonFiniteLoss, match=r"after 7 updates model\.generator\.mlp\.output\.bias"):
        save_checkpoint(run, broken)
    assert list_checkpoints(run) == [checkpoint_key(3)]


# --- damage -----------------------------------------------------------------------------------------------------------


def refused(run: Store, model: SoundModel, reason: str) -> None:
    with pytest.raises(CheckpointCorrupt, match=reason) as caught:
        read_checkpoint(run, KEY, model)
    assert str(run.path(KEY)) in str(caught.value)
    assert "train.run" in caught.value.remedy


def test_a_flipped_bit_is_found(run: Store, model: SoundModel) -> None:
    save_checkpoint(run, checkpoint_of(model))
    data = bytearray(run.path(KEY).read_bytes())
    data[-100] ^= 1
    run.path(KEY).write_bytes(data)
    refused(run, model, "sha256 is")


@pytest.mark.parametrize("kept", [0, 4, 1000])
def test_a_truncated_file_is_found(run: Store, model: SoundModel, kept: int) -> None:
    save_checkpoint(run, checkpoint_of(model))
    run.path(KEY).write_bytes(run.path(KEY).read_bytes()[:kept])
    refused(run, model, f"{kept} bytes long, recorded were")


def test_a_file_that_is_gone_is_missed(run: Store, model: SoundModel) -> None:
    save_checkpoint(run, checkpoint_of(model))
    run.path(KEY).unlink()
    assert list_checkpoints(run) == [KEY]
    refused(run, model, "the file is missing")


def test_without_side_car_there_is_no_checkpoint(run: Store, model: SoundModel) -> None:
    save_checkpoint(run, checkpoint_of(model))
    run.path(f"{KEY}.json").unlink()
    assert list_checkpoints(run) == []
    assert list_unfinished(run) == [KEY]


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"step": 7, "extra": 1}'])
def test_a_damaged_side_car_is_found(run: Store, model: SoundModel, content: str) -> None:
    save_checkpoint(run, checkpoint_of(model))
    run.path(f"{KEY}.json").write_text(content)
    refused(run, model, "its side-car cannot be read")


def rewrite(run: Store, change: Callable[[Tensors], Tensors], **side_car: object) -> None:
    """Another file, with a side-car that vouches for it."""
    path = run.path(KEY)
    tensors = load_file(path)
    save_file(change(tensors), path)
    car = json.loads(run.path(f"{KEY}.json").read_text())
    car |= {"sha256": sha256_of(path), "num_bytes": path.stat().st_size, **side_car}
    run.commit_json(f"{KEY}.json", car)


BIAS = "model.generator.mlp.output.bias"
ADAM = "adam.exp_avg.generator.mlp.output.bias"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({BIAS: None}, "lacks model.generator.mlp.output.bias"),
        ({"progress.step": None}, "lacks progress.step"),
        ({ADAM: None}, "holds only a part of adam.exp_avg.generator.mlp.output.bias"),
        ({"model.extra": torch.zeros(1)}, "holds 'model.extra', which the model has not"),
        ({"adam.exp_avg.extra": torch.zeros(1)}, "which the model has not"),
        ({BIAS: torch.zeros(255)}, r"has shape \(255,\), the model's has \(256,\)"),
        ({ADAM: torch.zeros(2, 128)}, r"has shape \(2, 128\)"),
        ({BIAS: torch.zeros(256, dtype=torch.float64)}, "holds torch.float64"),
        ({"progress.step": torch.tensor(7.0)}, "holds torch.float32"),
        ({BIAS: torch.full((256,), torch.nan)}, "holds NaN"),
        ({ADAM: torch.full((256,), torch.inf)}, "holds NaN"),
        ({"progress.step": torch.tensor(8)}, "it says that it is of step 8"),
        ({"state.context": None}, "holds a state of"),
        ({"state.context": torch.full((2, 16), 256)}, "holds what is no level"),
        ({"progress.nats_count": torch.tensor(-1)}, "nats_count is -1"),
        ({"state.hidden.1": None, "state.hidden.2": torch.zeros(2, 16)}, "holds a state of"),
    ],
)
def test_other_tensors_are_refused_whatever_the_side_car_says(
    run: Store, model: SoundModel, change: dict[str, torch.Tensor | None], reason: str
) -> None:
    save_checkpoint(run, checkpoint_of(model))
    rewrite(run, lambda tensors: {k: v for k, v in {**tensors, **change}.items() if v is not None})
    refused(run, model, reason)


@pytest.mark.parametrize("side_car", [{"step": 8}, {"schema": 2}])
def test_a_side_car_of_another_step_or_version_is_refused(run: Store, model: SoundModel, side_car: object) -> None:
    save_checkpoint(run, checkpoint_of(model))
    assert isinstance(side_car, dict)
    rewrite(run, dict, **side_car)
    refused(run, model, "its side-car is of schema")


def test_something_else_under_the_name_is_refused(run: Store, model: SoundModel) -> None:
    save_checkpoint(run, checkpoint_of(model))
    rewrite(run, dict)
    data = b"\x80\x04K\x07."  # a pickle
    run.path(KEY).write_bytes(data)
    car = json.loads(run.path(f"{KEY}.json").read_text())
    run.commit_json(f"{KEY}.json", {**car, "sha256": sha256_of(run.path(KEY)), "num_bytes": len(data)})
    refused(run, model, "not a safetensors file")


def test_a_checkpoint_of_another_model_is_refused(run: Store, model: SoundModel) -> None:
    save_checkpoint(run, checkpoint_of(model))
    refused(run, tiny_model("frame", frame_sizes=(16, 4)), "lacks|which the model has not|has shape")

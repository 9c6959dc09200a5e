"""All that a run needs to go on, as one safetensors file with a side-car: written whole or not at all, read in doubt.

    checkpoints/step-000000400.safetensors
      model.{name}                                     weights
      adam.{exp_avg,exp_avg_sq,step}.{name}            the optimiser; not of weights that never had a gradient
      state.context, state.hidden.{tier}               the sounds of the batch between two pieces; not between batches
      progress.{step,nats_sum,nats_count,position}     updates made, losses since the last line of the log, where the
                                                       sounds stand
    checkpoints/step-000000400.safetensors.json
      schema, step, seconds, sha256, num_bytes

Which batch comes next follows from the number of updates (``fit.Schedule``). There is no pickle anywhere. A file
without side-car is a write that was interrupted: it does not exist. One with a side-car must be what that says, hold
exactly the tensors of the model, and no NaN: otherwise it is corrupt.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from train.models.samplernn import SampleRnnState
from train.quantize import NUM_LEVELS
from vegas_data.errors import CheckpointCorrupt, NonFiniteLoss, VegasError, WorkspaceError
from vegas_data.store import SIDE_CAR, Store, sha256_of
from vegas_data.trained import build_record

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = "checkpoints"
SUFFIX: Final = ".safetensors"
KEPT: Final = 2
SCHEMA: Final = 1
ADAM: Final = ("exp_avg", "exp_avg_sq", "step")
REMEDY: Final = "delete the file and its side-car, then run `python -m train.run` again: it goes on from the one before"
_KEY: Final = re.compile(rf"{FOLDER}/step-(\d{{9,18}})\{SUFFIX}", re.ASCII)
_PROGRESS: Final = {"step": torch.int64, "nats_sum": torch.float64, "nats_count": torch.int64, "position": torch.int64}


@dataclass(frozen=True, kw_only=True)
class SideCar:
    """What is recorded beside a checkpoint.

    Args:
        step: updates made. seconds: of training so far. sha256, num_bytes: of the file.
    """

    schema: int = SCHEMA
    step: int
    seconds: float
    sha256: str
    num_bytes: int


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Where a run stands.

    Args:
        step: updates made. seconds: of training so far.
        weights: the model's state. adam: for each weight that had a gradient, Adam's numbers by name.
        state: of the sounds, where the next piece is not the first of its batch.
        nats_sum, nats_count: of the updates since the last line of the log.
        sha256, where: digest and path of the file it was read from.
    """

    step: int
    seconds: float
    weights: Mapping[str, Tensor]
    adam: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    state: SampleRnnState | None = None
    nats_sum: float = 0.0
    nats_count: int = 0
    sha256: str = ""
    where: str = ""


def checkpoint_key(step: int) -> str:
    """Key of the checkpoint after ``step`` updates, in the run's folder."""
    return f"{FOLDER}/step-{step:09d}{SUFFIX}"


def list_checkpoints(run: Store) -> list[str]:
    """Keys of the checkpoints that exist, newest first; whether they are good is for ``read_checkpoint`` to say."""
    keys = (key.removesuffix(SIDE_CAR) for key in run.keys(FOLDER, SUFFIX + SIDE_CAR))
    return sorted((key for key in keys if _KEY.fullmatch(key)), key=step_of, reverse=True)


def list_unfinished(run: Store) -> list[str]:
    """Keys of checkpoints whose side-car never came: writes that were interrupted. Other files are not ours."""
    return [key for key in run.keys(FOLDER, SUFFIX) if _KEY.fullmatch(key) and not run.exists(key + SIDE_CAR)]


def step_of(key: str) -> int:
    """Updates before the checkpoint at ``key``."""
    match = _KEY.fullmatch(key)
    if match is None:
        raise ValueError(f"not the key of a checkpoint: {key!r}")
    return int(match[1])


def save_checkpoint(run: Store, checkpoint: Checkpoint) -> str:
    """Commit the checkpoint, then remove all but the two newest; returns its sha256.

    Raises:
        NonFiniteLoss: a number in it is not finite; nothing was written, the checkpoint before stays.
        WorkspaceError: the disk is full; likewise.
    """
    tensors = dict(_flatten(checkpoint))
    _refuse_non_finite(run, checkpoint.step, tensors)
    key = checkpoint_key(checkpoint.step)
    with run.scratch() as folder:
        path = folder / "checkpoint"
        try:
            save_file(tensors, path)
        except SafetensorError as error:  # its own name for a full disk
            raise WorkspaceError(
                f"{run.path(key)}: cannot be written: {error}",
                remedy="make room on the disk and run the same command again: it goes on from the checkpoint before",
            ) from None
        side_car = SideCar(
            step=checkpoint.step,
            seconds=round(checkpoint.seconds, 3),
            sha256=sha256_of(path),
            num_bytes=path.stat().st_size,
        )
        run.commit_artefact(key, path, vars(side_car))
    for old in list_checkpoints(run)[KEPT:]:
        run.remove_artefact(old)
    return side_car.sha256


def _refuse_non_finite(run: Store, step: int, tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise NonFiniteLoss(
                f"{run.root}: after {step} updates {name} holds NaN or infinite numbers",
                remedy="lower learning_rate in the experiment; the checkpoint before is kept",
            )


def _flatten(checkpoint: Checkpoint) -> Iterator[tuple[str, Tensor]]:
    """Names and contiguous CPU tensors of a checkpoint."""
    for name, weight in checkpoint.weights.items():
        yield f"model.{name}", _plain(weight)
    for name, numbers in checkpoint.adam.items():
        for kind in ADAM:
            yield f"adam.{kind}.{name}", _plain(numbers[kind])
    position = 0
    if checkpoint.state is not None:
        position = checkpoint.state.position
        yield "state.context", _plain(checkpoint.state.context)
        for tier, hidden_BW in enumerate(checkpoint.state.hidden):
            yield f"state.hidden.{tier}", _plain(hidden_BW)
    values = (checkpoint.step, checkpoint.nats_sum, checkpoint.nats_count, position)
    for (name, dtype), value in zip(_PROGRESS.items(), values, strict=True):
        yield f"progress.{name}", torch.tensor(value, dtype=dtype)


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous()


def read_checkpoint(run: Store, key: str, model: nn.Module, *, resume: bool = True) -> Checkpoint:
    """Prove and read a checkpoint of ``model``, of which only names and shapes count.

    Args:
        resume: read the optimiser and the sounds' state too; what only makes sound does without.

    Raises:
        CheckpointCorrupt: it is not what its side-car says, not of this model, or holds NaN.
    """
    path = run.path(key)
    step = step_of(key)
    try:
        side_car = build_record(SideCar, run.side_car(key), where=path.name)
    except VegasError as error:
        raise _corrupt(path, f"its side-car cannot be read: {error}") from None
    _check_bytes(path, side_car, step)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            _check_names(path, shapes, model)
            wanted = sorted(shapes) if resume else sorted(name for name in shapes if name.startswith("model."))
            tensors = {name: file.get_tensor(name) for name in wanted}
    except (SafetensorError, OSError) as error:
        raise _corrupt(path, f"not a safetensors file: {error}") from None
    _check_values(path, tensors, model)
    return _gather(path, tensors, side_car)


def _corrupt(path: "Path", reason: str) -> CheckpointCorrupt:
    return CheckpointCorrupt(f"{path}: {reason}", remedy=REMEDY)


def _check_bytes(path: "Path", side_car: SideCar, step: int) -> None:
    if (side_car.schema, side_car.step) != (SCHEMA, step):
        raise _corrupt(path, f"its side-car is of schema {side_car.schema} and step {side_car.step}")
    if not path.is_file():
        raise _corrupt(path, "the file is missing, its side-car is there")
    num_bytes = path.stat().st_size
    if num_bytes != side_car.num_bytes:
        raise _corrupt(path, f"{num_bytes} bytes long, recorded were {side_car.num_bytes}")
    actual = sha256_of(path)
    if actual != side_car.sha256:
        raise _corrupt(path, f"sha256 is {actual[:12]}…, recorded was {side_car.sha256[:12]}…")


def _check_names(path: "Path", shapes: Mapping[str, tuple[int, ...]], model: nn.Module) -> None:
    """All weights, nothing unknown, and each of the shape it has in the model; before anything is read."""
    weights = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    expected: dict[str, tuple[int, ...]] = {f"model.{name}": shape for name, shape in weights.items()}
    expected |= {f"progress.{name}": () for name in _PROGRESS}
    missing = sorted(expected.keys() - shapes.keys())
    if missing:
        raise _corrupt(path, f"lacks {missing[0]}, and {len(missing) - 1} more")
    for name, _ in model.named_parameters():
        kinds = [f"adam.{kind}.{name}" for kind in ADAM]
        if len({kind in shapes for kind in kinds}) != 1:
            raise _corrupt(path, f"holds only a part of {kinds[0]}")
        expected |= dict(zip(kinds, (weights[name], weights[name], ()), strict=True))
    for name, shape in shapes.items():
        if name.startswith("state."):
            continue  # as many rows as the batch has: whoever goes on compares them
        if name not in expected:
            raise _corrupt(path, f"holds {name[:80]!r}, which the model has not")
        if shape != expected[name]:
            raise _corrupt(path, f"{name} has shape {shape}, the model's has {expected[name]}")


def _check_values(path: "Path", tensors: Mapping[str, Tensor], model: nn.Module) -> None:
    kinds = {f"model.{name}": weight.dtype for name, weight in model.state_dict().items()}
    kinds |= {f"progress.{name}": kind for name, kind in _PROGRESS.items()}
    kinds["state.context"] = torch.int64
    for name, tensor in tensors.items():
        expected = kinds.get(name, torch.float32)
        if tensor.dtype != expected:
            raise _corrupt(path, f"{name} holds {tensor.dtype}, not {expected}")
        if not bool(tensor.isfinite().all()):
            raise _corrupt(path, f"{name} holds NaN or infinite numbers")
        if name == "state.context" and not bool(((tensor >= 0) & (tensor < NUM_LEVELS)).all()):
            raise _corrupt(path, f"{name} holds what is no level")
        if name == "progress.nats_count" and int(tensor) < 0:
            raise _corrupt(path, f"{name} is {int(tensor)}")


def _gather(path: "Path", tensors: Mapping[str, Tensor], side_car: SideCar) -> Checkpoint:
    def part(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}

    weights, progress, state = part("model."), part("progress."), part("state.")
    if progress and int(progress["step"]) != side_car.step:
        raise _corrupt(path, f"it says that it is of step {int(progress['step'])}")
    adam: dict[str, dict[str, Tensor]] = {}
    for kind in ADAM:
        for name, tensor in part(f"adam.{kind}.").items():
            adam.setdefault(name, {})[kind] = tensor
    return Checkpoint(
        step=side_car.step,
        seconds=side_car.seconds,
        weights=weights,
        adam=adam,
        state=_gather_state(path, state, int(progress["position"])) if state else None,
        nats_sum=float(progress["nats_sum"]) if progress else 0.0,
        nats_count=int(progress["nats_count"]) if progress else 0,
        sha256=side_car.sha256,
        where=str(path),
    )


def _gather_state(path: "Path", tensors: Mapping[str, Tensor], position: int) -> SampleRnnState:
    names = ["context", *(f"hidden.{tier}" for tier in range(len(tensors) - 1))]
    if sorted(names) != sorted(tensors):
        raise _corrupt(path, f"holds a state of {', '.join(sorted(tensors))[:80]}")
    return SampleRnnState(
        context=tensors["context"], hidden=tuple(tensors[name] for name in names[1:]), position=position
    )

"""What a run is, and how a later command opens it: identity, folder, experiment, the weights of its newest checkpoint.

A run's name is ``{category}-{model}-{digest}``. The digest covers everything that decides the weights: the version of
the training code, the experiment, the category, the shards and what they hold. Device, threads and paths are not in
it, so that a run can go on elsewhere; the lowest bits of its sums may then differ, and ``RunInfo.tools`` says where it
began.

Layout of the folder: ``vegas_data.trained``. Importing this imports no torch.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from train.config import DataShape, Experiment, ModelKind
from vegas_data.config import digest
from vegas_data.errors import TrainError, WorkspaceError
from vegas_data.store import Store
from vegas_data.trained import EXPERIMENT, RUN, SCHEMA, RunInfo, current_run, read_record, run_store
from vegas_data.workspace import Workspace

if TYPE_CHECKING:
    import torch

    from train.models.sound import SoundModel

TRAINING: Final = 1  # version of the code that decides the weights: raise it with every change that leads to others
_MAX_WIDTH: Final = 2**20


@dataclass(frozen=True, kw_only=True)
class OpenRun:
    """One run of a workspace."""

    store: Store
    info: RunInfo
    experiment: Experiment

    @property
    def shape(self) -> DataShape:
        """Of the shards it learns from."""
        return DataShape(stream_widths=self.info.stream_widths, samples_per_frame=self.info.samples_per_frame)


def run_name(
    category: str, model: ModelKind, experiment: Experiment, *, shards: tuple[tuple[str, str], ...], shape: DataShape
) -> str:
    """Name of the run that learns ``experiment`` from ``shards`` (name and sha256 of each)."""
    return f"{category}-{model}-{digest(TRAINING, experiment, category, shards, shape)}"


def open_run(workspace: Workspace, category: str, model: str, *, name: str | None = None) -> OpenRun:
    """The latest run of a category's model, or the one called ``name``.

    Raises:
        TrainError: there is none.
        WorkspaceError: its files are damaged or contradict one another.
    """
    remedy = f"run `python -m train.run --model {model} --category {category} --workspace {workspace.root}` first"
    name = name or current_run(workspace, category, model)
    if name is None:
        raise TrainError(f"{workspace.root}: no run of {category}, {model}", remedy=remedy)
    store = run_store(workspace, name)
    info = read_record(store, RUN, RunInfo)
    experiment = read_record(store, EXPERIMENT, Experiment)
    if info is None or experiment is None:
        raise TrainError(f"{store.root}: holds no {RUN if info is None else EXPERIMENT}", remedy=remedy)
    run = OpenRun(store=store, info=info, experiment=experiment)
    _check(run, name=name, category=category, model=model)
    return run


def _check(run: OpenRun, *, name: str, category: str, model: str) -> None:
    info, conditioning = run.info, run.experiment.model.conditioning
    widths = [width for _, width in info.stream_widths]
    fits = (
        (info.schema, info.name, info.category, info.model) == (SCHEMA, name, category, model)
        and conditioning.kind == model
        and tuple(stream for stream, _ in info.stream_widths) == conditioning.streams
        and 0 < min(widths, default=0) <= max(widths, default=0) <= _MAX_WIDTH
        and 0 < info.samples_per_frame <= _MAX_WIDTH
        and info.samples_per_frame % run.experiment.model.samplernn.frame_sizes[0] == 0
        and name == run_name(category, conditioning.kind, run.experiment, shards=info.shards, shape=run.shape)
    )
    if not fits:
        raise WorkspaceError(
            f"{run.store.path(RUN)}: does not describe this run of this version, or {EXPERIMENT} does not",
            remedy="run the same `python -m train.run` again: it writes both anew, or starts a run of this version",
        )


def load_model(run: OpenRun, device: "torch.device") -> "tuple[SoundModel, int, str]":
    """The model with the weights of the run's newest checkpoint, ready to make sound; its step, its file's sha256.

    Raises:
        TrainError: the run has no checkpoint yet.
        CheckpointCorrupt: the newest one is damaged; it is named.
    """
    from train.checkpoint import list_checkpoints, read_checkpoint
    from train.models.sound import SoundModel

    keys = list_checkpoints(run.store)
    if not keys:
        raise TrainError(
            f"{run.store.root}: has no checkpoint yet",
            remedy=f"run `python -m train.run --model {run.info.model} --category {run.info.category}` to its end",
        )
    model = SoundModel(run.experiment.model, run.shape)
    checkpoint = read_checkpoint(run.store, keys[0], model, resume=False)
    model.load_state_dict(dict(checkpoint.weights))
    return model.to(device).eval().requires_grad_(False), checkpoint.step, checkpoint.sha256

"""One process that trains one run: proves the shards, finds where the run stands, goes on to its end.

``run`` is the command around it, ``fit`` the learning inside it, ``recorder`` what happens between two updates.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import torch

from train.checkpoint import FOLDER, Checkpoint, list_checkpoints, list_unfinished, read_checkpoint
from train.config import Experiment, ModelKind
from train.data import Examples, epoch_order, find_shards
from train.fit import Trainer, make_schedule
from train.journal import Journal
from train.memory import Footprint, free_memory
from train.progress import Meter, warn
from train.recorder import Recorder, tell_end
from train.runs import run_name
from vegas_data.config import canonical, to_json
from vegas_data.device import device_tools
from vegas_data.errors import CheckpointCorrupt, NonFiniteLoss, TrainError, WorkspaceError
from vegas_data.store import Store, place_bytes
from vegas_data.trained import EXPERIMENT, RUN, RunInfo, pointer_key, read_record, run_store
from vegas_data.workspace import Workspace

_MOST_MEASURED: Final = 512  # examples, for the mean and variance of features


class Session:
    """A run that can be trained: nothing is written, and little memory taken, before ``train``.

    Args:
        experiment_name: for people; what is in it counts.

    Raises:
        ShardError: no shards of this category, or damaged ones.
        TrainError: they lack a stream of the experiment, its tiers do not fit them, or training does not fit into
            memory.
    """

    def __init__(
        self,
        *,
        workspace: Workspace,
        category: str,
        model: ModelKind,
        experiment: Experiment,
        experiment_name: str,
        device: torch.device,
    ) -> None:
        self.workspace, self.experiment, self.device = workspace, experiment, device
        self.examples = self._open(find_shards(workspace, category, "train"))
        validation = find_shards(workspace, category, "val", required=False)
        self.validation = self._open(validation) if validation else None
        shape = self.examples.shape
        if self.validation is not None and self.validation.shape != shape:
            raise TrainError(
                f"{workspace.root}: {category}: the validation split has {self.validation.shape}, training {shape}",
                remedy="run `vegas-data featurize` again",
            )
        coarsest = experiment.model.samplernn.frame_sizes[0]
        if shape.samples_per_frame % coarsest:
            raise TrainError(
                f"{workspace.root}: {category}: video frames of {shape.samples_per_frame} audio samples are not whole "
                f"nodes of {coarsest}",
                remedy="change frame_sizes in the experiment's [model.samplernn]",
            )
        self.schedule = make_schedule(experiment, shape, len(self.examples))
        self.free = free_memory(device)
        footprint = Footprint(experiment, shape, free=self.free)
        self.memory = footprint.check(rows=self.schedule.rows(0), free=self.free)
        self.info = RunInfo(
            name=run_name(category, model, experiment, shards=self.examples.shards, shape=shape),
            category=category,
            model=model,
            experiment=experiment_name,
            seed=experiment.train.seed,
            num_steps=experiment.train.num_steps,
            num_parameters=footprint.num_parameters,
            stream_widths=shape.stream_widths,
            samples_per_frame=shape.samples_per_frame,
            shards=self.examples.shards,
            tools=tuple(sorted({**device_tools(device.type), "threads": str(torch.get_num_threads())}.items())),
        )
        self.title = f"{category}, {model}"
        self.store = run_store(workspace, self.info.name)

    def _open(self, shards: Sequence[Path]) -> Examples:
        return Examples(shards, streams=self.experiment.model.conditioning.streams, config=self.experiment.data)

    def new_trainer(self) -> Trainer:
        """The model before its first update."""
        return Trainer(self.experiment, self.examples.shape, num_examples=len(self.examples), device=self.device)

    def _true_streams(self) -> Iterator[dict[str, torch.Tensor]]:
        """The features of the training examples, unrepeated; of a part of them, drawn by seed, if there are many."""
        for index in epoch_order(self.examples.keys, seed=self.info.seed, epoch=0)[:_MOST_MEASURED]:
            example = self.examples[index]
            yield {
                name: torch.from_numpy(stream[: example.num_frames])[None] for name, stream in example.streams.items()
            }

    def train(self, *, as_json: bool, quiet: bool, save_every: int | None = None) -> None:
        """Go on from where the run stands to its end.

        Args:
            save_every: updates between two checkpoints; by default so many as fit into a minute.

        Raises:
            WorkspaceLocked: another process trains this run.
            CheckpointCorrupt: all of its checkpoints are damaged.
            NonFiniteLoss: the loss became NaN or infinite.
        """
        with self.store.lock():
            trainer = self.new_trainer()
            begun = resume(self.store, trainer)
            if begun is None:
                trainer.model.encoder.features.measure(self._true_streams())
            self._describe(resumed=begun is not None)
            with (
                Journal(self.store, step=trainer.step) as journal,
                Meter(self.title, self.info.num_steps, as_json=as_json, quiet=quiet, done=trainer.step) as meter,
            ):
                if 0 < trainer.step < self.info.num_steps:
                    meter.say(f"{self.title}: going on after {trainer.step} of {self.info.num_steps} updates")
                recorder = Recorder(
                    self.store, trainer, journal, meter, self.validation, begun=begun, save_every=save_every
                )
                try:
                    for update in trainer.updates(self.examples):
                        recorder.record(update)
                except NonFiniteLoss as error:
                    raise NonFiniteLoss(f"{error}; log: {journal.path}", remedy=error.remedy) from error
            tell_end(self.store, self.info, made=trainer.step - (begun.step if begun else 0), as_json=as_json)

    def _describe(self, *, resumed: bool) -> None:
        """Write what the run is, and that it is the latest of its model."""
        store, info = self.store, self.info
        try:
            before = read_record(store, RUN, RunInfo)
        except WorkspaceError as error:
            warn(f"{error}: written anew")
            before = None
        if before is not None and dataclasses.replace(before, experiment=info.experiment, tools=info.tools) == info:
            if resumed and set(before.tools) != set(info.tools):
                warn(f"{store.root}: began with {_differing(before, info)}: the last bits of its weights may differ")
            info = before
        store.commit_json(EXPERIMENT, canonical(self.experiment))
        store.commit_json(RUN, canonical(info))
        pointer = to_json({"run": info.name}, indent=2).encode()
        # through the run's own tmp: that of the workspace belongs to whoever holds its lock
        place_bytes(self.workspace.path(pointer_key(info.category, info.model)), pointer, tmp=store.root / "tmp")


def _differing(before: RunInfo, now: RunInfo) -> str:
    """The tools of ``before`` that are others now, and what they are now."""
    tools = dict(now.tools)
    return ", ".join(f"{k} {v} (now {tools.get(k, 'none')})" for k, v in before.tools if tools.get(k) != v)


def resume(store: Store, trainer: Trainer) -> Checkpoint | None:
    """Restore the newest checkpoint that is good; None where there never was one.

    Raises:
        CheckpointCorrupt: there are checkpoints, and all are damaged.
    """
    damaged: list[str] = []
    for key in list_unfinished(store):
        warn(f"{store.path(key)}: has no side-car, so its write was interrupted: passed over")
        store.path(key).unlink()
    for key in list_checkpoints(store):
        try:
            checkpoint = read_checkpoint(store, key, trainer.model)
            trainer.restore(checkpoint)
        except CheckpointCorrupt as error:
            warn(f"{error}: passed over")
            damaged.append(key)
            continue
        for other in damaged:  # they would count among the newest, and push good ones out
            store.remove_artefact(other)
        return checkpoint
    if damaged:
        raise CheckpointCorrupt(
            f"{store.root / FOLDER}: all {len(damaged)} checkpoints are damaged",
            remedy="delete this folder, then run the same command again: it begins anew",
        )
    return None

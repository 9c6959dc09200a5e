"""A run and a split in, that split's examples as the run's model reads them out."""

from collections.abc import Sequence
from pathlib import Path

from train.data import Examples, find_shards
from train.runs import OpenRun
from vegas_data.errors import TrainError
from vegas_data.records import Split
from vegas_data.workspace import Workspace


def open_split(workspace: Workspace, run: OpenRun, split: Split) -> Examples:
    """Prove the shards of a split and open them for the run's model.

    Raises:
        WorkspaceError, ShardError: there are none, or they are damaged.
        TrainError: they lack a stream, or their streams are not as wide as those that the model learned from.
    """
    return _open(run, find_shards(workspace, run.info.category, split))


def open_split_if_there(workspace: Workspace, run: OpenRun, split: Split) -> Examples | None:
    """The same, and None where the split has no shards."""
    paths = find_shards(workspace, run.info.category, split, required=False)
    return _open(run, paths) if paths else None


def _open(run: OpenRun, paths: Sequence[Path]) -> Examples:
    examples = Examples(paths, streams=run.experiment.model.conditioning.streams, config=run.experiment.data)
    if examples.shape != run.shape:
        raise TrainError(
            f"{paths[0].parent}: the shards hold {examples.shape}, the model learned from {run.shape}",
            remedy=f"run `python -m train.run --model {run.info.model} --category {run.info.category}` on them first",
        )
    return examples

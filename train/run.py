"""``python -m train.run``: shards of a workspace in, a run in its ``train/`` folder out.

The same command goes on where it was interrupted, and ends with the same weights; of a finished run it says so. What is
printed, and when weights are saved, has no part in what is learned. ``docs/training.md`` describes the files.
"""

import dataclasses
from pathlib import Path
from typing import Any

import click

from train.config import MAX_SEED, MAX_STEPS, Experiment, ModelKind, load_experiment
from train.options import DeviceChoice, take_device, train_options
from vegas_data.command import run_command
from vegas_data.workspace import Workspace


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@train_options
@click.option(
    "--experiment",
    "experiment_name",
    metavar="NAME|FILE",
    help="A shipped experiment (frame, seq, flow, demo) or a .toml file. [default: the one named like the model]",
)
@click.option(
    "--steps", type=click.IntRange(1, MAX_STEPS), help="Updates in all, in place of the experiment's: another run."
)
@click.option("--seed", type=click.IntRange(0, MAX_SEED), help="In place of the experiment's: another run.")
@click.option("--batch-size", type=click.IntRange(1), help="In place of the experiment's: another run.")
@click.option(
    "--checkpoint-every",
    type=click.IntRange(1),
    metavar="STEPS",
    help="Save after so many updates. [default: every 60 s]",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, how much memory and time it takes; do nothing.")
def command(
    model: ModelKind,
    category: str,
    workspace_path: Path,
    device: DeviceChoice,
    threads: int | None,
    as_json: bool,
    quiet: bool,
    experiment_name: str | None,
    steps: int | None,
    seed: int | None,
    batch_size: int | None,
    checkpoint_every: int | None,
    dry_run: bool,
) -> None:
    """Train one of the three models on the shards of a category.

    Interrupted, the same command goes on, to the same weights. Memory is estimated first: what does not fit is an
    error before it starts.

    Example: python -m train.run --model frame --category drum --experiment demo --workspace demo-workspace
    """
    changes = {"num_steps": steps, "seed": seed, "batch_size": batch_size}
    experiment = _read(experiment_name or model, model, changes)
    workspace = Workspace(workspace_path)
    where = take_device(device, threads=threads)
    from train.plan import tell_plan  # torch comes with these: --help does without
    from train.session import Session

    session = Session(
        workspace=workspace,
        category=category,
        model=model,
        experiment=experiment,
        experiment_name=Path(experiment_name or model).stem,
        device=where,
    )
    if dry_run:
        tell_plan(session, as_json=as_json)
    else:
        session.train(as_json=as_json, quiet=quiet, save_every=checkpoint_every)


def _read(name: str, model: ModelKind, changes: dict[str, Any]) -> Experiment:
    experiment = load_experiment(name).with_kind(model)
    given = {key: value for key, value in changes.items() if value is not None}
    return dataclasses.replace(experiment, train=dataclasses.replace(experiment.train, **given))


if __name__ == "__main__":
    run_command(command, prog_name="python -m train.run")

"""``python -m train.evaluate``: the newest weights of a model in, what they are worth out, as ``evaluation.json``.

Cross-entropy of every split that has shards, and the onsets of the sounds made for the test split: those that
``train.generate`` made, or else made here in the same way. ``docs/evaluation.md`` says what the figures can tell.
"""

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from train.options import DeviceChoice, FiniteRange, take_device, train_options
from train.progress import Meter, print_line
from train.runs import load_model, open_run
from train.sounds import MAX_DRAWS, TEMPERATURES, Weights
from vegas_data.command import run_command
from vegas_data.config import canonical
from vegas_data.trained import EVALUATION, Evaluation, OnsetScore
from vegas_data.workspace import Workspace

TABLE_1: Final = {  # as printed
    ("frame", "train"): 2.6143,
    ("frame", "test"): 2.7061,
    ("seq", "train"): 2.5991,
    ("seq", "test"): 2.6866,
    ("flow", "train"): 2.6037,
    ("flow", "test"): 2.6839,
}


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@train_options
@click.option(
    "--draws",
    type=click.IntRange(1, MAX_DRAWS),
    help="Sounds for each test example. [default: as many as these weights made, else 1]",
)
@click.option("--seed", type=click.IntRange(0), help="Of the sounds. [default: that of those there are, else 0]")
@click.option(
    "--temperature",
    type=FiniteRange(*TEMPERATURES),
    help="Of the sounds. [default: that of those there are, else 1]",
)
@click.option(
    "--tolerance-ms",
    type=click.IntRange(1, 1000),
    default=100,
    show_default=True,
    help="How far an onset may lie from its reference.",
)
@click.option("--no-sound", is_flag=True, help="Cross-entropy only.")
def command(
    model: str,
    category: str,
    workspace_path: Path,
    device: DeviceChoice,
    threads: int | None,
    as_json: bool,
    quiet: bool,
    draws: int | None,
    seed: int | None,
    temperature: float | None,
    tolerance_ms: int,
    no_sound: bool,
) -> None:
    """Measure the newest weights of a model: cross-entropy of each split, onsets of the sounds for the test split.

    Example: python -m train.evaluate --model frame --category drum --workspace demo-workspace
    """
    workspace = Workspace(workspace_path)
    where = take_device(device, threads=threads)
    run = open_run(workspace, category, model)
    from train.measure import Evaluator, as_before  # torch comes with this: --help does without

    meters = functools.partial(Meter, as_json=as_json, quiet=quiet)
    with run.store.lock():
        sound_model, step, checkpoint = load_model(run, where)
        weights = Weights(model=sound_model, step=step, checkpoint=checkpoint)
        options = None if no_sound else as_before(run, weights, draws=draws, seed=seed, temperature=temperature)
        evaluator = Evaluator(workspace, run, weights, meters=meters)
        evaluation = evaluator.measure(options, tolerance_ms=tolerance_ms)
        run.store.commit_json(EVALUATION, evaluation)
    if as_json:
        print_line({"done": canonical(evaluation), "notes": evaluator.notes})
    else:
        for line in describe(evaluation):
            click.echo(line)
        for note in evaluator.notes:
            click.echo(f"note: {note}")


def describe(evaluation: Evaluation) -> Iterator[str]:
    """The figures for people, line by line, with those of the paper's Table 1 beside them."""
    yield f"{evaluation.category}, {evaluation.model}, {evaluation.step} updates"
    yield "cross-entropy per audio sample in nats (bits); a uniform guess has 5.545 (8.000)"
    yield f"  {'split':<6} {'examples':>8}  {'true part':<14}  {'repeated':<14}  Zhou et al. 2018, Table 1"
    for loss in evaluation.losses:
        theirs = TABLE_1.get((evaluation.model, loss.split))
        row = f"  {loss.split:<6} {loss.num_examples:>8}  {_nats(loss.true):<14}  {_nats(loss.repeated):<14}  "
        yield (row + (f"{theirs:.4f}" if theirs else "")).rstrip()
    yield "  (theirs as printed, on other data, with other features: beside ours, not against them)"
    if evaluation.onsets is not None:
        yield from _describe_onsets(evaluation.onsets)


def _nats(value: float) -> str:
    return f"{value:.3f} ({value / math.log(2):.3f})"


def _describe_onsets(onsets: OnsetScore) -> Iterator[str]:
    low, high = onsets.f1_interval
    yield (
        f"onsets within ±{onsets.tolerance_ms} ms: {onsets.num_onsets} {onsets.reference} in "
        f"{onsets.num_examples} examples, {onsets.num_detected} detected in {onsets.num_draws} draws"
    )
    yield f"  F1 {onsets.f1:.3f} [{low:.3f}, {high:.3f}], precision {onsets.precision:.3f}, recall {onsets.recall:.3f}"
    yield f"  F1 shuffled {onsets.f1_shuffled:.3f}; ceiling, of the true sounds, {onsets.f1_ceiling:.3f}"


if __name__ == "__main__":
    run_command(command, prog_name="python -m train.evaluate")

"""``vegas-data featurize``."""

from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import click

from vegas_data.cli.options import Size, selection_options, workspace_options
from vegas_data.features.options import MAX_SEED, Engine
from vegas_data.shards import MAX_SHARD_BYTES

if TYPE_CHECKING:
    from vegas_data.context import Run
    from vegas_data.run.summary import Summary


@click.command("featurize", short_help="Make flow and CNN features, and shards.")
@click.option("--gpu", is_flag=True, help="Compute on the GPU; without one that is an error (exit code 5).")
@click.option(
    "--only",
    multiple=True,
    metavar="STREAM",
    help="Only this stream, or all of `flow` or of `pictures`; may be repeated. What is there of the others stays.",
)
@click.option(
    "--flow-engine", type=click.Choice(get_args(Engine)), help="Who computes TV-L1 flow. [default: as the recipe says]"
)
@click.option(
    "--shard-size",
    type=Size(1, MAX_SHARD_BYTES),
    help="Most bytes of a shard, such as 512MiB. [default: as the recipe says]",
)
@click.option(
    "--random-weights",
    type=click.IntRange(0, MAX_SEED),
    metavar="SEED",
    help="Draw the networks' weights at random: such features mean nothing, and shards and cards say so.",
)
@selection_options
@workspace_options
def command(
    gpu: bool,
    only: tuple[str, ...],
    flow_engine: str | None,
    shard_size: int | None,
    random_weights: int | None,
    **options: Any,
) -> int:
    """Turn examples into TV-L1 flow and CNN features, sealed in WebDataset shards.

    Features are addressed by what they were computed from, so that a new verdict recomputes none. Shards are written
    by a run without --part, one category and split each: drum-train-000000.tar. The workspace remembers --flow-engine,
    --shard-size and --random-weights in its recipe; the last must be given again at every run.

    Example: vegas-data featurize --category drum --workers 8
    """
    from vegas_data import pipeline
    from vegas_data.cli.stage import run_verb
    from vegas_data.recipe import RecipeChanges

    device = "cuda" if gpu else "cpu"

    def do(run: "Run") -> "list[Summary]":
        _require_consent(run, random_weights)
        return pipeline.run_featurize(run, device, only, tell=partial(click.echo, err=True))

    return run_verb(
        options,
        do=do,
        plan=lambda run: pipeline.featurize_work(run, pipeline.feature_jobs(run), device, only),
        changes=RecipeChanges(flow_engine=flow_engine, shard_bytes=shard_size, random_weights=random_weights),
    )


def _require_consent(run: "Run", random_weights: int | None) -> None:
    """Weights that the recipe draws at random must be asked for at every run."""
    from vegas_data.errors import RecipeError

    seed = run.recipe.features.random_weights
    if seed != random_weights:
        raise RecipeError(
            f"{run.workspace.recipe_path}: draws the weights of its networks at random (seed {seed})",
            remedy=f"add --random-weights {seed} if that is what you want, or --recipe NAME for real weights",
        )

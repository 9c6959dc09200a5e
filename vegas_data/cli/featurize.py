"""``vegas-data featurize``."""

from functools import partial
from typing import Any

import click

from vegas_data.cli.options import selection_options, workspace_options


@click.command("featurize", short_help="Make flow and CNN features, and shards.")
@click.option("--gpu", is_flag=True, help="Encode on the GPU; without one that is an error (exit code 5).")
@selection_options
@workspace_options
def command(gpu: bool, **options: Any) -> int:
    """Turn examples into TV-L1 flow and CNN features, sealed in WebDataset shards.

    Features are addressed by what they were computed from, so that a new verdict recomputes none. Shards are written
    by a run without --part, one category and split each: drum-train-000000.tar.

    Example: vegas-data featurize --category drum --workers 8
    """
    from vegas_data import pipeline
    from vegas_data.cli.stage import run_verb

    device = "cuda" if gpu else "cpu"
    return run_verb(
        options,
        do=partial(pipeline.run_featurize, device=device),
        plan=lambda run: pipeline.featurize_work(run, pipeline.feature_jobs(run), device),
    )

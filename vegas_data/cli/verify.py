"""``vegas-data verify``."""

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from vegas_data.cli.options import selection_options, workspace_options

if TYPE_CHECKING:
    from vegas_data.device import Device


@click.command("verify", short_help="Keep windows that are seen and heard.")
@click.option("--gpu", is_flag=True, help="Run networks on the GPU; without one that is an error (exit code 5).")
@selection_options
@workspace_options
def command(gpu: bool, **options: Any) -> int:
    """Keep the windows of 2 seconds in which the target is both seen and heard.

    Scores every window of the fetched clips with the recipe's models and judges them: by people's answers where they
    settle it (vegas-data review), by calibrated thresholds (vegas-data audit calibrate), else by the recipe's,
    uncalibrated. Merges adjacent accepted windows into examples. A new threshold scores nothing again.
    Exit code 5: no scorer is at hand for a category.

    Example: vegas-data verify --category drum
    """
    from vegas_data import pipeline
    from vegas_data.cli.stage import run_verb

    device: Device = "cuda" if gpu else "cpu"
    return run_verb(
        options,
        do=partial(pipeline.run_verify, device=device),
        plan=partial(pipeline.verify_work, device=device),
    )

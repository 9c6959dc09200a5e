"""``vegas-data verify``."""

from typing import Any

import click

from vegas_data.cli.options import selection_options, workspace_options


@click.command("verify", short_help="Keep windows that are seen and heard.")
@selection_options
@workspace_options
def command(**options: Any) -> int:
    """Keep the windows of 2 seconds in which the target is both seen and heard.

    Scores every window of the fetched clips with the recipe's models, judges them by its thresholds (uncalibrated),
    and merges adjacent accepted windows into examples. A new threshold scores nothing again.
    Exit code 5: no scorer is at hand for a category.

    Example: vegas-data verify --category drum
    """
    from vegas_data import pipeline
    from vegas_data.cli.stage import run_verb

    return run_verb(options, do=pipeline.run_verify, plan=pipeline.verify_work)

"""``vegas-data status``."""

from typing import Any

import click

from vegas_data.cli.options import workspace_options


@click.command("status", short_help="Say how far a workspace is.")
@click.option("--failures", is_flag=True, help="List every clip that is not here, with its reason.")
@workspace_options
def command(failures: bool, **options: Any) -> None:
    """Say how far a workspace is: clips by category and class, windows, examples, shards, and what failed why.

    A class is what the last attempt at a clip ended in; with --failures each stands there in its source's own words.

    Example: vegas-data status --failures --json
    """
    from vegas_data.cli.console import print_json
    from vegas_data.cli.session import Place, reading
    from vegas_data.cli.status_text import print_status
    from vegas_data.overview import status

    place = Place.take(options)
    with reading(place) as run:
        result = status(run, with_failures=failures)
    if place.as_json:
        print_json(result)
    else:
        print_status(result)

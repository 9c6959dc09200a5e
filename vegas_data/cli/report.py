"""``vegas-data report``."""

from typing import Any

import click

from vegas_data.cli.options import workspace_options


@click.command("report", short_help="Write the page and its summary.")
@workspace_options
def command(**options: Any) -> None:
    """Write one offline page, report.html, and summary.json from whatever the workspace holds.

    Example: vegas-data report --workspace demo-workspace
    """
    from vegas_data.cli.console import print_json
    from vegas_data.cli.session import Place, reading
    from vegas_data.overview import write_page

    place = Place.take(options)
    with reading(place) as run, run.workspace.lock():
        result = write_page(run)
        page = run.workspace.path("report.html")
    if place.as_json:
        print_json(result)
    else:
        click.echo(page)

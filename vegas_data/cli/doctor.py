"""``vegas-data doctor``."""

from typing import Any

import click

from vegas_data.cli.options import workspace_options
from vegas_data.errors import EXIT_DEPENDENCY, EXIT_OK


@click.command("doctor", short_help="Say what this machine lacks.")
@workspace_options
def command(**options: Any) -> int:
    """Say what this machine lacks for a recipe, and the command that mends it.

    Exit code 5: something that the recipe needs is missing.

    Example: vegas-data doctor --recipe demo
    """
    from dataclasses import asdict

    from vegas_data.cli.console import print_json
    from vegas_data.cli.session import Place
    from vegas_data.doctor import examine

    place = Place.take(options)
    _, recipe = place.find_recipe()
    found = examine(recipe)
    if place.as_json:
        print_json({"recipe": recipe.name, "checks": [asdict(check) for check in found]})
    else:
        marks = {
            "ok": click.style("ok     ", fg="green"),
            "missing": click.style("missing", fg="red", bold=True),
            "note": click.style("note   ", fg="yellow"),
        }
        click.echo(f"recipe {recipe.name}")
        for check in found:
            click.echo(f"{marks[check.status]}  {check.name:<22} {check.message}")
            if check.remedy:
                click.echo(f"{'':<9}{'':<22} remedy: {check.remedy}")
    return EXIT_DEPENDENCY if any(check.status == "missing" for check in found) else EXIT_OK

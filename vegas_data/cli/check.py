"""``vegas-data check``."""

from typing import Any

import click

from vegas_data.cli.options import workspace_options
from vegas_data.errors import EXIT_FINDINGS, EXIT_OK


@click.command("check", short_help="Prove clips, features and shards.")
@workspace_options
def command(**options: Any) -> int:
    """Prove every byte of shards, clips and features against its side-car, and every example against its schema.

    Exit code 1: something was found; each finding names file, example, reason and remedy.

    Example: vegas-data check --workspace demo-workspace
    """
    from dataclasses import asdict

    from vegas_data.cli.console import print_findings, print_json
    from vegas_data.cli.session import Place, reading
    from vegas_data.overview import check

    place = Place.take(options)
    with reading(place) as run:
        checked, findings = check(run)
    if place.as_json:
        print_json({"checked": checked, "findings": [asdict(finding) for finding in findings]})
    else:
        print_findings(checked, findings)
    return EXIT_FINDINGS if findings else EXIT_OK

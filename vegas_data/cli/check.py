"""``vegas-data check``."""

from typing import Any

import click

from vegas_data.cli.options import workspace_options
from vegas_data.errors import EXIT_FINDINGS, EXIT_OK


@click.command("check", short_help="Check, or prove, clips, features and shards.")
@click.option(
    "--read-data", is_flag=True, help="Read every byte of them, too: the proof. Takes as long as reading does."
)
@click.option(
    "--workers",
    type=click.IntRange(0, 1024),
    default=None,
    help="Worker processes; 0 works in this process. [default: with --read-data one per core, else 0]",
)
@workspace_options
def command(read_data: bool, workers: int | None, **options: Any) -> int:
    """Check that clips, features and shards are whole and go together: side-cars, sizes, names, numbers, tables.

    No byte of the files themselves is read, unless --read-data asks for it: then every byte is proven against its
    side-car, and every example of a shard against its schema.

    Exit code 1: something was found; each finding names file, example, reason and remedy.

    Example: vegas-data check --read-data --workspace demo-workspace
    """
    from dataclasses import asdict, replace

    from vegas_data.checking import check
    from vegas_data.cli.console import print_findings, print_json
    from vegas_data.cli.progress import Bars
    from vegas_data.cli.session import Place, make_executor, reading

    place = Place.take(options)
    executor = make_executor(workers if read_data or workers else 0)
    with reading(place) as run:
        result = check(replace(run, executor=executor, progress=Bars(quiet=place.as_json)), read_data=read_data)
    findings = result.findings
    if place.as_json:
        print_json(
            {
                "read_data": read_data,
                "checked": result.counts,
                "unsealed": result.unsealed,
                "not_compared": result.not_compared,
                "findings": [asdict(finding) for finding in findings],
            }
        )
    else:
        how = "every byte read" if read_data else "side-cars and sizes only (--read-data proves every byte)"
        print_findings(result.counts, findings, how=how)
        if result.unsealed:
            click.echo(f"{result.unsealed} side-cars of an older version have no seal: their form alone is proven")
        if result.not_compared:
            click.echo(f"whether the shards are those of the tables is not known here: {result.not_compared}")
    return EXIT_FINDINGS if findings else EXIT_OK

"""``vegas-data bench flow``."""

import click

from vegas_data.cli.options import json_option
from vegas_data.errors import EXIT_OK


@click.group("bench", short_help="Measure this machine.")
def command() -> None:
    """Measure this machine.

    Example: vegas-data bench flow
    """


@command.command("flow")
@click.option("--engine", type=click.Choice(["auto", "numba", "torch", "opencv"]), default="auto", show_default=True)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--size", "size_px", type=click.IntRange(16, 1024), default=224, show_default=True, help="Side, pixels.")
@click.option("--seconds", type=click.FloatRange(0, 600), default=5.0, show_default=True, help="Measure for so long.")
@json_option
def flow(engine: str, device: str, size_px: int, seconds: float, as_json: bool) -> int:
    """Say how many pairs of pictures per second TV-L1 takes here, and what share of the memory's speed it uses.

    The engine auto is numba on the CPU, one thread on one core, and torch on a GPU. Pictures are made up: the same on
    every machine.

    Example: vegas-data bench flow --device cuda --json
    """
    from dataclasses import asdict

    from vegas_data.cli.console import print_json
    from vegas_data.features.flow.bench import measure_flow
    from vegas_data.features.options import FlowOptions

    options = FlowOptions(engine=engine)  # type: ignore[arg-type]
    if device != "cpu" and options.engine_on(device) != "torch":
        raise click.UsageError(f"the engine {engine} computes on the CPU; on {device}, use torch")
    speed = measure_flow(options, device=device, size_px=size_px, seconds=seconds)
    if as_json:
        print_json(asdict(speed))
        return EXIT_OK
    click.echo(f"{speed.engine} on {speed.device}, {size_px} × {size_px} px, {speed.pairs} pairs")
    click.echo(f"{speed.pairs_per_s:10.1f} pairs/s, {speed.cpu_ms_per_pair:.1f} ms of CPU per pair")
    if speed.iterations is not None:
        click.echo(f"{speed.iterations:10.1f} iterations per pair, at full size")
    click.echo(f"{speed.triad_gb_s:10.1f} GB/s of memory (triad)")
    if speed.traffic_gb_s is not None and speed.share is not None:
        click.echo(f"{speed.traffic_gb_s:10.1f} GB/s of iterations, were nothing in a cache: {speed.share:.0%} of it")
    return EXIT_OK

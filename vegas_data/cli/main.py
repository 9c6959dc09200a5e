"""The command group, loaded verb by verb so that ``--help`` stays quick."""

import importlib
from typing import Final, NoReturn

import click

from vegas_data import __version__
from vegas_data.command import run_command

_VERBS: Final = {
    "manifest": "manifest",
    "fetch": "fetch",
    "verify": "verify",
    "review": "review",
    "audit": "audit",
    "featurize": "featurize",
    "status": "status",
    "show": "show",
    "check": "check",
    "report": "report",
    "demo": "demo",
    "doctor": "doctor",
    "release": "release",
    "weights": "weights",
    "bench": "bench",
}


class _Verbs(click.Group):
    """Commands in the order a user meets them; a verb's module is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        module = importlib.import_module(f"vegas_data.cli.{_VERBS[cmd_name]}")
        command: click.Command = module.command
        return command


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="vegas-data")
def cli() -> None:
    """Rebuild VEGAS, the Visually Engaged and Grounded AudioSet.

    fetch brings clips here, verify keeps the 2-second windows in which the target is both seen and heard,
    featurize turns them into WebDataset shards of optical-flow and CNN features.

    Example: vegas-data demo
    """


def main(argv: list[str] | None = None) -> NoReturn:
    """Run ``vegas-data`` and exit with its code."""
    run_command(cli, prog_name="vegas-data", argv=argv)

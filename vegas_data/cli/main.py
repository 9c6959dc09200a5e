"""The command group, loaded verb by verb so that ``--help`` stays quick, and the one way out.

Every error of the project leaves here as a message with a remedy and the exit code of its class (``errors``);
SIGINT and SIGTERM leave as 130 and 143 after workers and temporary files are gone.
"""

import importlib
import json
import os
import signal
import sys
from types import TracebackType
from typing import Any, Final, NoReturn

import click

from vegas_data import __version__
from vegas_data.errors import EXIT_BUG, EXIT_USAGE, VegasError, WorkspaceError

_VERBS: Final = {
    "fetch": "fetch",
    "verify": "verify",
    "featurize": "featurize",
    "status": "status",
    "check": "check",
    "report": "report",
    "demo": "demo",
    "doctor": "doctor",
    "weights": "weights",
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


def _on_sigterm(*_: object) -> NoReturn:
    click.echo("interrupted: run the same command again to go on", err=True)
    raise SystemExit(128 + signal.SIGTERM)


def _on_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> NoReturn:
    """What nobody expected: the traceback, and an exit code of its own (1 means that a check found something)."""
    sys.__excepthook__(kind, error, trace)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_BUG)


def report_error(error: VegasError, *, as_json: bool) -> None:
    """Print an error for people on stderr, or for programs as one JSON line on stdout."""
    if as_json:
        click.echo(json.dumps({"error": error.code, "message": str(error), "remedy": error.remedy}))
        return
    click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
    if error.remedy:
        click.echo(f"{click.style('remedy:', bold=True)} {error.remedy}", err=True)


def main(argv: list[str] | None = None) -> NoReturn:
    """Run the command and exit with its code."""
    signal.signal(signal.SIGTERM, _on_sigterm)
    sys.excepthook = _on_bug
    arguments: list[str] = sys.argv[1:] if argv is None else argv
    try:
        code: Any = cli.main(args=arguments, prog_name="vegas-data", standalone_mode=False)
    except VegasError as error:
        report_error(error, as_json="--json" in arguments)
        sys.exit(error.exit_code)
    except OSError as error:  # a full or read-only disk, wherever it was met
        world = WorkspaceError(
            f"{error.filename or 'a file'}: {error.strerror}", remedy="check the disk and permissions"
        )
        report_error(world, as_json="--json" in arguments)
        sys.exit(world.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(EXIT_USAGE)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted: run the same command again to go on", err=True)
        sys.exit(128 + signal.SIGINT)
    sys.exit(code if isinstance(code, int) else 0)

"""From a click command to the exit code of its process: the one way out, for ``vegas-data`` and the train commands.

Every error of the project leaves here as a message with a remedy and the exit code of its class (``errors``);
SIGINT and SIGTERM leave as 130 and 143 after workers and temporary files are gone; a running stage finishes what is in
flight first (``run.interrupt``).
"""

import errno
import json
import os
import signal
import sys
from types import TracebackType
from typing import Any, Final, NoReturn

import click

from vegas_data.errors import EXIT_BUG, EXIT_USAGE, Interrupted, VegasError, WorkspaceError

_INTERRUPTED: Final = "interrupted: run the same command again to go on"


def _on_sigterm(*_: object) -> NoReturn:
    click.echo(_INTERRUPTED, err=True)
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
    click.echo(f"{click.style('error:', fg='red', bold=True)} {_printable(str(error))}", err=True, color=_color())
    if error.remedy:
        click.echo(f"{click.style('remedy:', bold=True)} {_printable(error.remedy)}", err=True, color=_color())


def _printable(text: str) -> str:
    """A text that may hold a stranger's words or file names, without what steers a terminal; lines stay lines."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def _color() -> bool | None:
    """None leaves it to the stream; https://no-color.org."""
    return False if os.environ.get("NO_COLOR") else None


def run_command(command: click.Command, *, prog_name: str, argv: list[str] | None = None) -> NoReturn:
    """Run the command and exit with its code, which is what it returns, or that of its error."""
    signal.signal(signal.SIGTERM, _on_sigterm)
    sys.excepthook = _on_bug
    arguments: list[str] = sys.argv[1:] if argv is None else argv
    try:
        code: Any = command.main(args=arguments, prog_name=prog_name, standalone_mode=False, color=_color())
    except VegasError as error:
        report_error(error, as_json="--json" in arguments)
        sys.exit(error.exit_code)
    except OSError as error:  # a full or read-only disk, wherever it was met
        remedy = "make room" if error.errno == errno.ENOSPC else "check the disk and permissions"
        world = WorkspaceError(
            f"{error.filename or 'a file'}: {error.strerror}",
            remedy=f"{remedy}, then run the same command again: what is done stays done",
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
        click.echo(_INTERRUPTED, err=True)
        sys.exit(128 + signal.SIGINT)
    except Interrupted as stop:
        click.echo(_INTERRUPTED, err=True)
        sys.exit(stop.exit_code)
    sys.exit(code if isinstance(code, int) else 0)

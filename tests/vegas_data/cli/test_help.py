"""Every command has help and an example, and ``--help`` is quick because it imports nothing heavy."""

import subprocess
import sys

import click
import pytest

from tests.commands import vegas
from vegas_data.cli.main import cli

HEAVY = (
    "torch",
    "cv2",
    "numpy",
    "pandas",
    "pyarrow",
    "onnxruntime",
    "av",
    "yt_dlp",
    "transformers",
    "ray",
    "numba",
    "starlette",
)


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            found += commands(command, (*path, name)) if isinstance(command, click.Group) else [(*path, name)]
    return found


@pytest.mark.parametrize("path", commands(cli), ids=" ".join)
def test_every_command_has_help_an_example_and_json(path: tuple[str, ...]) -> None:
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    assert command.help is not None
    assert f"Example: vegas-data {' '.join(path)}" in command.help
    options = {opt for parameter in command.params for opt in parameter.opts}
    assert "--json" in options
    if path[0] not in ("weights", "bench") and path != ("release", "check"):
        assert {"--workspace", "--recipe", "--categories"} <= options
    if path[0] in ("fetch", "verify", "featurize"):
        assert {"--category", "--limit", "--part", "--dry-run", "--workers"} <= options


def test_help_names_every_verb() -> None:
    done = vegas("--help")
    assert done.returncode == 0
    for path in commands(cli):
        assert path[0] in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["fetch", "--help"],
        ["featurize", "--help"],
        ["release", "build", "--help"],
        ["review", "--help"],
        ["audit", "calibrate", "--help"],
        ["manifest", "build", "--help"],
        ["bench", "flow", "--help"],
    ],
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys\nfrom vegas_data.cli.main import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n"
        f"    print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("HEAVY []")

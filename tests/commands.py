"""Run ``vegas-data`` as a user does: as a process of its own; or in this one, where that is no different."""

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vegas_data.cli.main import main

COMMAND = [sys.executable, "-m", "vegas_data"]


def vegas(*arguments: str | Path, cwd: Path | None = None, timeout: float = 240) -> "subprocess.CompletedProcess[str]":
    """The finished process."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, timeout=timeout, check=False
    )


def vegas_json(*arguments: str | Path, expect: int = 0) -> Any:
    """The parsed result of a command with ``--json`` that ends with the exit code ``expect``."""
    done = vegas(*arguments, "--json")
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


class Here:
    """The command in this process, for what says something and ends: the same main, output and exit codes."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *verb: str) -> None:
        self._capsys, self._verb = capsys, verb

    def __call__(self, *arguments: str | Path) -> Done:
        before, hook = signal.getsignal(signal.SIGTERM), sys.excepthook
        self._capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as ended:
                main([*self._verb, *map(str, arguments)])
        finally:
            signal.signal(signal.SIGTERM, before)
            sys.excepthook = hook
        return Done(int(ended.value.code or 0), *self._capsys.readouterr())

    def json(self, *arguments: str | Path, expect: int = 0) -> Any:
        done = self(*arguments, "--json")
        assert done.returncode == expect, done
        return json.loads(done.stdout)


def shard_digests(workspace: Path) -> dict[str, str]:
    """Name → sha256 of all shards, from their side-cars."""
    cars = sorted((workspace / "shards").rglob("*.tar.json"))
    return {car.name: json.loads(car.read_text(encoding="utf-8"))["sha256"] for car in cars}

"""Run ``vegas-data`` as a user does: as a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def shard_digests(workspace: Path) -> dict[str, str]:
    """Name → sha256 of all shards, from their side-cars."""
    cars = sorted((workspace / "shards").rglob("*.tar.json"))
    return {car.name: json.loads(car.read_text(encoding="utf-8"))["sha256"] for car in cars}

"""The train commands as processes, several side by side: how a command of ours trains without importing ``train``.

    for each category and model:  train.run → train.generate → train.evaluate

Each process has one thread and tells its progress in JSON lines on stdout. Whatever it makes lies in the workspace;
killed or failed, the same call goes on where it ended. Children die with their parent.
"""

import ctypes
import itertools
import json
import os
import selectors
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from vegas_data.errors import TrainError
from vegas_data.trained import MODELS, model_names

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None)
_MAX_LOG_BYTES: Final = 64 * 2**10
_MAX_LINE_BYTES: Final = 2**20

Tell = Callable[[str, int, int, str], None]


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What to train once the shards are there.

    Args:
        categories, models: every pair of them. experiment: a shipped one, or a file.
        draws: sounds to generate for each test example.
    """

    categories: tuple[str, ...]
    models: tuple[str, ...] = MODELS
    experiment: str = "demo"
    draws: int = 1

    def __post_init__(self) -> None:
        known = MODELS if set(self.models) <= set(MODELS) else model_names()
        unknown = sorted(set(self.models).difference(known))
        if unknown:
            raise ValueError(f"models are {', '.join(known)}, not {', '.join(unknown)}")
        if self.draws < 1:
            raise ValueError(f"draws must be positive, not {self.draws}")

    def chains(self, workspace: Path) -> dict[str, list[list[str]]]:
        """The arguments behind ``python -m`` of each chain's commands, by ``drum frame``."""
        chains = {}
        for category, model in itertools.product(self.categories, self.models):
            what = ["--model", model, "--category", category, "--workspace", str(workspace)]
            chains[f"{category} {model}"] = [
                ["train.run", *what, "--experiment", self.experiment],
                ["train.generate", *what, "--split", "test", "--draws", str(self.draws)],
                ["train.evaluate", *what, "--draws", str(self.draws)],
            ]
        return chains


def train_models(options: TrainingOptions, workspace: Path, *, jobs: int, tell: Tell) -> None:
    """Train, generate and evaluate every model, ``jobs`` at a time.

    Args:
        tell: told of a command, done, total and a word: ("drum frame: train.run", 3, 400, "2.1 nats").

    Raises:
        TrainError: a command failed; the others were brought to their end first.
    """
    waiting = [(label, iter(commands)) for label, commands in options.chains(workspace).items()]
    waiting.reverse()
    failures: list[TrainError] = []
    running: set[_Child] = set()
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    _start_next(*waiting.pop(), running, selector, tell)
                for key, _ in selector.select():
                    child: _Child = key.data
                    if child.read():
                        continue
                    selector.unregister(child.output)
                    running.discard(child)
                    failure = child.end()
                    if failure is None:
                        _start_next(child.label, child.rest, running, selector, tell)
                    else:
                        failures.append(failure)
        finally:
            for child in running:
                child.stop()
    if failures:
        raise failures[0]


def _start_next(
    label: str,
    commands: Iterator[list[str]],
    running: "set[_Child]",
    selector: selectors.BaseSelector,
    tell: Tell,
) -> None:
    command = next(commands, None)
    if command is not None:
        child = _Child(label, command, commands, tell)
        running.add(child)
        selector.register(child.output, selectors.EVENT_READ, child)


class _Child:
    """One train command at work."""

    def __init__(self, label: str, command: list[str], rest: Iterator[list[str]], tell: Tell) -> None:
        self.label, self.rest = label, rest
        self._command, self._tell, self._error = command, tell, dict[str, Any]()
        self._total, self._buffer = 1, b""
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the child ends)
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command, "--threads", "1", "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            preexec_fn=_die_with_parent,
        )
        assert self._process.stdout is not None
        self.output: IO[bytes] = self._process.stdout
        self._say(0, "")

    def read(self) -> bool:
        """Take what the child has written; False once it has ended."""
        chunk = os.read(self.output.fileno(), 2**16)
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        assert len(self._buffer) < _MAX_LINE_BYTES
        for line in lines:
            self._hear(line)
        return bool(chunk)

    def _hear(self, line: bytes) -> None:
        try:
            said = json.loads(line)
        except ValueError:  # not for us
            return
        if isinstance(said, dict) and "error" in said:
            self._error = said
        elif isinstance(said, dict) and isinstance(said.get("progress"), list):
            done, self._total = said["progress"]
            self._say(done, str(said.get("note", "")))

    def _say(self, done: int, note: str) -> None:
        self._tell(f"{self.label}: {self._command[0]}", done, self._total, note)

    def end(self) -> TrainError | None:
        """What went wrong, if anything did."""
        code = self._process.wait()
        self.output.close()
        with self._log:
            self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - _MAX_LOG_BYTES))
            log = self._log.read().decode("utf-8", "replace").strip()
        if code == 0:
            self._say(self._total, "done")
            return None
        last = log.splitlines()[-1] if log else "no message"
        reason = self._error.get("message") or last
        remedy = self._error.get("remedy") or f"see what it says: python -m {shlex.join(self._command)}"
        return TrainError(f"{self.label}: {self._command[0]} ended with exit code {code}: {reason}", remedy=remedy)

    def stop(self) -> None:
        """End the child, which leaves its run fit to go on."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        self.output.close()
        self._log.close()


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

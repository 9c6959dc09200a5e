"""One system call of a small *featurize* fails, or is its last: at every call that touches the workspace, by strace.

The disk is full (ENOSPC), breaks (EIO), or the process is killed, at each write, fsync, rename, open, unlink and mkdir
in turn. What is there then is whole; whoever failed says so by an error that names a file; and the same command again
ends with the same bytes. ``VEGAS_FAULT_SEED=…`` replays the sample that ``make test`` takes; a run prints its seed.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.small_job import GO_ON, make_workspace
from vegas_data.artefacts import KINDS, check_artefact, list_artefacts
from vegas_data.errors import EXIT_INPUT, EXIT_RETRY, EXIT_USAGE
from vegas_data.shards import list_shards, prove_shard
from vegas_data.store import sha256_of
from vegas_data.workspace import Workspace

SEED = int(os.environ.get("VEGAS_FAULT_SEED") or random.randrange(1 << 32))
STRACE = shutil.which("strace")
WRITES = ("write", "pwrite64", "ftruncate")
SYNCS = ("fsync", "fdatasync")
NAMES = ("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat")
OPENS = ("open", "openat", "creat")
CALLS = (*WRITES, *SYNCS, *NAMES, *OPENS)
FAULTS = ("error=ENOSPC", "error=EIO", "signal=SIGKILL")
FOLDERS = ("features", "shards", "tables", "clips")
GUARD_S = 60.0

pytestmark = pytest.mark.skipif(STRACE is None, reason="strace is not installed")


@dataclass(frozen=True)
class Ended:
    """How a job ended: its exit code (negative: the signal), what it said, and its calls if it was traced."""

    code: int
    said: str
    calls: tuple[str, ...] = ()


class Jobs:
    """Runs the small job in a process forked from one that has everything imported."""

    def __init__(self, folder: Path) -> None:
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "tests.faults.small_job"]
        root = Path(__file__).resolve().parents[2]
        self._log, self._trace = folder / "log", folder / "trace"
        self.server = subprocess.Popen(
            command, cwd=root, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._read() == "ready"

    def _read(self) -> str:
        assert self.server.stdout is not None
        return self.server.stdout.readline().strip()

    def run(self, root: Path, *trace: str) -> Ended:
        """Run the job in ``root``, under strace with the options ``trace`` if there are any."""
        assert self.server.stdin is not None
        self.server.stdin.write(f'{{"root": "{root}", "log": "{self._log}"}}\n')
        self.server.stdin.flush()
        pid = int(self._read())
        tracer = self._attach(pid, trace) if trace else None
        os.kill(pid, GO_ON)
        code = int(self._read())
        if tracer is not None:
            tracer.wait(timeout=GUARD_S)
        calls = tuple(self._trace.read_text(encoding="utf-8", errors="replace").splitlines()) if trace else ()
        return Ended(code, self._log.read_text(encoding="utf-8"), calls)

    def _attach(self, pid: int, trace: tuple[str, ...]) -> "subprocess.Popen[bytes]":
        command = [str(STRACE), "-y", "-qq", "-s", "0", "-o", str(self._trace), *trace, "-p", str(pid)]
        tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        end = time.monotonic() + GUARD_S
        while _status(pid, "TracerPid:") == "0":
            if tracer.poll() is not None or time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
                self._read()
                pytest.skip("strace may not trace here")
            time.sleep(0.001)
        return tracer

    def close(self) -> None:
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.close()
        self.server.wait(timeout=GUARD_S)
        self.server.stdout.close()


def _status(pid: int, field: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix(field).strip() for line in lines if line.startswith(field))


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    server = Jobs(tmp_path_factory.mktemp("jobs"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_workspace(tmp_path_factory.mktemp("template") / "w").root


def artefacts(root: Path) -> dict[str, str]:
    files = (path for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): sha256_of(path) for path in files}


def torn(root: Path) -> list[str]:
    """What has both halves and is not whole."""
    workspace = Workspace(root)
    found = [str(finding) for path in list_shards(workspace)[0] for finding in prove_shard(path)[1]]
    for kind in KINDS:
        for key in list_artefacts(workspace, kind)[0]:
            found += map(str, check_artefact(workspace, kind, key, read_data=True)[1])
    return found


@dataclass(frozen=True)
class Point:
    """The ``number``-th call of this name that the job makes, and what it is about."""

    call: str
    number: int
    line: str


def points(jobs: Jobs, template: Path, root: Path) -> list[Point]:
    """Every call with which the job touches the workspace."""
    shutil.copytree(template, root)
    ended = jobs.run(root, "-e", f"trace={','.join(f'?{call}' for call in CALLS)}")
    assert ended.code == 0, ended
    found: list[Point] = []
    numbers = dict.fromkeys(CALLS, 0)
    for line in ended.calls:
        call = re.match(r"(\w+)\(", line)
        if call is not None and call[1] in numbers:
            numbers[call[1]] += 1
            if str(root) in line:
                found.append(Point(call[1], numbers[call[1]], line.replace(str(root), "…")))
    return found


def strike(jobs: Jobs, template: Path, root: Path, point: Point, fault: str, expected: dict[str, str]) -> Ended:
    """Run the job with the fault at the point, then again without; prove what the first line of this file says."""
    where = f"seed {SEED}: {fault} at {point.call} {point.number}: {point.line}"
    if root.exists():
        shutil.rmtree(root)
    shutil.copytree(template, root)
    ended = jobs.run(root, "-e", f"trace={point.call}", "-e", f"inject={point.call}:{fault}:when={point.number}")
    if fault.startswith("signal"):
        assert ended.code == -signal.SIGKILL, (where, ended.said)
    else:
        assert any("(INJECTED)" in call for call in ended.calls), where
        assert "Traceback" not in ended.said, (where, ended.said)
        if ended.code == 0:
            assert artefacts(root) == expected, f"{where}: said to be done"
        else:
            reads_recipe = ended.code == EXIT_USAGE and "recipe.toml" in point.line
            assert reads_recipe or ended.code in (EXIT_INPUT, EXIT_RETRY), (where, ended)
            assert str(root) in ended.said, (where, ended.said)
    assert torn(root) == [], where
    again = jobs.run(root)
    assert again.code == 0, (where, again.said)
    assert artefacts(root) == expected, where
    assert not (root / "tmp").exists(), where
    return ended


def touched(line: str, root: Path) -> str:
    """A call and the last path in the workspace that it is about; temporary names are not told apart."""
    found = re.findall(rf"{re.escape(str(root))}/?([^\">]*)", line)
    return f"{line.partition('(')[0]} {re.sub(r'^tmp/.*', 'tmp', found[-1]) or '.'}" if found else ""


def test_what_is_written_is_synced_before_it_is_named_and_its_side_car_comes_last(
    jobs: Jobs, template: Path, tmp_path: Path
) -> None:
    root = tmp_path / "w"
    shutil.copytree(template, root)
    ended = jobs.run(root, "-e", "trace=write,fsync,?rename,?renameat,?renameat2,?mkdir,?mkdirat")
    assert ended.code == 0, ended
    calls = [said for line in ended.calls if (said := touched(line, root)) and not re.search("ledger|EEXIST", line)]
    for position, call in reversed(list(enumerate(calls))):
        kind, _, place = call.partition(" ")
        if kind.startswith("mkdir") and place != "tmp":  # a new folder is durable in the one above it
            assert calls[position + 1] == f"fsync {place.rpartition('/')[0] or '.'}", place
            del calls[position : position + 2]
    steps = [(position, call.partition(" ")[2]) for position, call in enumerate(calls) if call.startswith("rename")]
    places = [place for _, place in steps]
    assert len(places) == 2 * (6 + 2) + 1, "features and shards with their side-cars, and which shards are current"
    for number, (position, place) in enumerate(steps):
        assert calls[position - 2 : position] == ["write tmp", "fsync tmp"], place
        assert calls[position + 1] == f"fsync {place.rpartition('/')[0]}", place
        if not place.endswith(".json"):
            assert places[number + 1] == f"{place}.json"


def sweep(jobs: Jobs, template: Path, folder: Path, share: float) -> int:
    undisturbed = folder / "undisturbed"
    every = points(jobs, template, undisturbed)
    expected = artefacts(undisturbed)
    assert torn(undisturbed) == []
    assert {point.call for point in every} >= {"openat", "write", "fsync", "rename", "pwrite64"}
    cases = [(point, fault) for point in every for fault in FAULTS]
    draw = random.Random(SEED)
    chosen = [case for case in cases if draw.random() < share]
    for point, fault in chosen:
        strike(jobs, template, folder / "w", point, fault, expected)
    print(f"{len(chosen)} of {len(cases)} faults at {len(every)} calls, seed {SEED}")
    return len(every)


def test_some_system_calls_that_fail_or_are_the_last(jobs: Jobs, template: Path, tmp_path: Path) -> None:
    assert sweep(jobs, template, tmp_path, share=0.012) > 200


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_system_call_that_fails_or_is_the_last(jobs: Jobs, template: Path, tmp_path: Path) -> None:
    assert sweep(jobs, template, tmp_path, share=1.0) > 200

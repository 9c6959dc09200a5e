"""The contract of every executor: the same outcomes, a killed worker and a late one included."""

import errno
import itertools
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from vegas_data.errors import DecodeFailed, RateLimited, WeightsMissing
from vegas_data.ledger import open_ledger
from vegas_data.run.driver import Work, in_part, preview, run_stage
from vegas_data.run.executors import Executor, PoolExecutor, SerialExecutor
from vegas_data.run.stage import Outcome, Stage, attempt
from vegas_data.run.summary import Summary


@dataclass(frozen=True)
class Unit:
    id: str


def make_worker(folder: Path) -> Callable[[Unit], str]:
    """A worker whose units say what shall become of them."""

    def work(unit: Unit) -> str:
        kind = unit.id.partition("-")[0]
        first = not (folder / unit.id).exists()
        (folder / unit.id).touch()
        if kind == "rejected":
            raise DecodeFailed("the file is cut off")
        if (kind == "once" and first) or kind == "never":
            raise RateLimited("slow down")
        if kind == "bug":
            raise KeyError("nobody expected this")
        if kind == "late":
            time.sleep(30)
        if (kind == "killed" and first) or kind == "poison":
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "weights":
            raise WeightsMissing("no weights", remedy="vegas-data weights fetch x")
        return unit.id.upper()

    return work


def no_weights(folder: Path) -> Callable[[Unit], str]:
    raise WeightsMissing("no weights", remedy="vegas-data weights fetch x")


class Silent:
    def start(self, stage: str, total: int) -> None: ...
    def advance(self, outcome: Outcome) -> None: ...
    def finish(self) -> None: ...


EXECUTORS: list[Callable[[], Executor]] = [SerialExecutor, partial(PoolExecutor, 1), partial(PoolExecutor, 2)]
NAMES = ["serial", "pool of 1", "pool of 2"]


def run(tmp_path: Path, executor: Executor, names: list[str], again: bool = False) -> tuple[Summary, dict[str, str]]:
    stage = Stage[Unit](
        name="test", digest="d", make_worker=partial(make_worker, tmp_path), deadline_s=1.0, max_attempts=2
    )
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        units = [Unit(name) for name in names]
        work = Work(stage=stage, units=units, is_done=lambda _: False)
        summary = run_stage(work, ledger=ledger, executor=executor, progress=Silent(), again=again)
        return summary, {u: f"{a.status} {a.code}".strip() for u, a in ledger.latest("test", "d").items()}


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vegas_data.run.driver.FIRST_DELAY_S", 0.01)
    monkeypatch.setattr("vegas_data.run.driver.LONGEST_DELAY_S", 0.02)


@pytest.mark.parametrize("make", EXECUTORS, ids=NAMES)
def test_every_outcome_is_the_same_on_every_executor(tmp_path: Path, make: Callable[[], Executor]) -> None:
    names = ["fine-1", "rejected-1", "once-1", "never-1", "bug-1", "late-1", "fine-2"]
    summary, latest = run(tmp_path, make(), names)
    assert latest == {
        "fine-1": "done",
        "fine-2": "done",
        "once-1": "done",
        "rejected-1": "rejected decode_failed",
        "never-1": "retry rate_limited",
        "bug-1": "crashed crashed",
        "late-1": "failed timed_out",
    }
    assert dict(summary.counts) == {"done": 3, "rejected": 1, "failed": 1, "crashed": 1, "left": 1}
    assert dict(summary.codes) == {"decode_failed": 1, "rate_limited": 1, "crashed": 1, "timed_out": 1}
    assert summary.exit_code == 75, "a host that asks us to slow down comes first"


@pytest.mark.parametrize("make", EXECUTORS[1:], ids=NAMES[1:])
def test_a_killed_worker_loses_nothing_and_is_named(tmp_path: Path, make: Callable[[], Executor]) -> None:
    names = [f"fine-{i}" for i in range(6)]
    summary, latest = run(tmp_path, make(), [*names[:3], "killed-1", "poison-1", *names[3:]])
    assert all(latest[name] == "done" for name in [*names, "killed-1"])
    assert latest["poison-1"] == "crashed crashed"
    (poison,) = summary.failures
    assert "poison-1: the worker process died at work on it (SIGKILL" in poison.message
    assert summary.exit_code == 4


@pytest.mark.parametrize("make", EXECUTORS, ids=NAMES)
def test_what_stops_a_stage(tmp_path: Path, make: Callable[[], Executor]) -> None:
    with pytest.raises(WeightsMissing) as caught:
        run(tmp_path, make(), ["fine-1", "weights-1", "fine-2"])
    assert caught.value.remedy == "vegas-data weights fetch x"
    stage = Stage[Unit](name="test", digest="d", make_worker=partial(no_weights, tmp_path))
    work = Work(stage=stage, units=[Unit("x")], is_done=lambda _: False)
    with open_ledger(tmp_path / "ledger.sqlite") as ledger, pytest.raises(WeightsMissing):
        run_stage(work, ledger=ledger, executor=make(), progress=Silent())


def test_the_second_run_does_only_what_is_pending(tmp_path: Path) -> None:
    executor = SerialExecutor()
    run(tmp_path, executor, ["fine-1", "rejected-1", "bug-1"])
    for mark in ("fine-1", "rejected-1", "bug-1"):
        (tmp_path / mark).unlink()
    stage = Stage[Unit](name="test", digest="d", make_worker=partial(make_worker, tmp_path))
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        units = [Unit(name) for name in ("fine-1", "rejected-1", "bug-1")]
        done = {"fine-1"}
        work = Work(stage=stage, units=units, is_done=lambda u: u.id in done)
        assert dict(preview(work, ledger).counts) == {"pending": 1, "done": 1, "rejected": 1}
        assert not (tmp_path / "bug-1").exists(), "a preview does nothing"
        summary = run_stage(work, ledger=ledger, executor=executor, progress=Silent())
    assert summary.already == 2, "what is done and what the world refused are settled; a crash is not"
    assert not (tmp_path / "rejected-1").exists()
    assert (tmp_path / "bug-1").exists()
    run(tmp_path, executor, ["rejected-1"], again=True)
    assert (tmp_path / "rejected-1").exists(), "--again asks the world once more"


def test_a_dead_parent_takes_its_workers_along(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, sys, time\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_executors as t\n"
        "from vegas_data.run.gate import Gate\n"
        "from functools import partial\n"
        "from pathlib import Path\n"
        "if __name__ == '__main__':\n"
        f"    stage = t.Stage(name='t', digest='d', make_worker=partial(t.make_worker, Path({str(tmp_path)!r})))\n"
        "    list(t.PoolExecutor(2).map(stage, [t.Unit('late-1'), t.Unit('late-2')], Gate(stage)))\n",
        encoding="utf-8",
    )
    import subprocess
    import sys

    parent = subprocess.Popen([sys.executable, str(script)])
    end = time.monotonic() + 20
    while not ((tmp_path / "late-1").exists() and (tmp_path / "late-2").exists()):
        assert time.monotonic() < end, "the workers never started"
        time.sleep(0.02)
    children = _children(parent.pid)
    assert len(children) >= 2
    parent.kill()
    parent.wait()
    end = time.monotonic() + 5
    while any(_alive(pid) for pid in children):
        assert time.monotonic() < end, "a worker outlived its parent"
        time.sleep(0.02)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def _alive(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False


def test_parts_cover_every_unit_once() -> None:
    ids = [f"unit-{i}" for i in range(500)]
    parts = [[i for i in ids if in_part(i, (n, 4))] for n in range(1, 5)]
    assert sorted(itertools.chain.from_iterable(parts)) == sorted(ids)
    assert all(80 < len(part) < 170 for part in parts)
    assert all(in_part(i, None) for i in ids)


@pytest.mark.parametrize(
    ("number", "remedy"), [(errno.ENOSPC, "make room"), (errno.EDQUOT, "make room"), (errno.EIO, "mend the disk")]
)
def test_a_disk_that_refuses_stops_the_stage_and_says_what_to_do(number: int, remedy: str) -> None:
    def write(unit: Unit) -> str:
        raise OSError(number, os.strerror(number), unit.id)

    outcome = attempt(write, Unit("file"))
    assert (outcome.status, outcome.message) == ("fatal", f"file: {os.strerror(number)}")
    assert outcome.remedy.startswith(f"{remedy}, then run the same command again")

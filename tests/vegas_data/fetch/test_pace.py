"""Turns are shared by processes: never closer than allowed, whoever is killed, whatever the file holds."""

import fcntl
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from vegas_data.errors import TimedOut
from vegas_data.fetch.pace import JITTER, Pace, longest_wait_s

SPAWN = multiprocessing.get_context("spawn")
INTERVAL_S = 0.1
PER_HOUR = 3600 / INTERVAL_S


def take_turns(folder: Path, count: int, pipe: Connection) -> None:
    pace = Pace(folder, "host", PER_HOUR)
    pipe.send("ready")
    pipe.recv()
    for _ in range(count):
        pace.wait()
        pipe.send(time.monotonic())
    pipe.close()


def hold_for_ever(folder: Path, pipe: Connection) -> None:
    with Pace(folder, "host", PER_HOUR)._locked(float("inf")):
        pipe.send("held")
        signal.pause()


def start(target: Callable[..., None], *args: object) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=target, args=(*args, theirs), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def state(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


@pytest.mark.timeout(60)
def test_the_spacing_holds_across_processes(tmp_path: Path) -> None:
    workers = [start(take_turns, tmp_path, 5) for _ in range(3)]
    for _, pipe in workers:
        assert pipe.recv() == "ready"
    began = time.monotonic()
    for _, pipe in workers:
        pipe.send("go")
    turns = sorted(pipe.recv() for _, pipe in workers for _ in range(5))
    for process, pipe in workers:
        process.join(10)
        pipe.close()
        assert process.exitcode == 0
    # Whoever sleeps wakes late, never early.
    assert all(turn >= began + number * INTERVAL_S for number, turn in enumerate(turns))


@pytest.mark.timeout(60)
def test_who_is_killed_with_the_lock_in_hand_stops_nobody(tmp_path: Path) -> None:
    holder, pipe = start(hold_for_ever, tmp_path)
    assert pipe.recv() == "held"
    pace = Pace(tmp_path, "host", PER_HOUR)
    with pytest.raises(TimedOut, match="no turn in time"):  # the lock is really held
        pace.wait(time.monotonic() + 0.2)
    holder.kill()
    holder.join(10)
    pipe.close()
    pace.wait(time.monotonic() + 30)


def test_a_burst_is_free_and_then_it_is_over(tmp_path: Path) -> None:
    pace = Pace(tmp_path, "host", 1.0, burst=3)
    for _ in range(3):
        pace.wait(time.monotonic() + 5)
    deadline = time.monotonic() + 0.2
    with pytest.raises(TimedOut):
        pace.wait(deadline)
    assert time.monotonic() >= deadline, "not before, so that nobody storms through a queue"


def test_a_turn_that_was_not_taken_is_not_used_up(tmp_path: Path) -> None:
    pace = Pace(tmp_path, "host", 1.0)
    pace.wait()
    before = state(tmp_path).read_bytes()
    with pytest.raises(TimedOut):
        pace.wait(time.monotonic() + 0.05)
    assert state(tmp_path).read_bytes() == before


def test_whoever_waits_says_so_first(tmp_path: Path) -> None:
    told: list[float] = []
    pace = Pace(tmp_path, "host", PER_HOUR, on_wait=told.append)
    pace.wait()
    assert told == []
    pace.wait()
    assert 0 < told[0] <= INTERVAL_S * (1 + JITTER)
    assert longest_wait_s(PER_HOUR, 4) >= 4 * INTERVAL_S


@pytest.mark.parametrize(
    "content", [b"nonsense", b"9" * 20 + b"\n", b"\0" * 21, b"-" + b"1" * 20, b"1" * 5, b"x" * 10_000]
)
def test_a_damaged_file_costs_one_turn_and_is_mended(tmp_path: Path, content: bytes) -> None:
    pace = Pace(tmp_path, "host", PER_HOUR)
    pace.wait()
    state(tmp_path).write_bytes(content)
    pace.wait(time.monotonic() + 30)


def test_a_clock_that_stands_far_ahead_is_not_waited_for(tmp_path: Path) -> None:
    pace = Pace(tmp_path, "host", PER_HOUR)
    pace.wait()
    state(tmp_path).write_bytes(b"%020d\n" % (time.monotonic_ns() + 10**17))
    pace.wait(time.monotonic() + 30)


def test_another_boot_has_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Pace(tmp_path, "host", 1.0).wait()
    boot = tmp_path / "boot_id"
    boot.write_text("another\n", encoding="ascii")
    monkeypatch.setattr("vegas_data.fetch.pace._BOOT_ID", boot)
    assert Pace(tmp_path / "pace", "host", 1.0).wait() < 5
    assert Pace(tmp_path, "other", 1.0).wait() < 5


def test_the_lock_is_free_while_somebody_sleeps(tmp_path: Path) -> None:
    pace = Pace(tmp_path, "host", PER_HOUR)
    free: list[bool] = []

    def try_lock(_: float) -> None:
        fd = os.open(state(tmp_path), os.O_RDWR)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(fd)
        free.append(True)

    pace.wait()
    Pace(tmp_path, "host", PER_HOUR, on_wait=try_lock).wait()
    assert free == [True]


def test_no_limit_needs_no_file(tmp_path: Path) -> None:
    assert Pace(tmp_path, "host", 0).wait() == 0.0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "per_hour", "burst"),
    [("../x", 1.0, 1), ("", 1.0, 1), ("a/b", 1.0, 1), ("a", -1.0, 1), ("a", float("nan"), 1), ("a", 1.0, 0)],
)
def test_what_is_no_pace_is_refused(tmp_path: Path, name: str, per_hour: float, burst: int) -> None:
    with pytest.raises(ValueError, match=r"not a name|no pace"):
        Pace(tmp_path, name, per_hour, burst)

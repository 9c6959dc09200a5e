"""Turns at a source, shared by all worker processes of this machine: a token bucket in a small file.

The file holds one number, the moment (CLOCK_MONOTONIC, one clock for all processes) at which the next turn is due
without a burst. A process locks the file, takes the next turn by moving the number on, unlocks it, and sleeps until its
turn has come; so turns come in order and the lock is never held while anybody sleeps. Who is killed in between loses
its turn and nobody else's. The file's name holds the machine's boot id: a number of another boot, or of another
machine on the same file system, is never read.
"""

import fcntl
import hashlib
import math
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from vegas_data.errors import TimedOut

JITTER: Final = 0.2  # of the interval, added to it where turns queue: never faster than asked, and no metronome
_HOUR_S: Final = 3600.0
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}", re.ASCII)
_NUMBER: Final = re.compile(rb"\d{20}\n")
_MOST_TURNS_AHEAD: Final = 100_000  # a number beyond is damage
_NS: Final = 1_000_000_000
_POLL_S: Final = 0.005


def longest_wait_s(per_hour: float, waiting: int) -> float:
    """How long a turn can take to come while so many processes wait for theirs (and none of them is killed)."""
    return waiting * _HOUR_S / per_hour * (1 + JITTER) if per_hour else 0.0


class Pace:
    """At most ``per_hour`` turns in an hour, after a first ``burst``; 0: no limit.

    Args:
        folder: for the state; outlives a run, so that the next one does not begin with a new burst.
        on_wait: told how many seconds a turn is away, before they are slept.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        per_hour: float,
        burst: int = 1,
        *,
        on_wait: Callable[[float], None] = lambda _: None,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a name for a file: {name!r}")
        if not (math.isfinite(per_hour) and per_hour >= 0) or burst < 1:
            raise ValueError(f"no pace: {per_hour} an hour, {burst} at once")
        self.interval_s = _HOUR_S / per_hour if per_hour else 0.0
        self._burst = burst
        self._path = folder / f"{name}-{_boot()}"
        self._on_wait = on_wait

    def wait(self, deadline: float = math.inf) -> float:
        """Return when it is our turn, with the seconds waited.

        Args:
            deadline: by ``time.monotonic``. A turn that comes later is not taken.

        Raises:
            TimedOut: no turn before the deadline; raised then, not at once, so that nobody storms through a queue.
        """
        if not self.interval_s:
            return 0.0
        start = time.monotonic()
        turn = self._take(deadline)
        until = deadline if turn is None else turn
        if (away_s := until - time.monotonic()) > 0:
            self._on_wait(away_s)
        _sleep_until(until)
        if turn is None:
            raise self._late()
        return time.monotonic() - start

    def _take(self, deadline: float) -> float | None:
        """Our turn, or None if there is none before ``deadline``."""
        with self._locked(deadline) as fd:
            now = time.monotonic_ns()
            interval = round(self.interval_s * _NS)
            due = max(now, self._read(fd, now, interval))
            turn = max(now, due - (self._burst - 1) * interval)
            if turn / _NS > deadline:
                return None
            longer = random.uniform(0, JITTER) if turn > now else 0.0  # noqa: S311 - jitter, not a secret
            due += round(interval * (1 + longer))
            os.pwrite(fd, b"%020d\n" % due, 0)  # one small write: whole or not at all
            return turn / _NS

    @staticmethod
    def _read(fd: int, now: int, interval: int) -> int:
        content = os.pread(fd, 64, 0)
        if not content:
            return now
        due = int(content) if _NUMBER.fullmatch(content) else -1
        is_sane = 0 <= due <= now + _MOST_TURNS_AHEAD * interval
        return due if is_sane else now + interval  # damaged: as if somebody's turn were now

    @contextmanager
    def _locked(self, deadline: float) -> Iterator[int]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:  # a holder that was stopped must not stop us beyond the deadline
                    if time.monotonic() > deadline:
                        raise self._late() from None
                    time.sleep(random.uniform(_POLL_S, 2 * _POLL_S))  # noqa: S311 - jitter, not a secret
            yield fd
        finally:
            os.close(fd)  # and with it the lock

    def _late(self) -> TimedOut:
        return TimedOut(
            f"{self._path.name}: no turn in time at one every {self.interval_s:.1f} s",
            remedy="fewer --workers, or a larger videos_per_hour if the host allows it",
        )


def _sleep_until(moment: float) -> None:
    while (left := moment - time.monotonic()) > 0:
        time.sleep(left)


def _boot() -> str:
    try:
        text = _BOOT_ID.read_text(encoding="ascii")
    except OSError:  # a container that hides it: the number's own sanity check remains
        text = ""
    return hashlib.sha256(text.encode()).hexdigest()[:12]

"""What Ctrl-C and SIGTERM do to a running stage: the first lets finish what is in flight, the second stops at once.

    first    nothing more is taken up; the stage ends when its workers have; then ``Interrupted``
    second   ``Interrupted`` where we stand: workers are killed, temporary files swept

Outside a stage nothing is in flight, and the process ends at the first (see ``command``).
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from vegas_data.child import SIGNALS
from vegas_data.errors import Interrupted

_STDERR: Final = 2
_POLL_S: Final = 0.1


class Stop:
    """Whether the user wants us to stop, and by which signal."""

    def __init__(self) -> None:
        self.signum: int | None = None

    @property
    def is_asked(self) -> bool:
        return self.signum is not None

    def sleep(self, seconds: float) -> None:
        """Sleep so long, or until we are told to stop."""
        end = time.monotonic() + seconds
        while not self.is_asked and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _POLL_S))


@contextmanager
def watch_signals(stop: Stop, *, in_flight: Callable[[], int]) -> Iterator[None]:
    """Answer signals for the time of the block; elsewhere than in the main thread nothing is changed.

    Args:
        stop: told of the first. in_flight: how many units workers have in hand.

    Raises:
        Interrupted: by the second signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(signum: int, _: FrameType | None) -> None:
        again, stop.signum = stop.is_asked, signum
        if again:
            raise Interrupted(signum)
        # No buffered stream: the signal may have come in the middle of a write to it.
        os.write(_STDERR, f"\nfinishing what is in flight ({in_flight()}); once more stops at once\n".encode())

    before = {number: signal.signal(number, on_signal) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""A process that works for this one: started fresh (never forked), it ends with us and leaves signals to us."""

import ctypes
import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any, Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_PR_SET_PDEATHSIG: Final = 1


def start_child(target: Callable[..., None], *args: Any) -> BaseProcess:
    """Start ``target(*args)``, which begins with ``be_child``; the process is not hit by a signal while it starts."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=args, daemon=False)
    resource_tracker.ensure_running()  # the first start would do this, and unblock the signals again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # inherited
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return process


def be_child() -> None:
    """Die with the parent, and pass over signals: they reach the whole group, or whole job, and the parent decides."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

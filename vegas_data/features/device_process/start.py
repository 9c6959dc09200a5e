"""Processes that compute on devices, one for each, for the time of a stage; ``server`` is what they do.

Nothing is left behind, however anybody ends: their socket has no name in any folder, shared memory has none at all, and
they end with their parent.
"""

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from multiprocessing.process import BaseProcess
from typing import Final

from vegas_data.child import be_child, start_child
from vegas_data.device import require_device
from vegas_data.errors import DependencyMissing, DeviceLost, VegasError
from vegas_data.features.options import FeatureOptions

START_DEADLINE_S: Final = 600.0
_END_DEADLINE_S: Final = 5.0
_READY: Final = "ready"


@dataclass(frozen=True, kw_only=True)
class _Hired:
    process: BaseProcess
    pipe: Connection


@contextmanager
def serving(options: FeatureOptions, device: str, *, workers: int) -> Iterator[str]:
    """Have a process for each device for the time of the block; yields the address for ``make_extractor``.

    Args:
        workers: how many will ask; they are spread over the devices.

    Raises:
        DeviceMissing, WeightsMissing, RecipeError, DependencyMissing: as the encoders, said before any worker starts.
        DeviceLost: a process died while it started.
    """
    require_device(device)
    devices = _count_devices(device)
    address = f"\0vegas-data-{secrets.token_hex(16)}"
    hired: list[_Hired] = []
    try:
        with _listen(address, workers) as listener:
            capacity = -(-workers // devices)
            hired += (_hire(listener, options, device, index, capacity) for index in range(devices))
        for each in hired:
            _await(each)
        yield address
    finally:
        for each in hired:
            each.pipe.close()
        for each in hired:
            each.process.join(_END_DEADLINE_S)
            if each.process.is_alive():
                each.process.kill()
                each.process.join()


def _count_devices(device: str) -> int:
    if device == "cpu":
        return 1
    import torch

    return torch.cuda.device_count()


def _listen(address: str, workers: int) -> socket.socket:
    from vegas_data.features.device_process.wire import new_socket

    listener = new_socket()
    listener.bind(address)
    listener.listen(2 * workers)
    listener.setblocking(False)
    return listener


def _hire(listener: socket.socket, options: FeatureOptions, device: str, index: int, capacity: int) -> _Hired:
    ours, theirs = Pipe()
    process = start_child(_serve, listener, theirs, options, device, index, capacity)
    theirs.close()
    return _Hired(process=process, pipe=ours)


def _await(hired: _Hired) -> None:
    """Return when it can compute."""
    why = f"not ready after {START_DEADLINE_S:.0f} s"
    try:
        if hired.pipe.poll(START_DEADLINE_S):
            said = hired.pipe.recv()
            if isinstance(said, VegasError):
                raise said
            return
    except EOFError:
        hired.process.join(_END_DEADLINE_S)
        why = f"exit code {hired.process.exitcode}"
    raise DeviceLost(
        f"the process that was to compute on the device died while it started ({why})",
        remedy="its message stands above; without --gpu the workers compute themselves",
    )


def _serve(
    listener: socket.socket, parent: Connection, options: FeatureOptions, device: str, index: int, capacity: int
) -> None:
    """The process: load the encoders, say so, compute until the parent closes its pipe."""
    be_child()
    try:
        from vegas_data.features.device_process.server import Server, load_desk

        desk = load_desk(options, device, index)
    except VegasError as error:
        parent.send(error)
        return
    except ImportError as error:
        parent.send(DependencyMissing(f"a package cannot be imported: {error}", remedy="vegas-data doctor"))
        return
    parent.send(_READY)
    Server(desk, listener, parent, capacity).run()

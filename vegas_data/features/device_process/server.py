"""What the process of a device does: the workers' pictures in, features out, batches filled across their examples.

The workers decode and commit; here flow and networks are computed (``desk``). A worker that dies is forgotten with its
example; if this process dies, all who wait for it are told so by the kernel.
"""

import os
import socket
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

import torch

from vegas_data.features.desk import Desk, Task
from vegas_data.features.device import confine
from vegas_data.features.device_process.shared import Block
from vegas_data.features.device_process.wire import Answer, Asked, is_ours, receive, send
from vegas_data.features.inputs import Material, Part
from vegas_data.features.options import FeatureOptions


def load_desk(options: FeatureOptions, device: str, index: int) -> Desk:
    """What computes on the device of that number; raises as ``Desk``."""
    if device == "cuda":
        torch.cuda.set_device(index)
    confine(device)
    return Desk(options, device, is_shared=True)


@dataclass(kw_only=True, eq=False)
class _Order:
    """An example that a worker wants, and where it wants it."""

    guest: socket.socket
    asked: Asked
    block: Block
    task: Task


class Server:
    """Takes orders, computes, answers.

    Args:
        parent: readable as soon as the work is over. capacity: workers that may be here at a time.
    """

    def __init__(self, desk: Desk, listener: socket.socket, parent: Connection, capacity: int) -> None:
        self._desk = desk
        self._listener = listener
        self._parent = parent
        self._capacity = capacity
        self._guests: dict[socket.socket, _Order | None] = {}

    def run(self) -> None:
        """Return when the parent closes its pipe."""
        while self._attend():
            self._work()

    def _work(self) -> None:  # in a function of its own: nothing of what is done is held while we wait
        if self._desk.has_work:
            for task in self._desk.step():
                self._answer(task)

    def _attend(self) -> bool:
        """Hear everybody who says something; wait for that only if there is nothing to compute."""
        ready = wait(
            [self._parent, *self._guests, *([self._listener] if len(self._guests) < self._capacity else [])],
            timeout=0 if self._desk.has_work else None,
        )
        for one in ready:
            if one is self._parent:
                return False
            if one is self._listener:
                self._admit()
            elif isinstance(one, socket.socket):
                self._hear(one)
        return True

    def _admit(self) -> None:
        try:
            guest, _ = self._listener.accept()
        except BlockingIOError:  # the process of another device was quicker
            return
        if is_ours(guest):
            guest.setblocking(True)
            self._guests[guest] = None
        else:
            guest.close()

    def _hear(self, guest: socket.socket) -> None:
        try:
            asked, fd = receive(guest)
        except EOFError:
            self._forget(guest)
            return
        assert fd is not None
        try:
            block = Block(fd)
        finally:
            os.close(fd)
        material = Material(
            sources=tuple(block.array(place) for place in asked.sources),
            parts=tuple(
                Part(stream=part.stream, source=part.source, index=block.array(part.index), flow=part.flow)
                for part in asked.parts
            ),
        )
        self._guests[guest] = _Order(guest=guest, asked=asked, block=block, task=self._desk.take(material))

    def _forget(self, guest: socket.socket) -> None:
        order = self._guests.pop(guest)
        if order is not None:
            self._desk.drop(order.task)
        guest.close()

    def _answer(self, task: Task) -> None:
        order = next(order for order in self._guests.values() if order is not None and order.task is task)
        for part in order.asked.parts if task.error is None else ():
            order.block.array(part.rows)[...] = task.computed[part.stream].rows
        about = {name: (computed.weights, computed.tools) for name, computed in task.computed.items()}
        self._guests[order.guest] = None
        try:
            send(order.guest, Answer(about=about, error=task.error))
        except OSError:
            self._forget(order.guest)

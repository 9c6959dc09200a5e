"""A file on a server as random access: what is asked for is brought in blocks, and kept for a while.

Enters: an address. Leaves: bytes at any offset, or the whole file. A later range that does not belong to the same file
as the first (size, ETag, date) is an error: half of one file and half of another would decode to something.
"""

import contextlib
import random
import re
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from vegas_data.errors import TransferFailed, WorkspaceError
from vegas_data.fetch.addresses import REMEDY_LATER, Address
from vegas_data.fetch.answers import Interrupted, too_much
from vegas_data.fetch.web import Answer, Web
from vegas_data.media.sandbox import DISK_ERRNOS, REMEDY_DISK

BLOCK_BYTES: Final = 1 << 16
MOST_BLOCKS: Final = 16  # of one request
CACHED_BLOCKS: Final = 512
RETRIES: Final = 2
_PAUSE_S: Final = (0.2, 1.0)
_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)
_VALIDATORS: Final = ("ETag", "Last-Modified")


class RemoteFile:
    """``media.section.RandomAccess`` over ranges; made by ``open_remote``.

    ``num_bytes`` counts what came, ``num_requests`` what was asked, failures included.
    """

    def __init__(self, web: Web, address: Address, first: Answer, *, max_bytes: int) -> None:
        start, _, size = _content_range(first)
        if start != 0:
            raise TransferFailed(f"{first.host} sent another range than it was asked for", remedy=REMEDY_LATER)
        self.name = f"{address.part} at {first.host}"
        self.size = size
        self.num_bytes = 0
        self.num_requests = 1
        self._web, self._address, self._max_bytes = web, address, max_bytes
        self._validators = _validators(first.headers)
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._ahead, self._next = 1, 0
        data = bytearray()
        self._receive(first, 0, min(BLOCK_BYTES, size) - 1, data)
        self._keep(0, data)

    def read_at(self, offset: int, length: int) -> bytes:
        """At most ``length`` bytes from ``offset`` on, fewer at the end of the file only.

        Raises:
            As ``Web.get``; LimitExceeded also where all ranges together exceed the limit.
        """
        if offset < 0 or length < 0:
            raise ValueError(f"no such range: {length} bytes from {offset}")
        end = min(offset + length, self.size)
        data = bytearray()
        while offset < end:
            block = self._block(offset // BLOCK_BYTES, last=(end - 1) // BLOCK_BYTES)
            piece = block[offset % BLOCK_BYTES :][: end - offset]
            data += piece
            offset += len(piece)
        return bytes(data)

    def save(self, target: Path) -> None:
        """Bring the whole file; what is here already is not asked for again. ``Raises:`` as ``read_at``."""
        with writing(target) as file:
            index = 0
            while index in self._blocks:
                file.write(self._blocks[index])
                index += 1
            self._range(file.tell(), self.size - 1, file)

    def _block(self, index: int, *, last: int) -> bytes:
        if index in self._blocks:
            self._blocks.move_to_end(index)
            return self._blocks[index]
        # Whoever reads on and on gets more at once; whoever jumps gets what was asked for.
        self._ahead = min(2 * self._ahead, MOST_BLOCKS) if index == self._next else 1
        wanted = min(max(last - index + 1, self._ahead), MOST_BLOCKS)
        stop = next((i for i in range(index + 1, index + wanted) if i in self._blocks), index + wanted)
        data = bytearray()
        self._range(index * BLOCK_BYTES, min(stop * BLOCK_BYTES, self.size) - 1, data)
        self._keep(index, data)
        self._next = stop
        return self._blocks[index]

    def _keep(self, index: int, data: bytearray) -> None:
        for number, start in enumerate(range(0, len(data), BLOCK_BYTES)):
            self._blocks[index + number] = bytes(data[start : start + BLOCK_BYTES])
        while len(self._blocks) > CACHED_BLOCKS:
            self._blocks.popitem(last=False)
        self._next = index + -(-len(data) // BLOCK_BYTES)

    def _range(self, start: int, last: int, into: "bytearray | BinaryIO") -> None:
        """Bring the bytes ``start`` to ``last``; goes on where a broken transfer ended."""
        failures = 0
        while start <= last:
            self.num_requests += 1
            before = self.num_bytes
            try:
                with self._web.get(self._address, span=(start, last), max_bytes=self._left()) as answer:
                    self._receive(answer, start, last, into)
            except Interrupted:
                failures += 1
                if failures > RETRIES:
                    raise
                time.sleep(random.uniform(*_PAUSE_S))  # noqa: S311 - jitter, not a secret
            start += self.num_bytes - before

    def _receive(self, answer: Answer, start: int, last: int, into: "bytearray | BinaryIO") -> None:
        if answer.status != 206 or not _same_file(self._validators, _validators(answer.headers)):
            raise self._changed(answer)
        begin, end, size = _content_range(answer)
        if size != self.size:
            raise self._changed(answer)
        if begin != start or not start <= end <= last or answer.length not in (None, end - begin + 1):
            raise TransferFailed(f"{answer.host} sent another range than it was asked for", remedy=REMEDY_LATER)
        missing = end - begin + 1
        if missing < BLOCK_BYTES and end < last:  # a byte at a time would be a drip of requests
            raise Interrupted(f"{answer.host} sent {missing} of {last - begin + 1} bytes", remedy=REMEDY_LATER)
        for chunk in answer.chunks():
            piece = chunk[:missing]
            if isinstance(into, bytearray):
                into += piece
            else:
                into.write(piece)
            missing -= len(piece)
            self.num_bytes += len(piece)
            if len(piece) < len(chunk):
                raise TransferFailed(f"{answer.host} sent more than the range that it announced", remedy=REMEDY_LATER)
        if missing:
            raise Interrupted(f"{answer.host}: a range ended {missing} bytes early", remedy=REMEDY_LATER)

    def _left(self) -> int:
        left = self._max_bytes - self.num_bytes
        if left <= 0:
            raise too_much(self.name)
        return left

    def _changed(self, answer: Answer) -> TransferFailed:
        return TransferFailed(f"{answer.host}: the file changed while it was read", remedy=REMEDY_LATER)


def open_remote(web: Web, address: Address, whole: Path, *, max_bytes: int) -> RemoteFile | None:
    """Open the file at ``address``; None if the host has no ranges for it: then it was brought whole, to ``whole``.

    Raises:
        As ``Web.get``. WorkspaceError: the disk is full.
    """
    with web.get(address, span=(0, BLOCK_BYTES - 1), max_bytes=max_bytes) as answer:
        if answer.status == 206:
            return RemoteFile(web, address, answer, max_bytes=max_bytes)
        if answer.status == 200:
            _save(answer, whole)
            return None
    with web.get(address, max_bytes=max_bytes) as answer:  # 416: an empty file, or one whose length nobody knows
        _save(answer, whole)
    return None


@contextlib.contextmanager
def writing(target: Path) -> Iterator[BinaryIO]:
    """A new file to write to; raises WorkspaceError if the disk is full."""
    try:
        with target.open("xb") as file:
            yield file
    except OSError as error:
        if error.errno in DISK_ERRNOS:
            raise WorkspaceError(f"{target}: {error.strerror}", remedy=REMEDY_DISK) from None
        raise


def _save(answer: Answer, target: Path) -> None:
    with writing(target) as file:
        for chunk in answer.chunks():
            file.write(chunk)


def _content_range(answer: Answer) -> tuple[int, int, int]:
    """First byte, last byte, size of the file."""
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
    start, end, size = map(int, found.groups()) if found else (0, -1, 0)
    if not start <= end < size:
        raise TransferFailed(f"{answer.host} answered a range without saying which", remedy=REMEDY_LATER)
    return start, end, size


def _validators(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in _VALIDATORS if headers.get(name)}


def _same_file(first: Mapping[str, str], later: Mapping[str, str]) -> bool:
    return all(later.get(name, value) == value for name, value in first.items())

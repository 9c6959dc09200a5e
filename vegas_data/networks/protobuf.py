"""Fields of a protocol buffer, read one by one out of bytes that may lie.

Enters a buffer, leaves numbers and places in it: nothing is copied, and nothing is allocated because the bytes say so.
No schema and no generated code; who reads a message knows its field numbers.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5
MAX_FIELDS: Final = 1_000_000
"""In a whole file; a network has some thousands."""
_MAX_VARINT_BYTES: Final = 10


class Field(NamedTuple):
    """One field: its number, its wire type, its value (of a varint), and where its content lies."""

    number: int
    wire: int
    value: int
    start: int
    end: int


class Message:
    """A message in ``data``, between two places.

    All that is read out of one buffer counts against one limit, so that millions of empty fields end soon.
    """

    def __init__(self, data: memoryview, start: int, end: int, *, count: list[int] | None = None) -> None:
        self.data = data
        self.start = start
        self.end = end
        self._count = [0] if count is None else count

    def fields(self) -> Iterator[Field]:
        """The fields in their order.

        Raises:
            ValueError: the bytes are not a message; the text names the place.
        """
        place = self.start
        while place < self.end:
            self._count[0] += 1
            if self._count[0] > MAX_FIELDS:
                raise ValueError(f"more than {MAX_FIELDS:,} fields")
            key, begin = self._varint(place)
            number, wire = key >> 3, key & 7
            value = 0
            if not number:
                raise ValueError(f"byte {place:,}: a field of number 0")
            if wire == VARINT:
                value, end = self._varint(begin)
            elif wire in (FIXED32, FIXED64):
                end = begin + (4 if wire == FIXED32 else 8)
            elif wire == BYTES:
                length, begin = self._varint(begin)
                end = begin + length
            else:
                raise ValueError(f"byte {place:,}: wire type {wire}, which is not in use")
            if end > self.end:
                left = max(self.end - begin, 0)
                raise ValueError(f"byte {place:,}: field {number} claims {end - begin:,} bytes, and {left:,} are left")
            yield Field(number, wire, value, begin, end)
            place = end

    def inner(self, field: Field) -> "Message":
        """The message in a field of this one; raises ValueError if it holds none."""
        if field.wire != BYTES:
            raise ValueError(f"byte {field.start:,}: field {field.number} holds no message")
        return Message(self.data, field.start, field.end, count=self._count)

    def varints(self, field: Field, *, most: int) -> list[int]:
        """The numbers of a repeated field, packed or not; raises ValueError if there are more than ``most``."""
        if field.wire == VARINT:
            return [field.value]
        if field.wire != BYTES:
            raise ValueError(f"byte {field.start:,}: field {field.number} holds no whole numbers")
        numbers: list[int] = []
        place = field.start
        while place < field.end:
            number, place = self._varint(place)
            numbers.append(number)
            if len(numbers) > most:
                raise ValueError(f"byte {field.start:,}: more than {most} numbers in field {field.number}")
        if place != field.end:
            raise ValueError(f"byte {field.start:,}: a number of field {field.number} goes beyond its end")
        return numbers

    def _varint(self, place: int) -> tuple[int, int]:
        """A number of 7 bits per byte, and the place behind it."""
        value = 0
        for index in range(_MAX_VARINT_BYTES):
            if place + index >= self.end:
                raise ValueError(f"byte {place:,}: the file or message ends within a number")
            byte = self.data[place + index]
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return value, place + index + 1
        raise ValueError(f"byte {place:,}: a number of more than {_MAX_VARINT_BYTES} bytes")

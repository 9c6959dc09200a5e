"""Arrays as ``.npy`` (format 1.0) without trusting them: the header is matched, never evaluated.

NumPy's own reader evaluates the header as a Python literal and allocates what it announces. A shard's arrays have
one of two types and one way to write the header, so a regular expression reads them, and what it announces is
compared with the bytes that are there before anything is allocated.
"""

import math
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

STREAM_TYPE: Final = "<f2"
AUDIO_TYPE: Final = "<i2"
ITEM_BYTES: Final = 2
MAX_DIMENSIONS: Final = 8
_ALIGN: Final = 64
_MAGIC: Final = b"\x93NUMPY\x01\x00"
_HEADER: Final = re.compile(
    rb"\{'descr': '([<>|=]?[A-Za-z?][0-9]*)', 'fortran_order': (False|True), "
    rb"'shape': \(((?:[0-9]{1,18}(?:, [0-9]{1,18})*)?,?)\), \} *\n"
)


def _header(kind: str, shape: tuple[int, ...]) -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    text += b" " * (-(len(_MAGIC) + 2 + len(text) + 1) % _ALIGN) + b"\n"
    return _MAGIC + len(text).to_bytes(2, "little") + text


def npy_bytes(array: "npt.NDArray[np.int16] | npt.NDArray[np.float16]") -> bytes:
    """``array`` as the bytes that ``numpy.save`` gives it, whatever the version of NumPy."""
    import numpy as np

    kind = {"float16": STREAM_TYPE, "int16": AUDIO_TYPE}[array.dtype.name]
    return _header(kind, array.shape) + array.astype(np.dtype(kind), copy=False).tobytes()


def npy_num_bytes(shape: tuple[int, ...]) -> int:
    """Size of the ``.npy`` of a float16 or int16 array of that shape."""
    return len(_header(STREAM_TYPE, shape)) + ITEM_BYTES * math.prod(shape)


def parse_npy(data: "bytes | bytearray | memoryview", *, kind: str) -> "npt.NDArray[Any]":
    """The array in ``data``, of the expected kind (``<f2`` or ``<i2``), as a view of the same memory.

    Raises:
        ValueError: another version or type, Fortran order, or a header that does not fit the size.
    """
    import numpy as np

    view = memoryview(data)
    if bytes(view[:8]) != _MAGIC:
        raise ValueError("not a .npy of format 1.0")
    start = 10 + int.from_bytes(view[8:10], "little")
    found = _HEADER.fullmatch(bytes(view[10:start]))
    if found is None:
        raise ValueError("the .npy header is not in the form that shards have")
    if found[1].decode() != kind:
        raise ValueError(f"the array's type is {found[1].decode()!r}, expected {kind!r}")
    if found[2] != b"False":
        raise ValueError("the array is in Fortran order")
    shape = tuple(int(item) for item in found[3].split(b",") if item.strip())
    if not 1 <= len(shape) <= MAX_DIMENSIONS or min(shape) < 1:
        raise ValueError(f"the array's shape {shape} is empty or has more than {MAX_DIMENSIONS} dimensions")
    announced = ITEM_BYTES * math.prod(shape)
    if announced != len(view) - start:
        raise ValueError(f"the .npy header announces {announced} bytes, {len(view) - start} are there")
    return np.frombuffer(view[start:], dtype=kind).reshape(shape)

"""Arrays into a ``.safetensors`` file: the same arrays, the same bytes, whatever library is installed.

The format is a length (8 bytes), a header in JSON and the arrays one after the other; it is written here so that
arrays that are views of a mapped file go from file to file in pieces, and so that no version of a library decides
the bytes that a digest is made of.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

_PIECE: Final = 1 << 20
_ALIGNMENT: Final = 64  # of the first array; the format asks for 8


def write_float32(file: BinaryIO, arrays: Mapping[str, npt.NDArray[Any]], *, metadata: Mapping[str, str]) -> None:
    """Write ``arrays``, cast to float32, in the order of their names.

    Raises:
        ValueError: a number is not finite, or too large for float32; the text names the array.
    """
    names = sorted(arrays)
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    place = 0
    for name in names:
        shape = arrays[name].shape
        end = place + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [place, end]}
        place = end
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    text += b" " * (-(len(text) + 8) % _ALIGNMENT)
    file.write(len(text).to_bytes(8, "little"))
    file.write(text)
    for name in names:
        _write_array(file, arrays[name], name)


def _write_array(file: BinaryIO, array: npt.NDArray[Any], name: str) -> None:
    flat = array.reshape(-1)
    for first in range(0, flat.size, _PIECE):
        with np.errstate(over="ignore"):
            piece = np.ascontiguousarray(flat[first : first + _PIECE], dtype="<f4")
        if not np.isfinite(piece).all():
            raise ValueError(f"{name}: holds numbers that are not finite, or too large for float32")
        file.write(piece.data)

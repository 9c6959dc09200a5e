"""Arrays in memory that two processes share: nameless, so that nothing is left of it when both have ended."""

import math
import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_ALIGNED: Final = 64


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an array lies in a block."""

    offset: int
    shape: tuple[int, ...]
    dtype: str

    @property
    def num_bytes(self) -> int:
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


def arrange(arrays: Sequence[tuple[tuple[int, ...], str]]) -> tuple[Place, ...]:
    """Places for arrays of these shapes and types, one after the other."""
    places, offset = [], 0
    for shape, dtype in arrays:
        places.append(Place(offset=offset, shape=shape, dtype=dtype))
        offset += -(-places[-1].num_bytes // _ALIGNED) * _ALIGNED
    return tuple(places)


class Block:
    """Shared memory behind a file descriptor, mapped as long as an array in it is in use.

    Args:
        fd: of a block that another process made; it is not closed here.
    """

    def __init__(self, fd: int) -> None:
        self._memory = mmap.mmap(fd, 0)

    @staticmethod
    def create(places: Sequence[Place]) -> int:
        """The file descriptor of a new block that has all ``places``, filled with zeros."""
        fd = os.memfd_create("vegas-data", os.MFD_CLOEXEC)
        os.ftruncate(fd, max(1, *(place.offset + place.num_bytes for place in places)))
        return fd

    def array(self, place: Place) -> npt.NDArray[Any]:
        """The array at ``place``, not copied."""
        flat = np.frombuffer(self._memory, dtype=place.dtype, count=math.prod(place.shape), offset=place.offset)
        return flat.reshape(place.shape)

"""Where everything lies in memory: rows of several planes side by side, so that one sweep reads one stream.

    state    row y: u1 u2 q11 q12 q21 q22    flow, and θ times the dual variables; a row of zeros above the first
    fields   row y: ix iy rho scale          warped gradient, rest of the data term, -1 / |gradient|²
    quads    pixel: I Ix Iy 0                the second picture, 4 pixels of zeros all around it

Between two rows of planes lies at least one vector: its first float is the pixel beyond the right edge of the one, its
last, always zero, the pixel beyond the left edge of the other. Rows a multiple of 4 KiB apart would wait for each
other's stores: the distance is an odd number of vectors, or the one that the iterations are compiled for.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vegas_data.features.flow.tvl1_numba.vectors import CHANNELS, WIDTH

U1, U2, Q11, Q12, Q21, Q22 = range(6)
STATE_PLANES: Final = 6
IX, IY, RHO, SCALE = range(4)
FIELD_PLANES: Final = 4
BORDER_PX: Final = 4
# Floats from row to row up to 224 px. Known when compiled, it becomes part of the instructions: there are fewer
# registers than planes.
USUAL: Final = 240

Floats = npt.NDArray[np.float32]


def row_length(width: int) -> int:
    """Floats from one plane's row to the next plane's."""
    num_vectors = -(-width // WIDTH) + 1
    return USUAL if WIDTH * num_vectors <= USUAL else WIDTH * (num_vectors | 1)


@dataclass(frozen=True, kw_only=True)
class Size:
    """One level of the pyramid."""

    height: int
    width: int

    @property
    def num_state(self) -> int:
        return (self.height + 1) * STATE_PLANES * row_length(self.width) + WIDTH

    @property
    def num_fields(self) -> int:
        return self.height * FIELD_PLANES * row_length(self.width) + WIDTH

    @property
    def num_plane(self) -> int:
        return self.height * row_length(self.width) + WIDTH

    @property
    def num_quads(self) -> int:
        return (self.height + 2 * BORDER_PX) * quad_pitch(self.width) + WIDTH * CHANNELS


def quad_pitch(width: int) -> int:
    """Floats from one row of quads to the next."""
    return (width + 2 * BORDER_PX) * CHANNELS


def allocate(num: int) -> Floats:
    """Zeros that begin at a cache line, so that no aligned vector spans two."""
    raw = np.zeros(num + 16, dtype=np.float32)
    skip = -raw.ctypes.data % 64 // 4
    return raw[skip : skip + num]

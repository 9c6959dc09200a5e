"""Linear resampling of a plane, as OpenCV's ``resize`` places it, and the quads that are warped."""

from typing import Any

import numpy as np

from vegas_data.features.flow.tvl1_numba.cache import compiled
from vegas_data.features.flow.tvl1_numba.layout import BORDER_PX
from vegas_data.features.flow.tvl1_numba.vectors import (
    CHANNELS,
    WIDTH,
    get,
    get_byte,
    load,
    load_bytes,
    put,
    splat,
    store,
)
from vegas_data.features.flow.tvl1_numba.weave import interleave


@compiled(inline=True)
def _place(position: int, step: float, num: int) -> Any:
    """The source pixel to the left of a target pixel's centre, and how far the centre is from it."""
    at = np.float32((position + 0.5) * step - 0.5)
    first = np.floor(at)
    if first < 0:
        return 0, np.float32(0)
    if first >= num - 1:
        return num - 1, np.float32(0)
    return int(first), at - first


@compiled()
def read_picture(picture: int, height: int, width: int, plane: int, p: int, pitch: int) -> None:
    """Bytes to floats. Shape: picture: uint8 [H, W]; plane: float32, rows from ``p + y · pitch``."""
    whole = width - width % WIDTH
    for y in range(height):
        for x in range(0, whole, WIDTH):
            store(plane, p + y * pitch + x, load_bytes(picture, y * width + x))
        for x in range(whole, width):
            put(plane, p + y * pitch + x, np.float32(get_byte(picture, y * width + x)))


@compiled()
def write_plane(plane: int, p: int, pitch: int, height: int, width: int, gain: float, target: int) -> None:
    """Copy a plane times ``gain``. Shape: plane: float32, rows from ``p + y · pitch``; target: float32 [H, W]."""
    factor = splat(np.float32(gain))
    whole = width - width % WIDTH
    for y in range(height):
        for x in range(0, whole, WIDTH):
            store(target, y * width + x, load(plane, p + y * pitch + x) * factor)
        for x in range(whole, width):
            put(target, y * width + x, get(plane, p + y * pitch + x) * np.float32(gain))


@compiled()
def resample(
    source: int,
    s: int,
    s_pitch: int,
    s_height: int,
    s_width: int,
    target: int,
    t: int,
    t_pitch: int,
    height: int,
    width: int,
    step_y: float,
    step_x: float,
    gain: float,
    line: int,
    left: int,
    share: int,
) -> None:
    """Fill a plane from another of a different size, times ``gain``; target pixels are ``step`` source pixels apart.

    Shape: source, target: float32, rows from ``s + y · s_pitch`` and ``t + y · t_pitch``; a source row may be read
    beyond its end, up to a whole vector and one more. line: float32 [≥ s_width + 2 · WIDTH]; left: uint32, share:
    float32, both [≥ width]; scratch.
    """
    for x in range(width):
        first, part = _place(x, step_x, s_width)
        put(left, x, np.float32(first))
        put(share, x, part)
    factor = splat(np.float32(gain))
    for y in range(height):
        above, weight = _place(y, step_y, s_height)
        row0, row1 = s + above * s_pitch, s + min(above + 1, s_height - 1) * s_pitch
        down = splat(weight)
        for x in range(0, s_width + 1, WIDTH):
            upper = load(source, row0 + x)
            store(line, x, (upper + (load(source, row1 + x) - upper) * down) * factor)
        put(line, s_width, get(line, s_width - 1))
        row = t + y * t_pitch
        for x in range(width):
            at = int(get(left, x))
            here = get(line, at)
            put(target, row + x, here + (get(line, at + 1) - here) * get(share, x))


@compiled(inline=True)
def _clear(address: int, first: int, end: int) -> None:
    for at in range(first, end):
        put(address, at, np.float32(0))


@compiled()
def build_quads(plane: int, p: int, p_pitch: int, height: int, width: int, gain: float, quads: int) -> None:
    """Picture, and its central differences with the border repeated, times ``gain``; zeros all around.

    Shape: plane: float32, rows from ``p + y · p_pitch``, one vector of which may be written on either side; quads:
    float32 [(height + 8) · (width + 8) · 4 + 4 · WIDTH].
    """
    pitch = (width + 2 * BORDER_PX) * CHANNELS
    half, nothing = splat(np.float32(0.5 * gain)), splat(np.float32(0))
    for y in range(height):
        row = p + y * p_pitch
        put(plane, row - 1, get(plane, row))
        put(plane, row + width, get(plane, row + width - 1))
    for y in range(height):
        row, above, below = p + y * p_pitch, p + max(y - 1, 0) * p_pitch, p + min(y + 1, height - 1) * p_pitch
        begin = (y + BORDER_PX) * pitch
        for x in range(0, width, WIDTH):
            ix = (load(plane, row + x + 1) - load(plane, row + x - 1)) * half
            iy = (load(plane, below + x) - load(plane, above + x)) * half
            interleave(quads, begin + (BORDER_PX + x) * CHANNELS, load(plane, row + x), ix, iy, nothing)
        _clear(quads, begin, begin + BORDER_PX * CHANNELS)
        _clear(quads, begin + (BORDER_PX + width) * CHANNELS, begin + pitch)
    _clear(quads, 0, BORDER_PX * pitch)
    _clear(quads, (BORDER_PX + height) * pitch, (2 * BORDER_PX + height) * pitch)

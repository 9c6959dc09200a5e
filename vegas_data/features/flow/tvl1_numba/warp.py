"""The second picture and its gradient, seen where the flow says, and the data term linearised there.

Bicubic (A = -0.75) at exact fractions, zero outside. A pixel's sixteen taps of all three images are four loads, as the
images lie interleaved in quads: a row of four taps is 64 bytes.
"""

from typing import Any, Final

import numpy as np

from vegas_data.features.flow.tvl1_numba.cache import compiled
from vegas_data.features.flow.tvl1_numba.layout import (
    BORDER_PX,
    FIELD_PLANES,
    IX,
    IY,
    RHO,
    SCALE,
    STATE_PLANES,
    U2,
)
from vegas_data.features.flow.tvl1_numba.vectors import (
    CHANNELS,
    WIDTH,
    floor,
    get,
    load,
    maximum,
    minimum,
    put,
    rcp,
    splat,
    store,
)
from vegas_data.features.flow.tvl1_numba.weave import blend_taps, deinterleave, interleave

CUBIC: Final = np.float32(-0.75)
_LEAST_SQUARE: Final = np.float32(np.finfo(np.float32).eps)
_LANES, _MASK, _BASE, _ACROSS, _DOWN, _OUT = (n * WIDTH for n in (0, 1, 2, 3, 7, 11))
NUM_SCRATCH: Final = 15 * WIDTH


@compiled(inline=True)
def _weights(fraction: Any) -> Any:
    """The four weights of cubic convolution, lane by lane."""
    a, one = splat(CUBIC), splat(np.float32(1))
    rest = one - fraction
    outer = fraction + one
    five, eight, four = splat(np.float32(5) * CUBIC), splat(np.float32(8) * CUBIC), splat(np.float32(4) * CUBIC)
    two, three = splat(CUBIC + np.float32(2)), splat(CUBIC + np.float32(3))
    first = ((a * outer - five) * outer + eight) * outer - four
    second = (two * fraction - three) * fraction * fraction + one
    third = (two * rest - three) * rest * rest + one
    return first, second, third, one - first - second - third


@compiled()
def warp(
    state: int,
    quads: int,
    plane: int,
    p: int,
    fields: int,
    height: int,
    width: int,
    length: int,
    unit: float,
    work: int,
) -> None:
    """Fill ``fields`` for the flow in ``state``, which holds it times ``unit``; ``plane`` is the first picture.

    Shape: as ``layout`` says; work: float32 [``NUM_SCRATCH``].
    """
    pitch = (width + 2 * BORDER_PX) * CHANNELS
    inverse, least = splat(np.float32(1 / unit)), splat(np.float32(_LEAST_SQUARE / unit**2))
    lowest = splat(np.float32(1 - BORDER_PX))
    right, bottom = splat(np.float32(width + 1)), splat(np.float32(height + 1))
    pitch_, channels = splat(np.float32(pitch)), splat(np.float32(CHANNELS))
    corner = splat(np.float32((BORDER_PX - 1) * (pitch + CHANNELS)))
    for lane in range(WIDTH):
        put(work, _LANES + lane, np.float32(lane))
        put(work, _MASK + lane, np.float32(lane < width % WIDTH))
    for y in range(height):
        row, f = (y + 1) * STATE_PLANES * length + WIDTH, y * FIELD_PLANES * length + WIDTH
        y_ = splat(np.float32(y))
        for x in range(0, width, WIDTH):
            u1, u2 = load(state, row + x), load(state, row + x + U2 * length)
            to_x = minimum(maximum(load(work, _LANES) + splat(np.float32(x)) + u1 * inverse, lowest), right)
            to_y = minimum(maximum(y_ + u2 * inverse, lowest), bottom)
            whole_x, whole_y = floor(to_x), floor(to_y)
            w0, w1, w2, w3 = _weights(to_x - whole_x)
            interleave(work, _ACROSS, w0, w1, w2, w3)
            w0, w1, w2, w3 = _weights(to_y - whole_y)
            store(work, _DOWN, w0)
            store(work, _DOWN + WIDTH, w1)
            store(work, _DOWN + 2 * WIDTH, w2)
            store(work, _DOWN + 3 * WIDTH, w3)
            store(work, _BASE, whole_y * pitch_ + whole_x * channels + corner)
            for lane in range(WIDTH):
                taps = lane * CHANNELS
                blend_taps(quads, int(get(work, _BASE + lane)), pitch, work, _ACROSS + taps, _DOWN + lane, _OUT + taps)
            seen, ix, iy = deinterleave(work, _OUT)
            if x + WIDTH > width:
                mask = load(work, _MASK)
                seen, ix, iy = seen * mask, ix * mask, iy * mask
            store(fields, f + x + IX * length, ix)
            store(fields, f + x + IY * length, iy)
            store(fields, f + x + RHO * length, seen - ix * u1 - iy * u2 - load(plane, p + y * length + x))
            square = maximum(ix * ix + iy * iy, least)
            store(fields, f + x + SCALE * length, splat(np.float32(0)) - rcp(square))

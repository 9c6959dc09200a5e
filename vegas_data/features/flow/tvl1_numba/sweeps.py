"""One iteration over the picture, or several at once: the flow and its dual variables, row by row and in place.

Of an iteration, row y of the flow needs rows y - 1 and y of the dual variables before it, and row y - 1 of the dual
variables needs rows y - 1 and y of the flow after it. So one pass does both, and the next iteration can follow a row
behind, while the rows are still in the cache. The first of several reads ``old`` and writes ``new``, the rest change
``new`` in place: where the two differ, what was there before can be gone back to.

Units are chosen to save products. With k = τ/θ, state holds k·u and q = τ·p, fields hold ∇I/k, and -1 / |∇I/k|²:

    step = clamp((ρ + ix u1 + iy u2) scale, k² λ θ)      u ← u + step (ix, iy) + div q
    q ← (q + τ ∇u) / (1 + |∇u|)
"""

from typing import Any, Final

import numpy as np

from vegas_data.features.flow.tvl1_numba.cache import compiled
from vegas_data.features.flow.tvl1_numba.layout import (
    FIELD_PLANES,
    IX,
    IY,
    Q11,
    Q12,
    Q21,
    Q22,
    RHO,
    SCALE,
    STATE_PLANES,
    U2,
    USUAL,
)
from vegas_data.features.flow.tvl1_numba.vectors import WIDTH, clamp, get, load, put, rcp, rsqrt, splat, store, total

_TINY: Final = np.float32(1e-30)  # keeps the reciprocal root of nothing finite


@compiled(inline=True)
def _flow_step(
    state: int, fields: Any, at: int, f: int, length: int, q12_above: Any, q22_above: Any, bound: Any
) -> Any:
    """The change of both components of the flow in one vector of pixels, and the flow after it."""
    u1, u2 = load(state, at), load(state, at + U2 * length)
    ix, iy = load(fields, f + IX * length), load(fields, f + IY * length)
    rho = load(fields, f + RHO * length) + ix * u1 + iy * u2
    step = clamp(rho * load(fields, f + SCALE * length), bound)
    q11, q12 = at + Q11 * length, at + Q12 * length
    q21, q22 = at + Q21 * length, at + Q22 * length
    change1 = (load(state, q11) - load(state, q11 - 1)) + (load(state, q12) - q12_above) + step * ix
    change2 = (load(state, q21) - load(state, q21 - 1)) + (load(state, q22) - q22_above) + step * iy
    return change1, change2, u1 + change1, u2 + change2


@compiled(inline=True)
def _dual_step(state: int, at: int, length: int, q: Any, below1: Any, below2: Any, tau: Any) -> None:
    """The dual variables of one vector of pixels, from the flow there, to the right and below."""
    q11, q12, q21, q22 = q
    u1, u2 = load(state, at), load(state, at + U2 * length)
    x1, y1 = load(state, at + 1) - u1, below1 - u1
    x2, y2 = load(state, at + U2 * length + 1) - u2, below2 - u2
    one, tiny = splat(np.float32(1)), splat(_TINY)
    square1 = x1 * x1 + (y1 * y1 + tiny)
    square2 = x2 * x2 + (y2 * y2 + tiny)
    shrink1 = rcp(one + square1 * rsqrt(square1))
    shrink2 = rcp(one + square2 * rsqrt(square2))
    store(state, at + Q11 * length, (q11 + tau * x1) * shrink1)
    store(state, at + Q12 * length, (q12 + tau * y1) * shrink1)
    store(state, at + Q21 * length, (q21 + tau * x2) * shrink2)
    store(state, at + Q22 * length, (q22 + tau * y2) * shrink2)


@compiled(inline=True)
def _pixels(old: int, new: int, fields: int, at: int, f: int, length: int, tau: Any, bound: Any, error: Any) -> Any:
    """The flow of one vector of pixels, and the duals of those above; adds the squared change to ``error``."""
    above = at - STATE_PLANES * length
    q12, q22 = load(old, above + Q12 * length), load(old, above + Q22 * length)
    change1, change2, u1, u2 = _flow_step(old, fields, at, f, length, q12, q22, bound)
    store(new, at, u1)
    store(new, at + U2 * length, u2)
    q = (load(old, above + Q11 * length), q12, load(old, above + Q21 * length), q22)
    _dual_step(new, above, length, q, u1, u2, tau)
    return error + change1 * change1 + change2 * change2


@compiled(inline=True)
def _first_pixels(old: int, new: int, fields: int, at: int, f: int, length: int, bound: Any, error: Any) -> Any:
    """The same in the first row: there is nothing above."""
    nothing = splat(np.float32(0))
    change1, change2, u1, u2 = _flow_step(old, fields, at, f, length, nothing, nothing, bound)
    store(new, at, u1)
    store(new, at + U2 * length, u2)
    return error + change1 * change1 + change2 * change2


@compiled(inline=True)
def _advance_row(
    old: int,
    new: int,
    fields: int,
    y: int,
    height: int,
    width: int,
    length: int,
    tau: Any,
    bound: Any,
    errors: int,
    e: int,
) -> None:
    """Row ``y`` of the flow, row ``y - 1`` of the dual variables; adds to the vector ``errors[e:]``."""
    row = (y + 1) * STATE_PLANES * length + WIDTH
    if y == height:
        above = row - STATE_PLANES * length
        for x in range(0, width, WIDTH):
            at = above + x
            q = (
                load(old, at + Q11 * length),
                load(old, at + Q12 * length),
                load(old, at + Q21 * length),
                load(old, at + Q22 * length),
            )
            _dual_step(new, at, length, q, load(new, at), load(new, at + U2 * length), tau)
        return
    f = y * FIELD_PLANES * length + WIDTH
    error = load(errors, e)
    whole = width - width % WIDTH
    last = splat(np.float32(0))
    if y == 0:
        for x in range(0, whole, WIDTH):
            error = _first_pixels(old, new, fields, row + x, f + x, length, bound, error)
        if whole < width:
            last = _first_pixels(old, new, fields, row + whole, f + whole, length, bound, last)
    else:
        for x in range(0, whole, WIDTH):
            error = _pixels(old, new, fields, row + x, f + x, length, tau, bound, error)
        if whole < width:
            last = _pixels(old, new, fields, row + whole, f + whole, length, tau, bound, last)
    store(errors, e, error + last * load(errors, 0))
    # beyond the right edge the flow goes on as it is: no gradient there
    for begin in (row, row + U2 * length):
        put(new, begin + width, get(new, begin + width - 1))


@compiled(inline=True)
def _advance_rows(
    old: int, new: int, fields: int, height: int, width: int, length: int, num: int, tau: Any, bound: Any, errors: int
) -> None:
    """The iterations follow each other a row apart; sums of squared changes are left in ``errors[WIDTH:]``."""
    for t in range(height + num):
        for k in range(max(0, t - height), min(num, t + 1)):
            _advance_row(
                old if k == 0 else new, new, fields, t - k, height, width, length, tau, bound, errors, (k + 1) * WIDTH
            )


@compiled()
def advance(
    old: int, new: int, fields: int, height: int, width: int, length: int, num: int, tau: float, bound: float,
    errors: int,
) -> None:  # fmt: skip
    """Do ``num`` ≥ 1 iterations; ``errors[k]``: sum of the squared change of iteration k.

    Shape: errors: float32 [(num + 1) · WIDTH], scratch; on return its first ``num`` are set.
    """
    tau_, bound_ = splat(np.float32(tau)), splat(np.float32(bound))
    for k in range(num + 1):
        store(errors, k * WIDTH, splat(np.float32(0)))
    for lane in range(width % WIDTH):
        put(errors, lane, np.float32(1))  # lanes of the last vector that lie in the picture
    if length == USUAL:
        _advance_rows(old, new, fields, height, width, USUAL, num, tau_, bound_, errors)
    else:
        _advance_rows(old, new, fields, height, width, length, num, tau_, bound_, errors)
    for k in range(num):
        put(errors, k, total(load(errors, (k + 1) * WIDTH)))

"""The whole computation for one pair, compiled: pyramid, warps, medians and iterations, and when to stop.

The stop test is made after every iteration, as the definition says, though several are done in one pass over the
picture: as many as are likely to be needed still, for the change falls nearly as a power of their number. Near the end,
and in the first pass, they go from one memory to another, and if one of them would have been the last, the pass is
repeated from there with as many as it takes. Far from the end they are done in place, which is quicker, and fewer;
should the change fall faster nevertheless, the pair is not done, and is computed again with one iteration per pass.
Whatever is foreseen, the result is the same.
"""

from typing import Any, Final

import numpy as np

from vegas_data.features.flow.tvl1_numba.cache import compiled
from vegas_data.features.flow.tvl1_numba.layout import Q11, STATE_PLANES, U2
from vegas_data.features.flow.tvl1_numba.median import median
from vegas_data.features.flow.tvl1_numba.pyramid import build_quads, read_picture, resample, write_plane
from vegas_data.features.flow.tvl1_numba.sweeps import advance
from vegas_data.features.flow.tvl1_numba.vectors import WIDTH, get, splat, store
from vegas_data.features.flow.tvl1_numba.warp import warp

MOST_AT_ONCE: Final = 10  # iterations in one pass over the picture
_FIRST: Final = 4  # iterations in the first pass, at least
_SHARE: Final = 0.7  # of what is foreseen: in the first pass, and far from the end
_NEAR_SHARE: Final = 0.85  # near the end
_FAR: Final = 3  # times the limit
_BACK: Final = 3  # iterations between the two whose changes are compared
_LEAST_POWER: Final = 0.8
# columns of the table of levels: sides, distance of rows, where planes and states begin, floats of a state
HEIGHT, WIDTH_PX, LENGTH, PLANE, STATE, NUM_STATE = range(6)


@compiled(inline=True)
def _how_many(earlier: Any, earlier_at: int, error: Any, done: int, limit: Any, left: int, most: int) -> Any:
    """How many iterations to do next, and whether in place: ``earlier`` and ``error`` are the changes of two before."""
    if earlier_at == 0 or not error < earlier:
        return 1, True
    power = max(np.log(earlier / error) / np.log(done / earlier_at), _LEAST_POWER)
    wanted = done * ((error / limit) ** (1 / power) - 1)
    far = error > _FAR * limit
    num = max(1, min(left, int(min(wanted * _SHARE if far else wanted * _NEAR_SHARE + 0.5, float(most)))))
    return num, far or num == 1


@compiled()
def settle(
    old: int, new: int, fields: int, height: int, width: int, length: int, limit: Any, tau: float, bound: float,
    inner: int, outer: int, filtered: bool, most: int, errors: int, work: int, counts: Any,
) -> int:  # fmt: skip
    """Filter and iterate until the flow changes by no more than ``limit``.

    Returns:
        Where the result is, ``old`` or ``new``; 0 if it was seen too late that the end was reached.
    """
    for _ in range(outer):
        if filtered:
            for plane in range(2):
                first = (STATE_PLANES + plane * U2) * length + WIDTH
                median(old, first, STATE_PLANES * length, height, width, work)
            counts[1] += 2 * height * width
        done = 0
        earlier, earlier_at = np.float32(np.inf), 0
        error = np.float32(np.inf)
        while error > limit and done < inner:
            if done == 0:
                num = min(inner, most, max(_FIRST, int(_SHARE * counts[3])))
                in_place = num == 1
            else:
                num, in_place = _how_many(earlier, earlier_at, error, done, limit, inner - done, most)
            advance(old, old if in_place else new, fields, height, width, length, num, tau, bound, errors)
            needed = num
            for k in range(num - 1, 0, -1):
                if not get(errors, k - 1) > limit:
                    needed = k
            if needed < num:
                if in_place:
                    return 0
                counts[0] += num * height * width
                advance(old, new, fields, height, width, length, needed, tau, bound, errors)
            counts[0] += needed * height * width
            if needed > _BACK:
                earlier, earlier_at = get(errors, needed - 1 - _BACK), done + needed - _BACK
            else:
                earlier, earlier_at = error, done
            error = get(errors, needed - 1)
            done += needed
            if not in_place:
                old, new = new, old
        counts[3] = done
        if not error > limit:
            break
    return old


@compiled()
def _prepare(levels: Any, planes: int, scale_step: float, line: int, left: int, share: int) -> None:
    """Fill the planes of all levels from the finest."""
    for s in range(1, len(levels)):
        fine, coarse = levels[s - 1], levels[s]
        resample(
            planes, fine[PLANE], fine[LENGTH], fine[HEIGHT], fine[WIDTH_PX],
            planes, coarse[PLANE], coarse[LENGTH], coarse[HEIGHT], coarse[WIDTH_PX],
            1 / scale_step, 1 / scale_step, 1.0, line, left, share,
        )  # fmt: skip


@compiled()
def _clear(state: int, height: int, length: int, plane: int) -> None:
    """Put zeros into the planes from ``plane`` on."""
    for y in range(height):
        row = (y + 1) * STATE_PLANES * length + WIDTH
        for at in range(row + plane * length, row + STATE_PLANES * length - WIDTH, WIDTH):
            store(state, at, splat(np.float32(0)))


@compiled()
def _refine(
    coarser: int, coarse: Any, state: int, fine: Any, scale_step: float, line: int, left: int, share: int
) -> None:
    """The flow of a coarser level as the first guess of a finer one."""
    for plane in range(2):
        resample(
            coarser, (STATE_PLANES + plane * U2) * coarse[LENGTH] + WIDTH, STATE_PLANES * coarse[LENGTH],
            coarse[HEIGHT], coarse[WIDTH_PX],
            state, (STATE_PLANES + plane * U2) * fine[LENGTH] + WIDTH, STATE_PLANES * fine[LENGTH],
            fine[HEIGHT], fine[WIDTH_PX],
            coarse[HEIGHT] / fine[HEIGHT], coarse[WIDTH_PX] / fine[WIDTH_PX], 1 / scale_step, line, left, share,
        )  # fmt: skip


@compiled()
def solve(
    previous: int, following: int, flow: int, levels: Any, memory: Any, numbers: Any, limits: Any, counts: Any
) -> bool:
    """Compute the flow of a pair; false: not done, repeat with one iteration at once.

    Shape: previous, following: uint8 [H, W]; flow: float32 [2, H, W]; levels: int64 [scales, 6]; memory: addresses of
    what ``engine`` allocates; numbers: τ, bound, unit, ε, scale step; limits: warps, inner and outer iterations,
    whether to filter, iterations at once; counts: int64 [4], pixels iterated, filtered, warped, and
    iterations since the last median.
    """
    planes0, planes1, quads, states, fields, line, left, share, errors, work, warp_work = memory
    tau, bound, unit, epsilon, scale_step = numbers
    warps, inner, outer, filtered, most = limits
    counts[3] = 0
    top = levels[0]
    for picture, planes in ((previous, planes0), (following, planes1)):
        read_picture(picture, top[HEIGHT], top[WIDTH_PX], planes, top[PLANE], top[LENGTH])
        _prepare(levels, planes, scale_step, line, left, share)
    coarser = 0
    for s in range(len(levels) - 1, -1, -1):
        level = levels[s]
        height, width, length, plane = level[HEIGHT], level[WIDTH_PX], level[LENGTH], level[PLANE]
        old = states + 4 * level[STATE]
        new = old + 4 * level[NUM_STATE]
        if s == len(levels) - 1:
            _clear(old, height, length, 0)
        else:
            _clear(old, height, length, Q11)
            _refine(coarser, levels[s + 1], old, level, scale_step, line, left, share)
        build_quads(planes1, plane, length, height, width, 1 / unit, quads)
        limit = np.float32(epsilon * epsilon * height * width * unit * unit)
        for _ in range(warps):
            warp(old, quads, planes0, plane, fields, height, width, length, unit, warp_work)
            counts[2] += height * width
            result = settle(
                old, new, fields, height, width, length, limit, tau, bound, inner, outer, filtered > 0, most,
                errors, work, counts,
            )  # fmt: skip
            if result == 0:
                return False
            if result == new:
                old, new = new, old
        coarser = old
    for component in range(2):
        begin = (STATE_PLANES + component * U2) * top[LENGTH] + WIDTH
        target = flow + 4 * component * top[HEIGHT] * top[WIDTH_PX]
        write_plane(coarser, begin, STATE_PLANES * top[LENGTH], top[HEIGHT], top[WIDTH_PX], 1 / unit, target)
    return True

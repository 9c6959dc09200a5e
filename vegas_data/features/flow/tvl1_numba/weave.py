"""Vectors into quads and back, and the weighted sum of a quad's neighbours: what the warp needs of ``vectors``."""

from typing import Any

from llvmlite import ir
from numba.core import types

from vegas_data.features.flow.tvl1_numba.vectors import (
    CHANNELS,
    FLAGS,
    FLOAT,
    INT,
    WIDTH,
    intrinsic,
    pointer_to,
    vector,
)


def _interleaved(values: int) -> list[int]:
    return [plane * WIDTH + lane for lane in range(WIDTH) for plane in range(values)]


def _shuffle(builder: Any, a: Any, b: Any, lanes: list[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.VectorType(INT, len(lanes))(lanes))


@intrinsic
def interleave(typing: Any, address: Any, index: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Store a[0], b[0], c[0], d[0], a[1], …."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        address, index, *values = args
        everything = list(range(2 * WIDTH))
        both = [_shuffle(builder, values[n], values[n + 1], everything) for n in (0, 2)]
        lanes = _interleaved(CHANNELS)
        builder.store(
            _shuffle(builder, both[0], both[1], lanes), pointer_to(builder, address, index, len(lanes)), align=4
        )
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, *[vector] * 4), generate


@intrinsic
def deinterleave(typing: Any, address: Any, index: Any) -> Any:
    """The first three of four interleaved vectors."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        every = builder.load(pointer_to(builder, args[0], args[1], CHANNELS * WIDTH), align=4)
        parts = [_shuffle(builder, every, every, list(range(n, CHANNELS * WIDTH, CHANNELS))) for n in range(3)]
        return context.make_tuple(builder, sig.return_type, parts)

    return types.UniTuple(vector, 3)(types.intp, types.intp), generate


@intrinsic
def blend_taps(typing: Any, quads: Any, index: Any, pitch: Any, work: Any, across: Any, down: Any, out: Any) -> Any:
    """Four rows of four quads at ``quads[index + n * pitch]``, weighted down and across, as one quad in ``work``.

    The weights are floats of ``work``: across four in a row, down ``WIDTH`` apart.
    """

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        quads, index, pitch, work, across, down, out = args
        taps = CHANNELS * CHANNELS
        row = ir.VectorType(FLOAT, taps)
        mixed = None
        for n in range(CHANNELS):
            values = builder.load(pointer_to(builder, quads, index, taps), align=4)
            one = builder.load(pointer_to(builder, work, builder.add(down, down.type(n * WIDTH)), 1), align=4)
            lane0 = builder.insert_element(ir.Constant(row, ir.Undefined), one, INT(0))
            term = builder.fmul(values, _shuffle(builder, lane0, lane0, [0] * taps), flags=FLAGS)
            mixed = term if mixed is None else builder.fadd(mixed, term, flags=FLAGS)
            index = builder.add(index, pitch)
        four = builder.load(pointer_to(builder, work, across, CHANNELS), align=4)
        rest = builder.fmul(mixed, _shuffle(builder, four, four, [n // CHANNELS for n in range(taps)]))
        while taps > CHANNELS:
            taps //= 2
            halves = [_shuffle(builder, rest, rest, list(range(n, n + taps))) for n in (0, taps)]
            rest = builder.fadd(*halves)
        builder.store(rest, pointer_to(builder, work, out, CHANNELS), align=4)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 7), generate

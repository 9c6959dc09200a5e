"""The 5 × 5 median of a plane, exact, border repeated, by a sorting network over vectors of neighbouring columns.

Every column of five is sorted once and serves five windows; two sorted columns merged serve two. What is left per
window is to find the middle of two sorted tens and a sorted five: 90 minima and maxima per vector in all. The networks
(``features.flow.sorting``) are written out for the compiler, which drops every output that nobody reads.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from numba.core import types

from vegas_data.features.flow.sorting import Sorter
from vegas_data.features.flow.tvl1_numba.cache import compiled
from vegas_data.features.flow.tvl1_numba.layout import row_length
from vegas_data.features.flow.tvl1_numba.vectors import (
    WIDTH,
    choose,
    get,
    intrinsic,
    load,
    pointer_to,
    put,
    store,
    vector,
)


def num_scratch(width: int) -> int:
    """Floats that ``median`` works in: five sorted rows, ten merged ones, three results."""
    return 18 * (row_length(width) + 2 * WIDTH) + WIDTH


def _sorter(builder: Any) -> Sorter[Any]:
    return Sorter(minimum=partial(choose, builder, "<"), maximum=partial(choose, builder, ">"))


def _planes(builder: Any, address: Any, index: Any, pitch: Any, count: int) -> list[Any]:
    """Pointers to ``count`` vectors, ``pitch`` floats apart."""
    found = []
    for _ in range(count):
        found.append(pointer_to(builder, address, index, WIDTH))
        index = builder.add(index, pitch)
    return found


def _load_all(builder: Any, pointers: Sequence[Any]) -> list[Any]:
    return [builder.load(pointer, align=4) for pointer in pointers]


def _store_all(builder: Any, values: Sequence[Any], pointers: Sequence[Any]) -> None:
    for value, pointer in zip(values, pointers, strict=True):
        builder.store(value, pointer, align=4)


@intrinsic
def _sort_column(
    typing: Any, plane: Any, r0: Any, r1: Any, r2: Any, r3: Any, r4: Any, out: Any, at: Any, pitch: Any
) -> Any:
    """Sort the vectors at ``plane[r0]`` … ``plane[r4]`` lane by lane, into five rows of ``out``."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        rows = [pointer_to(builder, args[0], index, WIDTH) for index in args[1:6]]
        into = _planes(builder, args[6], args[7], args[8], 5)
        _store_all(builder, _sorter(builder).sort(_load_all(builder, rows)), into)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 9), generate


@intrinsic
def _merge_columns(typing: Any, work: Any, left: Any, right: Any, out: Any, pitch: Any) -> Any:
    """Merge two sorted columns of five at ``left`` and ``right`` into ten rows at ``out``."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        address, left, right, out, pitch = args
        columns = [_load_all(builder, _planes(builder, address, index, pitch, 5)) for index in (left, right)]
        _store_all(builder, _sorter(builder).merge(*columns), _planes(builder, address, out, pitch, 10))
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), generate


@intrinsic
def _middle(typing: Any, work: Any, left: Any, column: Any, right: Any, pitch: Any) -> Any:
    """The 13th of 25: two sorted tens and a sorted five."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        address, left, column, right, pitch = args
        ten1, five, ten2 = (
            _load_all(builder, _planes(builder, address, index, pitch, count))
            for index, count in ((left, 10), (column, 5), (right, 10))
        )
        return _sorter(builder).middle(ten1, five, ten2)

    return vector(*[types.intp] * 5), generate


@compiled()
def median(plane: int, first: int, pitch: int, height: int, width: int, work: int) -> None:
    """Replace a plane by its 5 × 5 median.

    Shape: plane: float32 [N]; row y begins at ``first + y · pitch`` and may be written beyond its end, up to a whole
    vector; work: float32 [``num_scratch(width)``].
    """
    length = WIDTH * ((-(-width // WIDTH) + 1 | 1) + 2)
    columns, merged, results = WIDTH, WIDTH + 5 * length, WIDTH + 15 * length
    for y in range(height + 2):
        if y < height:
            r0, r1 = first + max(0, y - 2) * pitch, first + max(0, y - 1) * pitch
            r2 = first + y * pitch
            r3, r4 = first + min(height - 1, y + 1) * pitch, first + min(height - 1, y + 2) * pitch
            for x in range(0, width, WIDTH):
                _sort_column(plane, r0 + x, r1 + x, r2 + x, r3 + x, r4 + x, work, columns + x, length)
        if y >= 2:  # nobody reads this row any more
            result = results + (y - 2) % 3 * length
            for x in range(0, width, WIDTH):
                store(plane, first + (y - 2) * pitch + x, load(work, result + x))
        if y < height:
            for rank in range(5):
                begin = columns + rank * length
                for outside in range(1, 3):
                    put(work, begin - outside, get(work, begin))
                    put(work, begin + width - 1 + outside, get(work, begin + width - 1))
            for x in range(0, width + 3, WIDTH):
                _merge_columns(work, columns + x - 2, columns + x - 1, merged + x, length)
            result = results + y % 3 * length
            for x in range(0, width, WIDTH):
                store(work, result + x, _middle(work, merged + x, columns + x, merged + x + 3, length))

"""Run by ``test_tvl1_bounds``: flow of many sizes, with every buffer against pages that must not be touched.

    python guarded_flow.py LARGEST STEP

The engine passes addresses as numbers: one float too far would be silent. Here every array, and the planes and the
state of every level of the pyramid, lie between forbidden pages, once flush with the page before and once with the
page behind; touching those ends the process with SIGSEGV.
"""

import ctypes
import sys
import unittest.mock

import numpy as np

from vegas_data.features.flow.tvl1_numba import engine, layout, solver
from vegas_data.features.flow.tvl1_numba.layout import row_length
from vegas_data.features.flow.tvl1_numba.vectors import KIND, WIDTH
from vegas_data.features.options import FlowOptions

PAGE = 4096
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
NOTHING, READ_WRITE, PRIVATE_ANONYMOUS = 0, 3, 0x22


class Guarded:
    """Chunks of zeros, of so many bytes each, with a forbidden page before and behind each of them."""

    def __init__(self, sizes: list[int], *, at_end: bool) -> None:
        spans = [-(-size // PAGE) * PAGE for size in sizes]
        self._length = sum(spans) + PAGE * (len(sizes) + 1)
        self._address = libc.mmap(None, self._length, NOTHING, PRIVATE_ANONYMOUS, -1, 0)
        assert self._address not in (None, ctypes.c_void_p(-1).value)
        self.begins, place = [], self._address + PAGE
        for size, span in zip(sizes, spans, strict=True):
            assert not libc.mprotect(place, span, READ_WRITE)
            self.begins.append(place + (span - size if at_end else 0))
            place += span + PAGE

    def free(self) -> None:
        libc.munmap(self._address, self._length)


def array(address: int, shape: tuple[int, ...], kind: type) -> np.ndarray:
    count = int(np.prod(shape)) * np.dtype(kind).itemsize
    return np.frombuffer((ctypes.c_char * count).from_address(address), kind).reshape(shape)


class GuardedWork:
    """What ``engine._Work`` holds, between forbidden pages; each level of planes and states by itself."""

    def __init__(self, shape: tuple[int, int], *, at_end: bool) -> None:
        plain = engine._Work(shape)
        self.counts, self.levels = plain.counts, plain.levels.copy()
        self.guards = []
        lengths = [len(one) for one in plain._arrays]
        addresses = []
        # of a plane: a vector before it, as layout says, and its rows
        planes = [4 * (WIDTH + height * length) for height, _, length, *_ in self.levels.tolist()]
        for _ in range(2):
            guard = Guarded(planes, at_end=at_end)
            self.guards.append(guard)
            addresses.append(guard.begins[0])
            offsets = [(begin - guard.begins[0]) // 4 + WIDTH for begin in guard.begins]
            self.levels[:, solver.PLANE] = offsets
        for index in range(2, len(lengths)):
            if index != 3:
                guard = Guarded([4 * lengths[index]], at_end=at_end)
                self.guards.append(guard)
                addresses.append(guard.begins[0])
                continue
            # of each level two states
            sizes = [4 * row[solver.NUM_STATE] for row in self.levels.tolist() for _ in range(2)]
            guard = Guarded(sizes, at_end=at_end)
            self.guards.append(guard)
            addresses.append(guard.begins[0])
            begins = np.array(guard.begins).reshape(-1, 2)
            self.levels[:, solver.STATE] = (begins[:, 0] - begins[0, 0]) // 4
            self.levels[:, solver.NUM_STATE] = (begins[:, 1] - begins[:, 0]) // 4
        self.addresses = tuple(addresses)

    def free(self) -> None:
        for guard in self.guards:
            guard.free()


def pairs_of(shape: tuple[int, int], seed: int) -> list[np.ndarray]:
    """Noise, saturated noise, and a gradient that has gone far. Shape: uint8 [2, H, W]."""
    rng = np.random.default_rng(seed)
    ramp = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) * 6 % 256
    return [
        rng.integers(0, 256, (2, *shape)).astype(np.uint8),
        (255 * rng.integers(0, 2, (2, *shape))).astype(np.uint8),
        np.stack([ramp, np.roll(ramp, (shape[0] // 2, shape[1] // 3), (0, 1))]).astype(np.uint8),
    ]


def run(shape: tuple[int, int], options: FlowOptions, seed: int) -> set[bytes]:
    """All flows that were computed, as one string each: where things lie must not matter."""
    found = set()
    num = shape[0] * shape[1]
    for at_end in (False, True):
        work = GuardedWork(shape, at_end=at_end)
        inputs = Guarded([num, num, 8 * num], at_end=at_end)
        first, second = (array(begin, shape, np.uint8) for begin in inputs.begins[:2])
        flow = array(inputs.begins[2], (2, *shape), np.float32)
        flows = []
        for pair in pairs_of(shape, seed):
            first[:], second[:] = pair
            engine.compute(first, second, flow, work, options)  # type: ignore[arg-type]
            assert np.isfinite(flow).all()
            flows.append(flow.tobytes())
        found.add(b"".join(flows))
        del first, second, flow
        inputs.free()
        work.free()
    return found


def main() -> None:
    largest, step = map(int, sys.argv[1:])
    assert row_length(1) % WIDTH == 0
    engine.prepare()
    options = FlowOptions(num_warps=2, epsilon=0.05)
    sizes = [(height, width) for height in range(2, largest + 1) for width in range(2, largest + 1)]
    more = [(5, 223), (130, 4), (33, 256), (61, 97), (97, 61), (64, 64), (2, 400), (400, 2)]
    for number, shape in enumerate(sizes[::step] + more):
        found = set()
        for usual in (layout.USUAL, 0):  # the distance of rows that is compiled in, and any other
            with unittest.mock.patch.object(layout, "USUAL", usual):
                found |= run(shape, options, number)
        assert len(found) == 1, shape
    print(f"{len(sizes[::step]) + len(more)} sizes, {KIND}")


if __name__ == "__main__":
    main()

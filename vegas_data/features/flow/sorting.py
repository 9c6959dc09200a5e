"""Sorting networks over anything that has a minimum and a maximum: vectors of a CPU, tensors of a GPU.

Batcher's merges (Knuth, TAOCP 3, §5.3.4) and, from two sorted lists, one rank (the least of the greater of pairs).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Sorter(Generic[T]):
    """Sorts lists of ``T``, lane by lane."""

    minimum: Callable[[T, T], T]
    maximum: Callable[[T, T], T]

    def merge(self, a: Sequence[T], b: Sequence[T]) -> list[T]:
        """Two sorted lists as one."""
        if not (a and b):
            return [*a, *b]
        if len(a) == len(b) == 1:
            return self._two(a[0], b[0])
        even, odd = self.merge(a[0::2], b[0::2]), self.merge(a[1::2], b[1::2])
        merged = even[:1]
        for left, right in zip(odd, even[1:], strict=False):
            merged += self._two(left, right)
        paired = (len(merged) - 1) // 2
        return merged + odd[paired:] + even[1 + paired :]

    def sort(self, values: Sequence[T]) -> list[T]:
        """A list in ascending order."""
        half = len(values) // 2
        return self.merge(self.sort(values[:half]), self.sort(values[half:])) if half else list(values)

    def rank(self, a: Sequence[T], b: Sequence[T], rank: int) -> T:
        """The ``rank``-th smallest, from 1, of two sorted lists."""
        greater = []
        for i in range(max(0, rank - len(b)), min(len(a), rank) + 1):
            both = [values[n - 1] for values, n in ((a, i), (b, rank - i)) if n]
            greater.append(both[0] if len(both) == 1 else self.maximum(*both))
        least = greater[0]
        for value in greater[1:]:
            least = self.minimum(least, value)
        return least

    def middle(self, left: Sequence[T], column: Sequence[T], right: Sequence[T]) -> T:
        """The 13th of 25: two sorted lists of ten and one of five."""
        return self.rank(self.merge(left, right)[7:13], column, 6)

    def _two(self, a: T, b: T) -> list[T]:
        return [self.minimum(a, b), self.maximum(a, b)]

"""When what is shown of a clip happens: the slots of its pictures, and the round numbers of its scales. No pixels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

_MOST_PICTURES: Final = 11
_MOST_IN_A_WINDOW: Final = 7
_LEAST_IN_A_WINDOW: Final = 3
_FULL_COLOUR_PX: Final = (0.5, 1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120)
_OCTAVES_HZ: Final = (62.5, 125, 250, 500, 1000, 2000, 4000, 8000, 16_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Slots:
    """Equal shares of the time axis, each with a picture of its middle; an odd number in every window.

    Args:
        step_s: width of a slot. per_window: so many; the middle one has its picture in the window's centre.
    """

    step_s: Fraction
    per_window: int
    count: int

    @classmethod
    def of(cls, duration_ms: int, window_ms: int) -> "Slots":
        """As many as there is room for; what follows the last whole window has none."""
        windows = max(1, duration_ms // window_ms)
        span_ms = min(duration_ms, windows * window_ms)
        fitting = (_MOST_PICTURES // windows - 1) // 2 * 2 + 1
        per_window = min(_MOST_IN_A_WINDOW, max(_LEAST_IN_A_WINDOW, fitting))
        count = windows * per_window
        return cls(step_s=Fraction(span_ms, 1000 * count), per_window=per_window, count=count)

    @property
    def times_s(self) -> tuple[Fraction, ...]:
        """When the pictures are taken: the middle of each slot."""
        return tuple((index + Fraction(1, 2)) * self.step_s for index in range(self.count))

    def is_centre(self, index: int) -> bool:
        """Whether a slot's picture is the one of its window's centre."""
        return index % self.per_window == self.per_window // 2


def full_colour_px(largest: float) -> float:
    """The displacement that full colour stands for: the next round number."""
    return next((step for step in _FULL_COLOUR_PX if step >= largest), _FULL_COLOUR_PX[-1])


def octaves(low_hz: float, high_hz: float) -> tuple[float, ...]:
    """Frequencies to write at the axis."""
    return tuple(hz for hz in _OCTAVES_HZ if low_hz <= hz <= high_hz * 1.001)


def hertz(value: float) -> str:
    """``250``, ``4k``."""
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def share_of_octaves(value_hz: float, low_hz: float, high_hz: float) -> float:
    """Where a frequency stands between two others on a logarithmic axis, from 0 to 1."""
    return math.log(value_hz / low_hz) / math.log(high_hz / low_hz)


def ticks_s(duration_ms: int) -> Sequence[int]:
    """Whole seconds to write under the axis."""
    return range(duration_ms // 1000 + 1)

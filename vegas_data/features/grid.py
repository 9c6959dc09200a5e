"""Which pictures and flow fields belong to which row of an example's features. Integers and fractions only.

A stream has a rate, rows per second: its own, or the grid's frame rate. An example of duration d has
T = floor(d · rate) rows of it, at least one; at the frame rate these are its F video frames. With t_i = i / rate:

    picture of row i    the one shown at start + t_i, the beginning of the row's interval
    flow picture j      the one shown at start + j / flow rate, for all j with j / flow rate < d, whole steps only
    flow field j        from flow picture j to flow picture j + 1
    stack of row i      fields j_i, j_i + stride, …, window of them, where j_i = floor(t_i · flow rate)

The stack looks forwards, as in Simonyan & Zisserman, "Two-Stream Convolutional Networks", NIPS 2014, equation 1.
With the flow rate equal to the stream's rate, j_i = i.

No picture outside the example is ever looked at. Features so depend on (media sha256, span) and on nothing else:
not on how much of the clip around the span was accepted. What a stack lacks beyond the example's last field is
that field again (``at_ends = "repeat"``: the motion goes on) or no motion (``"zero"``: the last picture stays).
"""

from fractions import Fraction
from typing import Final

from vegas_data.features.options import AtEnds, FlowOptions, StreamOptions
from vegas_data.units import Grid

NO_MOTION: Final = -1


def picture_times_s(start_ms: int, count: int, rate_hz: Fraction) -> tuple[Fraction, ...]:
    """Times of ``count`` pictures from ``start_ms`` on, in seconds: start + i / rate."""
    start_s = Fraction(start_ms, 1000)
    return tuple(start_s + i / rate_hz for i in range(count))


def row_rate_hz(stream: StreamOptions, grid: Grid) -> Fraction:
    """Rows of a stream per second."""
    return stream.rate_hz or grid.frame_rate_hz


def flow_rate_hz(flow: FlowOptions, grid: Grid) -> Fraction:
    """Pictures per second that flow is computed between."""
    return flow.rate_hz or grid.frame_rate_hz


def num_rows(duration_ms: int, rate_hz: Fraction) -> int:
    """Rows of a stream, or pictures that flow is computed between: floor(d · rate), at least the first."""
    return max(1, int(duration_ms * rate_hz / 1000))


def stack_fields(
    duration_ms: int, rate_hz: Fraction, *, flow_rate_hz: Fraction, window: int, stride: int, at_ends: AtEnds
) -> tuple[tuple[int, ...], ...]:
    """Indices of the flow fields of every row's stack; ``NO_MOTION`` where there is none to repeat.

    Args:
        rate_hz: rows per second.

    Shape: [T][window].
    """
    num_fields = num_rows(duration_ms, flow_rate_hz) - 1
    last = num_fields - 1
    beyond = last if at_ends == "repeat" and num_fields else NO_MOTION

    def stack(row: int) -> tuple[int, ...]:
        first = int(row / rate_hz * flow_rate_hz)
        wanted = range(first, first + window * stride, stride)
        return tuple(field if field <= last else beyond for field in wanted)

    return tuple(stack(row) for row in range(num_rows(duration_ms, rate_hz)))

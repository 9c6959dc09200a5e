"""A clip and a span in, what each stream's encoder is shown out: the clip decoded once, each flow computed once."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vegas_data.features.flow_pictures import NO_MOTION_BYTE, quantise
from vegas_data.features.grid import num_flow_pictures, picture_times_s, stack_fields
from vegas_data.features.options import FlowOptions, StreamOptions
from vegas_data.features.pictures import Pixels, View, frame_picture
from vegas_data.features.tvl1 import make_flow_engine
from vegas_data.media.decode import iter_frames_at
from vegas_data.units import Grid


@dataclass(frozen=True, kw_only=True)
class Span:
    """Part of a clip, in the time of its file."""

    start_ms: int
    end_ms: int

    @property
    def duration_ms(self) -> int:
        return self.end_ms - self.start_ms


@dataclass(frozen=True, kw_only=True)
class Series:
    """Pictures of one view at the times that one or more streams need."""

    view: View
    times_s: tuple[Fraction, ...]

    @classmethod
    def of(cls, stream: StreamOptions, span: Span, grid: Grid) -> "Series":
        """The pictures a stream begins with: the grid's own, or those that its flow is computed between."""
        rate_hz, count = grid.frame_rate_hz, grid.num_frames(span.duration_ms)
        if stream.flow is not None:
            rate_hz = stream.flow.rate_hz or rate_hz
            count = num_flow_pictures(span.duration_ms, rate_hz)
        return cls(view=View.of(stream), times_s=picture_times_s(span.start_ms, count, rate_hz))


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the rows of one stream are made of.

    Shape: pictures: source uint8 [F, S, S, 3], index int [F]; flow: source uint8 [fields + 1, 2, S, S], of which the
    last is no motion, index int [F, window].
    """

    source: Pixels
    index: npt.NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.index)

    def rows(self, first: int, count: int) -> Pixels:
        """Rows ``first``, ``first + 1``, …, at most ``count``: pictures, or the fields of a stack one after the other.

        Shape: uint8 [≤ count, S, S, 3] or uint8 [≤ count, 2 · window, S, S], x1, y1, x2, y2, ….
        """
        rows = self.source[self.index[first : first + count]]
        return rows.reshape(len(rows), -1, *rows.shape[3:]) if self.index.ndim == 2 else rows


def read_series(path: Path, wanted: Iterable[Series]) -> dict[Series, Pixels]:
    """Decode a clip once, for all series; a picture is reduced to its views as soon as it is there.

    Shape: each uint8 [times, S, S, 3] or, in grey, [times, S, S].

    Raises:
        MediaError: the clip cannot be decoded as far as the last time.
    """
    due: dict[Fraction, list[tuple[Series, int]]] = {}
    read = {}
    for series in wanted:
        read[series] = np.empty((len(series.times_s), *series.view.shape), dtype=np.uint8)
        for place, time_s in enumerate(series.times_s):
            due.setdefault(time_s, []).append((series, place))
    times_s = sorted(due)
    for time_s, picture in zip(times_s, iter_frames_at(path, times_s), strict=True):
        for series, place in due[time_s]:
            read[series][place] = frame_picture(picture, series.view)
    return read


def compute_fields(greys: Pixels, options: FlowOptions) -> Pixels:
    """Flow from each picture to the next, in bytes, and one field of no motion at the end.

    Shape: uint8 [N, S, S] → uint8 [N, 2, S, S].
    """
    engine = make_flow_engine(options)
    fields = np.full((len(greys), 2, *greys.shape[1:]), NO_MOTION_BYTE, dtype=np.uint8)
    for place in range(len(greys) - 1):
        fields[place] = quantise(engine.compute_flow(greys[place], greys[place + 1]), bound_px=options.bound_px)
    return fields


def show(path: Path, span: Span, streams: Sequence[StreamOptions], grid: Grid) -> Iterator[tuple[StreamOptions, Shown]]:
    """What each of ``streams`` is shown of a span of a clip, in their order.

    Raises:
        MediaError: the clip cannot be decoded. FeatureError: its flow is not finite.
    """
    begins = {stream: Series.of(stream, span, grid) for stream in streams}
    read = read_series(path, dict.fromkeys(begins.values()))
    fields: dict[tuple[Series, FlowOptions], Pixels] = {}
    for stream, series in begins.items():
        if stream.flow is None:
            yield stream, Shown(source=read[series], index=np.arange(len(read[series])))
            continue
        known = (series, stream.flow)
        if known not in fields:
            fields[known] = compute_fields(read[series], stream.flow)
        stacks = stack_fields(
            span.duration_ms,
            grid,
            rate_hz=stream.flow.rate_hz or grid.frame_rate_hz,
            window=stream.window,
            stride=stream.stride,
            at_ends=stream.at_ends,
        )
        yield stream, Shown(source=fields[known], index=np.asarray(stacks, dtype=np.intp))

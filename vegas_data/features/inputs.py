"""A clip and a span in, what each stream's rows are made of out: the clip is decoded once, for all streams."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vegas_data.features.grid import flow_rate_hz, num_rows, picture_times_s, row_rate_hz, stack_fields
from vegas_data.features.options import FlowOptions, StreamOptions
from vegas_data.features.pictures import Levels, Pixels, View, frame_picture
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
        """The pictures a stream begins with: one for each row, or those that its flow is computed between."""
        rate_hz = row_rate_hz(stream, grid) if stream.flow is None else flow_rate_hz(stream.flow, grid)
        times_s = picture_times_s(span.start_ms, num_rows(span.duration_ms, rate_hz), rate_hz)
        return cls(view=View.of(stream), times_s=times_s)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the rows of one stream are made of.

    Shape: pictures: source uint8 [T, S, S, 3], index int [T]; flow: source uint8, or float32 if it is not quantised,
    [fields + 1, 2, S, S], of which the last is no motion, index int [T, window].
    """

    source: Levels
    index: npt.NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.index)

    def rows(self, first: int, count: int) -> Levels:
        """Rows ``first``, ``first + 1``, …, at most ``count``: pictures, or the fields of a stack one after the other.

        Shape: uint8 [≤ count, S, S, 3] or uint8 [≤ count, 2 · window, S, S], x1, y1, x2, y2, ….
        """
        rows = self.source[self.index[first : first + count]]
        return rows.reshape(len(rows), -1, *rows.shape[3:]) if self.index.ndim == 2 else rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Of what one stream's rows are made.

    Args:
        source: number of a source. index: of every row, as in ``Shown``.
        flow: what is to be computed between the source's pictures first; None: rows are made of the source itself.
    """

    stream: str
    source: int
    index: npt.NDArray[np.intp]
    flow: FlowOptions | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """All that is computed from, of one span of one clip: streams with the same pictures share a source."""

    sources: tuple[Levels, ...]
    parts: tuple[Part, ...]


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


def look(path: Path, span: Span, streams: Sequence[StreamOptions], grid: Grid) -> Material:
    """Decode what ``streams`` need of a span of a clip; no flow is computed.

    Raises:
        MediaError: the clip cannot be decoded.
    """
    begins = {stream: Series.of(stream, span, grid) for stream in streams}
    read = read_series(path, dict.fromkeys(begins.values()))
    places = {series: place for place, series in enumerate(read)}
    parts = [
        Part(stream=stream.name, source=places[series], index=row_index(stream, span, grid), flow=stream.flow)
        for stream, series in begins.items()
    ]
    return Material(sources=tuple(read.values()), parts=tuple(parts))


def row_index(stream: StreamOptions, span: Span, grid: Grid) -> npt.NDArray[np.intp]:
    """Which of its pictures, or of its fields of flow, each row of a stream is made of; shape as in ``Shown``."""
    rate_hz = row_rate_hz(stream, grid)
    if stream.flow is None:
        return np.arange(num_rows(span.duration_ms, rate_hz))
    stacks = stack_fields(
        span.duration_ms,
        rate_hz,
        flow_rate_hz=flow_rate_hz(stream.flow, grid),
        window=stream.window,
        stride=stream.stride,
        at_ends=stream.at_ends,
    )
    return np.asarray(stacks, dtype=np.intp)

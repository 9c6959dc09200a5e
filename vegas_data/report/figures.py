"""The drawings of the page: numbers in, SVG out. Colours are classes of ``style.css``, so that dark mode works.

Drawings that hold text keep their proportions and are made for a column of about 300 px; drawings without
text stretch to the box that the page gives them.
"""

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from vegas_data.report.data import Threshold
from vegas_data.report.numerals import percent
from vegas_data.report.svg import image, number, tag

_SCORE_BINS: Final = 40


def pie(counts: Sequence[float], *, title: str) -> Markup:
    """A pie from 12 o'clock, clockwise; slice ``i`` has class ``bin{i}``."""
    total = sum(counts)
    slices = []
    angle = 0.0
    for index, value in enumerate(counts):
        share = value / total if total else 0.0
        if share >= 1 - 1e-9:
            slices.append(tag("circle", cx=50, cy=50, r=48, class_=f"slice bin{index}"))
        elif share > 0:
            slices.append(tag("path", d=_wedge(angle, angle + share), class_=f"slice bin{index}"))
        angle += share
    if not total:
        slices.append(tag("circle", cx=50, cy=50, r=48, class_="empty"))
    return image(100, 100, *slices, title=title, class_="pie")


def _wedge(start: float, end: float, radius: float = 48) -> str:
    x0, y0 = 50 + radius * math.sin(math.tau * start), 50 - radius * math.cos(math.tau * start)
    x1, y1 = 50 + radius * math.sin(math.tau * end), 50 - radius * math.cos(math.tau * end)
    large = int(end - start > 0.5)
    return f"M50 50L{number(x0)} {number(y0)}A{radius} {radius} 0 {large} 1 {number(x1)} {number(y1)}Z"


def bar(share: float, *, kind: str, start: float = 0.0) -> Markup:
    """A horizontal bar in a table cell that already says the number: hidden from screen readers."""
    share, start = min(max(share, 0.0), 1.0), min(max(start, 0.0), 1.0)
    drawn = tag("rect", x=100 * start, y=0, width=100 * min(share, 1 - start), height=10, class_=kind)
    return tag("svg", drawn, viewBox="0 0 100 10", preserveAspectRatio="none", class_="bar", aria_hidden="true")


def score_histogram(upper: Sequence[float], lower: Sequence[float], *, limit: Threshold | None, title: str) -> Markup:
    """Scores of windows on 0 … 1, those that should pass above the line, the others below it."""
    above, below = _bins(upper), _bins(lower)
    tallest = max([1, *above, *below])
    step, middle, reach = 300 / _SCORE_BINS, 54.0, 34.0
    shapes = []
    for index in range(_SCORE_BINS):
        x = 10 + index * step
        for windows, kind in ((above[index], "present"), (below[index], "absent")):
            if windows:
                height = max(2.0, reach * windows / tallest)
                y = middle - height if kind == "present" else middle
                shapes.append(tag("rect", x=x + 0.5, y=y, width=step - 1, height=height, class_=kind))
    shapes.append(tag("line", x1=10, x2=310, y1=middle, y2=middle, class_="axis"))
    for value in (0.0, 0.5, 1.0):
        anchor = {0.0: "start", 1.0: "end"}.get(value, "middle")
        shapes.append(tag("text", f"{value:g}", x=10 + 300 * value, y=104, text_anchor=anchor, class_="tick"))
    if limit is not None:
        shapes += _threshold_lines(limit)
    return image(320, 108, *shapes, title=title, class_="histogram")


def _threshold_lines(limit: Threshold) -> list[Markup]:
    """An upright line for yes, another for no if they differ, and beside them how far to trust them."""
    places = [10 + 300 * min(max(value, 0.0), 1.0) for value in sorted({limit.reject, limit.accept})]
    lines = [tag("line", x1=x, x2=x, y1=2, y2=90, class_="threshold") for x in places]
    words = f"yes from {limit.accept:g}" + ("" if limit.calibrated else ", uncalibrated")
    x, anchor = (places[-1] + 5, "start") if places[-1] < 160 else (places[0] - 5, "end")
    return [*lines, tag("text", words, x=x, y=11, text_anchor=anchor, class_="tick")]


def _bins(scores: Sequence[float]) -> list[int]:
    bins = [0] * _SCORE_BINS
    for score in scores:
        bins[min(_SCORE_BINS - 1, max(0, int(score * _SCORE_BINS)))] += 1
    return bins


def waveform(
    envelope: Sequence[tuple[float, float]], *, onsets: Sequence[float], title: str, peak: float | None = None
) -> Markup:
    """Lowest and highest sample of each column as one shape; ``onsets`` (shares of the width) as lines.

    The height shows −``peak`` … ``peak``; without one it is magnified to the loudest sample: ``title`` has to say so.
    """
    peak = peak or max([1e-6, *(max(-low, high) for low, high in envelope)])
    columns = max(1, len(envelope))
    top = [f"{number(i)} {number(50 - 48 * high / peak)}" for i, (_, high) in enumerate(envelope)]
    bottom = [f"{number(i)} {number(50 - 48 * low / peak)}" for i, (low, _) in enumerate(envelope)]
    shapes = [tag("line", x1=0, x2=columns, y1=50, y2=50, class_="axis")]
    if envelope:
        shapes.append(tag("path", d=f"M{'L'.join([*top, *reversed(bottom)])}Z", class_="sound"))
    shapes += [
        tag("line", x1=columns * onset, x2=columns * onset, y1=0, y2=100, class_="onset")
        for onset in onsets
        if 0 <= onset <= 1
    ]
    return image(columns, 100, *shapes, title=title, stretch=True, class_="waveform")


def describe_shares(labels: Sequence[str], counts: Sequence[float]) -> str:
    """The content of a pie in words."""
    total = sum(counts)
    return ", ".join(f"{label}: {percent(value, total)}" for label, value in zip(labels, counts, strict=True))

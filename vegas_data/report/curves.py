"""Drawings of what was learned: losses over updates, and onset scores on 0 … 1. Numbers in, SVG and places out.

The drawings hold no text and stretch to their box; the page writes labels and ticks over them, at the places (in
percent of the box) that come with each drawing. So text has one size at every width.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from vegas_data.report.svg import image, number, tag

UNIFORM_NATS: Final = math.log(256)
_MAX_POINTS: Final = 240
_CEILING_NATS: Final = 8.0  # a loss that explodes leaves the drawing rather than flattening it
_LABEL_GAP: Final = 6.6  # percent of the drawing's height that one line of text takes
_SIDE: Final = 1000.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """One model's losses: (update, nats) of training, and of validation where it was measured."""

    name: str
    training: tuple[tuple[int, float], ...]
    validation: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Words, and where they stand: percent from the left, or from the top. ``kind`` is a class of the style sheet."""

    percent: float
    words: str
    kind: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A drawing with the places of its ticks and labels."""

    drawing: Markup
    steps: tuple[Place, ...]
    nats: tuple[Place, ...]
    uniform: Place
    labels: tuple[Place, ...]


def loss_chart(curves: Sequence[Curve], *, title: str) -> Chart:
    """Losses of the models of one category; the guess that knows nothing is a dashed line."""
    measured = [nats for curve in curves for _, nats in (*curve.training, *curve.validation)]
    low = 0.5 * math.floor(2 * min([UNIFORM_NATS, *measured]) - 0.2)
    high = 1.04 * max(UNIFORM_NATS, min(max(measured, default=0.0), _CEILING_NATS))
    last = max([1, *(step for curve in curves for step, _ in (*curve.training, *curve.validation))])

    def x(step: float) -> float:
        return _SIDE * step / last

    def y(nats: float) -> float:
        return _SIDE * (1 - (nats - low) / (high - low))

    ticks = _ticks(low, high)
    shapes = [tag("line", x1=0, x2=_SIDE, y1=y(nats), y2=y(nats), class_="grid") for nats in ticks]
    shapes.append(tag("line", x1=0, x2=_SIDE, y1=y(UNIFORM_NATS), y2=y(UNIFORM_NATS), class_="threshold"))
    for curve in curves:
        line = "L".join(f"{number(x(step))} {number(y(nats))}" for step, nats in thin_out(curve.training))
        dots = "".join(f"M{number(x(step))} {number(y(nats))}h0" for step, nats in curve.validation)
        shapes += [tag("path", d=f"M{line}", class_=f"loss-line {curve.name}")] if line else []
        shapes += [tag("path", d=dots, class_=f"loss-dots {kind}") for kind in ("halo", curve.name) if dots]
    ends = [(curve, (curve.training or curve.validation)[-1][1]) for curve in curves if measured_of(curve)]
    return Chart(
        drawing=image(_SIDE, _SIDE, *shapes, title=title, stretch=True, class_="losses"),
        steps=tuple(Place(percent=x(step) / 10, words=f"{step:,}") for step in _whole_ticks(last)),
        nats=tuple(Place(percent=y(nats) / 10, words=f"{nats:g}") for nats in ticks),
        uniform=Place(percent=y(UNIFORM_NATS) / 10, words=f"uniform guess {UNIFORM_NATS:.3f}"),
        labels=_spread(
            [Place(percent=y(nats) / 10, words=f"{curve.name} {nats:.2f}", kind=curve.name) for curve, nats in ends]
        ),
    )


def measured_of(curve: Curve) -> bool:
    """Whether there is anything to draw of a curve."""
    return bool(curve.training or curve.validation)


def thin_out(points: Sequence[tuple[int, float]]) -> list[tuple[float, float]]:
    """At most 240 points: means over equal runs of neighbours; the last point stays where it is."""
    if len(points) <= _MAX_POINTS:
        return [(float(step), nats) for step, nats in points]
    cuts = [len(points) * index // _MAX_POINTS for index in range(_MAX_POINTS + 1)]
    means = []
    for first, after in itertools.pairwise(cuts):
        run = points[first:after]
        means.append((sum(step for step, _ in run) / len(run), sum(nats for _, nats in run) / len(run)))
    return [*means[:-1], (float(points[-1][0]), points[-1][1])]


def _ticks(low: float, high: float) -> list[float]:
    step = 1.0 if high - low > 2.5 else 0.5
    first = math.ceil(low / step)
    return [step * index for index in range(first, math.floor(high / step) + 1)]


def _whole_ticks(last: int) -> list[int]:
    """Round numbers from 0 to ``last``, five or so."""
    magnitude = 10 ** math.floor(math.log10(last))
    step = next(s for s in (magnitude // 5, magnitude // 2, magnitude, 2 * magnitude, last) if s and last / s <= 6)
    return list(range(0, last + 1, step))


def _spread(labels: Sequence[Place]) -> tuple[Place, ...]:
    """Move labels apart that would cover one another, keeping their order and their middle."""
    ordered = sorted(labels, key=lambda label: label.percent)
    places = [label.percent for label in ordered]
    for _ in range(20):
        for index, (above, below) in enumerate(itertools.pairwise(places)):
            lack = _LABEL_GAP - (below - above)
            if lack > 1e-9:
                places[index : index + 2] = [above - lack / 2, below + lack / 2]
    return tuple(
        Place(percent=min(100.0, max(0.0, percent)), words=label.words, kind=label.kind)
        for percent, label in zip(places, ordered, strict=True)
    )


def score_bar(
    kind: str, value: float, interval: tuple[float, float], *, chance: float, ceiling: float, title: str
) -> Markup:
    """A score on 0 … 1 with its interval; what chance reaches as a dashed line, what the detector can as a full one."""
    low, score, high, chance, ceiling = (
        _SIDE * min(max(v, 0.0), 1.0) for v in (interval[0], value, interval[1], chance, ceiling)
    )
    return image(
        _SIDE,
        100,
        tag("rect", x=0, y=22, width=score, height=56, class_=f"score {kind}"),
        tag("path", d=f"M{number(low)} 50H{number(high)}M{number(low)} 36V64M{number(high)} 36V64", class_="whisker"),
        tag("line", x1=chance, x2=chance, y1=2, y2=98, class_="chance"),
        tag("line", x1=ceiling, x2=ceiling, y1=0, y2=100, class_="ceiling"),
        title=title,
        stretch=True,
        class_="score-bar",
    )

"""The attrition as a Sankey drawing: what is left runs along the top, what is lost drops out below.

Heights are times, on one scale over all columns; a ribbon thinner than a hair is drawn as a hair. Made for
wide screens: on narrow ones the page shows the table with bars instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from vegas_data.report.attrition import Level, Tally
from vegas_data.report.numerals import duration, phrase, plural, thousands
from vegas_data.report.svg import image, number, tag

_COLUMN: Final = 212.0  # from one column to the next
_NODE: Final = 12.0
_TOP: Final = 62.0
_MAIN: Final = 170.0  # height of everything listed
_GAP: Final = 30.0  # between the main stream and the losses
_SLOT: Final = 20.0  # least height of one loss with its label
_DROP: Final = 84.0  # how long before the next column a loss begins to sink
_HAIR: Final = 1.5


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of the last column: a category's examples."""

    title: str
    tally: Tally


def sankey(levels: Sequence[Level], parts: Sequence[Part], *, title: str) -> Markup:
    """Draw ``levels`` from left to right; the last is divided into ``parts``."""
    scale = _MAIN / max(1, levels[0].left.ms)
    shapes: list[Markup] = []
    bottom = _TOP + _MAIN
    for column, level in enumerate(levels):
        x = column * _COLUMN
        last = column == len(levels) - 1
        height = level.left.ms * scale
        shapes += _heading(level, x)
        if last:
            if level.left.ms:
                bottom = max(bottom, _divide(shapes, parts, x, scale))
            continue
        if level.left.ms:
            shapes.append(tag("rect", x=x, y=_TOP, width=_NODE, height=max(height, _HAIR), class_="node"))
        onward = levels[column + 1].left.ms * scale
        if onward and column + 1 < len(levels) - 1:
            shapes.append(_ribbon(x + _NODE, _TOP, x + _COLUMN, _TOP, onward, "stream"))
        bottom = max(bottom, _lose(shapes, level, x, onward, scale))
    return image(5 * _COLUMN - 62, bottom + 8, *shapes, title=title, class_="sankey")


def _heading(level: Level, x: float) -> list[Markup]:
    amount = plural(level.left.count, level.unit)
    return [
        tag("text", level.name, x=x, y=16, class_="name"),
        tag("text", amount, x=x, y=34, class_="amount"),
        tag("text", duration(level.left.ms), x=x, y=51, class_="time"),
    ]


def _lose(shapes: list[Markup], level: Level, x: float, onward: float, scale: float) -> float:
    """Draw the losses after one level; returns where the lowest ends."""
    leaves = _TOP + onward
    arrives = _TOP + _MAIN + _GAP
    for key, tally in level.losses:
        height = max(_HAIR, tally.ms * scale)
        slot = max(_SLOT, height)
        y = arrives + (slot - height) / 2
        far = x + _COLUMN
        amount = (
            f"{phrase(key.reason)} {thousands(tally.count)}"
            if key.unit
            else f"{phrase(key.reason)} {duration(tally.ms)}"
        )
        words = tag("title", f"{amount}, {duration(tally.ms)}")
        shapes.append(_ribbon(x + _NODE, leaves, far, y, height, f"loss {key.kind}", words))
        shapes.append(tag("rect", x=far, y=y, width=5, height=height, class_=f"stub {key.kind}"))
        shapes.append(tag("text", amount, x=far + 10, y=arrives + slot / 2 + 4.5, class_="reason"))
        leaves += tally.ms * scale
        arrives += slot
    return arrives if level.losses else 0.0


def _divide(shapes: list[Markup], parts: Sequence[Part], x: float, scale: float) -> float:
    """Draw the last column's parts and the ribbons that reach them; returns where the lowest ends."""
    leaves = arrives = _TOP
    for part in parts:
        if part.tally.ms:
            height = max(_HAIR, part.tally.ms * scale)
            slot = max(_SLOT, height)
            y = arrives + (slot - height) / 2
            shapes.append(_ribbon(x - _COLUMN + _NODE, leaves, x, y, height, "stream kept"))
            shapes.append(tag("rect", x=x, y=y, width=_NODE, height=height, class_="node kept"))
            words = f"{part.title} {thousands(part.tally.count)}"
            shapes.append(tag("text", words, x=x + _NODE + 6, y=arrives + slot / 2 + 4.5, class_="reason"))
            leaves += part.tally.ms * scale
            arrives += slot + 6
    return arrives


def _ribbon(x0: float, y0: float, x1: float, y1: float, height: float, kind: str, *children: Markup) -> Markup:
    """A band of constant height that runs level, then bends shortly before its end."""
    bend = max(x0, x1 - _DROP) if y0 != y1 else x0
    middle = (bend + x1) / 2
    p = [number(value) for value in (x0, y0, bend, middle, x1, y1, y0 + height, y1 + height)]
    forth = f"M{p[0]} {p[1]}H{p[2]}C{p[3]} {p[1]} {p[3]} {p[5]} {p[4]} {p[5]}"
    back = f"V{p[7]}C{p[3]} {p[7]} {p[3]} {p[6]} {p[2]} {p[6]}H{p[0]}Z"
    return tag("path", *children, d=forth + back, class_=kind)

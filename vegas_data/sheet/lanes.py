"""The lanes of a sheet on a canvas: each knows its height and paints itself, with every time where the axis has it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vegas_data.records import Example
from vegas_data.sheet import facts
from vegas_data.sheet.canvas import FAINT, INK, PANEL, SOFT, Canvas, Colour, fit
from vegas_data.sheet.data import SheetData
from vegas_data.sheet.draw import Drawing, in_colours, spectrogram_rgb
from vegas_data.sheet.layout import hertz, octaves, share_of_octaves, ticks_s
from vegas_data.sheet.strips import Strip

if TYPE_CHECKING:
    from vegas_data.report.timeline import Block

LEFT: Final = 180
RIGHT: Final = 1560
MARGIN: Final = 40
_GAP: Final = 10
_LEAST: Final = 38  # a label and the line below it
_SOUND: Final[Colour] = (47, 100, 149)
_SOUND_TINT: Final[Colour] = (207, 223, 238)
HIT: Final[Colour] = (180, 71, 43)
_VERDICTS: Final[dict[str, tuple[Colour, Colour, Colour]]] = {
    "accepted": ((21, 117, 106), (207, 232, 226), (13, 84, 76)),
    "rejected": ((180, 71, 43), (246, 217, 207), (138, 47, 23)),
    "undecided": ((148, 117, 26), (241, 228, 189), (106, 82, 11)),
    "": ((222, 218, 208), PANEL, SOFT),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """Time in pixels: the clip from ``LEFT`` to ``RIGHT``."""

    duration_s: float

    def x(self, time_s: float) -> float:
        """Where a time stands."""
        return LEFT + (RIGHT - LEFT) * time_s / self.duration_s


@dataclass(frozen=True, kw_only=True)
class Row:
    """A lane: so high, with words beside it; ``paint`` is called with its top."""

    height: int
    paint: Callable[[Canvas, int], None]
    label: str = ""
    beside: str = ""
    gap: int = _GAP
    is_veiled: bool = True


def lane_rows(data: SheetData, drawing: Drawing, axis: Axis) -> list[Row]:
    """All lanes of a sheet, from top to bottom."""
    heard, watched = drawing.heard, drawing.watched
    step_s = float(drawing.slots.step_s)
    first = watched.moments[0].picture
    slot_px = axis.x(step_s) - LEFT
    high = min(170, round(slot_px * first.shape[0] / first.shape[1]))
    pictures = [moment.picture for moment in watched.moments]
    rows = [Row(height=22, paint=lambda c, top: _ticks(c, axis, top, data), label="seconds", is_veiled=False, gap=4)]
    rows += [
        Row(
            height=24,
            paint=lambda c, top, own=own: _examples(c, axis, top, data, own),  # type: ignore[misc]
            label="example",
            is_veiled=False,
            gap=6,
        )
        for own in data.examples_by_category.values()
    ]
    rows.append(
        Row(
            height=max(high + 18, _LEAST),
            paint=lambda c, top: _strip(c, axis, top, high, pictures, drawing, named=True),
            label="picture",
            beside="at its middle",
            gap=4,
        )
    )
    if watched.flow_size[0]:
        flows = [flows[0] if flows else None for flows in drawing.flows]
        rows.append(
            Row(
                height=max(high, _LEAST),
                paint=lambda c, top: _strip(c, axis, top, high, flows, drawing),
                label="motion",
                beside=f"TV-L1 over {1000 / float(data.motion.rate_hz):.0f} ms",
            )
        )
    most = float(watched.change.max(initial=0))
    rows += [
        Row(
            height=40,
            paint=lambda c, top: _change(c, axis, top, data, drawing),
            label="change",
            beside=f"up to {most:.1f} grey levels",
        ),
        Row(
            height=100,
            paint=lambda c, top: _wave(c, axis, top, data, drawing),
            label="sound",
            beside=f"± {heard.peak:.3f} of full scale",
        ),
        Row(
            height=220,
            paint=lambda c, top: _spectrum(c, axis, top, data, drawing),
            label="spectrum",
            beside="Hz",
        ),
    ]
    rows += [_verdict_row(axis, lane, many=len(data.categories) > 1) for lane in facts.lanes(data)]
    for strips in _by_stream(drawing.strips):
        rows += _stream_rows(axis, strips)
    rows.append(Row(height=24, paint=lambda c, top: _ticks(c, axis, top, data), label="seconds", is_veiled=False))
    return rows


def _by_stream(strips: Sequence[Strip]) -> list[list[Strip]]:
    found: dict[str, list[Strip]] = {}
    for strip in strips:
        found.setdefault(strip.stream.name, []).append(strip)
    return list(found.values())


def _ticks(canvas: Canvas, axis: Axis, top: int, data: SheetData) -> None:
    for tick in ticks_s(data.duration_ms):
        x = axis.x(tick)
        align = "right" if 1000 * tick == data.duration_ms else "middle"
        canvas.text(str(tick), x, top + 15, px=14, colour=SOFT, align=align if tick else "left")  # type: ignore[arg-type]
        canvas.upright(min(x, RIGHT - 1), top + 18, top + 22, SOFT)
    canvas.box(LEFT, top + 21, RIGHT, top + 22, FAINT)


def _examples(canvas: Canvas, axis: Axis, top: int, data: SheetData, examples: Sequence[Example]) -> None:
    for one in examples:
        start, end = (axis.x(data.in_clip(ms) / 1000) for ms in (one.start_ms, one.end_ms))
        is_other = one not in data.shown
        canvas.box(start, top, end, top + 24, FAINT if is_other else _SOUND)
        canvas.box(start + 2, top + 2, end - 2, top + 24, PANEL if is_other else _SOUND_TINT)
        span = f"{facts.seconds(data.in_clip(one.start_ms))} – {facts.seconds(data.in_clip(one.end_ms))} s"
        words = fit(f"{data.report.title(one.category)} {span}", 14, end - start - 8)
        canvas.text(words, (start + end) / 2, top + 18, px=14, align="middle")


def _strip(
    canvas: Canvas,
    axis: Axis,
    top: int,
    high: int,
    pictures: "Sequence[np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None]",
    drawing: Drawing,
    *,
    named: bool = False,
) -> None:
    """Pictures in the middle of their slots."""
    step_s = float(drawing.slots.step_s)
    slot_px = axis.x(step_s) - LEFT
    if not named:
        canvas.box(LEFT, top - 1, axis.x(step_s * drawing.slots.count), top + high + 1, FAINT)
    for index, (moment, picture) in enumerate(zip(drawing.watched.moments, pictures, strict=True)):
        middle = axis.x(float(moment.time_s))
        if picture is not None:
            half = min(slot_px - 2, high * picture.shape[1] / picture.shape[0]) / 2
            canvas.picture(picture, middle - half, top, middle + half, top + high)
        if named:
            is_centre = drawing.slots.is_centre(index)
            words = f"{float(moment.time_s):.2f}"
            canvas.text(words, middle, top + high + 14, px=13, colour=INK if is_centre else SOFT, align="middle")


def _hits(canvas: Canvas, axis: Axis, top: int, bottom: int, data: SheetData, colour: Colour) -> None:
    for ms in data.onsets_ms:
        canvas.upright(axis.x(ms / 1000), top, bottom, colour, dash=4)


def _change(canvas: Canvas, axis: Axis, top: int, data: SheetData, drawing: Drawing) -> None:
    canvas.box(LEFT, top, RIGHT, top + 40, PANEL)
    most = float(drawing.watched.change.max(initial=0)) or 1.0
    for time_s, value in zip(drawing.watched.change_s, drawing.watched.change, strict=True):
        if time_s < axis.duration_s and value > 0:
            x = round(axis.x(float(time_s)))
            canvas.box(x, top + 40 - 40 * float(value) / most, x + 2, top + 40, _SOUND)
    _hits(canvas, axis, top, top + 40, data, HIT)


def _wave(canvas: Canvas, axis: Axis, top: int, data: SheetData, drawing: Drawing) -> None:
    canvas.box(LEFT, top, RIGHT, top + 100, PANEL)
    canvas.box(LEFT, top + 50, RIGHT, top + 51, FAINT)
    peak = drawing.heard.peak or 1.0
    columns = len(drawing.heard.outline)
    for index, (low, high) in enumerate(drawing.heard.outline):
        x0, x1 = (axis.x(axis.duration_s * place / columns) for place in (index, index + 1))
        y0, y1 = top + 50 - 48 * high / peak, top + 50 - 48 * low / peak
        canvas.box(x0, y0, max(x1, round(x0) + 1), max(y1, y0 + 1), _SOUND)
    _hits(canvas, axis, top, top + 100, data, HIT)


def _spectrum(canvas: Canvas, axis: Axis, top: int, data: SheetData, drawing: Drawing) -> None:
    canvas.picture(spectrogram_rgb(drawing.heard), LEFT, top, RIGHT, top + 220)
    spectrum = drawing.heard.spectrogram
    for hz in octaves(spectrum.low_hz, spectrum.high_hz):
        y = top + 220 - 220 * share_of_octaves(hz, spectrum.low_hz, spectrum.high_hz)
        canvas.text(hertz(hz), LEFT - 10, y + 5, px=13, colour=SOFT, align="right")
        canvas.box(LEFT - 6, y, LEFT, y + 1, FAINT)
    _hits(canvas, axis, top, top + 220, data, (214, 210, 214))


def _verdict_row(axis: Axis, lane: facts.Lane, *, many: bool) -> Row:
    lines = max([0, *(len(_measures(block)) for block in lane.blocks)])
    height = 34 + 19 * lines

    def paint_blocks(canvas: Canvas, top: int) -> None:
        for block in lane.blocks:
            x0, x1 = axis.x(block.start_ms / 1000), axis.x(block.end_ms / 1000)
            edge, tint, ink = _VERDICTS.get(block.decision, _VERDICTS[""])
            canvas.box(x0, top, x1 - 2, top + height, tint)
            canvas.box(x0, top, x1 - 2, top + 4, edge)
            words = facts.reason(block)
            canvas.text(fit(words, 16, x1 - x0 - 16), x0 + 8, top + 24, px=16, colour=ink, bold=True)
            for line, measure in enumerate(_measures(block)):
                canvas.text(fit(measure, 14, x1 - x0 - 16), x0 + 8, top + 44 + 19 * line, px=14, colour=ink)

    return Row(height=height, paint=paint_blocks, label="verdict", beside=lane.title if many else "", is_veiled=False)


def _measures(block: "Block") -> list[str]:
    words = [
        f"{one.side or one.scorer} {one.value:.2f}"
        + ("" if one.limit is None else f" {'≥' if one.passes else '<'} {one.limit:g}")
        for one in block.measured
    ]
    return [*words, block.signal] if block.signal else words


def _stream_rows(axis: Axis, strips: Sequence[Strip]) -> list[Row]:
    largest = max(strip.largest for strip in strips)
    shown, known = strips[0].heat.shape[0], strips[0].num_dimensions

    def paint_distances(canvas: Canvas, top: int) -> None:
        canvas.box(LEFT, top, RIGHT, top + 40, PANEL)
        for strip in strips:
            for row, value in enumerate(map(float, strip.distance)):
                if value > 0:
                    x0, x1 = (axis.x(strip.start_s + place * strip.step_s) for place in (row, row + 1))
                    canvas.box(x0, top + 40 - 40 * value / (largest or 1.0), x1, top + 40, _SOUND)

    def paint_heat(canvas: Canvas, top: int) -> None:
        canvas.box(LEFT, top, RIGHT, top + 96, PANEL)
        for strip in strips:
            picture = in_colours(strip.heat, "cividis")
            canvas.picture(picture, axis.x(strip.start_s), top, axis.x(strip.end_s), top + 96, smooth=False)

    name = strips[0].stream.name
    beside = f"distance, up to {largest:.3f}"
    return [
        Row(height=40, paint=paint_distances, label=fit(name, 16, LEFT - MARGIN - 8), beside=beside, gap=1),
        Row(height=96, paint=paint_heat, beside=f"{shown} of {known:,} dimensions"),
    ]

"""The essentials of a sheet as one PNG, 1,600 px wide: the page's lanes on the same time axis, and its identity."""

from typing import Final

import numpy as np

from vegas_data.report.numerals import signed
from vegas_data.sheet import facts
from vegas_data.sheet.canvas import INK, PAPER, SOFT, Canvas, Colour, fit, wrap
from vegas_data.sheet.data import SheetData
from vegas_data.sheet.draw import Drawing, colour_flow, in_colours
from vegas_data.sheet.lanes import HIT, LEFT, MARGIN, RIGHT, Axis, lane_rows
from vegas_data.sheet.listen import RANGE_DB, WINDOW_S

WIDTH: Final = 1600
_ALARM: Final[Colour] = (138, 47, 23)


def render_picture(data: SheetData, drawing: Drawing) -> bytes:
    """The sheet as a PNG."""
    return paint(data, drawing).png()


def paint(data: SheetData, drawing: Drawing) -> Canvas:
    """The sheet as pixels: first how high everything is, then everything."""
    axis = Axis(duration_s=data.duration_ms / 1000)
    rows = lane_rows(data, drawing, axis)
    head, foot = _head_lines(data), _foot_lines(data, drawing)
    lanes_top = 104 + 24 * len(head)
    keys_top = lanes_top + sum(row.height + row.gap for row in rows)
    canvas = Canvas(WIDTH, keys_top + 140 + 22 * len(foot) + 24)
    canvas.text(facts.headline(data), MARGIN, 56, px=30)
    canvas.text(data.id, MARGIN, 86, px=17, colour=SOFT)
    for line, (words, colour) in enumerate(head):
        canvas.text(words, MARGIN, 112 + 24 * line, px=16, colour=colour)
    top = lanes_top
    for row in rows:
        canvas.text(row.label, MARGIN, top + 15, px=16)
        for line, words in enumerate(wrap(row.beside, 13, LEFT - MARGIN - 6) if row.beside else []):
            canvas.text(words, MARGIN, top + 32 + 16 * line, px=13, colour=SOFT)
        row.paint(canvas, top)
        canvas.lanes.setdefault(row.label or row.beside, slice(top, top + row.height))
        if row.is_veiled and data.example is not None:
            start_s, end_s = (data.in_clip(ms) / 1000 for ms in (data.example.start_ms, data.example.end_ms))
            canvas.veil(LEFT, top, axis.x(max(0.0, start_s)), top + row.height)
            canvas.veil(axis.x(min(axis.duration_s, end_s)), top, RIGHT, top + row.height)
        top += row.height + row.gap
    _keys(canvas, data, drawing, keys_top + 4)
    for line, words in enumerate(foot):
        canvas.text(words, MARGIN, keys_top + 160 + 22 * line, px=14, colour=SOFT)
    return canvas


def _head_lines(data: SheetData) -> list[tuple[str, Colour]]:
    width = RIGHT - MARGIN
    said = "   ".join(f"{one.title}: {one.headline}" for one in facts.lanes(data))
    lines = [(fit(said, 16, width), INK)]
    if data.random_streams:
        lines.append((fit(f"RANDOM WEIGHTS, not trained: {', '.join(data.random_streams)}", 16, width), _ALARM))
    return lines + [(fit(note, 16, width), _ALARM) for note in data.notes]


def _keys(canvas: Canvas, data: SheetData, drawing: Drawing, top: int) -> None:
    """The wheel with its scale, and the two scales of colours."""
    x = MARGIN
    height, width = drawing.watched.flow_size
    if height:
        axis = np.linspace(-1, 1, 96, dtype=np.float32)
        across, down = np.meshgrid(axis, axis)
        wheel = colour_flow(np.stack([across, down]), 1.0)[0]
        wheel[np.hypot(across, down) > 1] = PAPER
        canvas.picture(wheel, x, top, x + 96, top + 96)
        said = [
            f"Flow: its direction as on the wheel, the rim {drawing.full_px:g} px",
            f"and more in {1000 / float(data.motion.rate_hz):.1f} ms, at {width} × {height} px",
            f"engine {drawing.watched.engine}, rest is white",
        ]
        for line, words in enumerate(said):
            canvas.text(words, x + 112, top + 30 + 21 * line, px=14, colour=SOFT)
    ramp = np.arange(256, dtype=np.uint8)[None]
    spectrum = drawing.heard.spectrogram
    scales = (
        ("magma", signed(spectrum.top_db - RANGE_DB, 0), "dB, a sine of full scale is 0", signed(spectrum.top_db, 0)),
        ("cividis", "least", "each dimension by itself", "most"),
    )
    for index, (scale, low, middle, high) in enumerate(scales):
        y = top + 14 + 46 * index
        canvas.picture(in_colours(ramp, scale), 560, y, 900, y + 12)
        for words, place, align in ((low, 560, "left"), (middle, 730, "middle"), (high, 900, "right")):
            canvas.text(words, place, y + 28, px=13, colour=SOFT, align=align)  # type: ignore[arg-type]
    window_ms, rate_hz = float(1000 * WINDOW_S), float(data.sample_rate_hz)
    how = [f"Spectrum: Hann windows of {window_ms:.0f} ms at {rate_hz:,g} Hz, strongest bin of each band"]
    how.append("Distance: 1 − cos between a row of features and the one before")
    if data.onsets_are:
        canvas.upright(950, top + 58, top + 74, HIT, dash=4)
        how.append(f"    {len(data.onsets_ms)} {data.onsets_are} onsets")
    for line, words in enumerate(how):
        canvas.text(words, 944, top + 26 + 22 * line, px=14, colour=SOFT)


def _foot_lines(data: SheetData, drawing: Drawing) -> list[str]:
    """Identity in a few lines: what is too long is wrapped."""
    known = {fact.name: fact.value for fact in facts.clip_facts(data)}
    lines = [
        f"clip {data.clip.id}   source {known['source video']}, {known['span in it']}   licence {known['licence']}"
    ]
    lines += [f"credit {data.credit}"] if data.credit else []
    lines.append(f"mp4 sha256 {data.media.sha256}   {known['picture']}")
    lines += [
        f"shard {place.shard.name} ({place.shard.split})   members {', '.join(place.members)}" for place in data.places
    ]
    shown = {(one.name, one.digest, one.weights): one for one in data.streams}.values()
    lines += [
        f"stream {one.name}: digest {one.digest}, weights {one.weights}, {float(one.rate_hz):g} rows/s, "
        f"window {one.window}"
        for one in shown
    ]
    lines.append(
        "   ".join([f"recipe {data.report.recipe_name}", *(f"{name} {value}" for name, value in data.digests)])
    )
    return [line for words in lines for line in wrap(words, 14, RIGHT - MARGIN)]

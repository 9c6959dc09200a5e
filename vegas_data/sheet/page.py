"""A sheet as one HTML file: no script, nothing from anywhere; every lane on the same time axis, in percent of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from vegas_data.report.figures import waveform
from vegas_data.report.numerals import BLANK, plural, signed
from vegas_data.report.page import environment
from vegas_data.report.pictures import player, webp
from vegas_data.report.svg import image, number, tag
from vegas_data.sheet import facts
from vegas_data.sheet.data import SheetData
from vegas_data.sheet.draw import Drawing, colour_flow, in_colours, spectrogram_rgb
from vegas_data.sheet.layout import hertz, octaves, share_of_octaves, ticks_s
from vegas_data.sheet.listen import RANGE_DB, WINDOW_S, Heard
from vegas_data.sheet.strips import Strip

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vegas_data.sheet.draw import Pixels

POLICY: Final = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"
_TEMPLATES: Final = Path(__file__).parent / "templates"
_PICTURE_PX: Final = 200
_QUALITY: Final = 78
_LOSSLESS: Final = 101
_AREA_HEIGHT: Final = 100
_WHEEL_PX: Final = 56


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """A picture and its flow, for light and for dark, each a data URI, and when it is shown."""

    time: str
    later: str
    is_centre: bool
    picture: str
    flow: str
    flow_dark: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """One stream of one example: where it stands in percent of the axis, and its two drawings."""

    strip: Strip
    left: float
    width: float
    heat: str
    distance: Markup


def render_page(data: SheetData, drawing: Drawing, path: Path) -> str:
    """The sheet of a clip whose media lies at ``path``, as HTML text."""
    heard, spectrum = drawing.heard, drawing.heard.spectrogram
    height, width = drawing.watched.flow_size
    return (
        environment(_TEMPLATES)
        .get_template("sheet.html.j2")
        .render(
            policy=POLICY,
            data=data,
            drawing=drawing,
            headline=facts.headline(data),
            lanes=facts.lanes(data),
            clip_facts=facts.clip_facts(data),
            example_facts=facts.example_facts(data),
            reason=facts.reason,
            seconds=facts.seconds,
            span=facts.span,
            signed=signed,
            ticks=ticks_s(data.duration_ms),
            at=lambda ms: number(100 * ms / data.duration_ms),
            player=player(path),
            slots=_slots(data, drawing),
            covered=number(100_000 * float(drawing.slots.step_s) * drawing.slots.count / data.duration_ms),
            step_ms=float(1000 / data.motion.rate_hz),
            flow_size=(width, height),
            wheel=_wheel(drawing.full_px) if height else "",
            change=_area(
                drawing.watched.change_s, drawing.watched.change, data.duration_ms / 1000, _change_title(drawing)
            ),
            sound=waveform(heard.outline, onsets=(), title=_sound_title(data, heard)),
            spectrogram=webp(spectrogram_rgb(heard), max_height_px=1000, quality=92),
            spectrum_title=_spectrum_title(data, heard),
            octaves=[
                (hertz(hz), number(100 - 100 * share_of_octaves(hz, spectrum.low_hz, spectrum.high_hz)))
                for hz in octaves(spectrum.low_hz, spectrum.high_hz)
            ],
            window_ms=float(1000 * WINDOW_S),
            rate_hz=f"{float(data.sample_rate_hz):,g}{BLANK}Hz",
            range_db=(spectrum.top_db - RANGE_DB, spectrum.top_db),
            magma=_ramp("magma"),
            cividis=_ramp("cividis"),
            bands=_bands(data, drawing),
        )
    )


def _slots(data: SheetData, drawing: Drawing) -> list[Slot]:
    step_s = 1 / data.motion.rate_hz
    return [
        Slot(
            time=f"{float(moment.time_s):.2f}",
            later=f"{float(moment.time_s + step_s):.3f}",
            is_centre=drawing.slots.is_centre(index),
            picture=webp(moment.picture, max_height_px=_PICTURE_PX, quality=_QUALITY),
            flow=webp(flows[0], max_height_px=_PICTURE_PX, quality=_QUALITY) if flows else "",
            flow_dark=webp(flows[1], max_height_px=_PICTURE_PX, quality=_QUALITY) if flows else "",
        )
        for index, (moment, flows) in enumerate(zip(drawing.watched.moments, drawing.flows, strict=True))
    ]


def _bands(data: SheetData, drawing: Drawing) -> dict[str, list[Band]]:
    """The strips by stream: a clip can hold several examples."""
    found: dict[str, list[Band]] = {}
    whole_s = data.duration_ms / 1000
    tops: dict[str, float] = {}
    for strip in drawing.strips:
        tops[strip.stream.name] = max(strip.largest, tops.get(strip.stream.name, 0.0))
    for strip in drawing.strips:
        found.setdefault(strip.stream.name, []).append(
            Band(
                strip=strip,
                left=100 * strip.start_s / whole_s,
                width=100 * (strip.end_s - strip.start_s) / whole_s,
                heat=_pixels(in_colours(strip.heat, "cividis")),
                distance=_distances(strip, tops[strip.stream.name] or 1.0),
            )
        )
    return found


def _pixels(picture: "Pixels") -> str:
    return webp(picture, max_height_px=len(picture), quality=_LOSSLESS)


def _ramp(scale: str) -> str:
    import numpy as np

    return _pixels(in_colours(np.arange(256, dtype=np.uint8)[None], scale))


def _distances(strip: Strip, top: float) -> Markup:
    """Each distance over its row's share of the axis; ``top`` is as high as the drawing."""
    shapes = [
        tag(
            "rect", x=row, y=_AREA_HEIGHT * (1 - value / top), width=1, height=_AREA_HEIGHT * value / top, class_="step"
        )
        for row, value in enumerate(map(float, strip.distance))
        if value > 0
    ]
    title = f"{strip.stream.name}: distance of each of {plural(len(strip.distance), 'row')} from the one before"
    title += f", at most {strip.largest:.3f}"
    return image(len(strip.distance), _AREA_HEIGHT, *shapes, title=title, stretch=True, class_="area")


def _area(times_s: "npt.NDArray[np.float64]", values: "npt.NDArray[np.float64]", whole_s: float, title: str) -> Markup:
    """Values at their times as needles from the ground, the largest as high as the drawing."""
    top = float(values.max(initial=0)) or 1.0
    path = "".join(
        f"M{number(1000 * float(time_s) / whole_s)} {_AREA_HEIGHT}V{number(_AREA_HEIGHT * (1 - float(value) / top))}"
        for time_s, value in zip(times_s, values, strict=True)
        if time_s <= whole_s
    )
    shapes = [tag("path", d=path, class_="needles")] if path else []
    return image(1000, _AREA_HEIGHT, *shapes, title=title, stretch=True, class_="area")


def _change_title(drawing: Drawing) -> str:
    most = float(drawing.watched.change.max(initial=0))
    if not most:
        return "Change from picture to picture: none"
    at_s = float(drawing.watched.change_s[int(drawing.watched.change.argmax())])
    return f"Change from picture to picture, most at {at_s:.2f} s: {most:.1f} of 255 grey levels on average"


def _sound_title(data: SheetData, heard: Heard) -> str:
    whole = facts.seconds(data.duration_ms)
    title = f"Waveform of {whole} s, magnified to its loudest sample, {heard.peak:.3f} of full scale"
    if data.onsets_ms:
        title += f", with {plural(len(data.onsets_ms), f'{data.onsets_are} onset')} marked"
    return title


def _spectrum_title(data: SheetData, heard: Heard) -> str:
    spectrum = heard.spectrogram
    share, hz, level_db = spectrum.loudest()
    return (
        f"Spectrogram from {spectrum.low_hz:.0f} Hz to {spectrum.high_hz:.0f} Hz on a logarithmic axis; loudest at "
        f"{share * data.duration_ms / 1000:.2f} s and {hz:.0f} Hz with {signed(level_db)} dB of a sine of full scale"
    )


def _wheel(full_px: float) -> Markup:
    """The key of the flow's colours: rest in the middle, half and full colour as rings with their displacement."""
    words = []
    for radius, text in ((25, f"{full_px / 2:g}"), (50, f"{full_px:g}{BLANK}px")):
        at = math.sqrt(0.5) * radius
        words.append(tag("circle", cx=75, cy=75, r=radius, class_="ring"))
        words.append(tag("text", text, x=77 + at, y=81 + at, class_="ring-label"))
    wheels = [
        tag(
            "image",
            href=webp(wheel),
            x=25,
            y=25,
            width=100,
            height=100,
            clip_path="circle(50px at 50px 50px)",
            class_=kind,
        )
        for kind, wheel in zip(("light", "dark"), _wheels(), strict=True)
    ]
    sides: Sequence[tuple[str, float, float, str]] = (
        ("right", 128, 79, "start"),
        ("left", 22, 79, "end"),
        ("up", 75, 20, "middle"),
        ("down", 75, 138, "middle"),
    )
    names = [tag("text", name, x=x, y=y, text_anchor=anchor, class_="side") for name, x, y, anchor in sides]
    title = f"Colours of motion: hue tells where to, depth how far; the middle is rest, the rim {full_px:g} px and more"
    return image(160, 146, *wheels, *words, *names, title=title, class_="key-wheel")


def _wheels() -> "tuple[Pixels, Pixels]":
    import numpy as np

    axis = np.linspace(-1, 1, 2 * _WHEEL_PX, dtype=np.float32)
    return colour_flow(np.stack(np.meshgrid(axis, axis)), 1.0)

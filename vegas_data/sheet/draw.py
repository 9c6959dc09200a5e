"""A clip and what is known of it in; out everything a sheet shows of its media and features, as arrays with times."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vegas_data.sheet.data import SheetData
from vegas_data.sheet.layout import Slots, full_colour_px
from vegas_data.sheet.listen import Heard, listen
from vegas_data.sheet.strips import Strip, make_strip
from vegas_data.sheet.watch import Watched, watch

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Flow = npt.NDArray[np.float32]
    Pixels = npt.NDArray[np.uint8]

_FULL_SHARE: Final = 0.995  # of all displacements, those that stay within full colour


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What page and picture are made from.

    Args:
        full_px: displacement in one step of the flow's rate that full colour stands for, at the scale of features.
        flows: each moment's flow in colours, on white and on black, or None.
    """

    slots: Slots
    watched: Watched
    heard: Heard
    full_px: float
    flows: "tuple[tuple[Pixels, Pixels] | None, ...]"
    strips: tuple[Strip, ...]


def draw(data: SheetData, path: Path) -> Drawing:
    """Decode the clip at ``path``, once for its pictures and once for its sound.

    Raises:
        MediaError: it cannot be decoded. FeatureError: its flow is not finite.
    """
    import numpy as np

    slots = Slots.of(data.duration_ms, data.report.window_ms)
    watched = watch(path, slots.times_s, data.motion)
    speeds = [np.hypot(*moment.flow).ravel() for moment in watched.moments if moment.flow is not None]
    full_px = full_colour_px(float(np.quantile(np.concatenate(speeds), _FULL_SHARE)) if speeds else 0.0)
    return Drawing(
        slots=slots,
        watched=watched,
        heard=listen(path, data.media, data.sample_rate_hz),
        full_px=full_px,
        flows=tuple(None if moment.flow is None else colour_flow(moment.flow, full_px) for moment in watched.moments),
        strips=tuple(strip for stream in data.streams if (strip := make_strip(stream)) is not None),
    )


def colour_flow(flow: "Flow", full_px: float) -> "tuple[Pixels, Pixels]":
    """Flow on the colour wheel with rest in white, and with rest in black: the same hues.

    Shape:
        float32 [2, H, W] → uint8 [H, W, 3], RGB, twice.
    """
    import numpy as np

    from vegas_data.features.flow.pictures import flow_to_rgb

    light = flow_to_rgb(flow, bound_px=full_px)
    white = 255 * (1 - np.clip(np.hypot(*flow) / full_px, 0, 1))
    return light, np.clip(np.rint(light - white[..., None]), 0, 255).astype(np.uint8)


def spectrogram_rgb(heard: Heard) -> "Pixels":
    """The spectrogram in colours, the highest frequency on top.

    Shape:
        uint8 [rows, columns, 3], RGB.
    """
    import numpy as np

    from vegas_data.sheet.listen import RANGE_DB

    found = heard.spectrogram
    share = (found.level_db[::-1] - (found.top_db - RANGE_DB)) / RANGE_DB
    return in_colours(np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8), "magma")


def in_colours(values: "Pixels", scale: str) -> "Pixels":
    """0 … 255 on one of OpenCV's scales of colours: ``magma`` or ``cividis``.

    Shape:
        uint8 [H, W] → uint8 [H, W, 3], RGB.
    """
    import cv2
    import numpy as np

    table = {"magma": cv2.COLORMAP_MAGMA, "cividis": cv2.COLORMAP_CIVIDIS}[scale]
    return np.ascontiguousarray(cv2.applyColorMap(values, table)[..., ::-1])

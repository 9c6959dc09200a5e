"""Flow as pictures: 8 bits per component, as two-stream work stores it, and colours for people to look at."""

from typing import Final, cast

import numpy as np
import numpy.typing as npt

from vegas_data.features.flow.tvl1 import Flow
from vegas_data.features.pictures import Pixels

NO_MOTION: Final = 128
LEVELS: Final = 255


def quantise(flow: Flow, *, bound_px: float = 20.0) -> Pixels:
    """round(255 (v + bound) / (2 bound)), clipped; halves to even, so that no motion is 128.

    The form in which flow was stored for the public two-stream weights (Simonyan & Zisserman 2014, §5). With a bound
    of 20 px one step is 0.157 px.

    Shape: float32 [...], pixels → uint8 [...].
    """
    levels = (flow.astype(np.float64) + bound_px) * (LEVELS / (2 * bound_px))
    return cast(Pixels, np.rint(np.clip(levels, 0, LEVELS)).astype(np.uint8))


def unrounded(flow: Flow, *, bound_px: float = 20.0) -> npt.NDArray[np.float32]:
    """128 + 255 v / (2 bound), clipped to 0 to 255: the levels of ``quantise``, half a level higher and not rounded.

    Shape: float32 [...], pixels → float32 [...].
    """
    levels = flow * np.float32(LEVELS / (2 * bound_px)) + np.float32(NO_MOTION)
    return cast("npt.NDArray[np.float32]", np.clip(levels, 0, LEVELS).astype(np.float32))


def flow_to_rgb(flow: Flow, *, bound_px: float) -> Pixels:
    """Draw flow on a colour wheel: hue is direction, saturation is speed, white is rest.

    Red moves to the right, and with the image's y axis down hue goes clockwise: yellow-green down, cyan left, violet
    up. Full colour is reached at ``bound_px``.

    Shape: float32 [2, H, W], pixels → uint8 [H, W, 3], RGB.
    """
    if flow.ndim != 3 or flow.shape[0] != 2:
        raise ValueError(f"expected [2, H, W], not {flow.shape}")
    x, y = flow.astype(np.float64)
    sixths = np.arctan2(y, x) / (2 * np.pi) * 6
    saturation = np.clip(np.hypot(x, y) / bound_px, 0.0, 1.0)
    # In HSV with full value, a channel falls from 1 by the saturation where the hue is far from its own.
    distance = np.stack([np.abs((sixths - own + 3) % 6 - 3) for own in (0, 2, 4)], axis=-1)
    fall = np.clip(distance - 1, 0.0, 1.0)
    return cast(Pixels, np.rint(LEVELS * (1 - saturation[..., None] * fall)).astype(np.uint8))

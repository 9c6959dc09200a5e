"""A clip's pictures, decoded once: those of some moments, what moved there, and how much changed at every picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vegas_data.media.decode import iter_shown, picture_ends
from vegas_data.sheet.data import Motion

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vegas_data.media.decode import Shown

    Pixels = npt.NDArray[np.uint8]
    Flow = npt.NDArray[np.float32]

PICTURE_PX: Final = 240  # height at which a moment is kept
_CHANGE_PX: Final = (64, 48)
_LONGEST_PX: Final = 2048  # of a very long picture: flow then has another scale than features


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One shown picture, and the flow from it to the picture one step of the flow's rate later.

    Args:
        flow: None where the clip ends before that step.

    Shape:
        picture: uint8 [H, W, 3], RGB; flow: float32 [2, h, w], px at the scale of features.
    """

    time_s: Fraction
    picture: "Pixels"
    flow: "Flow | None"


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What was seen of a clip.

    Args:
        change_s: when each picture but the first is shown. change: grey levels by which it differs from the one before,
            on average. engine: who computed the flow.

    Shape:
        change_s, change: float64 [pictures - 1].
    """

    moments: tuple[Moment, ...]
    change_s: "npt.NDArray[np.float64]"
    change: "npt.NDArray[np.float64]"
    engine: str

    @property
    def flow_size(self) -> tuple[int, int]:
        """Height and width at which flow was computed; zeros if there is none."""
        found = next((moment.flow for moment in self.moments if moment.flow is not None), None)
        return (0, 0) if found is None else (found.shape[1], found.shape[2])


def watch(path: Path, times_s: Sequence[Fraction], motion: Motion) -> Watched:
    """Decode a clip to its end, and keep what is shown of it.

    Raises:
        MediaError: the clip cannot be decoded, or ends before the last time. FeatureError: its flow is not finite.
    """
    import numpy as np

    from vegas_data.features.flow.engines import make_flow_engine

    due = sorted([(time_s, index, 0) for index, time_s in enumerate(times_s)] + _ends(times_s, motion))
    pictures: dict[int, Pixels] = {}
    greys: dict[tuple[int, int], Pixels] = {}
    changes: list[tuple[float, float]] = []
    before: npt.NDArray[np.float32] | None = None
    end_s, place = Fraction(0), 0
    for shown in iter_shown(path):
        end_s = shown.end_s
        luma = _reduced_luma(shown)
        if before is not None:
            changes.append((float(shown.start_s), float(np.abs(luma - before).mean())))
        before = luma
        while place < len(due) and due[place][0] < end_s:
            _, index, step = due[place]
            picture = shown.to_rgb()
            greys[index, step] = _grey(picture, motion.short_px)
            if step == 0:
                pictures[index] = _small(picture)
            place += 1
    if len(pictures) < len(times_s):
        raise picture_ends(path, end_s, times_s[-1])
    engine = make_flow_engine(motion.options)
    moments = tuple(
        Moment(
            time_s=time_s,
            picture=pictures[index],
            flow=engine.compute_flow(greys[index, 0], greys[index, 1]) if (index, 1) in greys else None,
        )
        for index, time_s in enumerate(times_s)
    )
    seen = np.asarray(changes, dtype=np.float64).reshape(-1, 2)
    return Watched(moments=moments, change_s=seen[:, 0], change=seen[:, 1], engine=engine.name)


def _ends(times_s: Sequence[Fraction], motion: Motion) -> list[tuple[Fraction, int, int]]:
    return [(time_s + 1 / motion.rate_hz, index, 1) for index, time_s in enumerate(times_s)]


def _reduced_luma(shown: "Shown") -> "npt.NDArray[np.float32]":
    """Brightness of a picture, small, 0 to 255 from black to white."""
    import cv2
    import numpy as np

    luma, is_full = shown.to_luma()
    small = cv2.resize(luma, _CHANGE_PX, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(small if is_full else (small - 16) * (255 / 219), dtype=np.float32)


def _grey(picture: "Pixels", short_px: int) -> "Pixels":
    import cv2
    import numpy as np

    height, width = picture.shape[:2]
    scale = min(short_px / min(height, width), _LONGEST_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.cvtColor(cv2.resize(picture, size, interpolation=way), cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _small(picture: "Pixels") -> "Pixels":
    import cv2
    import numpy as np

    height, width = picture.shape[:2]
    if height <= PICTURE_PX:
        return picture
    size = (max(1, round(width * PICTURE_PX / height)), PICTURE_PX)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)

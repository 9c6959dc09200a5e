"""The moving pictures of one source video: a photograph, a calm camera, a jolt before every hit.

Enters: a planned clip. Leaves: its frames, one by one. The camera drifts by less than a percent of the picture's
height, so that nothing is quite still; a jolt throws it downwards within 70 ms and lets it swing back, with a turn
and a push forward. Frames are exposed for 36 ms, as a camera's are: the blur of a fast motion is what a network that
averages over positions sees in a single picture. Water ripples inside its box.

Legend: H and W pixels.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from vegas_data.demo.assets import load_assets, read_picture

if TYPE_CHECKING:
    import numpy.typing as npt

    from vegas_data.demo.corpus import CorpusOptions, PlannedClip

BASE_ZOOM: Final = (1.06, 1.14)
BASE_TURN_DEG: Final = 1.5
DRIFT: Final = 0.007  # of the height
DRIFT_PERIOD_MS: Final = (3_000.0, 7_000.0)
JOLT_SHIFT: Final = 0.075  # of the height
JOLT_TURN_DEG: Final = 3.0
JOLT_ZOOM: Final = 0.05
ATTACK_MS: Final = 70.0
DECAY_MS: Final = 110.0
SWING_PERIOD_MS: Final = 300.0
SPREAD_RAD: Final = 0.4  # of a jolt's direction about straight down, from clip to clip
EXPOSURE_MS: Final = 36.0
EXPOSURES: Final = 3
BLUR_FROM_PX: Final = 1.5
RIPPLE: Final = 0.004  # of the height
RIPPLE_PERIOD_MS: Final = 620.0


@dataclass(frozen=True, kw_only=True)
class _Camera:
    """How one shot is looked at: drawn once, then a function of time."""

    zoom: float
    turn_deg: float
    flip: bool
    offset: tuple[float, float]
    phase: tuple[float, float]
    period_ms: tuple[float, float]
    direction_rad: float


def render_frames(planned: "PlannedClip", options: "CorpusOptions") -> "Iterator[npt.NDArray[np.uint8]]":
    """Yield the frames of the source video.

    Shape:
        uint8 [H, W, 3] each, RGB.
    """
    rng = np.random.default_rng([planned.seed, 1])
    cameras = [_draw_camera(rng) for _ in planned.shots]
    is_still = planned.fault == "still"
    num_frames = math.ceil(planned.duration_ms * options.fps / 1000)
    shown: npt.NDArray[np.uint8] | None = None
    for index in range(num_frames):
        if shown is None or not is_still:
            time_ms = index * 1000 / options.fps
            place = next(i for i, shot in enumerate(planned.shots) if time_ms < shot.end_ms)
            shown = _render_frame(
                planned.shots[place].picture, cameras[place], planned.jolts_ms, time_ms, (options.width, options.height)
            )
        yield shown


def jolt_shape(after_ms: float) -> float:
    """Displacement ``after_ms`` after a jolt began, in units of its size: out within 70 ms, then swinging back."""
    if after_ms <= 0:
        return 0.0
    if after_ms < ATTACK_MS:
        return math.sin(math.pi / 2 * after_ms / ATTACK_MS) ** 2
    since_ms = after_ms - ATTACK_MS
    return math.exp(-since_ms / DECAY_MS) * math.cos(2 * math.pi * since_ms / SWING_PERIOD_MS)


def _draw_camera(rng: np.random.Generator) -> _Camera:
    return _Camera(
        zoom=float(rng.uniform(*BASE_ZOOM)),
        turn_deg=float(rng.uniform(-BASE_TURN_DEG, BASE_TURN_DEG)),
        flip=bool(rng.random() < 0.5),
        offset=(float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.5, 0.5))),
        phase=(float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(0, 2 * math.pi))),
        period_ms=(float(rng.uniform(*DRIFT_PERIOD_MS)), float(rng.uniform(*DRIFT_PERIOD_MS))),
        direction_rad=math.pi / 2 + float(rng.uniform(-SPREAD_RAD, SPREAD_RAD)),
    )


def _render_frame(
    name: str, camera: _Camera, jolts_ms: Sequence[int], time_ms: float, size: tuple[int, int]
) -> "npt.NDArray[np.uint8]":
    picture = read_picture(name)
    matrix = _view(camera, picture.shape, jolts_ms, time_ms, size)
    frame = _expose(picture, _views_during_exposure(camera, picture.shape, jolts_ms, time_ms, size) or [matrix], size)
    box = load_assets()[name].water
    if box:
        frame = _ripple(frame, _box_on_screen(box, matrix, picture.shape), camera.phase[0], time_ms)
    return frame


def _views_during_exposure(
    camera: _Camera, shape: Sequence[int], jolts_ms: Sequence[int], time_ms: float, size: tuple[int, int]
) -> "list[npt.NDArray[np.float64]]":
    """The views that one exposure averages, about ``time_ms``; none if nothing moves by a pixel meanwhile."""
    offsets_ms = [EXPOSURE_MS * ((index + 0.5) / EXPOSURES - 0.5) for index in range(EXPOSURES)]
    views = [_view(camera, shape, jolts_ms, time_ms + offset_ms, size) for offset_ms in offsets_ms]
    corners = np.array([[0, 0, 1], [shape[1], shape[0], 1]]).T
    moved_px = float(np.max(np.abs((np.max(views, axis=0) - np.min(views, axis=0)) @ corners)))
    return views if moved_px >= BLUR_FROM_PX else []


def _expose(
    picture: "npt.NDArray[np.uint8]", views: "Sequence[npt.NDArray[np.float64]]", size: tuple[int, int]
) -> "npt.NDArray[np.uint8]":
    """The mean of the picture seen in several ways.

    Shape:
        uint8 [h, w, 3] → uint8 [H, W, 3].
    """
    seen = [
        cv2.warpAffine(picture, view, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101) for view in views
    ]
    if len(seen) == 1:
        return np.asarray(seen[0], dtype=np.uint8)
    total = np.add(seen[0], seen[1], dtype=np.uint16)
    for frame in seen[2:]:
        total += frame
    return np.asarray((total + len(seen) // 2) // len(seen), dtype=np.uint8)


def _view(
    camera: _Camera, shape: Sequence[int], jolts_ms: Sequence[int], time_ms: float, size: tuple[int, int]
) -> "npt.NDArray[np.float64]":
    """Affine matrix [2, 3] from the picture's pixels to the screen's at one moment."""
    height, width = shape[:2]
    cover = max(size[0] / width, size[1] / height)
    jolt = sum(jolt_shape(time_ms - start_ms) for start_ms in jolts_ms)
    zoom = cover * camera.zoom * (1 + JOLT_ZOOM * jolt)
    turn = math.radians(camera.turn_deg + JOLT_TURN_DEG * jolt)
    cos, sin = zoom * math.cos(turn), zoom * math.sin(turn)
    linear = np.array([[cos, sin], [-sin, cos]]) @ np.diag([-1.0 if camera.flip else 1.0, 1.0])
    slack = (camera.zoom - 1) / 2 * np.array(size)  # what zooming in leaves beyond the edge
    drift = [
        DRIFT * math.sin(2 * math.pi * time_ms / p + f) for p, f in zip(camera.period_ms, camera.phase, strict=True)
    ]
    aside = JOLT_SHIFT * jolt * np.array([math.cos(camera.direction_rad), math.sin(camera.direction_rad)])
    centre = np.array(size) / 2 + slack * np.array(camera.offset) + size[1] * (np.array(drift) + aside)
    shift = centre - linear @ np.array([width / 2, height / 2])
    return np.column_stack([linear, shift])


def _box_on_screen(
    box: Sequence[float], matrix: "npt.NDArray[np.float64]", shape: Sequence[int]
) -> tuple[float, float, float, float]:
    """Where a box given in fractions of the picture lies on the screen: left, top, right, bottom."""
    corners = np.array([[box[0], box[1], 1.0], [box[2], box[3], 1.0]]) * [shape[1], shape[0], 1]
    (x0, y0), (x1, y1) = (matrix @ corner for corner in corners)
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _ripple(
    frame: "npt.NDArray[np.uint8]", box: tuple[float, float, float, float], phase: float, time_ms: float
) -> "npt.NDArray[np.uint8]":
    """Two travelling waves displace what lies inside the box, less towards its edges.

    Shape:
        uint8 [H, W, 3] → the same.
    """
    height, width = frame.shape[:2]
    left, top, right, bottom = box
    x_W = np.arange(width, dtype=np.float32)
    y_H = np.arange(height, dtype=np.float32)
    edge = 0.08 * height
    inside_W = np.clip(np.minimum(x_W - left, right - x_W) / edge, 0, 1)
    inside_H = np.clip(np.minimum(y_H - top, bottom - y_H) / edge, 0, 1)
    cycle = 2 * math.pi * time_ms / RIPPLE_PERIOD_MS + phase
    amount_HW = (RIPPLE * height) * np.outer(inside_H, inside_W).astype(np.float32)
    along = np.sin(2 * math.pi * y_H / (0.14 * height) - cycle).astype(np.float32)
    across = np.sin(2 * math.pi * x_W / (0.19 * height) - 0.7 * cycle).astype(np.float32)
    map_x = x_W[None, :] + amount_HW * along[:, None]
    map_y = y_H[:, None] + amount_HW * (0.6 * along[:, None] + across[None, :])
    moved = cv2.remap(frame, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, dtype=np.uint8)

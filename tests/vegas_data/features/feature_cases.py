"""Streams, a texture and a job, for all tests of this folder."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from vegas_data.errors import WeightsMissing
from vegas_data.features import FeatureJob, FeatureOptions, FlowOptions, StreamOptions
from vegas_data.features.encoders import find_encoder
from vegas_data.records import Example, Media
from vegas_data.store import sha256_of
from vegas_data.workspace import Workspace

CLIP_START_MS = 30_000
SPEED_PX = 2  # per picture at 25 fps, to the right: 50 px/s, 3.2 px per grid frame

ROUGH = FlowOptions(epsilon=0.05, num_warps=2)  # quick
PICTURES = StreamOptions(name="tiny", encoder="tiny", size_px=48)
FLOW = StreamOptions(name="flow_tiny", encoder="tiny-flow", size_px=48, window=4, flow=ROUGH)
OPTIONS = FeatureOptions(streams=(PICTURES, FLOW), batch_size=8)
LITE0 = StreamOptions(name="lite0", encoder="efficientnet-lite0", size_px=64)
FLOW_LITE0 = StreamOptions(name="flow_lite0", encoder="efficientnet-lite0-flow", size_px=64, window=10, flow=ROUGH)


def need_lite0_weights() -> None:
    """Skip where the real weights are not installed."""
    try:
        find_encoder("efficientnet-lite0").weights_digest()
    except WeightsMissing as error:
        pytest.skip(f"{error}; {error.remedy}")


def texture(height: int, width: int, *, seed: int = 0) -> np.ndarray:
    """A random grey picture with structure of every size above 3 px. Shape: uint8 [H, W]."""
    noise = np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)
    layers = sum(sigma * cv2.GaussianBlur(noise, (0, 0), sigma) for sigma in (1.5, 4.0, 10.0))
    return cv2.normalize(layers, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def make_job(workspace: Workspace, clip: Path, *, start_ms: int, end_ms: int, category: str = "drum") -> FeatureJob:
    """Put ``clip`` into the workspace and make a job for a span of it, in the time of the clip."""
    key = "clips/0/demo-moving_000030000.mp4"
    if not workspace.exists(key):
        workspace.commit_bytes(key, clip.read_bytes())
    media = Media(
        clip_id="demo-moving_000030000",
        video_id="demo-moving",
        start_ms=CLIP_START_MS,
        end_ms=CLIP_START_MS + 4000,
        duration_ms=4000,
        sha256=sha256_of(workspace.path(key)),
        num_bytes=clip.stat().st_size,
        width=96,
        height=64,
        fps="25/1",
        num_frames=100,
        sample_rate_hz=48_000,
        num_samples=192_000,
        settings="0" * 12,
    )
    example = Example(
        category=category,
        clip_id=media.clip_id,
        video_id=media.video_id,
        start_ms=CLIP_START_MS + start_ms,
        end_ms=CLIP_START_MS + end_ms,
    )
    return FeatureJob(example=example, media=media, media_key=key)

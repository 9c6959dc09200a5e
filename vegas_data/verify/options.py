"""What a recipe says about verification.

Options of two kinds live here. Those that change *scores* (window length, sampling, which scorers with which
weights) name the folder of the scores. Those that change only *verdicts* (thresholds, the rule) are marked
``VERDICT_ONLY``: a new threshold scores nothing again (``digests``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from vegas_data.config import OPERATIONAL
from vegas_data.records import MAX_CLIP_MS, Side

VERDICT_ONLY: Final[Mapping[str, bool]] = MappingProxyType({"verdict_only": True})
REQUIRED_SIDES: Final[tuple[Side, ...]] = ("heard", "seen")
MIN_WINDOW_MS: Final = 1_000  # one patch of a sound scorer

Rule = Literal["all_sides"]


@dataclass(frozen=True, kw_only=True)
class SignalOptions:
    """When a window is dropped without asking a scorer.

    Args:
        silence_dbfs: a window whose RMS level is below this is ``silent`` (full scale is 0 dB).
        still_motion: a window whose motion is below this is ``still``: grey levels by which successive pictures
            differ beyond compression noise (``signals.measure_motion``). 0 lets every picture pass.
    """

    silence_dbfs: float = -60.0
    still_motion: float = 0.015

    def __post_init__(self) -> None:
        if self.still_motion < 0:
            raise ValueError(f"still_motion must not be negative: {self.still_motion}")


@dataclass(frozen=True, kw_only=True)
class ScorerOptions:
    """One scorer and what its scores mean.

    Args:
        name: of the scorer (``vegas_data.verify.scorers``). side: what it judges; must be the scorer's own side.
        accept: a score of at least this says yes. reject: a score below this says no; between them is unsure.
        model: a folder or hub id of weights, for scorers that can run several; they are known by their content.
    """

    name: str
    side: Side
    accept: float = field(metadata=VERDICT_ONLY)
    reject: float = field(metadata=VERDICT_ONLY)
    model: str = field(default="", metadata=OPERATIONAL)

    def __post_init__(self) -> None:
        if not self.accept >= self.reject:
            raise ValueError(f"scorer {self.name}: accept ({self.accept}) must not be below reject ({self.reject})")


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """How clips are cut into windows, scored and judged.

    Args:
        window_ms: length of a window. scorers: who judges; at least one each for heard and seen.
        scored_fps: pictures per second that scorers see. motion_fps: pictures per second compared with one another
            to tell a still picture; a multiple of ``scored_fps``.
        picture_px: pictures are reduced until their shorter side is at most this, which bounds memory.
        signals: what drops a window without a scorer. rule: how the sides' answers become a verdict.
    """

    window_ms: int = 2_000
    scorers: tuple[ScorerOptions, ...]
    scored_fps: int = 3
    motion_fps: int = 12
    picture_px: int = 384
    signals: SignalOptions = field(default_factory=SignalOptions, metadata=VERDICT_ONLY)
    rule: Rule = field(default="all_sides", metadata=VERDICT_ONLY)

    def __post_init__(self) -> None:
        if not MIN_WINDOW_MS <= self.window_ms <= MAX_CLIP_MS:
            raise ValueError(f"window_ms must lie between {MIN_WINDOW_MS} and {MAX_CLIP_MS}, not {self.window_ms}")
        if self.scored_fps < 1 or self.motion_fps % self.scored_fps:
            raise ValueError(f"motion_fps ({self.motion_fps}) must be a multiple of scored_fps ({self.scored_fps})")
        if self.window_ms * self.scored_fps % 1000:
            raise ValueError(
                f"a window of {self.window_ms} ms must hold whole pictures at {self.scored_fps} per second"
            )
        if self.frames_per_window(self.motion_fps) < 2:
            raise ValueError("motion_fps is too low: telling a still picture takes two in every window")
        if self.picture_px < 32:
            raise ValueError(f"picture_px must be at least 32, not {self.picture_px}")
        names = [scorer.name for scorer in self.scorers]
        if len(set(names)) != len(names):
            raise ValueError(f"a scorer stands twice among {', '.join(names)}")
        for side in REQUIRED_SIDES:
            if side not in self.sides:
                raise ValueError(f"no scorer judges the side {side!r}: add a [[verify.scorers]] with side = {side!r}")

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides that are judged, in one fixed order."""
        every: tuple[Side, ...] = ("heard", "seen", "pair")
        return tuple(side for side in every if any(scorer.side == side for scorer in self.scorers))

    def frames_per_window(self, fps: int) -> int:
        """Pictures of one window at ``fps``."""
        return self.window_ms * fps // 1000

    def thresholds(self, name: str) -> ScorerOptions:
        """The options of the scorer called ``name``."""
        return next(scorer for scorer in self.scorers if scorer.name == name)

"""What a recipe says about verification.

Options of two kinds live here. Those that change *scores* (window length, sampling, which scorers with which
weights) name the folder of the scores. Those that change only *verdicts* (thresholds, the rule, triage) are marked
``VERDICT_ONLY``: a new threshold scores nothing again (``digests``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal

from vegas_data.config import OPERATIONAL
from vegas_data.device import Device
from vegas_data.records import MAX_CLIP_MS, Side
from vegas_data.verify.triage_options import TriageOptions

VERDICT_ONLY: Final[Mapping[str, bool]] = MappingProxyType({"verdict_only": True})
REQUIRED_SIDES: Final[tuple[Side, ...]] = ("heard", "seen")
MIN_WINDOW_MS: Final = 1_000  # one patch of a sound scorer

Rule = Literal["all_sides"]


@dataclass(frozen=True, kw_only=True)
class SignalOptions:
    """When a window is dropped without asking a scorer; ``flaws`` has the reasons in their order.

    By default sound, picture and motion must be there. What is only recorded has a threshold that nothing exceeds:
    no value of it tells good from bad windows surely enough, and the paper is silent.

    Args:
        silence_dbfs: a window whose RMS level is below this is ``silent`` (full scale is 0 dB).
        still_motion: a window whose motion is below this is ``still``: grey levels by which successive pictures
            differ beyond compression noise (``signals.measure_motion``). 0 lets every picture pass.
        black_brightness: a window whose brightest parts are below this is ``black``, of 255. 0 lets every picture pass.
        max_clipped_share: a window of whose samples a larger share lies on flat tops is ``clipped``.
        max_duplicate_share: a window of whose pictures a larger share repeats the one before is ``duplicate_frames``.
        max_offset_ms: where the file's sound and pictures begin further apart, its windows are ``offset``.
    """

    silence_dbfs: float = -60.0
    still_motion: float = 0.015
    black_brightness: float = 16.0
    max_clipped_share: float = 1.0
    max_duplicate_share: float = 1.0
    max_offset_ms: float = MAX_CLIP_MS

    def __post_init__(self) -> None:
        for name in ("still_motion", "black_brightness", "max_offset_ms"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative: {getattr(self, name)}")
        for name in ("max_clipped_share", "max_duplicate_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1: {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class ScorerOptions:
    """One scorer and what its scores mean.

    Args:
        name: of the scorer (``vegas_data.verify.scorers``). side: what it judges; must be the scorer's own side.
        accept: a score of at least this says yes. reject: a score below this says no; between them is unsure.
        model: a folder or hub id of weights, for scorers that can run several; they are known by their content.
        advisory: it has no vote where the recipe's thresholds decide; only a calibration reads its scores.
        device: where its network runs; scores keep their name, and may differ in their last digits.
    """

    name: str
    side: Side
    accept: float = field(metadata=VERDICT_ONLY)
    reject: float = field(metadata=VERDICT_ONLY)
    model: str = field(default="", metadata=OPERATIONAL)
    # It enters digests by itself where it is set, so that other recipes keep the digest they had before it existed.
    advisory: bool = field(default=False, metadata={**VERDICT_ONLY, **OPERATIONAL})
    device: Device = field(default="cpu", metadata=OPERATIONAL)

    def __post_init__(self) -> None:
        if not self.accept >= self.reject:
            raise ValueError(f"scorer {self.name}: accept ({self.accept}) must not be below reject ({self.reject})")


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """How clips are cut into windows, scored and judged.

    Args:
        window_ms: length of a window. scorers: who judges; at least one with a vote each for heard and seen.
        scored_fps: pictures per second that scorers see. motion_fps: pictures per second compared with one another
            to tell a still picture; a multiple of ``scored_fps``.
        picture_px: pictures are reduced until their shorter side is at most this, which bounds memory.
        signals: what drops a window without a scorer. duplicates: whether the windows of a clip that is a copy of
            another video's are dropped (``duplicates``). rule: how the sides' answers become a verdict.
        triage: the promise of calibrated verdicts, and how people's answers count.
    """

    window_ms: int = 2_000
    scorers: tuple[ScorerOptions, ...]
    scored_fps: int = 3
    motion_fps: int = 12
    picture_px: int = 384
    signals: SignalOptions = field(default_factory=SignalOptions, metadata=VERDICT_ONLY)
    duplicates: Literal["reject", "keep"] = field(default="reject", metadata=VERDICT_ONLY)
    rule: Rule = field(default="all_sides", metadata=VERDICT_ONLY)
    # It enters digests by itself, so that recipes that leave it as it is keep the digest they had before it existed.
    triage: TriageOptions = field(default_factory=TriageOptions, metadata={**VERDICT_ONLY, **OPERATIONAL})

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
                adviser = any(scorer.side == side for scorer in self.scorers)
                raise ValueError(
                    f"no scorer judges the side {side!r}{' with a vote' if adviser else ''}: "
                    f"add a [[verify.scorers]] with side = {side!r}"
                )

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides that are judged, in one fixed order; advisers judge none."""
        every: tuple[Side, ...] = ("heard", "seen", "pair")
        return tuple(side for side in every if any(s.side == side and not s.advisory for s in self.scorers))

    @property
    def advisers(self) -> tuple[str, ...]:
        """Names of the scorers that have no vote, sorted: what they are enters digests by itself."""
        return tuple(sorted(scorer.name for scorer in self.scorers if scorer.advisory))

    def on(self, device: Device) -> "VerifyOptions":
        """The same with every network on ``device``."""
        return replace(self, scorers=tuple(replace(scorer, device=device) for scorer in self.scorers))

    def frames_per_window(self, fps: int) -> int:
        """Pictures of one window at ``fps``."""
        return self.window_ms * fps // 1000

    def thresholds(self, name: str) -> ScorerOptions:
        """The options of the scorer called ``name``."""
        return next(scorer for scorer in self.scorers if scorer.name == name)

"""Milliseconds, audio samples and video frames on one grid (SPEC §2 of the paper's numbers).

Frame ``i`` goes with audio samples ``[s * i, s * (i + 1))`` where ``s = samples_per_frame = 1024``
(Zhou et al. 2018, §4.1). Ours is 16,000 Hz and 16,000 / 1024 = 15.625 frames/s; the paper's literal
numbers (159,744 samples and 156 frames in 10 s: 15,974.4 Hz, 15.6 frames/s) are the same grid with
``sample_rate_hz = "79872/5"``. See ``docs/decisions/0005-grid.md``.
"""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The common time grid of sound and picture.

    Args:
        sample_rate_hz: audio samples per second; a fraction such as ``79872/5`` is allowed.
        samples_per_frame: audio samples that belong to one video frame.
    """

    sample_rate_hz: Fraction = Fraction(16_000)
    samples_per_frame: int = 1024

    def __post_init__(self) -> None:
        if self.sample_rate_hz <= 0 or self.samples_per_frame <= 0:
            raise ValueError("sample_rate_hz and samples_per_frame must be positive")

    @property
    def frame_rate_hz(self) -> Fraction:
        """Video frames per second: 15.625 for the default grid."""
        return self.sample_rate_hz / self.samples_per_frame

    def num_frames(self, duration_ms: int) -> int:
        """Whole frames in ``duration_ms``: floor(d · rate); 2,000 ms is 31, 10,000 ms is 156."""
        if duration_ms < 0:
            raise ValueError(f"duration_ms is negative: {duration_ms}")
        return int(duration_ms * self.frame_rate_hz / 1000)

    def num_samples(self, duration_ms: int) -> int:
        """Audio samples that go with the whole frames of ``duration_ms``."""
        return self.samples_per_frame * self.num_frames(duration_ms)

    def samples_cut(self, duration_ms: int) -> int:
        """Audio samples of ``duration_ms`` beyond the last whole frame: cut, and said so in the shard."""
        return int(duration_ms * self.sample_rate_hz / 1000) - self.num_samples(duration_ms)

    def frame_time_s(self, index: int) -> Fraction:
        """Start of frame ``index`` in seconds from the start of the span."""
        return index / self.frame_rate_hz

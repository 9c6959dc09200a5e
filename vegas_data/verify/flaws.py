"""Why a window is dropped without asking anybody: the reasons that signals give, their numbers, and which goes first.

One table for all who name such a reason: verdicts, the report, the check of a release. The first flaw in its order is a
window's reason: what cannot be heard, what cannot be seen, what does not move, then what is there and damaged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from vegas_data.verify.options import SignalOptions
from vegas_data.verify.scores import Signals


@dataclass(frozen=True, kw_only=True, slots=True)
class Flaw:
    """A reason of signals.

    Args:
        signal: the field of ``Signals`` that it is about. threshold: the field of ``SignalOptions``.
        is_below: whether a window is dropped below the threshold; otherwise above it.
        words: the measured value for people, ``{}`` is the number. digits: of it.
    """

    signal: str
    threshold: str
    is_below: bool
    words: str
    digits: int

    def applies(self, signals: Signals, options: SignalOptions) -> bool:
        """Whether it drops a window with these signals."""
        value, threshold = getattr(signals, self.signal), getattr(options, self.threshold)
        return bool(value < threshold if self.is_below else abs(value) > threshold)


def _flaw(signal: str, threshold: str, is_below: bool, words: str, digits: int) -> Flaw:
    return Flaw(signal=signal, threshold=threshold, is_below=is_below, words=words, digits=digits)


FLAWS: Final[Mapping[str, Flaw]] = MappingProxyType(
    {
        "silent": _flaw("rms_dbfs", "silence_dbfs", True, "level {} dBFS", 1),
        "black": _flaw("brightness", "black_brightness", True, "brightness {} of 255", 1),
        "still": _flaw("motion", "still_motion", True, "motion {}", 4),
        "clipped": _flaw("clipped_share", "max_clipped_share", False, "{} of the samples clipped", 3),
        "duplicate_frames": _flaw("duplicate_share", "max_duplicate_share", False, "{} of the pictures repeated", 2),
        "offset": _flaw("offset_ms", "max_offset_ms", False, "sound begins {} ms after the picture", 0),
    }
)


def find_flaw(signals: Signals, options: SignalOptions) -> str:
    """The first of ``FLAWS`` that drops a window, else the empty string."""
    return next((reason for reason, flaw in FLAWS.items() if flaw.applies(signals, options)), "")

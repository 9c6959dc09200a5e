"""What was planted against what was found: confusion of windows, and how each planted fault ended.

Only an embedded corpus has a planted truth. The intervals are Wilson's (1927) for a proportion, 95 %.

What ``Truth.expected`` asks for, clip by clip: ``accepted``, that windows were accepted, and none in which the
target is not; ``rejected:<reason>``, that none was accepted and the reason is among those given; ``failed:<class>``,
that a stage gave the clip up with that code. A window that was missed is no matter of a clip but of recall.
"""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Final

from vegas_data.records import Verdict
from vegas_data.report.data import ReportData, Truth
from vegas_data.report.numerals import phrase, plural

_Z95: Final = 1.959964


@dataclass(frozen=True, kw_only=True, slots=True)
class Confusion:
    """Windows of planted clips: is the target there (rows), and what was decided (columns)."""

    present_accepted: int = 0
    present_rejected: int = 0
    present_undecided: int = 0
    absent_accepted: int = 0
    absent_rejected: int = 0
    absent_undecided: int = 0

    @property
    def present(self) -> int:
        return self.present_accepted + self.present_rejected + self.present_undecided

    @property
    def absent(self) -> int:
        return self.absent_accepted + self.absent_rejected + self.absent_undecided

    @property
    def accepted(self) -> int:
        return self.present_accepted + self.absent_accepted

    @property
    def precision(self) -> float | None:
        """Share of the accepted windows that truly hold the target; None if none was accepted."""
        return self.present_accepted / self.accepted if self.accepted else None

    @property
    def recall(self) -> float | None:
        """Share of the windows that truly hold the target which were accepted; None if there are none."""
        return self.present_accepted / self.present if self.present else None

    @property
    def precision_interval(self) -> tuple[float, float] | None:
        return wilson(self.present_accepted, self.accepted)

    @property
    def recall_interval(self) -> tuple[float, float] | None:
        return wilson(self.present_accepted, self.present)


def wilson(hits: int, trials: int) -> tuple[float, float] | None:
    """95 % interval of a proportion (Wilson 1927); None without trials."""
    if trials == 0:
        return None
    p, z2 = hits / trials, _Z95 * _Z95
    centre = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z95 / (1 + z2 / trials) * math.sqrt(p * (1 - p) / trials + z2 / (4 * trials * trials))
    return max(0.0, centre - half), min(1.0, centre + half)


def is_true(data: ReportData) -> dict[tuple[str, str, int], bool]:
    """Planted truth by (clip id, category, start of the window in the source video)."""
    starts = {clip.id: clip.start_ms for clip in data.clips}
    return {
        (truth.clip_id, truth.category, starts[truth.clip_id] + index * data.window_ms): there
        for truth in data.truth
        if truth.clip_id in starts
        for index, there in enumerate(truth.window_truth)
    }


def confusion(data: ReportData, category: str | None = None) -> Confusion:
    """Count the judged windows of planted clips, of one category or of all."""
    planted = is_true(data)
    counts: dict[str, int] = {}
    for verdict in data.verdicts:
        there = planted.get((verdict.clip_id, verdict.category, verdict.start_ms))
        if there is not None and category in (None, verdict.category):
            key = f"{'present' if there else 'absent'}_{verdict.decision}"
            counts[key] = counts.get(key, 0) + 1
    return Confusion(**counts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How one planted clip ended.

    Args:
        ok: as expected; None while its stage has not run. whole: every window was accepted.
    """

    truth: Truth
    observed: str
    ok: bool | None
    whole: bool = False


def endings(data: ReportData) -> tuple[Ending, ...]:
    """The end of every planted clip, in the order of the truth."""
    failures = {failure.clip_id: failure.code for failure in data.failures}
    planted = is_true(data)
    verdicts: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in data.verdicts:
        verdicts.setdefault((verdict.clip_id, verdict.category), []).append(verdict)
    ends = []
    for truth in data.truth:
        own = verdicts.get((truth.clip_id, truth.category), [])
        if own:
            ends.append(_judged(truth, own, planted))
        elif truth.clip_id in failures:
            ended = f"failed:{failures[truth.clip_id]}"
            ends.append(Ending(truth=truth, observed=phrase(ended), ok=truth.expected == ended))
        else:
            stands = "fetched, not verified yet" if truth.clip_id in data.media else "not fetched yet"
            ends.append(Ending(truth=truth, observed=stands, ok=None))
    return tuple(ends)


def _judged(truth: Truth, verdicts: list[Verdict], planted: dict[tuple[str, str, int], bool]) -> Ending:
    accepted = [verdict for verdict in verdicts if verdict.decision == "accepted"]
    others = [verdict for verdict in verdicts if verdict.decision != "accepted"]
    if truth.expected == "accepted":
        ok = bool(accepted) and all(planted.get((v.clip_id, v.category, v.start_ms), False) for v in accepted)
    else:
        ok = not accepted and any(f"{v.decision}:{v.reason}" == truth.expected for v in others)
    return Ending(truth=truth, observed=_describe(len(accepted), others), ok=ok, whole=not others)


def _describe(accepted: int, others: list[Verdict]) -> str:
    windows = plural(accepted + len(others), "window")
    if not others:
        return f"accepted: all of {windows}"
    reasons = Counter(verdict.reason for verdict in others)
    named = ", ".join(phrase(reason) for reason, _ in sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
    if accepted:
        return f"accepted: {accepted} of {windows}; else {named}"
    decisions = " or ".join(sorted({verdict.decision for verdict in others}))
    return f"{decisions}: {named}; all of {windows}"

"""What was planted against what was found: confusion of windows, and how each planted fault ended.

Only an embedded corpus has a planted truth. The intervals are Wilson's (1927) for a proportion, 95 %. The verdict is
of both sides together; beside it stands what the scorers of each side say by the recipe's thresholds.

What ``Truth.expected`` asks for, clip by clip: ``accepted``, that windows were accepted, and none in which the
target is not; ``rejected:<reason>``, that none was accepted and the reason is among those given, by scorers or by
people (a calibrated verdict is of both sides together and names none); ``failed:<class>``, that a stage gave the clip
up with that code. A window that was missed is no matter of a clip but of recall; a clip whose windows all wait for
people has not ended yet.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from vegas_data.records import Answer, Side, Verdict
from vegas_data.report.data import ReportData, Threshold, Truth
from vegas_data.report.numerals import phrase, plural
from vegas_data.verify import BETWEEN, CALIBRATED, REQUIRED_SIDES, path_of, side_answer

_Z95: Final = 1.959964
_COLUMNS: Final[Mapping[Answer, str]] = MappingProxyType(
    {"yes": "accepted", "sort_of": "accepted", "no": "rejected", "unsure": "undecided"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Confusion:
    """Windows of planted clips: is the target there (rows), and what was decided (columns).

    Of one side: yes counts as accepted, no as rejected, unsure as undecided.
    """

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
    def count(self) -> int:
        return self.present + self.absent

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


def is_true(data: ReportData, side: Side | None = None) -> dict[tuple[str, str, int], bool]:
    """Planted truth, or that of one side, by (clip id, category, start of the window in the source video)."""
    starts = {clip.id: clip.start_ms for clip in data.clips}
    return {
        (truth.clip_id, truth.category, starts[truth.clip_id] + index * data.window_ms): there
        for truth in data.truth
        if truth.clip_id in starts
        for index, there in enumerate(truth.sides.get(side, ()) if side else truth.window_truth)
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


def side_confusion(data: ReportData, side: Side, category: str | None = None) -> Confusion:
    """Count what the scorers of one side say by the recipe's thresholds, whatever became of the verdict.

    Windows that the signals drop are left out: no scorer is asked about silence, nor about a still picture.
    """
    planted = is_true(data, side)
    scores = {(window.clip_id, window.start_ms): window.scores for window in data.scores}
    limits = [limit for limit in data.thresholds if limit.side == side]
    counts: Counter[str] = Counter()
    for verdict in data.verdicts:
        there = planted.get((verdict.clip_id, verdict.category, verdict.start_ms))
        if there is None or category not in (None, verdict.category) or path_of(verdict) == "signal":
            continue
        row = scores.get((verdict.clip_id, verdict.start_ms), {})
        said = [
            _answer(row[limit.scorer][verdict.category], limit)
            for limit in limits
            if verdict.category in row.get(limit.scorer, {}) and limit.category in ("", verdict.category)
        ]
        if said:
            counts[f"{'present' if there else 'absent'}_{_COLUMNS[side_answer(said)]}"] += 1
    return Confusion(**counts)


def by_side(data: ReportData, category: str | None = None) -> dict[str, Confusion]:
    """The required sides by themselves, as far as they were planted and scored."""
    found = {side: side_confusion(data, side, category) for side in REQUIRED_SIDES}
    return {side: one for side, one in found.items() if one.count}


def _answer(score: float, limit: Threshold) -> Answer:
    if score >= limit.accept:
        return "yes"
    return "no" if score < limit.reject else "unsure"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How one planted clip ended.

    Args:
        ok: as expected; None while its stage has not run, or people are waited for. whole: every window was accepted.
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
    ok: bool | None
    accepted = [verdict for verdict in verdicts if verdict.decision == "accepted"]
    others = [verdict for verdict in verdicts if verdict.decision != "accepted"]
    if not truth.expected.startswith("failed:") and all(verdict.reason == BETWEEN for verdict in verdicts):
        ok = None
    elif truth.expected == "accepted":
        ok = bool(accepted) and all(planted.get((v.clip_id, v.category, v.start_ms), False) for v in accepted)
    else:
        ok = not accepted and any(_ends_as(truth.expected, verdict) for verdict in others)
    return Ending(truth=truth, observed=_describe(len(accepted), others), ok=ok, whole=not others)


def _ends_as(expected: str, verdict: Verdict) -> bool:
    """Whether a window was rejected for the planted reason; a calibration means both sides and names neither."""
    if verdict.rule == CALIBRATED and expected.startswith("rejected:not_"):
        return verdict.decision == "rejected"
    return f"{verdict.decision}:{verdict.reason.removeprefix('people_')}" == expected


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

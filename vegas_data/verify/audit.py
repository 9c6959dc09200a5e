"""Which windows people judge to calibrate and to audit, and what an audit says: draws by sha256, exact intervals.

*Calibration*: windows in the order of sha256(seed, window), one per source video, the first of each: every window of
the videos that are left has the same chance to be next. *Audit*: in each category and decision path a simple random
sample of windows, so that each stands for a known number, and counts have exact intervals whatever the windows share
with one another. Audited videos are never those of the calibration. Judges see neither path nor verdict, and a
shuffled order.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from vegas_data.records import Answer, Verdict, Window, span_id
from vegas_data.split import rank
from vegas_data.verify.intervals import exact_interval
from vegas_data.verify.triage import Path, path_of

AUDIT_CONFIDENCE: Final = 0.95  # of every interval of an audit
PAPER_KEPT: Final = (132_209 - 34_392) / 132_209  # windows of Zhou et al. 2018 that survived: 74 %
PATHS: Final[tuple[Path, ...]] = ("auto_accept", "people_accept", "auto_reject", "people_reject", "signal")
_ACCEPTED: Final = PATHS[:2]
_REJECTED: Final = PATHS[2:]

AuditKey = tuple[str, str]  # category, window id


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditItem:
    """One window of an audit.

    Args:
        path: how it was decided; not for judges. weight: windows it stands for, itself included.
    """

    category: str
    clip_id: str
    video_id: str
    start_ms: int
    end_ms: int
    path: Path
    weight: float

    @property
    def key(self) -> AuditKey:
        return self.category, span_id(self.video_id, self.start_ms, self.end_ms)


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A share with its interval; ``value`` is the share seen, or the weighted estimate of several strata."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class StratumReport:
    """What people found in one category and decision path.

    Args:
        windows: that the draw stands for. drawn, judged: of them. present: of the judged, truly heard and seen.
        share: of present windows, exact interval; None if nothing was judged.
    """

    category: str
    path: Path
    windows: int
    drawn: int
    judged: int
    present: int
    share: Share | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CategoryReport:
    """What people found in one category.

    Args:
        precision: share of accepted windows that are truly present. recall: share of truly present windows that were
            accepted, undecided ones left aside. Both are estimates over strata; their intervals hold together, none of
            the strata's bounds failing, and so are on the safe side. None where a stratum with windows was not judged.
    """

    category: str
    strata: tuple[StratumReport, ...]
    precision: Share | None
    recall: Share | None


def draw_calibration(
    category: str, windows: Iterable[Window], *, seed: int, count: int, exclude: Collection[str] = frozenset()
) -> tuple[Window, ...]:
    """At most ``count`` windows of a category, one per source video, in the order in which they are to be judged.

    A draw of more begins with the draw of fewer.

    Args:
        windows: those that triage may decide: no flaw of the signals. exclude: videos that must not be drawn.
    """
    drawn: dict[str, Window] = {}
    for window in sorted(windows, key=lambda w: rank(seed, f"calibrate/{category}/{w.id}")):
        if len(drawn) == count:
            break
        if window.video_id not in exclude:
            drawn.setdefault(window.video_id, window)
    return tuple(drawn.values())


def draw_audit(
    verdicts: Iterable[Verdict], *, seed: int, count: int, exclude: Collection[str] = frozenset()
) -> tuple[AuditItem, ...]:
    """At most ``count`` windows of each category and decision path, shuffled; undecided windows are not audited.

    Args:
        exclude: videos that must not be drawn (the calibration's); weights count the windows of all others.
    """
    strata: dict[tuple[str, Path], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if (path := path_of(verdict)) != "undecided" and verdict.video_id not in exclude:
            strata[verdict.category, path].append(verdict)
    items = []
    for (category, path), members in strata.items():
        ranked = sorted(members, key=lambda v: rank(seed, f"audit/{category}/{_window_id(v)}"))
        chosen = ranked[:count]
        items += [
            AuditItem(
                category=category,
                clip_id=verdict.clip_id,
                video_id=verdict.video_id,
                start_ms=verdict.start_ms,
                end_ms=verdict.end_ms,
                path=path,
                weight=len(members) / len(chosen),
            )
            for verdict in chosen
        ]
    return tuple(sorted(items, key=lambda item: rank(seed, f"order/{'/'.join(item.key)}")))


def is_present(sides: Iterable[Answer | None]) -> bool | None:
    """Whether people found the target heard and seen: one side that is *no* says that it is not.

    Args:
        sides: what they settled about each, None where they did not; and then they settled nothing, if no side is *no*.
    """
    told = tuple(sides)
    if "no" in told:
        return False
    return None if None in told else True


def report(
    items: Iterable[AuditItem], present: Mapping[AuditKey, bool], *, confidence: float = AUDIT_CONFIDENCE
) -> tuple[CategoryReport, ...]:
    """Precision and recall of each category, sorted by name.

    Args:
        items: of one draw, all of them. present: what people say of those that were judged.
    """
    strata: dict[str, dict[Path, list[AuditItem]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        strata[item.category][item.path].append(item)
    return tuple(
        _report_category(category, by_path, present, confidence) for category, by_path in sorted(strata.items())
    )


def _report_category(
    category: str, by_path: Mapping[Path, list[AuditItem]], present: Mapping[AuditKey, bool], confidence: float
) -> CategoryReport:
    together = 1 - (1 - confidence) / len(by_path)  # all strata's intervals hold at once (Bonferroni)
    rows, wide = [], {}
    for path in PATHS:
        if path not in by_path:
            continue
        members = by_path[path]
        judged = [present[item.key] for item in members if item.key in present]
        windows, right, count = round(sum(item.weight for item in members)), sum(judged), len(judged)
        share = None
        if judged:
            low, high = exact_interval(right, count, confidence)
            share = Share(value=right / count, low=low, high=high)
            wide[path] = windows, right / count, *exact_interval(right, count, together)
        rows.append(
            StratumReport(
                category=category,
                path=path,
                windows=windows,
                drawn=len(members),
                judged=count,
                present=right,
                share=share,
            )
        )
    complete = len(wide) == len(rows)
    return CategoryReport(
        category=category,
        strata=tuple(rows),
        precision=_precision(wide) if all(path in wide for path in _ACCEPTED if path in by_path) else None,
        recall=_recall(wide) if complete else None,
    )


_Strata = Mapping[Path, tuple[int, float, float, float]]  # windows, share, low, high


def _present_windows(strata: _Strata, paths: Collection[Path]) -> tuple[float, float, float]:
    """Truly present windows on these paths: the estimate, at least, at most."""
    rows = [strata[path] for path in paths if path in strata]
    value, low, high = (sum(row[0] * row[place] for row in rows) for place in (1, 2, 3))
    return value, low, high


def _precision(strata: _Strata) -> Share | None:
    windows = sum(strata[path][0] for path in _ACCEPTED if path in strata)
    if not windows:
        return None
    value, low, high = _present_windows(strata, _ACCEPTED)
    return Share(value=value / windows, low=low / windows, high=high / windows)


def _recall(strata: _Strata) -> Share | None:
    kept, kept_low, kept_high = _present_windows(strata, _ACCEPTED)
    lost, lost_low, lost_high = _present_windows(strata, _REJECTED)
    if not kept + lost:
        return None
    return Share(
        value=kept / (kept + lost),
        low=kept_low / (kept_low + lost_high) if kept_low + lost_high else 0.0,
        high=kept_high / (kept_high + lost_low) if kept_high + lost_low else 1.0,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Attrition:
    """One category, from what was listed to what is kept.

    Args:
        clips, fetched: as listed, and that are here. windows: with a verdict. accepted, undecided: of them.
        kept: share of decided windows that were accepted, beside ``PAPER_KEPT``; None before anything was decided.
    """

    category: str
    clips: int
    fetched: int
    windows: int
    accepted: int
    undecided: int
    examples: int
    kept: float | None


def attrition(
    verdicts: Iterable[Verdict], clips: Mapping[str, int], fetched: Mapping[str, int], examples: Mapping[str, int]
) -> tuple[Attrition, ...]:
    """One row per category of ``clips``, in its order.

    Args:
        clips, fetched, examples: how many, by category.
    """
    decided: dict[str, dict[str, int]] = {category: defaultdict(int) for category in clips}
    for verdict in verdicts:
        if verdict.category in decided:
            decided[verdict.category][verdict.decision] += 1
    rows = []
    for category, counts in decided.items():
        settled = counts["accepted"] + counts["rejected"]
        rows.append(
            Attrition(
                category=category,
                clips=clips[category],
                fetched=fetched.get(category, 0),
                windows=settled + counts["undecided"],
                accepted=counts["accepted"],
                undecided=counts["undecided"],
                examples=examples.get(category, 0),
                kept=counts["accepted"] / settled if settled else None,
            )
        )
    return tuple(rows)


def _window_id(verdict: Verdict) -> str:
    return span_id(verdict.video_id, verdict.start_ms, verdict.end_ms)

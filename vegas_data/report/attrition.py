"""From what was listed to what is trained on: how much is left at each level, and where the rest went.

The common measure of all levels is time (milliseconds of clip), so that clips, windows and examples can be
drawn on one scale; every entry also carries its own count. A clip that is a candidate for two categories is
counted for each, because "is this target seen and heard?" is asked twice.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from vegas_data.records import Clip, Verdict
from vegas_data.report.data import ReportData

Kind = Literal["failed", "rejected", "undecided", "pending", "cut"]
LEVELS: Final = ("Listed", "Fetched", "Windows", "Accepted", "Examples", "In shards")
_KIND_ORDER: Final = {"failed": 0, "rejected": 1, "undecided": 2, "cut": 3, "pending": 4}


@dataclass(frozen=True, slots=True)
class Tally:
    """So many things, so much time."""

    count: int = 0
    ms: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.count + other.count, self.ms + other.ms)


@dataclass(frozen=True, slots=True, order=True)
class LossKey:
    """What a loss is called: after which level, of which kind, for which reason, counted in what."""

    level: str
    kind: Kind
    reason: str
    unit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """What is left at one level, and what is lost on the way to the next."""

    name: str
    unit: str
    left: Tally
    losses: tuple[tuple[LossKey, Tally], ...] = ()


Outflow = Iterable[tuple[LossKey, Tally]]


def attrition(data: ReportData, category: str | None = None) -> tuple[Level, ...]:
    """All levels, for one category or for every (clip, category) pair together."""
    names = data.category_names if category is None else (category,)
    candidates = [(clip, name) for clip in data.clips for name in clip.categories if name in names]
    verdicts: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in data.verdicts:
        verdicts.setdefault((verdict.clip_id, verdict.category), []).append(verdict)
    of_interest = [verdict for verdict in data.verdicts if verdict.category in names]
    fetched = [(clip, name) for clip, name in candidates if clip.id in data.media]
    accepted = [verdict for verdict in of_interest if verdict.decision == "accepted"]
    examples = [example for example in data.examples if example.category in names]
    stored = {(shard.category, key) for shard in data.shards for key in shard.keys}
    waiting = [e for e in examples if (e.category, e.id) not in stored]

    windows = _tally(v.end_ms - v.start_ms for v in of_interest)
    joined = _tally(e.duration_ms for e in examples)
    return (
        Level(
            name="Listed",
            unit="clip",
            left=_tally(clip.duration_ms for clip, _ in candidates),
            losses=_collect(_fetch_losses(data, candidates)),
        ),
        Level(
            name="Fetched",
            unit="clip",
            left=_tally(data.media[clip.id].duration_ms for clip, _ in fetched),
            losses=_collect(_verify_losses(data, fetched, lambda clip, name: verdicts.get((clip.id, name), []))),
        ),
        Level(name="Windows", unit="window", left=windows, losses=_collect(_decision_losses(of_interest))),
        Level(name="Accepted", unit="window", left=_tally(v.end_ms - v.start_ms for v in accepted)),
        Level(
            name="Examples",
            unit="example",
            left=joined,
            losses=_collect(
                (LossKey("Examples", "pending", "not featurized yet", "example"), Tally(1, e.duration_ms))
                for e in waiting
            ),
        ),
        Level(
            name="In shards",
            unit="example",
            left=Tally(joined.count - len(waiting), joined.ms - sum(e.duration_ms for e in waiting)),
        ),
    )


def _tally(durations_ms: Iterable[int]) -> Tally:
    listed = list(durations_ms)
    return Tally(len(listed), sum(listed))


def _collect(outflow: Outflow) -> tuple[tuple[LossKey, Tally], ...]:
    """Add up losses of one key; the largest of a kind first, names in order where they tie."""
    total: dict[LossKey, Tally] = {}
    for key, tally in outflow:
        total[key] = total.get(key, Tally()) + tally
    return tuple(sorted(total.items(), key=lambda item: (_KIND_ORDER[item[0].kind], -item[1].ms, item[0])))


def _fetch_losses(data: ReportData, candidates: list[tuple[Clip, str]]) -> Iterator[tuple[LossKey, Tally]]:
    failures = data.failures_of("fetch")
    for clip, _ in candidates:
        media = data.media.get(clip.id)
        if media is not None:
            if media.duration_ms < clip.duration_ms:
                yield LossKey("Listed", "cut", "source ends early", ""), Tally(0, clip.duration_ms - media.duration_ms)
        elif clip.id in failures:
            yield LossKey("Listed", "failed", failures[clip.id].code, "clip"), Tally(1, clip.duration_ms)
        else:
            yield LossKey("Listed", "pending", "not fetched yet", "clip"), Tally(1, clip.duration_ms)


def _verify_losses(
    data: ReportData, fetched: list[tuple[Clip, str]], verdicts_of: Callable[[Clip, str], list[Verdict]]
) -> Iterator[tuple[LossKey, Tally]]:
    failures = data.failures_of("verify")
    for clip, name in fetched:
        duration_ms = data.media[clip.id].duration_ms
        verdicts = verdicts_of(clip, name)
        tail_ms = duration_ms - sum(v.end_ms - v.start_ms for v in verdicts)
        if not verdicts and clip.id in failures:
            yield LossKey("Fetched", "failed", failures[clip.id].code, "clip"), Tally(1, duration_ms)
        elif not verdicts:
            yield LossKey("Fetched", "pending", "not verified yet", "clip"), Tally(1, duration_ms)
        elif tail_ms > 0:
            yield LossKey("Fetched", "cut", "short tail", ""), Tally(0, tail_ms)


def _decision_losses(verdicts: list[Verdict]) -> Iterator[tuple[LossKey, Tally]]:
    for verdict in verdicts:
        if verdict.decision != "accepted":
            key = LossKey("Windows", verdict.decision, verdict.reason, "window")
            yield key, Tally(1, verdict.end_ms - verdict.start_ms)

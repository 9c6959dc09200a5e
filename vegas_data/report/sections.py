"""What stands in each section of the page: records in, rows and drawings out. No HTML is written here."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from vegas_data.records import Example
from vegas_data.report import paper
from vegas_data.report.attrition import LEVELS, Kind, Level, LossKey, Tally
from vegas_data.report.data import ReportData
from vegas_data.report.figures import bar, describe_shares, pie, score_histogram
from vegas_data.report.flow_chart import Part, sankey
from vegas_data.report.numerals import duration, listing, phrase, plural, size, thousands
from vegas_data.report.timeline import limits_of
from vegas_data.report.truth import is_true

Levels = Sequence[Level]

SPLITS: Final = ("train", "val", "test")


# --- at a glance --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """One headline number; ``parts`` (kind, label, count) is what its bar and its small print show."""

    label: str
    value: str
    beside: str
    parts: tuple[tuple[str, str, int], ...]
    note: str = ""


def headline(data: ReportData, numbers: Mapping[str, Mapping[str, int]]) -> str:
    """The state of the workspace in one sentence."""
    clips, verify = numbers["clips"], numbers["verify"]
    listed = plural(clips["listed"], "clip")
    if not data.clips:
        return "Nothing is listed yet"
    if not clips["fetched"]:
        return f"{listed} listed, none fetched yet"
    if not verify["windows"]:
        return f"{thousands(clips['fetched'])} of {listed} fetched, none verified yet"
    if not data.examples:
        return f"{plural(verify['windows'], 'window')} verified, none fit for an example"
    made = plural(len(data.examples), "example")
    found = {example.category for example in data.examples}
    titles = [data.title(name).lower() for name in data.category_names if name in found]
    whom = listing(titles) if len(titles) <= 3 else f"{len(titles)} categories"
    return f"{listed} became {made} of {whom}"


def tiles(data: ReportData, numbers: Mapping[str, Mapping[str, int]]) -> tuple[Tile, ...]:
    """Clips, windows, examples, shards; and models, once there are any."""
    clips, verify = numbers["clips"], numbers["verify"]
    failed = sum(clips["failed"].values())  # type: ignore[attr-defined]
    pending = clips["listed"] - clips["fetched"] - failed
    total_ms = sum(example.duration_ms for example in data.examples)
    split_of = [data.splits.get(example.video_id, "") for example in data.examples]
    num_bytes = sum(shard.num_bytes for shard in data.shards)
    stored = sum(shard.num_examples for shard in data.shards)
    return (
        Tile(
            label="Clips",
            value=thousands(clips["fetched"]),
            beside=f"of {thousands(clips['listed'])} fetched" if data.clips else "",
            parts=(("kept", "fetched", clips["fetched"]), ("failed", "failed", failed), ("pending", "to do", pending)),
        ),
        Tile(
            label="Windows",
            value=thousands(verify["accepted"]),
            beside=f"of {thousands(verify['windows'])} accepted" if data.verdicts else "",
            parts=tuple((kind, kind, verify[kind]) for kind in ("accepted", "rejected", "undecided")),
        ),
        Tile(
            label="Examples",
            value=thousands(len(data.examples)),
            beside=duration(total_ms) if data.examples else "",
            parts=tuple((f"bin{3 - index}", split, split_of.count(split)) for index, split in enumerate(SPLITS)),
            note=f"{total_ms / 3_600_000:.3g} h in all" if data.examples else "",
        ),
        Tile(
            label="Shards",
            value=thousands(len(data.shards)),
            beside=size(num_bytes) if data.shards else "",
            parts=(("kept", "examples stored", stored), ("pending", "to do", max(0, len(data.examples) - stored))),
        ),
        *([_models_tile(data)] if data.trained else []),
    )


def _models_tile(data: ReportData) -> Tile:
    """How many were trained and evaluated, and how far the best of them is from chance."""
    titles = [data.title(name).lower() for name in data.category_names if data.models_of(name)]
    evaluated = [model.evaluation for model in data.trained if model.evaluation]
    best = max((e.onsets for e in evaluated if e.onsets), key=lambda score: score.f1, default=None)
    return Tile(
        label="Models",
        value=thousands(len(data.trained)),
        beside=f"of {titles[0]}" if len(titles) == 1 else f"of {plural(len(titles), 'category', 'categories')}",
        parts=(
            ("kept", "evaluated", len(evaluated)),
            ("pending", "to evaluate", len(data.trained) - len(evaluated)),
        ),
        note=f"onset F1 up to {best.f1:.2f}; shuffled {best.f1_shuffled:.2f}" if best else "",
    )


# --- the data set -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class LengthRow:
    """Examples of one category (or all) and what the paper has of it."""

    title: str
    count: int
    splits: tuple[int, ...]
    total_ms: int
    mean_s: float | None
    std_s: float | None
    paper: paper.PaperRow | None


def length_rows(data: ReportData) -> tuple[tuple[LengthRow, ...], LengthRow]:
    """A row per category, and one for all."""
    rows = tuple(
        _length_row(
            data, data.title(name), [e for e in data.examples if e.category == name], paper.CATEGORIES.get(name)
        )
        for name in data.category_names
    )
    return rows, _length_row(data, "All", list(data.examples), None)


def _length_row(data: ReportData, title: str, examples: list[Example], printed: paper.PaperRow | None) -> LengthRow:
    seconds = [example.duration_ms / 1000 for example in examples]
    split_of = [data.splits.get(example.video_id) for example in examples]
    return LengthRow(
        title=title,
        count=len(examples),
        splits=tuple(split_of.count(split) for split in SPLITS),
        total_ms=sum(example.duration_ms for example in examples),
        mean_s=statistics.fmean(seconds) if seconds else None,
        std_s=statistics.pstdev(seconds) if seconds else None,
        paper=printed,
    )


def length_bins(examples: Sequence[Example]) -> tuple[int, ...]:
    """How many examples fall into each of the paper's four bins of length."""
    bins = [0] * len(paper.LENGTH_EDGES_MS)
    for example in examples:
        bins[max(0, sum(example.duration_ms >= edge for edge in paper.LENGTH_EDGES_MS) - 1)] += 1
    return tuple(bins)


def length_pies(data: ReportData) -> tuple[Markup, Markup]:
    """Ours and the paper's."""
    ours = length_bins(data.examples)
    return (
        pie(ours, title=f"Lengths here: {describe_shares(paper.LENGTH_LABELS, ours)}"),
        pie(
            paper.LENGTH_SHARES,
            title=f"Lengths in the paper: {describe_shares(paper.LENGTH_LABELS, paper.LENGTH_SHARES)}",
        ),
    )


# --- attrition ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class AttritionRow:
    """A level (``kind`` empty) or a loss, with a figure for every column of the table."""

    label: str
    kind: Kind | str
    unit: str
    total: Tally
    by_category: tuple[Tally, ...]
    bar: Markup


def attrition_rows(levels: Levels, by_category: Mapping[str, Levels]) -> tuple[AttritionRow, ...]:
    """Levels and losses from top to bottom, for all and for each category."""
    columns = [_flat(of_one) for of_one in by_category.values()]
    whole = max(1, levels[0].left.ms)
    rows: list[AttritionRow] = []
    for level in levels:
        name: str | LossKey = level.name
        rows.append(
            AttritionRow(
                label=level.name,
                kind="",
                unit=level.unit,
                total=level.left,
                by_category=tuple(column.get(name, Tally()) for column in columns),
                bar=bar(level.left.ms / whole, kind="kept"),
            )
        )
        start_ms = level.left.ms
        for key, tally in level.losses:
            start_ms -= tally.ms
            rows.append(
                AttritionRow(
                    label=phrase(key.reason),
                    kind=key.kind,
                    unit=key.unit,
                    total=tally,
                    by_category=tuple(column.get(key, Tally()) for column in columns),
                    bar=bar(max(tally.ms / whole, 0.004), kind=key.kind, start=start_ms / whole),
                )
            )
    return tuple(rows)


def _flat(levels: Levels) -> dict[str | LossKey, Tally]:
    found: dict[str | LossKey, Tally] = {}
    for level in levels:
        found[level.name] = level.left
        found.update(level.losses)
    return found


def attrition_chart(data: ReportData, levels: Levels, by_category: Mapping[str, Levels]) -> Markup:
    """The same as a drawing, up to the examples."""
    shown = levels[: LEVELS.index("Examples") + 1]
    parts = [Part(data.title(name), of_one[len(shown) - 1].left) for name, of_one in by_category.items()]
    words = ", ".join(f"{level.name.lower()} {plural(level.left.count, level.unit)}" for level in shown)
    return sankey(shown, parts, title=f"What is left at each level: {words}. The table below holds all numbers.")


# --- scores -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class ScorePanel:
    """Scores of one scorer for one category."""

    category: str
    scorer: str
    side: str
    upper: tuple[str, int]
    lower: tuple[str, int]
    drawing: Markup


def score_panels(data: ReportData) -> tuple[ScorePanel, ...]:
    """A histogram for every category and scorer, in the order of categories and of the recipe's scorers."""
    planted = is_true(data)
    names = ("target there", "not there") if planted else ("accepted", "not accepted")
    sides: dict[tuple[str, str], tuple[list[float], list[float]]] = {}
    judged = {(v.clip_id, v.start_ms, v.category): v.decision == "accepted" for v in data.verdicts}
    for window in data.scores:
        for scorer, by_category in window.scores.items():
            for category, score in by_category.items():
                key = (window.clip_id, window.start_ms, category)
                if key in judged:
                    should = planted.get((window.clip_id, category, window.start_ms), judged[key])
                    sides.setdefault((category, scorer), ([], []))[0 if should else 1].append(score)
    panels = []
    for category in data.category_names:
        limits = limits_of(data.thresholds, category)
        known = [scorer for name, scorer in sides if name == category]
        for scorer in sorted(known, key=lambda scorer: ([*limits, scorer].index(scorer), scorer)):
            upper, lower = sides[category, scorer]
            limit = limits.get(scorer)
            title = f"{scorer} on {data.title(category)}: scores of {plural(len(upper) + len(lower), 'window')}"
            panels.append(
                ScorePanel(
                    category=data.title(category),
                    scorer=scorer,
                    side=limit.side if limit else "",
                    upper=(names[0], len(upper)),
                    lower=(names[1], len(lower)),
                    drawing=score_histogram(upper, lower, limit=limit, title=title),
                )
            )
    return tuple(panels)


# --- cost ---------------------------------------------------------------------------------------------------


def stage_bars(seconds: Sequence[tuple[str, float]]) -> tuple[tuple[str, float, Markup], ...]:
    """Each stage with its seconds and a bar on the scale of the longest."""
    longest = max([spent for _, spent in seconds], default=0.0) or 1.0
    return tuple((stage, spent, bar(spent / longest, kind="cost")) for stage, spent in seconds)

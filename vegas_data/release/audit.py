"""The audit in a release: what people found in windows drawn at random from its verdicts.

Enters ``AuditSource``, what the workspace has; leaves the rows of the tables *audit* and *audit_judgments*, what of
them contradicts the rest of a release, and the numbers for the card. A draw is by sha256, so that it can be made
again: no window can be left out of it because of what people found.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from vegas_data.records import Answer, Verdict
from vegas_data.release.again import Said, Trouble, said_by_people
from vegas_data.release.layout import UNSETTLED
from vegas_data.release.plan import AuditSource
from vegas_data.release.rules import Rules
from vegas_data.release.tables import Row
from vegas_data.verify import (
    REQUIRED_SIDES,
    AuditItem,
    CategoryReport,
    draw_audit,
    is_present,
    krippendorff_alpha,
    settle,
    settled_sides,
)
from vegas_data.verify.audit import report
from vegas_data.verify.crowd import by_question, needs_more

Place = tuple[str, str, int]  # category, clip id, start_ms
_IN_WORDS: Final[Mapping[bool | None, str]] = MappingProxyType({True: "yes", False: "no", None: UNSETTLED})


def audit_rows(source: AuditSource) -> list[Row]:
    """The table *audit*: one row per drawn window."""
    strata: dict[tuple[str, str], float] = defaultdict(float)
    for item in source.items:
        strata[item.category, item.path] += item.weight
    rows = []
    for item in sorted(source.items, key=lambda item: (item.clip_id, item.category, item.start_ms)):
        sides = settled_sides(item, source.settled)
        rows.append(
            {
                "category": item.category,
                "clip_id": item.clip_id,
                "video_id": item.video_id,
                "start_ms": item.start_ms,
                "end_ms": item.end_ms,
                "path": item.path,
                "decision": _decision(item),
                "stratum_windows": round(strata[item.category, item.path]),
                **_sides_in_words(sides),
                "present": _IN_WORDS[is_present(sides)],
            }
        )
    return rows


def _sides_in_words(sides: Iterable[Answer | None]) -> dict[str, str]:
    return {str(side): answer or UNSETTLED for side, answer in zip(REQUIRED_SIDES, sides, strict=True)}


def judgment_rows(source: AuditSource) -> list[Row]:
    """The table *audit_judgments*: one row per person, drawn window and side."""
    columns = ("category", "clip_id", "video_id", "start_ms", "end_ms", "side", "judge", "answer")
    rows = [{name: getattr(one, name) for name in columns} for one in source.judgments]
    return sorted(rows, key=lambda row: tuple(row[n] for n in ("clip_id", "category", "start_ms", "side", "judge")))


def _decision(item: AuditItem) -> str:
    return "accepted" if item.path in ("auto_accept", "people_accept") else "rejected"


def audit_disagrees(
    rows: Sequence[Row], judgments: Sequence[Row], verdicts: Iterable[Row], rules: Rules, audited: Sequence[str]
) -> Iterator[Trouble]:
    """The audit is drawn as the rules say, from these verdicts, and says what these judgments say."""
    if {row["category"] for row in rows} != set(audited) or set(audited) != rules.not_audited.keys():
        yield "", "the audit is not of the categories that the release says"
    told = {_place(row): row for row in rows}
    made = {_place(row): row for row in audit_rows(_again(judgments, verdicts, rules, audited))}
    for place in sorted(made.keys() - told.keys()):
        yield place[1], f"{place[0]}, {place[2]} ms: drawn for the audit, and not in its table"
    for place in sorted(told.keys() - made.keys()):
        yield place[1], f"{place[0]}, {place[2]} ms: in the table of the audit, and not drawn"
    said = _by_place(said_by_people(judgments))
    for place in sorted(said.keys() - made.keys()):
        yield place[1], f"{place[0]}, {place[2]} ms: judged for the audit, and not drawn"
    by_majority = rules.options.triage.aggregation == "majority"
    for place in sorted(made.keys() & told.keys()):
        row, again = told[place], made[place]
        if not by_majority:
            again = _at_its_word(row, again, said.get(place, []), rules)
        wrong = [name for name, value in again.items() if row[name] != value]
        if wrong:
            due = ", ".join(f"{name} {again[name]} and not {row[name]}" for name in wrong)
            yield place[1], f"{place[0]}, {place[2]} ms: verdicts and people's judgments give {due}"


def _again(judgments: Sequence[Row], verdicts: Iterable[Row], rules: Rules, audited: Sequence[str]) -> AuditSource:
    triage = rules.options.triage
    by_category: dict[str, list[Verdict]] = {name: [] for name in audited}
    for row in verdicts:
        if row["category"] in by_category:
            by_category[row["category"]].append(Verdict(**row))
    items: list[AuditItem] = []
    for name, some in by_category.items():
        excluded = frozenset(rules.not_audited.get(name, ()))
        items += draw_audit(some, seed=triage.seed, count=triage.audit_windows, exclude=excluded)
    by_majority = triage.aggregation == "majority"
    settled = settle(said_by_people(judgments), triage) if by_majority else {}
    return AuditSource(items=tuple(items), settled=settled)


def _at_its_word(row: Row, again: Row, said: Sequence[Said], rules: Rules) -> Row:
    """Dawid and Skene's answers, where enough people answered and one of them, or the rule for ties, says so."""
    triage, sides = rules.options.triage, []
    for side in REQUIRED_SIDES:
        answers = [one.answer for one in said if one.side == side]
        enough = not needs_more(answers, triage.judgments_per_window)
        sides.append(row[side] if enough and row[side] in {*answers, triage.tie} else None)
    return {**again, **_sides_in_words(sides), "present": _IN_WORDS[is_present(sides)]}


def _place(row: Row) -> Place:
    return row["category"], row["clip_id"], row["start_ms"]


def _by_place(said: Iterable[Said]) -> dict[Place, list[Said]]:
    found: dict[Place, list[Said]] = defaultdict(list)
    for one in said:
        found[one.category, one.clip_id, one.start_ms].append(one)
    return found


def reports(rows: Sequence[Row]) -> tuple[CategoryReport, ...]:
    """Precision and recall by category, from the table."""
    drawn: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        drawn[row["category"], row["path"]] += 1
    items = [
        AuditItem(
            **{name: row[name] for name in ("category", "clip_id", "video_id", "start_ms", "end_ms", "path")},
            weight=row["stratum_windows"] / drawn[row["category"], row["path"]],
        )
        for row in rows
    ]
    found = {item.key: row["present"] == "yes" for item, row in zip(items, rows, strict=True) if _settled(row)}
    return report(items, found)


def _settled(row: Row) -> bool:
    return bool(row["present"] != UNSETTLED)


def agreement_of_people(judgments: Iterable[Row], audit_judgments: Iterable[Row]) -> list[dict[str, Any]]:
    """Krippendorff's alpha of three ordered answers, by category and side, wherever people judged."""
    groups: dict[tuple[str, str], list[list[Answer]]] = defaultdict(list)
    said = [*said_by_people(judgments), *said_by_people(audit_judgments)]
    for (category, _, _, side), answers in by_question(said).items():
        groups[category, side].append(list(answers.values()))
    return [
        {
            "category": category,
            "side": side,
            "judgments": sum(map(len, some)),
            "shared": sum(len(answers) > 1 for answers in some),
            "alpha": krippendorff_alpha(some, "ordinal"),
        }
        for (category, side), some in sorted(groups.items())
    ]

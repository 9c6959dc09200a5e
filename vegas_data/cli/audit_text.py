"""An audit as tables on stdout."""

from typing import Any

from rich.console import Console
from rich.table import Table


def print_audit(result: dict[str, Any]) -> None:
    """Precision and recall, what was found on each path, attrition, agreement, every person."""
    console = Console(highlight=False)
    level = f"{100 * result['confidence']:g} %"
    for line in _standing(result):
        console.print(line, markup=False, soft_wrap=True)
    for row in result["categories"]:
        words = f"precision {_share(row['precision'])}, recall {_share(row['recall'])}"
        console.print(f"{row['category']}: {words} (intervals of at least {level})", markup=False, soft_wrap=True)
        console.print(_paths(row["strata"], level), markup=False)
    console.print(_attrition(result), markup=False)
    paper = f"{100 * result['kept_in_the_paper']:.0f} % in the paper"
    console.print(f"kept: accepted windows among those that are decided; {paper}", markup=False)
    people = result["people"]
    for category, sides in people["alpha"].items():
        words = ", ".join(f"{side} {'not defined' if a is None else f'{a:.2f}'}" for side, a in sides.items())
        console.print(f"Krippendorff's alpha, {category}: {words}", markup=False)
    if people["annotators"]:
        console.print(_annotators(people), markup=False)
    for one in people["annotators"]:
        if one["suspect"]:
            console.print(f"{one['annotator']}: hardly agrees with anybody ({one['count']} answers)", markup=False)


def _standing(result: dict[str, Any]) -> list[str]:
    """Where the audit stands, and what to do next."""
    if not result["categories"]:
        return ["nothing is drawn for an audit: vegas-data audit draw"]
    lines = [
        f"{category}: verdicts have changed since its draw; this is about those of then: vegas-data audit draw --anew"
        for category in result["stale"]
    ]
    judged, drawn = result["judged"], result["drawn"]
    if judged < drawn:
        lines.append(f"{judged or 'none'} of {drawn} drawn windows judged: vegas-data review --purpose audit")
    return lines


def _paths(strata: list[dict[str, Any]], level: str) -> Table:
    table = _table("decided by", "windows", "drawn", "judged", "present", f"share ({level})")
    for row in strata:
        numbers = (f"{row[name]:,}" for name in ("windows", "drawn", "judged", "present"))
        table.add_row(row["path"].replace("_", " "), *numbers, _share(row["share"]))
    return table


def _attrition(result: dict[str, Any]) -> Table:
    table = _table("category", "clips", "fetched", "windows", "undecided", "accepted", "examples", "kept")
    for row in result["attrition"]:
        names = ("clips", "fetched", "windows", "undecided", "accepted", "examples")
        kept = "–" if row["kept"] is None else f"{100 * row['kept']:.1f} %"
        table.add_row(row["category"], *(f"{row[name]:,}" for name in names), kept)
    return table


def _annotators(people: dict[str, Any]) -> Table:
    """Every person: how much their answers tell of the others', and how often they knew the known ones."""
    table = _table("person", "answers", "informedness", "gold")
    gold: dict[str, list[str]] = {}
    for one in people["gold"]:
        share = {"value": one["right"] / one["count"], "low": one["low"], "high": one["high"]}
        gold.setdefault(one["annotator"], []).append(f"{one['category']} {_share(share)} of {one['count']}")
    known = {one["annotator"]: one for one in people["annotators"]}
    for name in sorted({*known, *gold}):
        value = known[name]["value"] if name in known else None
        answers = f"{known[name]['count']:,}" if name in known else "0"
        told = "not measured" if value is None else f"{value:.2f}"
        table.add_row(name, answers, told, "; ".join(gold.get(name, ())) or "–")
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _share(share: dict[str, float] | None) -> str:
    if share is None:
        return "not measured"
    return f"{100 * share['value']:.1f} % [{100 * share['low']:.1f}, {100 * share['high']:.1f}]"

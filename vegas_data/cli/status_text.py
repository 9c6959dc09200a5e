"""The state of a workspace as tables on stdout."""

from typing import Any

from rich.console import Console
from rich.table import Table


def print_status(result: dict[str, Any]) -> None:
    """A workspace's state: what there is of each kind, clips by category and class, and failures where asked for."""
    console = Console(highlight=False)
    clips, verify, examples = result["clips"], result["verify"], result["examples"]
    recipe = result["recipe"]
    table = Table(box=None, pad_edge=False, show_header=False, title_justify="left")
    table.add_row("workspace", f"{result['workspace']} (recipe {recipe['name']}, {recipe['digest']})")
    reasons = ", ".join(f"{n} {code}" for code, n in clips["failed"].items()) or "none failed"
    table.add_row("clips", f"{clips['listed']} listed, {clips['fetched']} fetched; {reasons}")
    verdicts = f"{verify['accepted']} accepted, {verify['rejected']} rejected, {verify['undecided']} undecided"
    table.add_row("windows", f"{verify['windows']}: {verdicts} ({_basis(verify['basis'])})")
    if result["later_failures"]:
        table.add_row("gave up", ", ".join(f"{n} {what}" for what, n in result["later_failures"].items()))
    by_category = ", ".join(f"{n} {name}" for name, n in examples["by_category"].items() if n)
    table.add_row(
        "examples", f"{examples['count']}, {examples['hours']:.2f} h" + (f": {by_category}" if by_category else "")
    )
    table.add_row(
        "shards", f"{len(result['shards'])} with {sum(shard['examples'] for shard in result['shards'])} examples"
    )
    if result["random_streams"]:
        names = ", ".join(result["random_streams"])
        table.add_row("RANDOM", f"the features of {names} mean nothing: their weights were drawn at random")
    for category, models in result["train"].items():
        told = [_describe_model(name, one, result["evaluate"].get(category, {})) for name, one in models.items()]
        table.add_row(f"models, {category}", "\n".join(told))
    for trouble in result["damaged"]:
        table.add_row("damaged", trouble)
    console.print(table, markup=False)
    if result["categories"]:
        console.print()
        console.print(_categories(result["categories"]), markup=False)
    for failure in result.get("failures", ()):
        reason = failure["message"].removeprefix(f"{failure['clip']}: ")
        console.print(f"{failure['clip']}  {failure['reason']}: {reason}", markup=False, soft_wrap=True)


def _basis(basis: dict[str, int]) -> str:
    """What verdicts rest on; signals alone promise nothing and need no word."""
    parts = {name: count for name, count in basis.items() if name != "signals"}
    words = {"people": "by people"}
    if len(parts) < 2:
        return "".join(words.get(name, name) for name in parts) or "uncalibrated"
    return ", ".join(f"{count} {words.get(name, name)}" for name, count in parts.items())


def _categories(rows: list[dict[str, Any]]) -> Table:
    """One row for each category; a column for what each clip that is not here last ended in."""
    capped = any(row["short"] is not None for row in rows)
    table = Table(box=None, pad_edge=False)
    table.add_column("category")
    for column in ("listed", "fetched", "untried", *(["short of cap"] if capped else [])):
        table.add_column(column, justify="right")
    table.add_column("not here, by class", overflow="fold")
    for row in rows:
        numbers = [row["listed"], row["fetched"], row["untried"], *([row["short"]] if capped else [])]
        classes = ", ".join(f"{number:,} {code}" for code, number in row["classes"].items())
        table.add_row(row["category"], *(f"{number:,}" for number in numbers), classes)
    return table


def _describe_model(name: str, trained: dict[str, Any], scores: dict[str, Any]) -> str:
    """One trained model in a line: how far it is, and what is known of it."""
    words = [f"{name}: {trained['steps']} updates" + (" on other shards than those of now" if trained["stale"] else "")]
    if trained["test_nats"] is not None:
        words.append(f"test loss {trained['test_nats']:.2f} nats")
    if name in scores:
        score = scores[name]
        words.append(f"onset F1 {score['onset_f1']:.2f} ({score['onset_f1_shuffled']:.2f} shuffled)")
    return ", ".join(words)

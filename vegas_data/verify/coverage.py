"""Before anything is decoded: has each side of each wanted category somebody to judge it?"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from vegas_data.errors import RecipeError, ScorerMissing
from vegas_data.records import Category, Side
from vegas_data.verify.options import VerifyOptions
from vegas_data.verify.scorers import Registry, ScorerEntry, find_scorer, load_registry

_WORDS: Final[Mapping[Side, str]] = MappingProxyType(
    {"heard": "the sound", "seen": "the picture", "pair": "sound and picture together"}
)


def check_coverage(options: VerifyOptions, categories: Iterable[Category], registry: Registry | None = None) -> None:
    """Make sure that each side of each wanted category has somebody to judge it.

    Raises:
        ScorerMissing: names every category and side for which no scorer is at hand, and the remedy.
        RecipeError: the recipe gives a scorer a side that is not its own, or a prior a vote.
    """
    registry = load_registry() if registry is None else registry
    entries = {scorer.name: find_scorer(scorer.name, registry) for scorer in options.scorers}
    for scorer in options.scorers:
        if entries[scorer.name].side != scorer.side:
            raise RecipeError(
                f"scorer {scorer.name} judges the side {entries[scorer.name].side!r}, not {scorer.side!r}",
                remedy="correct its side in [[verify.scorers]]",
            )
        if entries[scorer.name].is_prior and not scorer.advisory:
            raise RecipeError(
                f"scorer {scorer.name} knows something beforehand and looks at nothing: it cannot have a vote",
                remedy="set advisory = true in its [[verify.scorers]]",
            )
    voting = {scorer.name: entries[scorer.name] for scorer in options.scorers if not scorer.advisory}
    wanted = tuple(categories)
    gaps: list[str] = []
    hints: set[str] = set()
    for side in options.sides:
        at_hand = [entry for entry in voting.values() if entry.side == side]
        missing = [category for category in wanted if not any(entry.covers(category) for entry in at_hand)]
        if missing:
            names = ", ".join(category.name for category in missing)
            gaps.append(f"no scorer for {_WORDS[side]} of {names}: {'; '.join(entry.lacks for entry in at_hand)}")
            hints |= _helpers(registry, side, missing)
    if gaps:
        remedy = f"use a recipe with {' or '.join(sorted(hints))}" if hints else "add classes or prompts to the table"
        raise ScorerMissing("; ".join(gaps), remedy=f"{remedy}, or choose other categories with --category")


def _helpers(registry: Registry, side: Side, missing: list[Category]) -> set[str]:
    """Known scorers that cover what is missing, each with the command that installs it."""
    found: dict[str, ScorerEntry] = {
        name: entry
        for name, entry in registry.items()
        if entry.side == side and not entry.is_prior and all(entry.covers(category) for category in missing)
    }
    return {
        f"{name} (pip install 'vegas-data[{entry.extra}]')" if entry.extra else name for name, entry in found.items()
    }

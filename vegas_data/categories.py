"""The table of categories (``manifests/categories.toml``): what the data set is about."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from vegas_data.config import by_name, load_table, read_toml, shipped
from vegas_data.errors import ManifestError, RecipeError
from vegas_data.records import Category


@dataclass(frozen=True, kw_only=True)
class _Table:
    category: tuple[Category, ...]
    schema: int = 1


def load_categories(path: Path | None = None) -> dict[str, Category]:
    """Read the shipped table, or the one at ``path``, by name, in the table's order.

    Raises:
        RecipeError: malformed, or a name stands in it twice.
    """
    path = path or shipped("manifests/categories.toml")
    try:
        table = load_table(_Table, read_toml(path), where=path.name)
    except ManifestError as error:
        raise RecipeError(f"{path}: {error}", remedy=error.remedy) from None
    return by_name(table.category, path)


def select_categories(categories: dict[str, Category], names: tuple[str, ...]) -> tuple[Category, ...]:
    """The categories called ``names``; all of them if none is named.

    Raises:
        RecipeError: an unknown name.
    """
    for name in names:
        if name not in categories:
            near = get_close_matches(name, categories, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise RecipeError(f"unknown category {name!r}", remedy=f"{hint}known: {', '.join(categories)}")
    return tuple(categories[name] for name in (names or categories))

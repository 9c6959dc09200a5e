"""The classes of AudioSet that a category counts as its sound, as columns of a network's answer."""

from collections.abc import Sequence
from difflib import get_close_matches

from vegas_data.errors import VerificationError
from vegas_data.records import Category


def columns_of(category: Category, names: Sequence[str], *, source: str) -> list[int]:
    """Where the category's classes stand among ``names``; empty if it lists none.

    Args:
        source: whose classes they are, for the message.

    Raises:
        VerificationError: it lists a class that is not among them.
    """
    for wanted in category.heard_classes:
        if wanted not in names:
            near = get_close_matches(wanted, names, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise VerificationError(
                f"table of categories (categories.toml, or --categories): {category.name} lists {wanted!r} in "
                f"heard_classes, which is not a class of {source}",
                remedy=f"{hint}correct heard_classes in the table of categories",
            )
    return [names.index(wanted) for wanted in category.heard_classes]

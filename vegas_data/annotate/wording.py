"""What the page says about each side, and a category's definition taken apart for it.

The three answers are those of the paper (Zhou et al. 2018, § 3): whether the target dominates the sound, and whether
it is in the picture all the time.
"""

import re
from typing import Final

from vegas_data.records import Category, Side

SIDES: Final[dict[Side, dict[str, str]]] = {
    "heard": {
        "mode": "Sound only",
        "note": "The picture is hidden on purpose",
        "question": "is it heard?",
        "yes": "It dominates",
        "sort_of": "It competes with other sounds",
        "no": "Others dominate, or it is not there",
    },
    "seen": {
        "mode": "Picture only",
        "note": "The sound is off on purpose",
        "question": "is it seen?",
        "yes": "There all the time",
        "sort_of": "There part of the time",
        "no": "Absent, or hardly there",
    },
    "pair": {
        "mode": "Sound and picture",
        "note": "Watch and listen",
        "question": "does the sound go with the picture?",
        "yes": "What sounds is what you see",
        "sort_of": "Partly, or it may be",
        "no": "The sound comes from elsewhere",
    },
}
_PARTS: Final = re.compile(r"\s*Heard:\s*(.+?)\s*Seen:\s*(.+?)\s*", re.DOTALL)


def describe(category: Category) -> dict[str, str]:
    """Title and definition of a category: ``heard`` and ``seen`` if the definition has both parts, else ``text``.

    Examples:
        >>> describe(Category(name="dog", title="Dog", definition="Heard: a bark. Seen: a dog."))
        {'title': 'Dog', 'heard': 'A bark.', 'seen': 'A dog.', 'text': ''}
    """
    parts = _PARTS.fullmatch(category.definition)
    heard, seen = (parts[1], parts[2]) if parts else ("", "")
    return {
        "title": category.title or category.name,
        "heard": _sentence(heard),
        "seen": _sentence(seen),
        "text": "" if parts else category.definition.strip(),
    }


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]

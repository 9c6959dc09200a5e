"""Which licences may meet in one rendered video, and the SPDX expression of the result.

A picture set to a sound is a work derived from both, so both licences must allow it at once. The rule is stricter
than some lawyers: whatever is not known to fit does not fit.

- Public domain and CC0 go with everything.
- Attribution licences go with one another and with CC BY-SA of the same generation.
- The GPL goes with the GPL: nothing here says that CC BY 2.0 or 3.0, or CC BY-SA 3.0, can be had under its terms.
- The Free Art Licence goes with itself.
"""

from collections.abc import Iterable
from typing import Final

UNCONDITIONAL: Final = frozenset({"CC0-1.0", "LicenseRef-public-domain"})
GROUPS: Final = (
    frozenset({"CC-BY-2.0", "CC-BY-3.0", "CC-BY-SA-3.0"}),
    frozenset({"GPL-2.0-or-later", "GPL-3.0-or-later", "GPL-3.0-only"}),
    frozenset({"LAL-1.2"}),
)


def are_compatible(licences: Iterable[str]) -> bool:
    """Whether works under all of ``licences`` (SPDX ids) may be joined in one; an unknown licence joins nothing."""
    conditional = set(licences) - UNCONDITIONAL
    return not conditional or any(conditional <= group for group in GROUPS)


def spdx_expression(licences: Iterable[str]) -> str:
    """SPDX expression of a work made from parts under ``licences``: ``CC0-1.0 AND GPL-2.0-or-later``.

    Raises:
        ValueError: the licences must not be joined, or there are none.
    """
    names = sorted(set(licences))
    if not names or not are_compatible(names):
        raise ValueError(f"not to be joined in one work: {', '.join(names) or 'no licence at all'}")
    return " AND ".join(names)

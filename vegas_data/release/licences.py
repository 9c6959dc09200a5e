"""Which videos may be passed on: an allow-list of SPDX ids, read through the expression of a row.

Stricter than some lawyers: what is not known to allow that everybody copies, cuts and passes on a work is not passed
on. So neither ``NOASSERTION`` nor the standard licence of a video site; nor licences with NC (a release is for
everybody) or ND (an example is cut out of its video). Of ``A AND B`` both must allow it, of ``A OR B`` one. All
licences but those in ``NO_CREDIT`` ask that the authors be named: without a credit such a work is not passed on either.
"""

import re
from typing import Final

NO_CREDIT: Final = frozenset({"CC0-1.0", "LicenseRef-own", "LicenseRef-public-domain", "PDDL-1.0"})
PASS_ON: Final = NO_CREDIT | frozenset(
    {
        *(f"CC-BY-{version}" for version in ("1.0", "2.0", "2.5", "3.0", "4.0")),
        *(f"CC-BY-SA-{version}" for version in ("1.0", "2.0", "2.5", "3.0", "4.0")),
        "GPL-2.0-only",
        "GPL-2.0-or-later",
        "GPL-3.0-only",
        "GPL-3.0-or-later",
        "LAL-1.2",
        "LAL-1.3",
    }
)
_TOKEN: Final = re.compile(r"\(|\)|[A-Za-z0-9.+-]+", re.ASCII)
_MAX_TOKENS: Final = 64


def may_pass_on(expression: str, *, credit: str) -> bool:
    """Whether a work under this SPDX expression may be in a release with media; what cannot be read may not.

    Args:
        credit: who made it, as the release will name them; empty if that is not known.
    """
    tokens = expression.replace("(", " ( ").replace(")", " ) ").split()
    if not 0 < len(tokens) <= _MAX_TOKENS or not all(_TOKEN.fullmatch(token) for token in tokens):
        return False
    try:
        allowed, rest = _any_of(tokens, PASS_ON if credit else NO_CREDIT)
    except ValueError:
        return False
    return allowed and not rest


def licence_ids(expression: str) -> frozenset[str]:
    """The licences that an SPDX expression names."""
    words = expression.replace("(", " ").replace(")", " ").split()
    return frozenset(words) - {"AND", "OR", "WITH"}


def _any_of(tokens: list[str], allow: frozenset[str]) -> tuple[bool, list[str]]:
    allowed, rest = _all_of(tokens, allow)
    while rest[:1] == ["OR"]:
        other, rest = _all_of(rest[1:], allow)
        allowed = allowed or other
    return allowed, rest


def _all_of(tokens: list[str], allow: frozenset[str]) -> tuple[bool, list[str]]:
    allowed, rest = _one(tokens, allow)
    while rest[:1] == ["AND"]:
        other, rest = _one(rest[1:], allow)
        allowed = allowed and other
    return allowed, rest


def _one(tokens: list[str], allow: frozenset[str]) -> tuple[bool, list[str]]:
    """A licence or a bracket at the head of ``tokens``, and what follows; ``WITH`` is not understood, so refused."""
    if not tokens or tokens[0] in ("AND", "OR", "WITH", ")"):
        raise ValueError("a licence is missing")
    if tokens[0] != "(":
        return tokens[0] in allow, tokens[1:]
    allowed, rest = _any_of(tokens[1:], allow)
    if rest[:1] != [")"]:
        raise ValueError("a bracket is not closed")
    return allowed, rest[1:]

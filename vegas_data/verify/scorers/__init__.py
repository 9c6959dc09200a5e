"""The seam for judges that are models: what a scorer is (``seam``), and which ones are known by name.

A scorer answers, for windows of media and categories, with one number in [0, 1] each: how surely the category is
heard, seen, or (side *pair*) heard and seen together. It never decides; thresholds are the recipe's. Names are
resolved in ``SHIPPED`` and among the entry points ``vegas_data.scorers`` of installed packages, each of which loads
to a ``ScorerEntry`` (``docs/extending.md`` builds one).
"""

import functools
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final

from vegas_data.errors import ScorerMissing
from vegas_data.verify.scorers.seam import SAMPLE_RATE_HZ, Registry, Scorer, ScorerEntry, WindowMedia
from vegas_data.verify.scorers.shipped import SHIPPED

__all__ = [
    "ENTRY_POINTS",
    "SAMPLE_RATE_HZ",
    "SHIPPED",
    "Registry",
    "Scorer",
    "ScorerEntry",
    "WindowMedia",
    "find_scorer",
    "load_registry",
]

ENTRY_POINTS: Final = "vegas_data.scorers"


@functools.cache
def load_registry() -> Registry:
    """The shipped scorers and those of installed packages; a shipped name cannot be taken over.

    Raises:
        ScorerMissing: an installed package announces a scorer that cannot be loaded.
    """
    installed = {point.name: _load_entry(point) for point in entry_points(group=ENTRY_POINTS)}
    return MappingProxyType({**dict(sorted(installed.items())), **SHIPPED})


def _load_entry(point: EntryPoint) -> ScorerEntry:
    try:
        entry = point.load()
    except (ImportError, AttributeError) as error:
        reason = str(error)
    else:
        if isinstance(entry, ScorerEntry):
            return entry
        reason = f"it is {type(entry).__name__}, not ScorerEntry"
    raise ScorerMissing(
        f"scorer {point.name} of an installed package ({point.value}) cannot be loaded: {reason}",
        remedy="upgrade or uninstall that package",
    )


def find_scorer(name: str, registry: Registry) -> ScorerEntry:
    """The entry of a scorer whose packages are installed.

    Raises:
        ScorerMissing: nobody of that name, or a package it needs is not importable.
    """
    if name not in registry:
        raise ScorerMissing(f"no scorer is called {name!r}", remedy=f"known scorers: {', '.join(sorted(registry))}")
    entry = registry[name]
    for package in entry.requires:
        if find_spec(package) is None:
            wanted = f"'vegas-data[{entry.extra}]'" if entry.extra else package
            raise ScorerMissing(f"scorer {name} needs the package {package}", remedy=f"pip install {wanted}")
    return entry

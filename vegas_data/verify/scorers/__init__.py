"""The seam for judges that are models: what a scorer is, and which ones are known by name.

A scorer answers, for windows of media and categories, with one number in [0, 1] each: how surely the category is
heard, seen, or (side *pair*) heard and seen together. It never decides; thresholds are the recipe's. Names are
resolved in ``SHIPPED`` below and among the entry points ``vegas_data.scorers`` of installed packages, each of
which loads to a ``ScorerEntry``.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from vegas_data.errors import ScorerMissing
from vegas_data.records import Category, Side, Window
from vegas_data.verify.options import ScorerOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ENTRY_POINTS: Final = "vegas_data.scorers"
SAMPLE_RATE_HZ: Final = 16_000


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowMedia:
    """What can be seen and heard in one window.

    Shape:
        frames: uint8 [T, H, W, 3], RGB, T pictures at the centres of T equal parts of the window.
        sound: float32 [S], mono at 16 kHz, in [-1, 1].
    """

    window: Window
    frames: "NDArray[np.uint8]"
    sound: "NDArray[np.float32]"


class Scorer(Protocol):
    """A loaded model that judges one side. ``digest`` stands for its weights and the code around them."""

    @property
    def name(self) -> str: ...

    @property
    def side(self) -> Side: ...

    @property
    def digest(self) -> str: ...

    def covers(self, category: Category) -> bool:
        """Whether it can judge this category.

        Raises:
            VerificationError: the category names a class that the scorer does not know.
        """
        ...

    def score(self, windows: Sequence[WindowMedia], categories: Sequence[Category]) -> "NDArray[np.float32]":
        """Score every window for every category.

        Shape:
            float32 [N, C], in [0, 1]; NaN in the columns of categories that it does not cover.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class ScorerEntry:
    """What is known of a scorer before its weights are loaded.

    Args:
        build: loads it, given its digest; called once per process. digest: of its weights, known without loading them.
        reads: the fields of a category it needs; it covers the categories in which none of them is empty.
        lacks: said of a category that it does not cover. requires: packages that must be importable.
        extra: the extra of this project that brings them. version: raised when its code changes scores.
    """

    side: Side
    build: Callable[[ScorerOptions, str], Scorer]
    digest: Callable[[ScorerOptions], str]
    reads: tuple[str, ...]
    lacks: str
    requires: tuple[str, ...] = ()
    extra: str = ""
    version: int = 1

    def covers(self, category: Category) -> bool:
        """Whether it can judge this category, as far as the table of categories tells."""
        return all(getattr(category, name) for name in self.reads)


Registry = Mapping[str, ScorerEntry]


def _build_yamnet(options: ScorerOptions, digest: str) -> Scorer:
    from vegas_data.verify.scorers.yamnet import load_yamnet

    return load_yamnet(digest)


def _build_efficientnet_lite0(options: ScorerOptions, digest: str) -> Scorer:
    from vegas_data.verify.scorers.efficientnet_lite0 import load_efficientnet_lite0

    return load_efficientnet_lite0(digest)


def _build_siglip2(options: ScorerOptions, digest: str) -> Scorer:
    from vegas_data.verify.scorers.siglip2 import load_siglip2

    return load_siglip2(options.model, digest)


def _pinned(name: str) -> Callable[[ScorerOptions], str]:
    def weights_of(options: ScorerOptions) -> str:
        from vegas_data.weights import weights_digest

        return weights_digest(name)

    return weights_of


def _siglip2_digest(options: ScorerOptions) -> str:
    from vegas_data.verify.scorers.snapshot import snapshot_digest

    return snapshot_digest(options.model)


SHIPPED: Final[Registry] = MappingProxyType(
    {
        "yamnet": ScorerEntry(
            side="heard",
            build=_build_yamnet,
            digest=_pinned("yamnet"),
            reads=("heard_classes",),
            lacks="YAMNet has no such class",
        ),
        "efficientnet-lite0": ScorerEntry(
            side="seen",
            build=_build_efficientnet_lite0,
            digest=_pinned("efficientnet-lite0"),
            reads=("seen_classes",),
            lacks="ImageNet has no such class",
        ),
        "siglip2": ScorerEntry(
            side="seen",
            build=_build_siglip2,
            digest=_siglip2_digest,
            reads=("prompts",),
            lacks="the table of categories gives no prompts for it",
            requires=("transformers",),
            extra="scorers",
        ),
    }
)


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

"""What decides a release, besides what the workspace holds; and what a release says of itself."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from vegas_data.errors import ReleaseError

ReleaseProfile = Literal["features", "media"]
LAYOUT: Final = 2  # of the folder and its tables; what a newer version writes, this one refuses to judge
SEMVER: Final = re.compile(
    r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})", re.ASCII
)  # semver.org, without pre-releases: what is published under a version is that version


CATEGORY: Final = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class ReleaseOptions:
    """One release.

    Args:
        profile: what the shards hold: ``features`` is streams without sound; ``media`` adds sound and an mp4, for
            examples whose licence allows passing them on.
        version: ``MAJOR.MINOR.PATCH``.
        skip_unlicensed: leave out of the shards what must not be passed on, instead of refusing to build.
    """

    profile: ReleaseProfile = "features"
    version: str = "0.1.0"
    skip_unlicensed: bool = False

    @property
    def name(self) -> str:
        """``features-0.1.0``."""
        return f"{self.profile}-{self.version}"


def check_version(version: str) -> str:
    """Return ``version`` if it is a semantic version of three numbers.

    Raises:
        ReleaseError: it is not.
    """
    if not SEMVER.fullmatch(version):
        raise ReleaseError(f"not a version: {version[:40]!r}", remedy="three numbers, such as 1.0.0 (semver.org)")
    return version


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a release says of itself: in the schema metadata of the tables that are made for it.

    Args:
        recipe, recipe_digest: what the workspace was made with. scores, verdicts, inputs: the digests that its tables
            depend on (``verify.tables_made_with``). tool: version of vegas-data that built it.
        templates: digest of the templates of its cards; another version of vegas-data cannot render them again.
        audited: categories of which it holds an audit. stale_audits: those whose audit was of older verdicts and is
            not in it.
    """

    layout: int = LAYOUT
    profile: ReleaseProfile
    version: str
    recipe: str
    recipe_digest: str
    scores: str
    verdicts: str
    inputs: str
    tool: str
    templates: str
    audited: tuple[str, ...] = ()
    stale_audits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.layout != LAYOUT:
            raise ValueError(f"layout {self.layout}; this version of vegas-data reads {LAYOUT}")
        if not SEMVER.fullmatch(self.version):
            raise ValueError("version is not a semantic version")
        texts = (self.recipe, self.recipe_digest, self.scores, self.verdicts, self.inputs, self.tool, self.templates)
        if not all(re.fullmatch(r"[A-Za-z0-9_.+ -]{0,100}", text, re.ASCII) for text in texts):
            raise ValueError("holds a name or digest that cannot be one")
        for names in (self.audited, self.stale_audits):
            if list(names) != sorted(set(names)) or not all(CATEGORY.fullmatch(name) for name in names):
                raise ValueError("holds names of categories that cannot be")

"""What a recipe says about fetching."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from vegas_data.config import OPERATIONAL
from vegas_data.media.cut import MIN_HEIGHT_PX, CutOptions

ENTRY_POINTS: Final = "vegas_data.sources"
KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "http": "vegas_data.fetch.direct:open_direct",
        "local": "vegas_data.fetch.local:open_local",
        "youtube": "vegas_data.fetch.youtube:open_youtube",
    }
)
"""Who opens a source of a kind (see ``source.Opener``); installed packages announce others as entry points."""

YOUTUBE_URL: Final = "https://www.youtube.com/watch?v={id}"
YOUTUBE_VIDEOS_PER_HOUR: Final = 300.0  # what a visitor without an account is let through, by the notes of yt-dlp
_PLACEHOLDER: Final = "{id}"
_NAME: Final = re.compile(r"[a-z][a-z0-9]*", re.ASCII)
_EXTRACTOR: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._+-]*", re.ASCII)


def kind_names() -> tuple[str, ...]:
    """Every kind of source that a recipe can name here, sorted."""
    from importlib.metadata import entry_points

    return tuple(sorted({*KINDS, *entry_points(group=ENTRY_POINTS).names}))


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """One place that videos come from. Several may answer for the same ids: they are asked in order.

    Args:
        name: the source of a ``video_id`` (``youtube``, ``demo``).
        kind: ``youtube`` asks yt-dlp where the files of a page are; ``http`` takes the file at ``url``; ``local`` looks
            for a file in ``folder``. Kinds of other packages check ``url`` and ``folder`` themselves.
        url: where a video is; ``{id}`` stands for its id. Ids are checked before they get here.
        folder: of a local source.
        extractors: the only yt-dlp extractors that may answer, by name.
        videos_per_hour: no more than so many videos are asked for; 0 is no limit, None what suits the kind.
    """

    name: str = "youtube"
    kind: str = "youtube"
    url: str = field(default=YOUTUBE_URL, metadata=OPERATIONAL)
    folder: str = field(default="", metadata=OPERATIONAL)
    extractors: tuple[str, ...] = field(default=("youtube",), metadata=OPERATIONAL)
    videos_per_hour: float | None = field(default=None, metadata=OPERATIONAL)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"name must be lower-case letters and digits, as ids begin with it, not {self.name!r}")
        if self.kind not in KINDS:
            if self.kind not in (known := kind_names()):
                raise ValueError(f"kind must be one of {', '.join(known)}, not {self.kind!r}")
        elif self.kind == "local":
            if not self.folder or "\0" in self.folder:
                raise ValueError("a local source needs a folder")
            if self.url != YOUTUBE_URL:
                raise ValueError("a local source has a folder and no url")
        else:
            if self.folder:
                raise ValueError(f"folder is for a local source; this one is of kind {self.kind!r}")
            if self.kind == "http" and self.url == YOUTUBE_URL:
                raise ValueError("an http source needs a url")
            _check_template(self.url)
        if self.kind == "youtube" and not self.extractors:
            raise ValueError("extractors must name at least one extractor of yt-dlp")
        for extractor in self.extractors:
            if not _EXTRACTOR.fullmatch(extractor):
                raise ValueError(f"extractors: no name of an extractor: {extractor!r}")
        if self.videos_per_hour is not None and not (math.isfinite(self.videos_per_hour) and self.videos_per_hour >= 0):
            raise ValueError(f"videos_per_hour must be a number, 0 or more, not {self.videos_per_hour}")

    @property
    def pace_per_hour(self) -> float:
        """Videos per hour that may be asked for; 0: no limit."""
        if self.videos_per_hour is not None:
            return self.videos_per_hour
        return YOUTUBE_VIDEOS_PER_HOUR if self.kind == "youtube" else 0.0


def _check_template(url: str) -> None:
    """Raise ValueError unless ``url`` is http or https with ``{id}`` once, where it cannot become the host."""
    if url.count(_PLACEHOLDER) != 1:
        raise ValueError(f"url must hold {_PLACEHOLDER} exactly once: {url!r}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"url: {error}: {url!r}") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise ValueError(f"url must be http or https with a host: {url!r}")
    if "@" in parts.netloc:
        raise ValueError("url must not hold a user name or password")
    if _PLACEHOLDER not in parts.path + parts.query:
        raise ValueError(f"url must hold {_PLACEHOLDER} after the host: {url!r}")


@dataclass(frozen=True, kw_only=True)
class Access:
    """How this machine may reach the sources; changes no result, so it stands in no recipe.

    Args:
        cookies: a Netscape cookies file, 0600. proxy: for everything that is asked for.
        allow_private: also ask hosts that are not on the public internet.
    """

    cookies: Path | None = None
    proxy: str = ""
    allow_private: bool = False


ANYONE: Final = Access()
"""No cookies, no proxy, and nothing but the public internet."""


@dataclass(frozen=True, kw_only=True)
class FetchOptions:
    """How clips are fetched and stored.

    Args:
        max_source_height_px: the largest rendition worth downloading.
        max_source_bytes: a download beyond this is cut off. deadline_s: so is an attempt that takes longer.
        min_bytes_per_s: and one that stays below this for ``low_speed_s`` seconds.
        max_attempts: tries at a clip within one run when the fault may pass.
    """

    max_source_height_px: int = 360
    cut: CutOptions = field(default_factory=CutOptions)
    max_source_bytes: int = field(default=512 << 20, metadata=OPERATIONAL)
    deadline_s: float = field(default=600.0, metadata=OPERATIONAL)
    min_bytes_per_s: int = field(default=1024, metadata=OPERATIONAL)
    low_speed_s: float = field(default=30.0, metadata=OPERATIONAL)
    max_attempts: int = field(default=3, metadata=OPERATIONAL)

    def __post_init__(self) -> None:
        if self.max_source_height_px < MIN_HEIGHT_PX:
            raise ValueError(f"max_source_height_px must be at least {MIN_HEIGHT_PX}, not {self.max_source_height_px}")
        if self.max_source_bytes < 1:
            raise ValueError(f"max_source_bytes must be positive, not {self.max_source_bytes}")
        if not (math.isfinite(self.deadline_s) and self.deadline_s > 0):
            raise ValueError(f"deadline_s must be a positive number of seconds, not {self.deadline_s}")
        if self.min_bytes_per_s < 0:
            raise ValueError(f"min_bytes_per_s must be 0 or more, not {self.min_bytes_per_s}")
        if not (math.isfinite(self.low_speed_s) and self.low_speed_s > 0):
            raise ValueError(f"low_speed_s must be a positive number of seconds, not {self.low_speed_s}")
        if self.max_attempts < 1:
            raise ValueError(f"max_attempts must be at least 1, not {self.max_attempts}")

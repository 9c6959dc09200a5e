"""What a recipe says about fetching."""

import math
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from vegas_data.config import OPERATIONAL
from vegas_data.media.cut import MIN_HEIGHT_PX, CutOptions

_EXTRACTOR: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._+-]*", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """One place that videos come from.

    Args:
        name: the source of a ``video_id`` (``youtube``, ``demo``).
        url: where a video is; ``{id}`` stands for its id. Ids are checked before they get here.
        extractors: the only yt-dlp extractors that may answer, by name.
    """

    name: str = "youtube"
    url: str = field(default="https://www.youtube.com/watch?v={id}", metadata=OPERATIONAL)
    extractors: tuple[str, ...] = field(default=("youtube",), metadata=OPERATIONAL)

    def __post_init__(self) -> None:
        if self.url.count("{id}") != 1:
            raise ValueError("url must hold {id} exactly once")
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "{id}" in parts.netloc:
            raise ValueError(f"url must be http(s)://host/… with {{id}} after the host, not {self.url!r}")
        if not self.extractors:
            raise ValueError("extractors must name at least one yt-dlp extractor, such as youtube or generic")
        for name in self.extractors:
            if not _EXTRACTOR.fullmatch(name):
                raise ValueError(f"extractors: {name!r} is no name of a yt-dlp extractor")


@dataclass(frozen=True, kw_only=True)
class FetchOptions:
    """How clips are fetched and stored.

    Args:
        max_source_height_px: the largest rendition worth downloading.
        max_source_bytes: a download beyond this is cut off. deadline_s: so is an attempt that takes longer.
        max_attempts: tries at a clip within one run when the fault may pass.
    """

    max_source_height_px: int = 360
    cut: CutOptions = field(default_factory=CutOptions)
    max_source_bytes: int = field(default=512 << 20, metadata=OPERATIONAL)
    deadline_s: float = field(default=600.0, metadata=OPERATIONAL)
    max_attempts: int = field(default=3, metadata=OPERATIONAL)

    def __post_init__(self) -> None:
        if self.max_source_height_px < MIN_HEIGHT_PX:
            raise ValueError(f"max_source_height_px must be at least {MIN_HEIGHT_PX}, not {self.max_source_height_px}")
        if self.max_source_bytes < 1:
            raise ValueError(f"max_source_bytes must be positive, not {self.max_source_bytes}")
        if not (math.isfinite(self.deadline_s) and self.deadline_s > 0):
            raise ValueError(f"deadline_s must be a positive number of seconds, not {self.deadline_s}")
        if self.max_attempts < 1:
            raise ValueError(f"max_attempts must be at least 1, not {self.max_attempts}")

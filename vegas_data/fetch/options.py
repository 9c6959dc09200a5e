"""What a recipe says about fetching."""

from dataclasses import dataclass, field

from vegas_data.config import OPERATIONAL
from vegas_data.media.cut import CutOptions


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """One place that videos come from.

    Args:
        name: the source of a ``video_id`` (``youtube``, ``demo``).
        url: where a video is; ``{id}`` stands for its id. Ids are checked before they get here.
        extractors: the only yt-dlp extractors that may answer.
    """

    name: str = "youtube"
    url: str = field(default="https://www.youtube.com/watch?v={id}", metadata=OPERATIONAL)
    extractors: tuple[str, ...] = field(default=("youtube",), metadata=OPERATIONAL)

    def __post_init__(self) -> None:
        if self.url.count("{id}") != 1:
            raise ValueError("url must hold {id} exactly once")


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

"""What hosts and yt-dlp say, turned into our classes of failure.

Statuses first, then wording: YouTube explains itself in sentences, which change; a sentence that nobody knows is a
``transfer_failed``, which is tried again and never marks a good video as gone.
"""

import re
from typing import Final

from vegas_data.errors import FetchError, RateLimited, TransferFailed, UnavailableReason, VideoUnavailable

_GONE_STATUSES: Final[dict[int, UnavailableReason]] = {
    401: "private",
    403: "private",
    404: "removed",
    410: "removed",
    451: "region",
}
_RATE_LIMIT_STATUSES: Final = frozenset({429})
_LIMITED: Final = re.compile(r"not a bot|too many requests|rate.?limit|try again later|HTTP Error 429", re.IGNORECASE)
_REASONS: Final[tuple[tuple[str, UnavailableReason], ...]] = (
    (r"members.only|join this channel|available to this channel's members", "members_only"),
    (r"confirm your age|age.restricted|inappropriate for some users", "age"),
    (r"your country|not available in your|geo.?restrict|blocked it in", "region"),
    (r"private video|video is private", "private"),
    (r"has been removed|no longer available|video unavailable|account .* terminated|does not exist", "removed"),
)
REMEDY_RETRY: Final = "run the same command again later"


def classify(clip_id: str, message: str, status: int | None, *, status_is_final: bool) -> FetchError:
    """The error for what a host answered.

    Args:
        status: HTTP status, if one was seen. status_is_final: whether 403 and 404 come from the video's own address
            (a plain web server) rather than from one of the many addresses a site plays with.
    """
    said = message.partition(" (caused by ")[0]  # yt-dlp's own chain of errors: the status is known
    text = "".join(c if c.isprintable() else " " for c in said)[:300]
    if status in _RATE_LIMIT_STATUSES or (status is None and _LIMITED.search(text)):
        return RateLimited(f"{clip_id}: the host asks us to slow down: {text}", remedy=REMEDY_RETRY)
    if status_is_final and status in _GONE_STATUSES:
        return VideoUnavailable(f"{clip_id}: the host answered {status}: {text}", reason=_GONE_STATUSES[status])
    if status is None:
        for pattern, reason in _REASONS:
            if re.search(pattern, text, re.IGNORECASE):
                return VideoUnavailable(f"{clip_id}: {text}", reason=reason)
    return TransferFailed(f"{clip_id}: {text}", remedy=REMEDY_RETRY)

"""A server's answer in, one of our errors out: what a status, a header or a sentence of a host means for a clip."""

import datetime
import email.utils
import re
from collections.abc import Mapping
from typing import Final

from vegas_data.errors import (
    FetchError,
    LimitExceeded,
    RateLimited,
    TransferFailed,
    UnavailableReason,
    Unclassified,
    VideoUnavailable,
)
from vegas_data.fetch.addresses import REMEDY_LATER

LONGEST_RETRY_AFTER_S: Final = 7 * 24 * 3600.0
_MAX_TEXT: Final = 300
_GONE: Final[dict[int, UnavailableReason]] = {
    401: "private",
    403: "private",
    404: "removed",
    410: "removed",
    451: "region",
}
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
_SECONDS: Final = re.compile(r"\d{1,9}", re.ASCII)


class Interrupted(TransferFailed):
    """A 5xx, a reset, a body that ended early: worth asking again at once."""


def too_much(host: str) -> LimitExceeded:
    """The error for a body beyond what may be brought."""
    return LimitExceeded(
        f"{host}: the video is larger than may be brought",
        remedy="max_source_bytes in the recipe's [fetch] is the limit",
    )


def said(text: str) -> str:
    """What a host said, fit for a terminal and a log: printable, one line, 300 characters at most."""
    return "".join(c if c.isprintable() else " " for c in text[: 2 * _MAX_TEXT]).strip()[:_MAX_TEXT]


def refusal(
    host: str, status: int, reason: str, headers: Mapping[str, str], *, is_final: bool, text: str = ""
) -> FetchError:
    """The error for an answer that brings nothing.

    Args:
        is_final: 401, 403, 404, 410 and 451 are the host's last word about the video. A site's signed addresses also
            answer so when they have expired.
        text: the beginning of a plain-text body.
    """
    answer = said(f"{status} {reason}" + (f": {text}" if text else ""))
    message = f"{host} answered {answer}"
    if status == 429:
        after_s = retry_after_s(headers.get("Retry-After", ""))
        return RateLimited(message + _when(after_s), remedy=REMEDY_LATER, retry_after_s=after_s)
    if status in _GONE and is_final:
        return VideoUnavailable(message, reason=_GONE[status])
    if status >= 500 or status in _GONE:
        kind = Interrupted if status >= 500 else TransferFailed
        return kind(message + _when(retry_after_s(headers.get("Retry-After", ""))), remedy=REMEDY_LATER)
    return Unclassified(message, remedy="open the address in a browser to see what the host wants")


def retry_after_s(value: str) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, in either of its forms (RFC 9110 §10.2.3); None: it says nothing.

    A week at most: nobody's clock or joke keeps us away for ever.
    """
    value = value.strip()
    if _SECONDS.fullmatch(value):
        return min(float(value), LONGEST_RETRY_AFTER_S)
    try:
        when = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    seconds = (when - datetime.datetime.now(datetime.UTC)).total_seconds()
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER_S)


class NoMedia(FetchError):
    """Something else came in the video's place. The clip is not blamed, and the next run tries it again."""

    code = "unsupported"


def check_media(host: str, headers: Mapping[str, str]) -> None:
    """Refuse what cannot be a media file as it was asked for.

    Raises:
        NoMedia: a web page, or a compressed body (which a decompressor would make as large as it likes).
    """
    coding = headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise NoMedia(
            f"{host} sent a body packed as {said(coding)!r}, which nobody asked for",
            remedy="serve media files without Content-Encoding",
        )
    framing = headers.get("Transfer-Encoding", "chunked").strip().lower()
    if framing != "chunked":
        raise NoMedia(f"{host} sent a body framed as {said(framing)!r}", remedy="serve media files plainly")
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in _PAGES:
        raise NoMedia(
            f"{host} sent a web page ({kind}), not a media file",
            remedy="open the address in a browser: a consent or login page may stand before the video",
        )


def _when(after_s: float | None) -> str:
    return "" if after_s is None else f" (asks us to wait {after_s:.0f} s)"

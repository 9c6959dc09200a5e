"""What YouTube and yt-dlp say, turned into our classes of failure.

Sentences come in, errors go out. YouTube explains itself in English sentences (yt-dlp asks for ``hl=en``, whatever the
machine speaks), and they change: words that nobody here knows are ``unclassified`` and never mark a good video as gone.
The first rule that fits wins, so what is the host's or the tool's fault stands before what is said of the video, and
the narrower reason before the wider one: a terminated account before copyright, a country before copyright, any reason
before "removed".

An error often tells less than the warnings before it. "No format" can mean that a JavaScript runtime is missing, and
"no player response" that the host stopped answering; so those two errors are read together with their warnings.
"""

import re
from collections.abc import Sequence
from typing import Final, get_args

from vegas_data.errors import (
    BotCheck,
    ExtractorBroken,
    FetchError,
    JsRuntimeMissing,
    RateLimited,
    TimedOut,
    TransferFailed,
    UnavailableReason,
    Unclassified,
    VideoUnavailable,
)

MAX_TEXT: Final = 500
REMEDY_RETRY: Final = "run the same command again later"
UPGRADE: Final = "pip install --upgrade yt-dlp yt-dlp-ejs"
_REMEDY_COOKIES: Final = "wait some hours, ask less often (videos_per_hour); cookies that were given may have expired"
_REMEDY_JS: Final = "pip install deno, then `vegas-data doctor`"
_REMEDY_WORDS: Final = "open the video's page; if these words always mean the same, please report them"

_ANY: Final = "."  # YouTube writes both kinds of apostrophe, and some terminals lose them
_RULES: Final[tuple[tuple[str, str], ...]] = (
    (
        "bot_check",
        rf"confirm (that )?you{_ANY}?.?re not a (ro)?bot|captcha|unusual traffic|verify that you{_ANY}?re human",
    ),
    ("rate_limited", rf"isn{_ANY}?t available, try again later|rate.?limit|too many requests|HTTP Error 429"),
    ("rate_limited", rf"IP is likely being blocked|large volume of requests|content isn{_ANY}?t available\.?$"),
    ("js_runtime_missing", r"No supported JavaScript runtime"),
    # Behind a status stand words of whoever answered, a proxy perhaps: they say nothing of a video.
    ("extractor_broken", r"HTTP Error 400"),
    ("transfer_failed", r"HTTP Error \d{3}|Tunnel connection failed|Unable to connect to proxy"),
    ("account_terminated", r"account associated with this video|closed their (YouTube )?account"),
    ("account_terminated", r"account has been (terminated|suspended|closed)"),
    ("region", r"\b(in|for|from) your (country|location|region)|geo.?restrict|country domain"),
    ("copyright", r"copyright|contains content from .* who has blocked it"),
    ("members_only", rf"members.only|join this channel|to this channel{_ANY}?s members|(Music|YouTube) Premium"),
    ("members_only", r"requires (a )?(payment|purchase)|only available (for|to) registered users"),
    ("private", rf"private video|video is private|you{_ANY}?ve been granted access"),
    ("age", r"confirm your age|age.?restricted|age.verif|inappropriate"),
    ("live", r"(live event|premiere) will begin|^premieres? (in|on)\b|not currently live"),
    ("live", r"live event has ended|live stream recording is not available|stream is offline"),
    ("removed", r"has been removed|was removed|removed by|no longer available|does not exist|duplicate of a previous"),
    ("removed", rf"isn{_ANY}?t available any ?more|^video unavailable\.?$"),
    ("extractor_broken", r"n challenge|nsig|signature (solving|extraction|function)|challenge solver"),
    ("extractor_broken", r"Precondition check failed|contains an invalid argument"),
    ("extractor_broken", r"not available on this app|latest version of YouTube|page needs to be reloaded"),
    ("extractor_broken", r"Playback on other websites has been disabled|SABR|PO Token"),
    ("timed_out", r"timed? ?out"),
    ("transfer_failed", r"unable to download|urlopen error|network error|unable to connect|\bSSL\b"),
    ("transfer_failed", r"connection (was )?(refused|reset|aborted|closed|broken)|remote end closed|bytes read"),
    (
        "transfer_failed",
        r"name or service not known|name resolution|network is unreachable|failed to resolve|proxy error",
    ),
    ("transfer_failed", r"unknown error|error occurred\. Please try again|Something went wrong"),
    ("format_missing", r"requested format is not available|only images are available|DRM protected"),
    ("extractor_broken", r"Unable to extract|Failed to (extract|parse)|Cannot (identify|extract|parse)"),
    ("extractor_broken", r"No video formats found|extractor error|marked as broken|returned nothing|unsupported URL"),
    ("extractor_broken", r"No suitable extractor|please report this issue"),
)
_COMPILED: Final = tuple((code, re.compile(pattern, re.IGNORECASE)) for code, pattern in _RULES)
_BETTER_SAID_BY_WARNINGS: Final = {
    "format_missing": ("bot_check", "rate_limited", "js_runtime_missing", "extractor_broken"),
    "extractor_broken": ("bot_check", "rate_limited", "timed_out", "transfer_failed", "js_runtime_missing"),
}
_SPEAKER: Final = re.compile(r"(ERROR: |WARNING: |\[[^\]\s]+\] |[\w-]{11}: |YouTube said: (ERROR - )?)*")
_ADVICE: Final = re.compile(  # what a user of yt-dlp's own command could do, and nobody here
    r"( \(caused by |[.;]? *please report this issue on |\s+You might want to use a VPN|[.;]? +Use --"
    r"|[.;]? +It is recommended to use `-t).*",
    re.IGNORECASE | re.DOTALL,
)


def code_of(text: str) -> str:
    """The code of the class that a sentence belongs to, ``unclassified`` if nobody knows it."""
    words = _SPEAKER.sub("", text, count=1).strip()
    return next((code for code, pattern in _COMPILED if pattern.search(words)), "unclassified")


def printable(text: str) -> str:
    """The sentence on one line that cannot steer a terminal, at most ``MAX_TEXT`` characters of it.

    Who speaks is left out, and what only a user of yt-dlp's own command could do.
    """
    words = _ADVICE.sub("", _SPEAKER.sub("", text, count=1))
    return "".join(c if c.isprintable() else " " for c in words).strip()[:MAX_TEXT]


def classify(
    said: str,
    *,
    warnings: Sequence[str] = (),
    seen: str = "",
    tool: str = "yt-dlp",
) -> FetchError:
    """The error for what YouTube or yt-dlp said.

    Args:
        said: the error's text. warnings: what yt-dlp warned of before it, oldest first.
        seen: ``transfer_failed`` or ``timed_out`` where an exception of the network stands behind the error; it counts
            for more than a complaint of yt-dlp's about itself.
        tool: yt-dlp's version and age, for the remedy.
    """
    code = code_of(said)
    text = printable(said)
    if seen and code in ("unclassified", "transfer_failed", "extractor_broken"):
        return _error(seen, text, tool)
    told = {code_of(warning): warning for warning in reversed(warnings)}
    for better in _BETTER_SAID_BY_WARNINGS.get(code, ()):
        if better in told:
            return _error(better, printable(f"{text}; {printable(told[better])}"), tool)
    return _error(code, text, tool)


def _error(code: str, text: str, tool: str) -> FetchError:
    if code in get_args(UnavailableReason):
        return VideoUnavailable(text, reason=code)  # type: ignore[arg-type]
    upgrade = f"{UPGRADE} ({tool} is here)"
    match code:
        case "bot_check":
            return BotCheck(text, remedy=_REMEDY_COOKIES)
        case "rate_limited":
            return RateLimited(text, remedy=REMEDY_RETRY)
        case "timed_out":
            return TimedOut(text, remedy=REMEDY_RETRY)
        case "transfer_failed":
            hint = f"{REMEDY_RETRY}; if it stays so: {upgrade}" if "HTTP Error 403" in text else REMEDY_RETRY
            return TransferFailed(text, remedy=hint)
        case "js_runtime_missing":
            return JsRuntimeMissing(text, remedy=_REMEDY_JS)
        case "extractor_broken":
            return ExtractorBroken(text, remedy=upgrade)
    return Unclassified(text, remedy=_REMEDY_WORDS)

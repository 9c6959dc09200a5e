"""yt-dlp under our rules: the address of a page in, what yt-dlp knows of the video out, or a typed reason why not.

It runs no ffmpeg and no other downloader, reads no configuration, plugin, cache or local file, answers only for the
sites we name, and never pretends to be in another country. YouTube's own JavaScript runs in deno, which gives it no
file and no network. What yt-dlp warns of is kept, for its errors often say less.
Files in pieces (HLS, DASH) are brought by its own downloader, whole: it does not bound a body and calls a truncated
file a success, so size is watched here while bytes arrive, and what arrived is proven by decoding the cut.
"""

import contextlib
import datetime
import ipaddress
import os
import re
import ssl
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from vegas_data.errors import (
    FetchError,
    LimitExceeded,
    RateLimited,
    TransferFailed,
    VegasError,
    WorkspaceError,
)
from vegas_data.fetch.addresses import read_url, resolve
from vegas_data.fetch.answers import retry_after_s
from vegas_data.fetch.cookies import read_cookies
from vegas_data.fetch.failures import REMEDY_RETRY, classify
from vegas_data.fetch.options import Access, SourceOptions
from vegas_data.media.sandbox import DISK_ERRNOS, REMEDY_DISK

SOCKET_TIMEOUT_S: Final = 20
GENERIC: Final = "generic"
_NO_FFMPEG: Final = f"{os.devnull}/none"  # a path that no machine can have
_NO_PROXY: Final = "__noproxy__"  # yt-dlp's word for an empty proxy
_ESTIMATE_SLACK: Final = 2  # the first fragment's size times their number is no more than a hint
_MAX_WARNINGS: Final = 50
_OWN_FAULTS: Final = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, AssertionError, RuntimeError)


class Log:
    """yt-dlp's log: warnings and the last error are kept for the message, the rest is dropped (titles are not ours)."""

    def __init__(self) -> None:
        self.last_error = ""
        self.warnings: deque[str] = deque(maxlen=_MAX_WARNINGS)

    def clear(self) -> None:
        """Forget the last video."""
        self.last_error = ""
        self.warnings.clear()

    def debug(self, message: str) -> None: ...
    def info(self, message: str) -> None: ...

    def warning(self, message: str) -> None:
        self.warnings.append(str(message))

    def error(self, message: str) -> None:
        self.last_error = str(message)


def make_downloader(source: SourceOptions, access: Access, log: Log) -> Any:
    """A ``YoutubeDL`` that does what this project allows; a test may put its own extractors into it.

    A host that answers 429 is asked nothing more for the same video: the answer leaves yt-dlp as ``RateLimited``, where
    yt-dlp would warn and go on with the next address. Each address is checked before it is asked, but not where it is
    redirected to. Cookies are given to it one by one, so it has no file to rewrite.

    Raises:
        RecipeError: the cookies file cannot be used.
    """
    os.environ["YTDLP_NO_PLUGINS"] = "1"
    import yt_dlp
    from yt_dlp.networking.exceptions import HTTPError

    proxy = "" if _is_loopback(source.url) else access.proxy or None  # a proxy cannot reach this machine

    class Downloader(yt_dlp.YoutubeDL):  # type: ignore[misc]
        def urlopen(self, request: Any) -> Any:
            place = read_url(request if isinstance(request, str) else request.url, allow_private=access.allow_private)
            if set(self.proxies.values()) <= {_NO_PROXY}:
                resolve(place, allow_private=access.allow_private)
            try:
                return super().urlopen(request)
            except HTTPError as error:
                if error.status != 429:
                    raise
                wait_s = retry_after_s(error.response.headers.get("Retry-After") or "")
                error.close()
                raise RateLimited(str(error), remedy=REMEDY_RETRY, retry_after_s=wait_s) from None

    downloader = Downloader(
        {
            "allowed_extractors": [f"^{re.escape(name)}$" for name in source.extractors],
            "format": lambda context: context["formats"][-1:],  # ours are chosen by us, from all of them
            "extract_flat": "in_playlist",
            "noplaylist": True,
            "geo_bypass": False,
            "ffmpeg_location": _NO_FFMPEG,
            "fixup": "never",
            "logger": log,
            "quiet": True,
            "noprogress": True,
            "cachedir": False,
            "nopart": True,
            "updatetime": False,
            "retries": 0,
            "fragment_retries": 2,
            "extractor_retries": 0,
            "file_access_retries": 0,
            "skip_unavailable_fragments": False,
            "socket_timeout": SOCKET_TIMEOUT_S,
            "enable_file_urls": False,
            **({} if proxy is None else {"proxy": proxy}),
        }
    )
    for cookie in read_cookies(access.cookies) if access.cookies is not None else ():
        downloader.cookiejar.set_cookie(cookie)
    return downloader


class Extractor:
    """One reused yt-dlp instance.

    Raises:
        RecipeError: the cookies file cannot be used.
    """

    def __init__(self, source: SourceOptions, access: Access, *, max_bytes: int) -> None:
        self._log = Log()
        self._max_bytes = max_bytes
        self._num_bytes: dict[str, int] = {}
        self._downloader: Any = make_downloader(source, access, self._log)
        self._downloader.add_progress_hook(self._watch)

    def ask(self, url: str) -> dict[str, Any]:
        """What yt-dlp knows of the video at ``url``; its formats carry address, headers and protocol.

        Raises:
            FetchError: of any class, without the clip's name. WorkspaceError: the disk is full.
        """
        self._log.clear()
        with self._typed(), _without_ffmpeg():
            info = self._downloader.extract_info(url, download=False)
        if not info:
            raise self.explain("the extractor returned nothing")
        if info.get("_type", "video") != "video":
            raise self.explain(f"the page holds a {info['_type']}, not one video")
        return {**info, "formats": info.get("formats") or [info]}

    def explain(self, said: str) -> FetchError:
        """The error for something that is missing from the last answer, read together with what was warned of."""
        return classify(said, warnings=tuple(self._log.warnings), tool=_tool())

    def bring_whole(self, files: Mapping[Path, Mapping[str, Any]], info: Mapping[str, Any]) -> int:
        """Download formats of the last answer with yt-dlp's own downloaders; returns the number of bytes.

        Args:
            files: the format of each file to write. info: the answer.

        Raises:
            LimitExceeded: they are larger together than ``max_bytes``. FetchError, WorkspaceError: as ``ask``.
        """
        self._log.clear()
        self._num_bytes.clear()
        with self._typed(), _without_ffmpeg():
            for path, offer in files.items():
                done, _ = self._downloader.dl(str(path.absolute()), {**info, "requested_formats": None, **offer})
                if not done or not path.is_file():
                    raise TransferFailed("not all pieces of the video came", remedy=REMEDY_RETRY)
        num_bytes = sum(path.stat().st_size for path in files)
        if num_bytes > self._max_bytes:
            raise LimitExceeded(f"the video is larger than {self._max_bytes} bytes")
        return num_bytes

    def close(self) -> None:
        """Close the connections."""
        self._downloader.close()

    def _watch(self, status: dict[str, Any]) -> None:
        have = int(status.get("downloaded_bytes") or 0)
        self._num_bytes[str(status.get("filename"))] = have
        others = sum(self._num_bytes.values()) - have
        announced = int(status.get("total_bytes") or 0)
        estimated = int(status.get("total_bytes_estimate") or 0)
        if others + max(have, announced, estimated // _ESTIMATE_SLACK) > self._max_bytes:
            raise LimitExceeded(f"the video is larger than {self._max_bytes} bytes")

    @contextlib.contextmanager
    def _typed(self) -> Iterator[None]:
        """Turn what yt-dlp raises into our errors."""
        import yt_dlp

        try:
            yield
        except (yt_dlp.utils.YoutubeDLError, OSError, *_OWN_FAULTS) as error:
            raise self._error(error) from None

    def _error(self, error: Exception) -> VegasError:
        from yt_dlp.networking.exceptions import HTTPError, TransportError

        seen = ""
        for cause in _causes(error):
            if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) and cause.errno in DISK_ERRNOS:
                return WorkspaceError(str(cause.strerror), remedy=REMEDY_DISK)
            if isinstance(cause, HTTPError):
                cause.close()  # it holds the connection open
                if cause.status == 400:  # yt-dlp asked the wrong thing
                    continue
            if isinstance(cause, TimeoutError):
                seen = "timed_out"
            elif isinstance(cause, (HTTPError, TransportError, OSError)) and not seen:
                seen = "timed_out" if "timed out" in str(cause) else "transfer_failed"
        if isinstance(error, _OWN_FAULTS):
            return classify(f"extractor error: {error!r}", warnings=tuple(self._log.warnings), tool=_tool())
        said = self._log.last_error or str(error)
        return classify(said, warnings=tuple(self._log.warnings), seen=seen, tool=_tool())


def _tool() -> str:
    """yt-dlp's version, which is a date, and how long ago that was."""
    from yt_dlp.version import __version__ as version

    try:
        made = datetime.date(*(int(part) for part in version.split(".")[:3]))
    except (ValueError, TypeError):
        return f"yt-dlp {version}"
    days = (datetime.datetime.now(datetime.UTC).date() - made).days
    return f"yt-dlp {version}, {days} days old"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost" or host.endswith(".localhost")


@contextlib.contextmanager
def _without_ffmpeg() -> Iterator[None]:
    """Let no part of yt-dlp find an ffmpeg: its HLS code asks this variable and not the instance's options."""
    from yt_dlp.postprocessor import FFmpegPostProcessor

    token = FFmpegPostProcessor._ffmpeg_location.set(_NO_FFMPEG)
    try:
        yield
    finally:
        FFmpegPostProcessor._ffmpeg_location.reset(token)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """A chain of yt-dlp errors, down to its root."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        info = getattr(error, "exc_info", None)
        cause = getattr(error, "cause", None) or (info[1] if info else None)
        error = (
            cause if isinstance(cause, BaseException) and cause is not error else error.__cause__ or error.__context__
        )

"""yt-dlp as a source: one reused instance per process, fixed file names, only the extractors we allow.

yt-dlp only downloads: picture and sound stay apart where a site keeps them apart, and it is told that there is no
ffmpeg, so that what a stranger sent is decoded and merged under our limits alone. It does not bound a body without
Content-Length and calls a truncated file a success, so size is watched here while bytes arrive, and what arrived is
proven by decoding the cut.
"""

import contextlib
import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from vegas_data.errors import LimitExceeded, TransferFailed, WorkspaceError
from vegas_data.fetch.failures import REMEDY_RETRY, classify
from vegas_data.fetch.options import FetchOptions, SourceOptions
from vegas_data.fetch.source import Download
from vegas_data.media.sandbox import DISK_ERRNOS, REMEDY_DISK
from vegas_data.records import Clip

SOCKET_TIMEOUT_S: Final = 20
_GENERIC: Final = "generic"
_NO_FFMPEG: Final = f"{os.devnull}/none"  # a path that no machine can have
_DIRECT: Final = frozenset({"http", "https", "http_dash_segments"})
_FETCHABLE: Final = _DIRECT | {"m3u8_native"}  # the rest needs ffmpeg, or is live
_PART: Final = "vegas_part"
_ESTIMATE_SLACK: Final = 2  # the first fragment's size times their number is no more than a hint


class _Quiet:
    """yt-dlp's log: the last error is kept for the message, the rest is dropped (titles are not ours to print)."""

    def __init__(self) -> None:
        self.last_error = ""

    def debug(self, message: str) -> None: ...
    def info(self, message: str) -> None: ...
    def warning(self, message: str) -> None: ...

    def error(self, message: str) -> None:
        self.last_error = message


class _Selector:
    """What to download of the formats a site offers, as a format function of yt-dlp.

    A ``bv*+ba`` would be merged by ffmpeg; so the same choice is made here and each file is asked for by itself.
    Plain downloads come before HLS, the wanted height before any.
    """

    def __init__(self, downloader: Any, max_height_px: int) -> None:
        def build(spec: str) -> Any:
            return downloader.build_format_selector(spec)

        self._sound = build("ba")
        self._tiers = [
            (protocols, build(f"bv*{height}"), build(f"b{height}"))
            for height in (f"[height<=?{max_height_px}]", "")
            for protocols in (_DIRECT, _FETCHABLE)
        ]

    def __call__(self, context: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for protocols, picture, whole in self._tiers:
            formats = [offer for offer in context["formats"] if offer.get("protocol") in protocols]
            offers = {**context, "formats": formats}
            for best in picture(offers):
                if best.get("acodec") != "none":
                    yield {**best, _PART: "video"}
                    return
                for sound in self._sound(offers):
                    yield {**best, _PART: "picture"}
                    yield {**sound, _PART: "sound"}
                    return
            for best in whole(offers):
                yield {**best, _PART: "video"}
                return


class YtDlpSource:
    """Videos of one site, by id."""

    def __init__(self, source: SourceOptions, options: FetchOptions) -> None:
        import yt_dlp

        self.name = source.name
        self._url = source.url
        self._status_is_final = _GENERIC in source.extractors
        self._max_bytes = options.max_source_bytes
        self._num_bytes: dict[str, int] = {}
        self._log = _Quiet()
        self._downloader: Any = yt_dlp.YoutubeDL(
            {
                "allowed_extractors": [f"^{re.escape(name)}$" for name in source.extractors],
                "format": lambda context: self._select(context),
                "ffmpeg_location": _NO_FFMPEG,
                "fixup": "never",
                "logger": self._log,
                "quiet": True,
                "no_warnings": True,
                "noprogress": True,
                "cachedir": False,
                "noplaylist": True,
                "playlist_items": "1",
                "nopart": True,
                "updatetime": False,
                "retries": 0,
                "fragment_retries": 2,
                "extractor_retries": 0,
                "file_access_retries": 0,
                "skip_unavailable_fragments": False,
                "socket_timeout": SOCKET_TIMEOUT_S,
                "enable_file_urls": False,
                "progress_hooks": [self._watch],
                **({"proxy": ""} if _is_loopback(source.url) else {}),  # a proxy cannot reach this machine
            }
        )
        self._select: _Selector = _Selector(self._downloader, options.max_source_height_px)

    def _watch(self, status: dict[str, Any]) -> None:
        have = int(status.get("downloaded_bytes") or 0)
        self._num_bytes[str(status.get("filename"))] = have
        others = sum(self._num_bytes.values()) - have
        announced = int(status.get("total_bytes") or 0)
        estimated = int(status.get("total_bytes_estimate") or 0)
        if others + max(have, announced, estimated // _ESTIMATE_SLACK) > self._max_bytes:
            raise LimitExceeded(f"the video is larger than {self._max_bytes} bytes")

    def fetch(self, clip: Clip, into: Path) -> Download:
        """See ``Source.fetch``."""
        import yt_dlp

        self._downloader.params["outtmpl"]["default"] = _template(into)
        self._log.last_error = ""
        self._num_bytes.clear()
        url = self._url.replace("{id}", clip.source_local_id)
        try:
            with _without_ffmpeg():
                self._downloader.extract_info(url, download=True)
        except LimitExceeded as error:
            raise LimitExceeded(f"{clip.id}: {error}") from None
        except yt_dlp.utils.YoutubeDLError as error:
            self._fail(clip, into, error)
        files = {path.stem: path for path in sorted(into.iterdir()) if path.is_file()}
        if sum(path.stat().st_size for path in files.values()) > self._max_bytes:
            raise LimitExceeded(f"{clip.id}: the video is larger than {self._max_bytes} bytes")
        if files.keys() == {"video"}:
            return Download(picture=files["video"], sound=files["video"])
        if files.keys() == {"picture", "sound"}:
            return Download(picture=files["picture"], sound=files["sound"])
        raise TransferFailed(f"{clip.id}: {len(files)} files came, but no whole video", remedy=REMEDY_RETRY)

    def _fail(self, clip: Clip, into: Path, error: Exception) -> NoReturn:
        status = None
        for cause in _causes(error):
            if isinstance(cause, OSError) and cause.errno in DISK_ERRNOS:
                raise WorkspaceError(f"{into}: {cause.strerror}", remedy=REMEDY_DISK) from None
            status = _http_status(cause) if status is None else status
        message = self._log.last_error or str(error)
        message = message.removeprefix("ERROR: ").removeprefix(f"[{_GENERIC}] ")
        raise classify(clip.id, message, status, status_is_final=self._status_is_final) from None


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


def _template(folder: Path) -> str:
    """An output template that holds nothing of the video's own, and a folder that yt-dlp leaves as it is.

    A per cent sign is doubled. yt-dlp expands ``~`` at the beginning, so the path is absolute, and ``$NAME``, which has
    no escape: a field that is never there stands between the dollar and the name and leaves nothing behind.
    """
    escaped = str(folder.absolute()).replace("%", "%%").replace("$", "$%(vegas_nothing|)s")
    return f"{escaped}/%({_PART})s.%(ext)s"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """A chain of yt-dlp errors, down to its root."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        info = getattr(error, "exc_info", None)
        cause = getattr(error, "cause", None) or (info[1] if info else None)
        error = cause if cause is not None and cause is not error else error.__cause__ or error.__context__


def _http_status(error: BaseException) -> int | None:
    from yt_dlp.networking.exceptions import HTTPError

    if not isinstance(error, HTTPError):
        return None
    error.close()  # it holds the connection open
    return int(error.status)

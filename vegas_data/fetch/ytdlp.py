"""yt-dlp as a source: one reused instance per process, one fixed file name, only the extractors we allow.

yt-dlp does not bound a body without Content-Length and calls a truncated file a success, so size is watched here
while bytes arrive, and what arrived is proven by decoding the cut.
"""

from pathlib import Path
from typing import Any, Final, NoReturn

from vegas_data.errors import LimitExceeded, TransferFailed
from vegas_data.fetch.failures import REMEDY_RETRY, classify
from vegas_data.fetch.options import FetchOptions, SourceOptions
from vegas_data.media.sandbox import find_ffmpeg
from vegas_data.records import Clip

SOCKET_TIMEOUT_S: Final = 20
_GENERIC: Final = "generic"


class _Quiet:
    """yt-dlp's log: the last error is kept for the message, the rest is dropped (titles are not ours to print)."""

    def __init__(self) -> None:
        self.last_error = ""

    def debug(self, message: str) -> None: ...
    def info(self, message: str) -> None: ...
    def warning(self, message: str) -> None: ...

    def error(self, message: str) -> None:
        self.last_error = message


class YtDlpSource:
    """Videos of one site, by id."""

    def __init__(self, source: SourceOptions, options: FetchOptions) -> None:
        import yt_dlp

        self.name = source.name
        self._url = source.url
        self._status_is_final = _GENERIC in source.extractors
        self._max_bytes = options.max_source_bytes
        self._log = _Quiet()
        height = options.max_source_height_px
        self._downloader: Any = yt_dlp.YoutubeDL(
            {
                "allowed_extractors": [f"^{name}$" for name in source.extractors],
                "format": f"bv*[height<=?{height}]+ba/b[height<=?{height}]/bv*+ba/b",
                "ffmpeg_location": str(find_ffmpeg()),
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
                "max_filesize": options.max_source_bytes,
                "enable_file_urls": False,
                "progress_hooks": [self._watch],
            }
        )

    def _watch(self, status: dict[str, Any]) -> None:
        if int(status.get("downloaded_bytes") or 0) > self._max_bytes:
            raise LimitExceeded(f"the download is larger than {self._max_bytes} bytes")

    def fetch(self, clip: Clip, into: Path) -> Path:
        """See ``Source.fetch``."""
        import yt_dlp

        self._downloader.params["outtmpl"]["default"] = _template(into)
        self._log.last_error = ""
        url = self._url.replace("{id}", clip.source_local_id)
        try:
            self._downloader.extract_info(url, download=True)
        except LimitExceeded as error:
            raise LimitExceeded(f"{clip.id}: {error}") from None
        except yt_dlp.utils.YoutubeDLError as error:
            self._fail(clip, error)
        files = sorted(path for path in into.iterdir() if path.is_file())
        if len(files) != 1:
            raise TransferFailed(f"{clip.id}: {len(files)} files came instead of one", remedy=REMEDY_RETRY)
        if files[0].stat().st_size > self._max_bytes:
            raise LimitExceeded(f"{clip.id}: the video is larger than {self._max_bytes} bytes")
        return files[0]

    def _fail(self, clip: Clip, error: Exception) -> NoReturn:
        message = self._log.last_error or str(error)
        message = message.removeprefix("ERROR: ").removeprefix(f"[{_GENERIC}] ")
        raise classify(clip.id, message, _http_status(error), status_is_final=self._status_is_final) from None


def _template(folder: Path) -> str:
    """An output template that holds nothing of the video's own: a per cent sign in the folder is escaped."""
    return str(folder).replace("%", "%%") + "/video.%(ext)s"


def _http_status(error: BaseException | None) -> int | None:
    """The HTTP status at the root of a chain of yt-dlp errors."""
    from yt_dlp.networking.exceptions import HTTPError

    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, HTTPError):
            error.close()  # it holds the connection open
            return int(error.status)
        info = getattr(error, "exc_info", None)
        cause = getattr(error, "cause", None) or (info[1] if info else None)
        error = cause if cause is not None and cause is not error else error.__cause__ or error.__context__
    return None

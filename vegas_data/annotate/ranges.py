"""Bytes of a file over HTTP as RFC 9110 has it: the whole, or one range. Several ranges at once are not served.

Enters: a ``Range`` header and a size. Leaves: 200 with everything, 206 with one span, or 416.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.ASCII | re.IGNORECASE)
_MAX_HEADER: Final = 64
_BLOCK_BYTES: Final = 1 << 17


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Bytes [first, end) that a header asks for; None for the whole; an empty span cannot be satisfied.

    A header that is absent, malformed, of another unit, or of several ranges is none, as RFC 9110 § 14.2 allows.
    """
    match = _RANGE.fullmatch(header) if header and len(header) <= _MAX_HEADER else None
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":  # the last n bytes
        return max(0, size - int(match[2])), size
    first, last = int(match[1]), int(match[2]) if match[2] else size - 1
    if match[2] and last < first:
        return None
    return min(first, size), min(last + 1, size)


def file_response(request: "Request", path: Path, *, content_type: str) -> "Response":
    """A file as the request asks for it; 404 where there is none. It is open, or gone, before anything is said."""
    from starlette.responses import Response, StreamingResponse

    try:
        file = path.open("rb")
    except OSError:
        return Response(status_code=404)
    stat = os.fstat(file.fileno())
    size, etag = stat.st_size, f'"{stat.st_size:x}-{stat.st_mtime_ns:x}"'
    headers = {"Accept-Ranges": "bytes", "ETag": etag, "Cache-Control": "private, max-age=86400, immutable"}
    span = parse_range(request.headers.get("range"), size)
    if request.headers.get("if-range", etag) != etag:
        span = None
    if span is not None and span[0] >= span[1]:
        file.close()
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    first, end = span or (0, size)
    headers["Content-Length"] = str(end - first)
    if span is not None:
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
    status = 200 if span is None else 206
    if request.method == "HEAD":
        file.close()
        return Response(status_code=status, headers=headers, media_type=content_type)

    class Blocks(StreamingResponse):
        async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
            with file:  # closed wherever its reader hangs up
                await super().__call__(scope, receive, send)

    return Blocks(_blocks(file, first, end), status, headers=headers, media_type=content_type)


def _blocks(file: IO[bytes], first: int, end: int) -> Iterator[bytes]:
    file.seek(first)
    left = end - first
    while left and (block := file.read(min(left, _BLOCK_BYTES))):
        yield block
        left -= len(block)

"""One file over https, under limits. For weights and official tables; clips have their own fetcher.

Enters: an address and an open file. Leaves: the file's bytes and their sha256. Nothing is trusted: every hop of a
redirect must be https again, the length is bounded whatever the server announces, and a body that ends early is
an error. Whether the bytes are the *right* ones is for the caller to decide, by sha256.
"""

import contextlib
import fcntl
import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

from vegas_data.errors import FetchError, LimitExceeded, TransferFailed, WorkspaceLocked

Progress = Callable[[int, int], None]
"""Called with the bytes so far and the bytes announced (0: not announced)."""

TIMEOUT_S: Final = 60.0
_CHUNK_BYTES: Final = 1 << 20
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_REMEDY: Final = "check the network, or bring the file from another machine and give it with --from FILE"


def download(
    url: str, into: BinaryIO, *, max_bytes: int, progress: Progress | None = None, allow_loopback: bool = False
) -> str:
    """Write what ``url`` answers to ``into`` and return the sha256 of the bytes, in hex.

    Args:
        allow_loopback: also take plain http, but from this machine only (for tests).

    Raises:
        ValueError: the address is not https.
        FetchError: the server refuses, for good, or redirects to something that is not https.
        TransferFailed: the network or the server failed in a way that may pass, or the body ended early.
        LimitExceeded: the body is longer than ``max_bytes``.
    """
    if not _is_allowed(url, allow_loopback=allow_loopback):
        raise ValueError(f"not an https address: {url!r}")
    with _open(url, allow_loopback=allow_loopback) as response:
        announced = response.headers.get("Content-Length", "")
        total = int(announced) if announced.isascii() and announced.isdigit() else 0
        digest = hashlib.sha256()
        done = 0
        while chunk := _read(url, response):
            done += len(chunk)
            if done > max_bytes:
                raise LimitExceeded(f"{url}: longer than {max_bytes:,} bytes", remedy="this is not the file we know")
            digest.update(chunk)
            into.write(chunk)
            if progress is not None:
                progress(done, total)
    if done < total:
        raise TransferFailed(f"{url}: ended after {done:,} of {total:,} bytes", remedy=_REMEDY)
    return digest.hexdigest()


@contextlib.contextmanager
def part_file(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """An empty ``{path}.part``, open and ours alone; the caller renames it, and a failure removes it.

    It has one known name, so that what a killed process left behind is used up by the next one.

    Raises:
        WorkspaceLocked: another process is bringing the same file.
    """
    part = path.with_name(path.name + ".part")
    with part.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WorkspaceLocked(f"{part}: another process is at it", remedy="wait for it to end") from None
        if not _is_same_file(part, file):
            # Renamed by its last holder between our open and our lock: these bytes are the finished file.
            raise WorkspaceLocked(f"{part}: another process has just finished it", remedy="run the command again")
        file.truncate(0)
        finished = False
        try:
            yield part, file
            finished = True
        finally:
            if not finished:
                part.unlink(missing_ok=True)


def _is_same_file(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _open(url: str, *, allow_loopback: bool) -> Any:
    request = urllib.request.Request(url, headers={"User-Agent": "vegas-data"})  # noqa: S310 (https was checked)
    try:
        return _opener(allow_loopback=allow_loopback).open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        kind = TransferFailed if error.code == 429 or error.code >= 500 else FetchError
        raise kind(f"{url}: the server answered {error.code} {error.reason}", remedy=_REMEDY) from None
    except (http.client.HTTPException, OSError) as error:
        raise TransferFailed(f"{url}: {getattr(error, 'reason', None) or error}", remedy=_REMEDY) from None


def _read(url: str, response: Any) -> bytes:
    try:
        chunk: bytes = response.read(_CHUNK_BYTES)
    except (http.client.HTTPException, OSError) as error:
        raise TransferFailed(f"{url}: {error}", remedy=_REMEDY) from None
    return chunk


def _is_allowed(url: str, *, allow_loopback: bool) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (allow_loopback and parts.scheme == "http" and host in _LOOPBACK))


def _opener(*, allow_loopback: bool) -> urllib.request.OpenerDirector:
    """An opener that knows https and nothing else: no file:, ftp: or data:, on any hop."""
    opener = urllib.request.OpenerDirector()
    handlers: list[urllib.request.BaseHandler] = [
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPSHandler(),
        _HttpsRedirects(allow_loopback=allow_loopback),
    ]
    handlers.append(urllib.request.HTTPHandler() if allow_loopback else urllib.request.ProxyHandler())
    for handler in handlers:
        opener.add_handler(handler)
    return opener


class _HttpsRedirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, *, allow_loopback: bool) -> None:
        self.allow_loopback = allow_loopback

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not _is_allowed(newurl, allow_loopback=self.allow_loopback):
            fp.close()
            raise FetchError(f"{req.full_url}: redirects to {newurl!r}, which is not https", remedy=_REMEDY)
        return super().redirect_request(req, fp, code, msg, headers, newurl)

"""An address in, bytes out, under limits: every hop of every request is checked, metered and bounded.

One ``Web`` per worker process (and one more for a source that has cookies); it keeps connections open and serves one
request at a time. Nothing that a host says is trusted: not its lengths, its redirects, its codings or its words.
"""

import contextlib
import math
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, Final

from vegas_data.errors import TimedOut, TransferFailed
from vegas_data.fetch.addresses import REMEDY_LATER, Address, AddressRefused, Place, read_url, resolve, sendable
from vegas_data.fetch.answers import Interrupted, check_media, refusal, said, too_much
from vegas_data.fetch.options import Access, FetchOptions

if TYPE_CHECKING:
    import urllib3

MAX_HOPS: Final = 5
USER_AGENT: Final = "vegas-data"
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_POOLS: Final = 32
_MAX_RESOLVED: Final = 256
_RESOLVED_FOR_S: Final = 60.0
_READ_BYTES: Final = 1 << 18
_SMALL_BYTES: Final = 1 << 16  # worth reading to its end to keep the connection
_TEXT_BYTES: Final = 600
_FOR_ANYBODY: Final = frozenset({"User-Agent", "Accept", "Accept-Language", "Accept-Encoding", "Range"})


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A host's answer (200, 206; 416 to a span) whose body has not been read yet.

    Args:
        length: of the body, if the host announced one.
    """

    host: str
    status: int
    headers: Mapping[str, str]
    length: int | None
    max_bytes: int
    response: Any

    def chunks(self) -> Iterator[bytes]:
        """The body.

        Raises:
            TransferFailed: it ends early. TimedOut: too slow or too late. LimitExceeded: too long.
        """
        num_bytes = 0
        while True:
            with _as_ours(self.host):
                chunk: bytes = self.response.read(_READ_BYTES)
            num_bytes += len(chunk)
            if num_bytes > self.max_bytes:
                raise too_much(self.host)
            if not chunk and num_bytes == 0 and not _says_where_it_ends(self.headers):
                raise Interrupted(f"{self.host}: nothing came but a status", remedy=REMEDY_LATER)
            if not chunk:
                return
            yield chunk


class Web:
    """HTTP and HTTPS for one worker process.

    ``deadline`` is the moment (``time.monotonic``) at which every request is over; whoever starts a fetch sets it.
    ``num_requests`` counts what was asked, redirects included.

    Args:
        cookies: sent over https to the host that an address names, never to one that it redirects to.

    Raises:
        RecipeError: the proxy is not ``http://host:port``.
    """

    def __init__(self, options: FetchOptions, access: Access, *, cookies: CookieJar | None = None) -> None:
        from vegas_data.fetch import wire

        self.deadline = math.inf
        self.num_requests = 0
        self._low_speed_s = options.low_speed_s
        self._allow_private = access.allow_private
        self._cookies = cookies
        self._meter = wire.Meter(min_bytes_per_s=options.min_bytes_per_s, low_speed_s=options.low_speed_s)
        self._context = wire.tls_context(self._meter)
        self._proxy = wire.proxied(access.proxy, self._meter, self._context) if access.proxy else None
        self._pools: dict[Place, urllib3.HTTPConnectionPool] = {}
        self._resolved: dict[tuple[str, str, int], tuple[float, Place]] = {}

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
        if self._proxy is not None:
            self._proxy.clear()

    @contextlib.contextmanager
    def get(self, address: Address, *, max_bytes: int, span: tuple[int, int] | None = None) -> Iterator[Answer]:
        """Ask for the file at ``address``, or for the bytes ``span`` of it, both ends included.

        A host may answer a span with the whole file: 200 instead of 206. The connection is kept if the body was read
        to its end.

        Raises:
            AddressRefused: this address, or one it leads to, may not be asked.
            VideoUnavailable, RateLimited, Unclassified: the host refuses. NoMedia: a web page, or a packed body.
            TransferFailed, TimedOut: host or network failed. LimitExceeded: more than ``max_bytes`` are announced.
        """
        headers = {
            "User-Agent": USER_AGENT,
            "Accept": "*/*",
            **sendable(address.headers),
            "Accept-Encoding": "identity",
        }
        if span is not None:
            headers["Range"] = f"bytes={span[0]}-{span[1]}"
        response, place = self._follow(address.url, headers, max_bytes)
        try:
            yield _read_answer(place.host, response, address, max_bytes=max_bytes, with_span=span is not None)
        finally:
            response.close()

    def _follow(self, url: str, headers: dict[str, str], max_bytes: int) -> tuple[Any, Place]:
        first = place = self._place(url, None)
        for _ in range(MAX_HOPS + 1):
            cookie = self._cookie(place) if place.origin == first.origin else {}
            response = self._ask(place, headers | cookie, max_bytes)
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or not location:
                return response, place
            before = place
            try:
                place = self._place(_join(before.url, location), before)
                self._drop(before.host, response)
            finally:
                response.close()
            if place.origin != before.origin:
                headers = {name: value for name, value in headers.items() if name in _FOR_ANYBODY}
        raise TransferFailed(f"{first.host} redirects more than {MAX_HOPS} times", remedy=REMEDY_LATER)

    def _place(self, url: str, before: Place | None) -> Place:
        """Read and check one hop.

        ``--allow-private`` opens what the recipe names and not what that leads to: a redirect may stay on the same
        private address, or go out to the public internet.
        """
        place = read_url(url, allow_private=self._allow_private)
        if before is not None and before.scheme == "https" and place.scheme != "https":
            raise AddressRefused(f"{before.host} redirects from https to {place.scheme}")
        if self._goes_direct(place):
            place = self._with_ips(place)
        if before is not None and place.is_private and not set(place.ips) <= set(before.ips):
            raise AddressRefused(
                f"{before.host} redirects to {place.host}, which is not on the public internet",
                remedy="name the last address in the recipe, if it is yours",
            )
        return place

    def _goes_direct(self, place: Place) -> bool:
        """A proxy cannot reach this machine."""
        return self._proxy is None or place.is_this_machine

    def _with_ips(self, place: Place) -> Place:
        now = time.monotonic()
        since, known = self._resolved.get(place.origin, (-math.inf, place))
        if now - since > _RESOLVED_FOR_S:
            known = replace(place, target="", ips=resolve(place, allow_private=self._allow_private))
            if len(self._resolved) >= _MAX_RESOLVED:
                self._resolved.clear()
            self._resolved[place.origin] = now, known
        return replace(place, ips=known.ips)

    def _ask(self, place: Place, headers: dict[str, str], max_bytes: int) -> Any:
        from urllib3 import Timeout

        from vegas_data.fetch.wire import CONNECT_TIMEOUT_S

        self.num_requests += 1
        self._meter.begin(host=place.host, deadline=self.deadline, max_bytes=max_bytes)
        timeout = Timeout(connect=min(CONNECT_TIMEOUT_S, self._meter.time_left_s()), read=self._low_speed_s)
        with _as_ours(place.host):
            if self._proxy is None or self._goes_direct(place):
                to, url = self._pool(place), place.target
            else:
                to, url = self._proxy.connection_from_host(place.host, place.port, place.scheme), place.target
                url = place.url if place.scheme == "http" else url
            return to.urlopen(
                "GET",
                url,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                assert_same_host=False,
                timeout=timeout,
            )

    def _pool(self, place: Place) -> "urllib3.HTTPConnectionPool":
        from vegas_data.fetch.wire import direct_pool

        key = replace(place, target="")
        pool = self._pools.pop(key, None) or direct_pool(place, self._meter, self._context)
        self._pools[key] = pool  # the latest stands last
        if len(self._pools) > _MAX_POOLS:
            self._pools.pop(next(iter(self._pools))).close()
        return pool

    def _cookie(self, place: Place) -> dict[str, str]:
        if self._cookies is None or place.scheme != "https":
            return {}
        request = urllib.request.Request(place.url)  # noqa: S310 (only the cookie jar reads it)
        self._cookies.add_cookie_header(request)
        value = request.get_header("Cookie")
        return {"Cookie": value} if value else {}

    @staticmethod
    def _drop(host: str, response: Any) -> None:
        """Read a redirect's small body, so that its connection can be used again."""
        if response.length_remaining is not None and response.length_remaining <= _SMALL_BYTES:
            with _as_ours(host):
                response.read()


def _read_answer(host: str, response: Any, address: Address, *, max_bytes: int, with_span: bool) -> Answer:
    headers: Mapping[str, str] = response.headers
    status: int = response.status
    if status != 200 and not (status in (206, 416) and with_span):
        text = ""
        if 400 <= status < 500 and headers.get("Content-Type", "").startswith("text/plain"):
            with _as_ours(host):
                text = response.read(_TEXT_BYTES).decode("utf-8", "replace")
        raise refusal(host, status, response.reason or "", headers, is_final=address.is_final, text=text)
    if status != 416:
        check_media(host, headers)
    announced = headers.get("Content-Length")
    if announced is not None and not (announced.isascii() and announced.isdigit()):
        raise TransferFailed(f"{host} announced a body of {said(announced)!r} bytes", remedy=REMEDY_LATER)
    length: int | None = response.length_remaining
    if length is not None and length > max_bytes:
        raise too_much(host)
    return Answer(host=host, status=status, headers=headers, length=length, max_bytes=max_bytes, response=response)


def _says_where_it_ends(headers: Mapping[str, str]) -> bool:
    """Otherwise the headers themselves may have been cut."""
    return "Content-Length" in headers or "Transfer-Encoding" in headers


def _join(url: str, location: str) -> str:
    """Where a redirect leads. Some hosts write UTF-8 into it, which arrives as Latin-1."""
    raw = location.strip().encode("latin-1", "replace")
    try:
        return urllib.parse.urljoin(url, urllib.parse.quote(raw, safe="".join(map(chr, range(0x21, 0x7F)))))
    except ValueError as error:
        raise AddressRefused(f"a redirect to what is no URL: {said(str(error))}") from None


@contextlib.contextmanager
def _as_ours(host: str) -> Iterator[None]:
    """Errors of urllib3 as ours."""
    from urllib3.exceptions import HTTPError, SSLError
    from urllib3.exceptions import TimeoutError as Late

    try:
        yield
    except Late:
        raise TimedOut(f"{host}: no answer in time", remedy=REMEDY_LATER) from None
    except SSLError as error:
        raise TransferFailed(f"{host}: TLS: {said(_reason(error))}", remedy=REMEDY_LATER) from None
    except (HTTPError, ValueError, OSError) as error:
        raise Interrupted(f"{host}: {said(_reason(error))}", remedy=REMEDY_LATER) from None


def _reason(error: BaseException) -> str:
    """What the first cause in a chain of errors says."""
    cause: object = error
    while isinstance(cause, BaseException) and cause.args:
        cause = getattr(cause, "strerror", None) or cause.args[-1]
    return str(cause) or type(error).__name__

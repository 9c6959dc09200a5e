"""Connections whose every read is metered: a host that is slow, silent or endless is cut off wherever it is so.

A socket's timeout bounds one read, so a byte now and then keeps it happy for ever, in a header as well as in a body.
Here each read of a socket, whatever part of HTTP it serves, is allowed no more time and bytes than are left.
This module imports urllib3; ``web`` imports it when it is needed.
"""

import ssl
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from socket import AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY, socket
from typing import Any, Final

import urllib3
import urllib3.connection
from urllib3.util.connection import create_connection

from vegas_data.errors import RecipeError, TimedOut, TransferFailed
from vegas_data.fetch.addresses import REMEDY_LATER, IpAddress, Place
from vegas_data.fetch.answers import too_much

CONNECT_TIMEOUT_S: Final = 20.0
_HEADER_BYTES: Final = 1 << 20  # allowed on top of the body
_CHUNK_SLACK: Final = 1.05  # chunked bodies carry their lengths


class Meter:
    """What is left of time and bytes for the request under way. One request at a time.

    The clock of the low-speed limit runs only while a read waits: a slow reader is not the host's fault.
    """

    def __init__(self, *, min_bytes_per_s: int, low_speed_s: float) -> None:
        self._min_bytes_per_s = min_bytes_per_s
        self._low_speed_s = low_speed_s
        self.begin(host="", deadline=0.0, max_bytes=0)

    def begin(self, *, host: str, deadline: float, max_bytes: int) -> None:
        """A new request: until ``deadline`` (monotonic), for at most ``max_bytes`` of body."""
        self._host = host
        self._deadline = deadline
        self._bytes_left = int(max_bytes * _CHUNK_SLACK) + _HEADER_BYTES
        self._waited_s = 0.0
        self._came = 0

    def time_left_s(self) -> float:
        """Seconds until the deadline.

        Raises:
            TimedOut: none is left.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimedOut(f"{self._host}: the time for it was up", remedy=REMEDY_LATER)
        return left

    def receive(self, set_timeout: Callable[[float], None], read: Callable[[], int]) -> int:
        """Let one read happen within what is left, and charge it.

        Raises:
            TimedOut: too slow or too late. LimitExceeded: too much.
        """
        while True:
            set_timeout(min(self.time_left_s(), max(0.001, self._low_speed_s - self._waited_s)))
            start = time.monotonic()
            try:
                num_bytes = read()
            except TimeoutError:
                num_bytes = -1
            self._waited_s += time.monotonic() - start
            self._came += max(0, num_bytes)
            if self._waited_s >= self._low_speed_s:
                self._check_speed()
            if num_bytes >= 0:
                break
        self._bytes_left -= num_bytes
        if self._bytes_left < 0:
            raise too_much(self._host)
        return num_bytes

    def _check_speed(self) -> None:
        if self._came < self._min_bytes_per_s * self._waited_s or self._came == 0:
            raise TimedOut(
                f"{self._host}: {self._came} bytes in {self._waited_s:.0f} s is too slow", remedy=REMEDY_LATER
            )
        self._waited_s, self._came = 0.0, 0


class _MeteredSocket(socket):
    meter: Meter

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        return self.meter.receive(self.settimeout, partial(super().recv_into, buffer, nbytes, flags))


def tls_context(meter: Meter) -> ssl.SSLContext:
    """Certificates are checked against the system's store (or ``$SSL_CERT_FILE``), or certifi's where there is none."""

    class MeteredTls(ssl.SSLSocket):
        def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
            return meter.receive(self.settimeout, partial(super().recv_into, buffer, nbytes, flags))

    context = ssl.create_default_context(cafile=_bundle())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = MeteredTls
    return context


def _bundle() -> str | None:
    paths = ssl.get_default_verify_paths()
    if paths.cafile or (paths.capath and any(Path(paths.capath).iterdir())):
        return None
    try:
        import certifi
    except ImportError:
        return None
    return str(certifi.where())


def _dial(meter: Meter, ips: tuple[IpAddress, ...], host: str, port: int) -> socket:
    """Connect to the first of ``ips`` that answers; without any, ``host`` is the user's own proxy and is looked up."""
    reason: OSError | None = None
    for ip in ips:
        sock = _MeteredSocket(AF_INET if ip.version == 4 else AF_INET6, SOCK_STREAM)
        try:
            sock.settimeout(min(CONNECT_TIMEOUT_S, meter.time_left_s()))
            sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            sock.connect((str(ip), port))
        except OSError as error:
            sock.close()
            reason = error
        except TimedOut:
            sock.close()
            raise
        else:
            sock.meter = meter
            return sock
    if reason is None:
        timeout = min(CONNECT_TIMEOUT_S, meter.time_left_s())
        plain = create_connection((host, port), timeout)
        sock = _MeteredSocket(fileno=plain.detach())
        sock.settimeout(timeout)
        sock.meter = meter
        return sock
    if isinstance(reason, TimeoutError):
        raise TimedOut(f"{host}: no connection within {CONNECT_TIMEOUT_S:.0f} s", remedy=REMEDY_LATER)
    raise TransferFailed(f"{host}: no connection: {reason.strerror or reason}", remedy=REMEDY_LATER)


class _Connection(urllib3.connection.HTTPConnection):
    def __init__(self, *args: Any, meter: Meter, ips: tuple[IpAddress, ...] = (), **others: Any) -> None:
        super().__init__(*args, **others)
        self._meter, self._ips = meter, ips

    def _new_conn(self) -> socket:
        return _dial(self._meter, self._ips, self.host, self.port)


class _TlsConnection(urllib3.connection.HTTPSConnection):
    def __init__(self, *args: Any, meter: Meter, ips: tuple[IpAddress, ...] = (), **others: Any) -> None:
        super().__init__(*args, **others)
        self._meter, self._ips = meter, ips

    def _new_conn(self) -> socket:
        return _dial(self._meter, self._ips, self.host, self.port)


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def direct_pool(place: Place, meter: Meter, context: ssl.SSLContext) -> urllib3.HTTPConnectionPool:
    """A pool whose connections go to the checked addresses of ``place`` and nowhere else."""
    extra: dict[str, Any] = {"meter": meter, "ips": place.ips}
    if place.scheme == "https":
        return _TlsPool(place.host, place.port, ssl_context=context, **extra)
    return _Pool(place.host, place.port, **extra)


def proxied(proxy: str, meter: Meter, context: ssl.SSLContext) -> urllib3.ProxyManager:
    """Pools that go through ``proxy``, ``http://host:port``, perhaps with a user name and a password.

    Raises:
        RecipeError: it is something else.
    """
    try:
        parts = urllib3.util.parse_url(proxy)
    except urllib3.exceptions.LocationParseError:
        parts = urllib3.util.Url()
    if parts.scheme != "http" or not parts.host or parts.path not in (None, "", "/"):
        raise RecipeError("the proxy's address is not http://host:port", remedy="correct --proxy")  # no password shown
    headers = urllib3.make_headers(proxy_basic_auth=parts.auth) if parts.auth else None
    bare = f"http://{parts.host}:{parts.port or 80}"
    manager = urllib3.ProxyManager(bare, proxy_headers=headers, ssl_context=context)
    manager.pool_classes_by_scheme = {
        "http": partial(_Pool, meter=meter),  # type: ignore[dict-item]  # it is only called
        "https": partial(_TlsPool, meter=meter),  # type: ignore[dict-item]
    }
    return manager

"""A URL in, the checked place to connect to out; everything that is not plainly on the public web is refused.

A manifest, a redirect or a site may name any URL at all: this machine, the cloud's metadata service, a printer. So a
URL is read here once, strictly, and a name is resolved here once: the connection is made to the addresses that were
checked, never to what a second look-up says (DNS rebinding). Where a proxy is used, the proxy resolves names, and what
it then reaches is its owner's decision: numeric addresses and names that can only be private are still refused here.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from vegas_data.errors import FetchError, TransferFailed, Unclassified

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Scheme = Literal["http", "https"]
Part = Literal["video", "picture", "sound"]

MAX_URL_LENGTH: Final = 8192
MAX_ADDRESSES: Final = 4  # tried one after the other
REMEDY_PRIVATE: Final = "--allow-private also asks hosts that are not on the public internet"
REMEDY_LATER: Final = "check the network, or run the same command again later"

_DEFAULT_PORT: Final[dict[Scheme, int]] = {"http": 80, "https": 443}
_FIRST_USER_PORT: Final = 1024
# Above 1023, what browsers do not ask either: X11, NFS, SIP, IRC and the like understand parts of HTTP.
_OTHER_SERVICES: Final = frozenset(
    {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080}
)
_URL: Final = re.compile(r"[!-~]+", re.ASCII)
_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?", re.ASCII)
_NUMBER: Final = re.compile(r"\d+|0[xX][0-9A-Fa-f]*", re.ASCII)
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
_HEADER_VALUE: Final = re.compile(r"[ -~]*", re.ASCII)
_PRIVATE_SUFFIXES: Final = (
    ".localhost",
    ".localdomain",
    ".local",
    ".internal",
    ".intranet",
    ".lan",
    ".home.arpa",
    ".onion",
    ".arpa",
)

_OURS: Final = frozenset(
    {
        "host",
        "range",
        "if-range",
        "accept-encoding",
        "connection",
        "content-length",
        "transfer-encoding",
        "te",
        "cookie",
        "proxy-authorization",
        "upgrade",
        "expect",
    }
)

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(*texts: str) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# Written out, for what ``ipaddress`` calls global has changed between Python's patch releases (RFC 6890 and IANA).
_NEVER: Final = _networks(
    "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "fe80::/10", "ff00::/8", "fd00:ec2::254/128"
)
_NOT_PUBLIC: Final = _networks(
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
)
_PUBLIC_V6: Final = ipaddress.IPv6Network("2000::/3")
_LOCAL_V6: Final = _networks("::1/128", "fc00::/7")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefused(FetchError):
    """An address that may not be asked. Nothing was sent; the clip is not blamed, and the next run tries it again."""

    code = "unsupported"


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a media file is.

    Args:
        headers: to send along; those that are ours to decide (ranges, codings, cookies) are left out.
        part: what the file holds.
        is_final: 401, 403, 404, 410 and 451 are the host's last word about the video. False for a site's signed
            addresses, which answer so when they have expired: then they are a ``TransferFailed``.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    part: Part = "video"
    is_final: bool = True


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a request goes: a URL in its parts, and the checked addresses of its host.

    Args:
        host: a name or a numeric address, in lower case, without brackets. target: path and query.
        ips: to connect to, in this order; empty where a proxy resolves.
    """

    scheme: Scheme
    host: str
    port: int
    target: str
    ips: tuple[IpAddress, ...] = ()

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORT[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target}"

    @property
    def is_this_machine(self) -> bool:
        return self.host == "localhost" or self.host.endswith(".localhost") or any(ip.is_loopback for ip in self.ips)

    @property
    def is_private(self) -> bool:
        """Whether any of its addresses is not on the public internet."""
        return not all(is_public(ip) for ip in self.ips)


def is_public(ip: IpAddress) -> bool:
    """Whether ``ip`` is one host on the public internet."""
    if isinstance(ip, ipaddress.IPv6Address) and ip in _NAT64:  # how a network without IPv4 sees all of it
        return is_public(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF))
    if any(ip in network for network in (*_NEVER, *_NOT_PUBLIC)):
        return False
    return ip.version == 4 or ip in _PUBLIC_V6


def may_ask(ip: IpAddress, *, allow_private: bool) -> bool:
    """Whether ``ip`` may be asked: never a link-local, multicast or reserved one (a metadata service has no videos)."""
    if is_public(ip):
        return True
    if not allow_private or any(ip in network for network in _NEVER):
        return False
    return ip.version == 4 or any(ip in network for network in _LOCAL_V6)


def read_url(url: str, *, allow_private: bool = False) -> Place:
    """Take a URL apart; nothing is looked up.

    Raises:
        AddressRefused: not plain http or https, credentials, a port or host that may not be asked.
    """
    if len(url) > MAX_URL_LENGTH or not _URL.fullmatch(url) or "\\" in url:
        raise AddressRefused(f"{_shown(url)}: not a URL: too long, or blanks, backslashes or other than ASCII in it")
    try:
        parts = urlsplit(url)
        named_port = parts.port
    except ValueError as error:
        raise AddressRefused(f"{_shown(url)}: not a URL: {error}") from None
    scheme: Scheme = "https" if parts.scheme == "https" else "http"
    if parts.scheme != scheme:
        raise AddressRefused(f"{_shown(url)}: only http and https are asked, not {_shown(parts.scheme or 'nothing')}")
    if "@" in parts.netloc:
        raise AddressRefused("a URL with a user name or password in it is not asked")
    host, literal = _read_host(parts.netloc, parts.hostname or "", allow_private=allow_private)
    port = _DEFAULT_PORT[scheme] if named_port is None else named_port
    if port not in _DEFAULT_PORT.values() and (port < _FIRST_USER_PORT or port in _OTHER_SERVICES):
        raise AddressRefused(f"{host}: port {port} is not a web server's")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(scheme=scheme, host=host, port=port, target=target, ips=(literal,) if literal else ())


def resolve(place: Place, *, allow_private: bool) -> tuple[IpAddress, ...]:
    """The addresses of a place's host, all of them checked.

    Raises:
        AddressRefused: one of them may not be asked. TransferFailed: the name cannot be resolved now.
    """
    if place.ips:
        return place.ips
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TransferFailed(f"{place.host}: the name cannot be resolved: {reason}", remedy=REMEDY_LATER) from None
    ips = tuple(dict.fromkeys(ipaddress.ip_address(str(entry[4][0])) for entry in found))
    for ip in ips:
        if not may_ask(ip, allow_private=allow_private):
            raise AddressRefused(f"{place.host} is {ip}, which may not be asked", remedy=REMEDY_PRIVATE)
    return ips[:MAX_ADDRESSES]


def sendable(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headers of an address that may be sent.

    Raises:
        Unclassified: one could be mistaken for two.
    """
    sent: dict[str, str] = {}
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise Unclassified("the site asks for a header that cannot be sent")
        if name.lower() not in _OURS:
            sent[name.title()] = value
    return sent


def _read_host(netloc: str, hostname: str, *, allow_private: bool) -> tuple[str, IpAddress | None]:
    """A host in lower case, and its address if it is a numeric one."""
    bracketed = netloc.startswith("[")
    try:
        literal = ipaddress.ip_address(hostname)
    except ValueError:
        literal = None
    if bracketed != (literal is not None and literal.version == 6) or "%" in hostname:
        raise AddressRefused(f"{_shown(netloc)}: not a host")
    if literal is not None:
        if not may_ask(literal, allow_private=allow_private):
            raise AddressRefused(f"{literal} may not be asked", remedy=REMEDY_PRIVATE)
        return str(literal), literal
    if len(hostname) > 253 or not _NAME.fullmatch(hostname):
        raise AddressRefused(f"{_shown(netloc)}: not a host name", remedy="write other alphabets as xn--… (punycode)")
    host = hostname.lower().removesuffix(".")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):  # 2130706433, 0x7f.1, 0177.0.0.1: addresses in disguise
        raise AddressRefused(f"{host}: a numeric address in a form that is not asked")
    is_private_name = "." not in host or host.endswith(_PRIVATE_SUFFIXES)
    if is_private_name and not allow_private:
        raise AddressRefused(f"{host}: a name of a private network", remedy=REMEDY_PRIVATE)
    return host, None


def _shown(text: str) -> str:
    return repr(text[:80])

"""Who may talk to the page: token, cookie, host, origin. Pure functions, and one wrapper around the application.

Whoever opens the link with the token gets a cookie that says who they are, signed with the token; nothing else is
accepted afterwards, by any route. The cookie's names are pseudonyms made by the server. Writing needs, besides, an
``Origin`` of ours, a header that no form can send, and JSON.
"""

import hashlib
import hmac
import ipaddress
import json
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from vegas_data.errors import AnnotationError

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE: Final = "vegas_review"
COOKIE_LASTS_S: Final = 7 * 24 * 3600
HEADER: Final = "x-vegas-review"
MIN_TOKEN: Final = 32
_MAX_COOKIE: Final = 512
_USUAL_PORTS: Final = {"http": 80, "https": 443}
HEADERS: Final = (
    (
        b"content-security-policy",
        b"default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who sends a request: pseudonyms of the person and of their session."""

    annotator: str
    session: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """What a request must show.

    Args:
        hosts: allowed ``Host`` headers. origins: allowed ``Origin`` headers. is_https: reached through https.
    """

    token: str
    hosts: frozenset[str]
    origins: frozenset[str]
    is_https: bool = False

    def opens(self, token: str) -> bool:
        """Whether this is the token, in constant time."""
        return hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode())

    @property
    def cookie(self) -> str:
        """The cookie's name: cookies know no ports, so two pages on one machine need two names."""
        return f"{'__Host-' if self.is_https else ''}{COOKIE}_{self._sign('cookie')[:8]}"

    def seal(self, identity: Identity) -> str:
        """The cookie's value for somebody who has shown the token."""
        body = json.dumps([identity.annotator, identity.session]).encode().hex()
        return f"{body}.{self._sign(body)}"

    def unseal(self, cookie: str) -> Identity | None:
        """Who a cookie says its bearer is; None unless we made it with the present token."""
        body, _, signature = cookie.rpartition(".")
        if len(cookie) > _MAX_COOKIE or not cookie.isascii() or not hmac.compare_digest(signature, self._sign(body)):
            return None
        try:
            annotator, session = json.loads(bytes.fromhex(body))
        except ValueError:
            return None
        return Identity(annotator=str(annotator), session=str(session))

    def media_id(self, key: str) -> str:
        """The name of a media file towards the page; it says nothing about the file."""
        return self._sign(f"media:{key}")

    def _sign(self, text: str) -> str:
        return hmac.digest(self.token.encode(), text.encode(), hashlib.sha256).hex()[:40]


def make_access(token: str, host: str, port: int, public_url: str = "") -> Access:
    """Access for a server on ``host:port``, which the outside may know as ``public_url``."""
    names = {host, "localhost", "127.0.0.1", "::1"} if is_loopback(host) else {host}
    hosts = {_as_browsers_write(name, port, 80) for name in names}
    origins = {f"http://{name}" for name in hosts}
    parts = urlsplit(public_url)
    if parts.hostname:
        usual = _USUAL_PORTS[parts.scheme]
        name = _as_browsers_write(parts.hostname, parts.port or usual, usual)
        hosts.add(name)
        origins.add(f"{parts.scheme}://{name}")
    return Access(token=token, hosts=frozenset(hosts), origins=frozenset(origins), is_https=parts.scheme == "https")


def _as_browsers_write(host: str, port: int, usual: int) -> str:
    """Host and port as they stand in ``Host`` and ``Origin``: small letters, and the usual port left out."""
    try:
        address = ipaddress.ip_address(host)
        name = f"[{address.compressed}]" if address.version == 6 else str(address)
    except ValueError:
        name = host.lower()
    return name if port == usual else f"{name}:{port}"


def is_loopback(host: str) -> bool:
    """Whether an address to bind to can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def binding_problem(host: str, *, has_token_file: bool, public_url: str = "") -> str:
    """Why the page must not be bound like this; the empty string if it may be."""
    if public_url:
        try:
            parts = urlsplit(public_url)
            bare = (parts.scheme in _USUAL_PORTS and parts.hostname and parts.path in ("", "/")) and not (
                parts.query or parts.fragment or parts.username or parts.password or parts.port == 0
            )
        except ValueError:
            bare = False
        if not bare:
            return f"{public_url!r} is not an address such as https://panel.example.org"
    if not host:
        return "no address to listen on"
    if is_loopback(host) and not public_url:
        return ""
    if not has_token_file:
        return f"others could reach {host}: a page for others needs a token file"
    try:
        is_wildcard = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        is_wildcard = False
    if is_wildcard and not public_url:
        return f"{host} is every address of this machine: say which one people will open (--public-url)"
    return ""


def new_token() -> str:
    """A random token for one run."""
    return secrets.token_urlsafe(32)


def read_token(path: Path) -> str:
    """The token in a file that nobody else can read.

    Raises:
        AnnotationError: missing, readable by others, too short, or not letters and digits.
    """
    remedy = f"make one: (umask 077; python3 -c 'import secrets; print(secrets.token_urlsafe(32))' > {path})"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(fd, encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(1024).strip() if stat.S_ISREG(mode) else ""
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"{path}: cannot be read: {error}", remedy=remedy) from None
    if mode & 0o077:
        raise AnnotationError(f"{path}: others can read this token", remedy=f"chmod 600 {path}, with a new token in it")
    if len(text) < MIN_TOKEN or not text.isascii() or not text.replace("-", "").replace("_", "").isalnum():
        raise AnnotationError(f"{path}: not a token of {MIN_TOKEN} letters and digits or more", remedy=remedy)
    return text


class Guard:
    """Around the application: refuses what has no business here before any route sees it, and adds our headers.

    Puts the sender's ``Identity`` into ``scope["state"]["identity"]``. The entrance, ``/`` with the parameter
    ``token``, is let through without a cookie; it looks at the token itself.
    """

    def __init__(self, app: "ASGIApp", access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """An ASGI application."""
        if scope["type"] != "http":  # lifespan; there are no websockets here
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_guarded(message: "Message") -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        status, says = self._judge(scope)
        if status:
            from starlette.responses import PlainTextResponse

            await PlainTextResponse(says + "\n", status)(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)

    def _judge(self, scope: "Scope") -> tuple[int, str]:
        from starlette.requests import Request

        request = Request(scope)
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._access.hosts:
            return 421, "This server does not answer to that name."
        identity = self._access.unseal(request.cookies.get(self._access.cookie, ""))
        enters = scope["path"] == "/" and scope["method"] == "GET" and "token" in request.query_params
        if identity is None and not enters:
            return 401, "Open the link with the token that this server printed when it started."
        scope.setdefault("state", {})["identity"] = identity
        if scope["method"] not in ("GET", "HEAD"):
            return self._judge_write(request.headers)
        return 0, ""

    def _judge_write(self, headers: "Headers") -> tuple[int, str]:
        origins = headers.getlist("origin")
        if len(origins) != 1 or origins[0].lower() not in self._access.origins:
            return 403, "Written to from another site."
        if headers.get("sec-fetch-site", "same-origin") != "same-origin" or HEADER not in headers:
            return 403, "Not written to by our page."
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return 415, "Only JSON is taken here."
        return 0, ""

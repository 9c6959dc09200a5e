"""What may be asked: 60 hostile addresses, none of which reaches a server that would answer all of them."""

import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from web_bench import a_web, reply, saying

from vegas_data.errors import TransferFailed
from vegas_data.fetch.addresses import Address, AddressRefused, Place, is_public, may_ask, read_url, resolve
from vegas_data.fetch.options import Access
from vegas_data.fetch.web import Web

# PORT is the canary's, which listens on every address of this machine.
HOSTILE = [
    "file:///etc/passwd",
    "file://127.0.0.1/etc/passwd",
    "ftp://127.0.0.1:PORT/x",
    "gopher://127.0.0.1:PORT/_GET",
    "data:text/plain,hello",
    "javascript:alert(1)",
    "dict://127.0.0.1:PORT/x",
    "ws://127.0.0.1:PORT/x",
    "//127.0.0.1:PORT/x",
    "127.0.0.1:PORT/x",
    "/etc/passwd",
    "",
    "http:",
    "http://",
    "http:///x",
    "http://:PORT/x",
    "http://127.0.0.1:PORT/x",
    "http://127.0.0.2:PORT/x",
    "http://127.255.255.254:PORT/x",
    "http://127.1:PORT/x",
    "http://127.0.1:PORT/x",
    "http://2130706433:PORT/x",
    "http://017700000001:PORT/x",
    "http://0177.0.0.1:PORT/x",
    "http://0x7f.0.0.1:PORT/x",
    "http://0x7f000001:PORT/x",
    "http://127.0.0.1.:PORT/x",
    "http://127.0.0.01:PORT/x",
    "http://0:PORT/x",
    "http://0.0.0.0:PORT/x",
    "http://[::]:PORT/x",
    "http://[::1]:PORT/x",
    "http://[0:0:0:0:0:0:0:1]:PORT/x",
    "http://[::ffff:127.0.0.1]:PORT/x",
    "http://[::ffff:7f00:1]:PORT/x",
    "http://[::127.0.0.1]:PORT/x",
    "http://[64:ff9b::127.0.0.1]:PORT/x",
    "http://[64:ff9b:1::7f00:1]:PORT/x",
    "http://[2002:7f00:1::]:PORT/x",
    "http://[2001:0:7f00:1::]:PORT/x",
    "http://[fe80::1%25lo]:PORT/x",
    "http://[fe80::1%lo]:PORT/x",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[ff02::1]:PORT/x",
    "http://[127.0.0.1]:PORT/x",
    "http://[::1:PORT/x",
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/x",
    "http://172.16.0.1/x",
    "http://192.168.1.1/x",
    "http://100.64.0.1/x",
    "http://198.18.0.1/x",
    "http://224.0.0.1/x",
    "http://255.255.255.255/x",
    "http://localhost:PORT/x",
    "http://LOCALHOST.:PORT/x",
    "http://video.localhost:PORT/x",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://printer.local/x",
    "http://intranet:PORT/x",
    "http://user:secret@127.0.0.1:PORT/x",
    "http://example.org@127.0.0.1:PORT/x",
    "http://127.0.0.1:PORT\\@example.org/x",
    "http://example.org\t@127.0.0.1:PORT/x",
    "http://127.0.0.1:PORT/x y",
    "http://127.0.0.1:PORT/\r\nX-Injected: 1",
    "http://127.0.0.1\x00.example.org:PORT/x",
    "http://%31%32%37.0.0.1:PORT/x",
    "http://１２７.０.０.１:PORT/x",
    "http://127。0。0。1:PORT/x",
    "http://ⓛocalhost:PORT/x",
    "http://example.org:22/x",
    "http://example.org:25/x",
    "http://example.org:6000/x",
    "http://example.org:0/x",
    "http://example.org:65536/x",
    "http://example.org:-1/x",
    "http://example.org:٣/x",
    "http://exa_mple..org/x",
    "http://" + "a" * 64 + ".org/x",
    "http://" + "a." * 127 + "org/x",
    "http://example.org/" + "x" * 9000,
]


class Canary:
    """A server on every address of this machine, of both kinds, that counts who comes."""

    def __init__(self) -> None:
        self.hits = 0
        self.listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.count)
        self.thread.start()

    def count(self) -> None:
        with suppress(OSError):
            while True:
                conn, _ = self.listener.accept()
                self.hits += 1
                with conn, suppress(OSError):
                    conn.recv(65_536)
                    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.listener.close()


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    canary = Canary()
    yield canary
    canary.close()


def ask(web: Web, url: str) -> int:
    with web.get(Address(url=url), max_bytes=1000) as answer:
        return answer.status


def test_sixty_hostile_addresses_are_refused_and_the_canary_hears_nothing(canary: Canary) -> None:
    assert len(HOSTILE) >= 60
    before = canary.hits
    with a_web(Access()) as web:
        for url in HOSTILE:
            with pytest.raises(AddressRefused) as caught:
                ask(web, url.replace("PORT", str(canary.port)))
            assert caught.value.code == "unsupported", url
            assert "secret" not in str(caught.value)
            assert str(caught.value).isprintable()
        assert web.num_requests == 0
    assert canary.hits == before


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "[::1]", "localhost"])
def test_the_canary_would_have_heard_them(canary: Canary, host: str) -> None:
    before = canary.hits
    with a_web() as web:
        assert ask(web, f"http://{host}:{canary.port}/x") == 200
    assert canary.hits == before + 1


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/x",
        "http://[fd00:ec2::254]/x",
        "http://0.0.0.0:8080/x",
        "http://224.0.0.1/x",
        "http://[2002:a00:1::]/x",
        "http://0x7f.0.0.1:8080/x",
        "http://0177.0.0.1:8080/x",
        "http://127.1:8080/x",
        "http://2130706433/x",
    ],
)
def test_allow_private_does_not_open_what_no_video_host_is(url: str) -> None:
    with pytest.raises(AddressRefused):
        read_url(url, allow_private=True)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://Example.ORG/a/b?c=d#e", ("https", "example.org", 443, "/a/b?c=d")),
        ("http://example.org", ("http", "example.org", 80, "/")),
        ("https://example.org.:8443/-x", ("https", "example.org", 8443, "/-x")),
        ("https://xn--bcher-kva.example/x", ("https", "xn--bcher-kva.example", 443, "/x")),
        ("http://8.8.8.8/x", ("http", "8.8.8.8", 80, "/x")),
        ("https://[2606:4700::1111]/x", ("https", "2606:4700::1111", 443, "/x")),
        ("https://r4---sn-a_b.example.com/videoplayback?a=%2F", None),
    ],
)
def test_what_a_good_address_is_taken_for(url: str, place: tuple[str, str, int, str] | None) -> None:
    read = read_url(url)
    if place is not None:
        assert (read.scheme, read.host, read.port, read.target) == place
    assert read_url(read.url) == read


@pytest.mark.parametrize(
    ("ip", "public"),
    [
        ("8.8.8.8", True),
        ("100.63.255.255", True),
        ("100.64.0.0", False),
        ("192.88.99.1", False),
        ("2606:4700::1111", True),
        ("64:ff9b::8.8.8.8", True),
        ("64:ff9b::10.0.0.1", False),
        ("2002:808:808::", False),
        ("::ffff:8.8.8.8", False),
        ("4000::1", False),
    ],
)
def test_which_addresses_are_public(ip: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(ip)) is public
    assert may_ask(ipaddress.ip_address(ip), allow_private=False) is public


def test_a_name_is_looked_up_once_and_what_was_checked_is_what_is_asked(
    canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the second look-up would lead to this machine."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"], ["127.0.0.1"]])
    dialled: list[object] = []

    def lookup(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in next(answers)]

    def connect(_: socket.socket, where: object) -> None:
        dialled.append(where)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr("vegas_data.fetch.wire._MeteredSocket.connect", connect)
    before = canary.hits
    with a_web(Access()) as web:
        for _ in range(2):
            with pytest.raises(TransferFailed, match="refused"):
                ask(web, f"http://video.example.org:{canary.port}/x")
    assert dialled == [("93.184.216.34", canary.port)] * 2
    assert canary.hits == before


@pytest.mark.parametrize("ips", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["2606:4700::1111", "::1"]])
def test_a_name_that_leads_inside_is_refused(ips: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(0, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ips]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(AddressRefused, match=r"video\.example\.org is"):
        resolve(read_url("http://video.example.org/x"), allow_private=False)


def test_a_name_that_is_not_there_may_be_there_later() -> None:
    with a_web(Access()) as web, pytest.raises(TransferFailed, match=r"nobody\.invalid: the name cannot be resolved"):
        ask(web, "http://nobody.invalid/x.mp4")


@pytest.mark.parametrize(
    "where",
    [
        "http://127.0.0.2:{canary}/x",
        "//127.0.0.2:{canary}/x",
        "http://[::1]:{canary}/x",
        "http://2130706434:{canary}/x",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://user:secret@127.0.0.1:{own}/x",
        "http://127.0.0.1\\@example.org/",
        "https:///x",
        "http://[::1/x",
        "http://127.0.0.1:22/x",
    ],
)
def test_a_redirect_leads_nowhere_else_on_this_machine_whatever_is_allowed(canary: Canary, where: str) -> None:
    before = canary.hits
    location = ["/"]

    def redirect(conn: socket.socket, head: str) -> None:
        reply("302 Found", f"Location: {location[0]}")(conn, head)

    with saying(redirect) as served, a_web() as web:
        location[0] = where.format(canary=canary.port, own=served.port)
        with pytest.raises(AddressRefused):
            ask(web, f"{served.url}/x")
        assert len(served.heads) == 1
    assert canary.hits == before


def test_a_place_is_not_public_if_one_of_its_addresses_is_not() -> None:
    ips = ipaddress.ip_address("8.8.8.8"), ipaddress.ip_address("10.0.0.1")
    assert Place(scheme="http", host="x.org", port=80, target="/", ips=ips).is_private
    assert not Place(scheme="http", host="x.org", port=80, target="/", ips=ips[:1]).is_private

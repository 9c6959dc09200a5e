"""One request at a time to servers that misbehave: each fault is a typed error, and none takes long."""

import datetime
import email.utils
import gzip
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme
from web_bench import Say, Served, a_web, reply, saying

from vegas_data.errors import (
    LimitExceeded,
    RateLimited,
    RecipeError,
    TimedOut,
    TransferFailed,
    Unclassified,
    VegasError,
    VideoUnavailable,
)
from vegas_data.fetch.addresses import Address
from vegas_data.fetch.answers import LONGEST_RETRY_AFTER_S, NoMedia, retry_after_s, said
from vegas_data.fetch.options import Access
from vegas_data.fetch.web import MAX_HOPS, Web

BODY = bytes(range(256)) * 40


def bring(web: Web, url: str, max_bytes: int = 1 << 20, **address: object) -> bytes:
    with web.get(Address(url=url, **address), max_bytes=max_bytes) as answer:  # type: ignore[arg-type]
        return b"".join(answer.chunks())


def chunked(body: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(body[i : i + 999]), body[i : i + 999]) for i in range(0, len(body), 999))


def test_a_body_comes_whole_and_the_connection_is_kept() -> None:
    with saying(reply("200 OK", body=BODY)) as served, a_web() as web:
        assert [bring(web, f"{served.url}/{i}") for i in range(3)] == [BODY] * 3
        assert served.connections == 1
        assert served.asked("accept-encoding") == ["identity"] * 3
        assert served.asked("user-agent") == ["vegas-data"] * 3
        assert served.asked("host") == [f"127.0.0.1:{served.port}"] * 3


def test_a_chunked_body_comes_whole() -> None:
    def say(conn: socket.socket, _: str) -> None:
        conn.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(BODY) + b"0\r\n\r\n")

    with saying(say) as served, a_web() as web:
        assert [bring(web, served.url) for _ in range(2)] == [BODY] * 2
        assert served.connections == 1


def test_the_rest_of_a_body_that_nobody_wants_is_not_waited_for() -> None:
    with saying(reply("200 OK", "Content-Length: 9000000000", body=None)) as served, a_web() as web:
        with web.get(Address(url=served.url), max_bytes=1 << 40) as answer:
            assert answer.length == 9_000_000_000
        with pytest.raises(LimitExceeded):
            bring(web, served.url)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        ("401 Unauthorized", VideoUnavailable, "private"),
        ("403 Forbidden", VideoUnavailable, "private"),
        ("404 Not Found", VideoUnavailable, "removed"),
        ("410 Gone", VideoUnavailable, "removed"),
        ("451 Unavailable For Legal Reasons", VideoUnavailable, "region"),
        ("429 Too Many Requests", RateLimited, "rate_limited"),
        ("500 Internal Server Error", TransferFailed, "transfer_failed"),
        ("502 Bad Gateway", TransferFailed, "transfer_failed"),
        ("503 Service Unavailable", TransferFailed, "transfer_failed"),
        ("400 Bad Request", Unclassified, "unclassified"),
        ("418 I'm a teapot", Unclassified, "unclassified"),
        ("206 Partial Content", Unclassified, "unclassified"),
        ("204 No Content", Unclassified, "unclassified"),
        ("302 Found", Unclassified, "unclassified"),
        ("304 Not Modified", Unclassified, "unclassified"),
    ],
)
def test_what_a_status_means(status: str, kind: type[VegasError], code: str) -> None:
    with saying(reply(status)) as served, a_web() as web:
        with pytest.raises(kind, match=f"127.0.0.1 answered {status[:3]}") as caught:
            bring(web, served.url)
        assert caught.value.code == code
        assert len(served.heads) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 410, 451])
def test_a_signed_address_that_expired_says_nothing_about_the_video(status: int) -> None:
    with saying(reply(f"{status} No")) as served, a_web() as web, pytest.raises(TransferFailed):
        bring(web, served.url, is_final=False)


def test_what_a_host_says_in_plain_text_is_kept_and_cannot_write_on_the_terminal() -> None:
    body = "Come back with a ticket\x1b[2J\r\n\u202eplease ".encode() + b"x" * 5000
    with saying(reply("409 Con\x1bflict", "Content-Type: text/plain", body=body)) as served, a_web() as web:
        with pytest.raises(Unclassified, match="409 Con flict: Come back with a ticket") as caught:
            bring(web, served.url)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize("kind", ["text/html", "Text/HTML; charset=utf-8", "application/xhtml+xml"])
def test_a_page_is_no_video(kind: str) -> None:
    with (
        saying(reply("200 OK", f"Content-Type: {kind}", body=b"<html>consent</html>")) as served,
        a_web() as web,
        pytest.raises(NoMedia, match="web page"),
    ):
        bring(web, served.url)


@pytest.mark.parametrize("header", ["Content-Encoding: gzip", "Content-Encoding: br, gzip", "Transfer-Encoding: gzip"])
def test_a_packed_body_is_refused_before_it_is_read(header: str) -> None:
    bomb = gzip.compress(bytes(1 << 20))
    with saying(reply("200 OK", header, body=bomb)) as served, a_web() as web, pytest.raises(NoMedia, match="gzip"):
        bring(web, served.url)


def drip(conn: socket.socket, _: str) -> None:
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n")
    while True:
        conn.sendall(b"x")
        time.sleep(0.02)


def drip_headers(conn: socket.socket, _: str) -> None:
    conn.sendall(b"HTTP/1.1 200 OK\r\nX-Patience: ")
    drip(conn, "")


def drip_chunks(conn: socket.socket, _: str) -> None:
    conn.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        conn.sendall(b"1\r\nx\r\n")
        time.sleep(0.02)


def silence(conn: socket.socket, _: str) -> None:
    conn.recv(1)


def burst_then_silence(conn: socket.socket, _: str) -> None:
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" + bytes(100_000))
    conn.recv(1)


def only_continue(conn: socket.socket, _: str) -> None:
    while True:
        conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.1)


@pytest.mark.parametrize(
    "say", [drip, drip_headers, drip_chunks, silence, burst_then_silence, only_continue], ids=lambda say: say.__name__
)
@pytest.mark.timeout(20)
def test_a_host_that_is_too_slow_is_left(say: Say) -> None:
    with saying(say) as served, a_web() as web, pytest.raises(TimedOut, match=r"127\.0\.0\.1: \d+ bytes in"):
        bring(web, served.url)


def steadily(conn: socket.socket, _: str) -> None:
    conn.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        conn.sendall(bytes(1000))
        time.sleep(0.01)


@pytest.mark.timeout(20)
def test_the_deadline_holds_however_steadily_bytes_come() -> None:
    with saying(steadily) as served, a_web() as web:
        web.deadline = time.monotonic() + 0.5
        with pytest.raises(TimedOut, match="time for it was up"):
            bring(web, served.url, max_bytes=1 << 40)
        with pytest.raises(TimedOut, match="time for it was up"):
            bring(web, served.url)
        assert len(served.heads) == 1, "nothing is asked after the deadline"


@pytest.mark.timeout(20)
def test_the_reader_may_be_as_slow_as_it_likes() -> None:
    with saying(reply("200 OK", body=bytes(1 << 20))) as served, a_web() as web:
        with web.get(Address(url=served.url), max_bytes=1 << 20) as answer:
            came = 0
            for chunk in answer.chunks():
                came += len(chunk)
                time.sleep(0.2)
        assert came == 1 << 20


def endless(conn: socket.socket, _: str) -> None:
    conn.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        conn.sendall(bytes(65_536))


def endless_chunks(conn: socket.socket, _: str) -> None:
    conn.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        conn.sendall(b"8000\r\n" + bytes(0x8000) + b"\r\n")


def one_endless_chunk(conn: socket.socket, _: str) -> None:
    conn.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n")
    while True:
        conn.sendall(bytes(65_536))


def endless_continues(conn: socket.socket, _: str) -> None:
    while True:
        conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


@pytest.mark.parametrize(
    "say", [endless, endless_chunks, one_endless_chunk, endless_continues], ids=lambda say: say.__name__
)
@pytest.mark.timeout(20)
def test_a_host_that_does_not_end_is_cut_off(say: Say) -> None:
    with saying(say) as served, a_web() as web, pytest.raises(LimitExceeded):
        bring(web, served.url, max_bytes=100_000)


def test_exactly_as_much_as_is_allowed_may_come() -> None:
    with saying(reply("200 OK", body=BODY)) as served, a_web() as web:
        assert bring(web, served.url, max_bytes=len(BODY)) == BODY
        with pytest.raises(LimitExceeded):
            bring(web, served.url, max_bytes=len(BODY) - 1)
    with saying(closing(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)) as served, a_web() as web:
        assert bring(web, served.url, max_bytes=len(BODY)) == BODY
        with pytest.raises(LimitExceeded):
            bring(web, served.url, max_bytes=len(BODY) - 1)


def closing(data: bytes) -> Say:
    def say(conn: socket.socket, _: str) -> None:
        conn.sendall(data)
        raise ConnectionError

    return say


def resetting(data: bytes) -> Say:
    def say(conn: socket.socket, _: str) -> None:
        conn.sendall(data)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        conn.close()
        raise ConnectionError

    return say


@pytest.mark.parametrize(
    "say",
    [
        closing(b""),
        resetting(b""),
        closing(b"HTTP/1.1 200"),
        closing(b"nonsense\r\n\r\n"),
        closing(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
        resetting(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
        closing(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n"),
        closing(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\nshort\r\n0\r\n\r\n"),
        closing(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 9\r\n\r\nshort"),
        closing(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200 + b"\r\n"),
        closing(b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 70_000 + b"\r\n\r\n"),
    ],
    ids=range(11),
)
def test_a_broken_answer_may_be_better_next_time(say: Say) -> None:
    with saying(say) as served, a_web() as web, pytest.raises(TransferFailed) as caught:
        bring(web, served.url)
    assert caught.value.retryable
    assert str(caught.value).startswith("127.0.0.1: ")
    assert str(caught.value).isprintable()


def test_a_body_longer_than_it_said_is_cut_where_it_said() -> None:
    with saying(closing(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nlonger")) as served, a_web() as web:
        assert bring(web, served.url) == b"lon"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with a_web() as web, pytest.raises(TransferFailed, match="Connection refused"):
        bring(web, f"http://127.0.0.1:{port}/x")


# --- redirects ----------------------------------------------------------------------------------------------------


def test_redirects_are_followed_so_far_and_no_farther() -> None:
    def down(conn: socket.socket, head: str) -> None:
        left = int(head.split()[1].strip("/"))
        step = reply("302 Found", f"Location: /{left - 1}", body=b"moved") if left else reply("200 OK", body=BODY)
        step(conn, head)

    with saying(down) as served, a_web() as web:
        assert bring(web, f"{served.url}/{MAX_HOPS}") == BODY
        assert served.connections == 1, "small bodies are read, connections kept"
        with pytest.raises(TransferFailed, match="redirects more than 5 times"):
            bring(web, f"{served.url}/{MAX_HOPS + 1}")
        assert web.num_requests == 2 * (MAX_HOPS + 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_kind_of_redirect_is_asked_again_with_the_same_span(status: int) -> None:
    def once(conn: socket.socket, head: str) -> None:
        if "/new" in head:
            reply("206 Partial Content", body=b"ab")(conn, head)
        else:
            reply(f"{status} Moved", "Location: new%20place?\xc3\xa9=1")(conn, head)

    with saying(once) as served, a_web() as web:
        with web.get(Address(url=f"{served.url}/old"), max_bytes=10, span=(3, 4)) as answer:
            assert b"".join(answer.chunks()) == b"ab"
        assert served.asked("range") == ["bytes=3-4"] * 2
        assert served.heads[1].startswith("GET /new%20place?%C3%A9=1 ")


@pytest.mark.timeout(20)
def test_the_body_of_a_redirect_is_not_waited_for() -> None:
    def say(conn: socket.socket, head: str) -> None:
        if "/new" in head:
            reply("200 OK", body=BODY)(conn, head)
        else:
            reply("302 Found", "Location: /new", "Content-Length: 900000000", body=None)(conn, head)

    with saying(say) as served, a_web() as web:
        assert bring(web, f"{served.url}/old") == BODY


def test_what_was_meant_for_one_host_is_not_sent_to_another() -> None:
    headers = (("User-Agent", "Mozilla/5.0"), ("Referer", "https://site.example/secret"), ("Authorization", "secret"))
    with saying(reply("200 OK", body=BODY)) as other, a_web() as web:
        with saying(reply("302 Found", f"Location: {other.url}/x")) as served:
            assert bring(web, served.url, headers=(*headers, ("Range", "bytes=0-0"), ("cookie", "secret"))) == BODY
        assert "secret" in served.heads[0]
        assert "secret" not in other.heads[0]
        assert served.asked("range") == served.asked("cookie") == []
        assert other.asked("user-agent") == ["Mozilla/5.0"]


@pytest.mark.parametrize("header", [("X-A", "b\r\nX-B: c"), ("X-A: b\r\nX-B", "c"), ("X-A", "b\0"), ("", "b")])
def test_a_header_that_would_be_two_is_not_sent(header: tuple[str, str]) -> None:
    with saying(reply("200 OK")) as served, a_web() as web:
        with pytest.raises(Unclassified, match="cannot be sent"):
            bring(web, served.url, headers=(header,))
        assert not served.heads


# --- TLS ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


def tls(authority: trustme.CA, *names: str, **more: object) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **more).configure_cert(context)  # type: ignore[arg-type]
    return context


@pytest.mark.usefixtures("trusted")
def test_good_tls_works_and_is_kept(authority: trustme.CA) -> None:
    with (
        saying(reply("200 OK", body=BODY), name="localhost", tls=tls(authority, "localhost")) as served,
        a_web() as web,
    ):
        assert [bring(web, served.url) for _ in range(2)] == [BODY] * 2
        assert served.connections == 1


@pytest.mark.usefixtures("trusted")
@pytest.mark.timeout(20)
def test_a_drip_under_tls_is_a_drip(authority: trustme.CA) -> None:
    with (
        saying(drip, name="localhost", tls=tls(authority, "localhost")) as served,
        a_web() as web,
        pytest.raises(TimedOut, match="bytes in"),
    ):
        bring(web, served.url)


def past() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    "bad",
    [
        lambda ca: tls(trustme.CA(), "localhost"),
        lambda ca: tls(ca, "elsewhere.example"),
        lambda ca: tls(ca, "localhost", not_before=past() - datetime.timedelta(days=9), not_after=past()),
    ],
    ids=["unknown authority", "another name", "expired"],
)
def test_bad_tls_is_no_transfer(authority: trustme.CA, bad: Callable[[trustme.CA], ssl.SSLContext]) -> None:
    with saying(reply("200 OK", body=BODY), name="localhost", tls=bad(authority)) as served, a_web() as web:
        with pytest.raises(TransferFailed, match=r"localhost: TLS: .*certificate"):
            bring(web, served.url)
        assert not served.heads


def test_plain_http_where_tls_is_expected_is_no_transfer() -> None:
    with saying(reply("200 OK"), name="localhost") as served, a_web() as web, pytest.raises(TransferFailed):
        bring(web, served.url.replace("http:", "https:"))


@pytest.mark.timeout(20)
def test_a_silent_handshake_is_left() -> None:
    with saying(silence, name="localhost") as served, a_web() as web:
        web.deadline = time.monotonic() + 0.5
        with pytest.raises(TimedOut):
            bring(web, served.url.replace("http:", "https:"))


@pytest.mark.usefixtures("trusted")
def test_tls_is_not_given_up_on_a_redirect(authority: trustme.CA) -> None:
    with saying(reply("200 OK", body=BODY)) as plain:
        away = reply("302 Found", f"Location: {plain.url}/x")
        with (
            saying(away, name="localhost", tls=tls(authority, "localhost")) as served,
            a_web() as web,
            pytest.raises(VegasError, match="from https to http"),
        ):
            bring(web, served.url)
    assert not plain.heads


# --- what hosts ask for ---------------------------------------------------------------------------------------------


def http_date(seconds: float) -> str:
    return email.utils.format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("120", 120, 120),
        (" 0 ", 0, 0),
        (3600, 3500, 3600),
        (-3600, 0, 0),
        ("999999999", LONGEST_RETRY_AFTER_S, LONGEST_RETRY_AFTER_S),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER_S, LONGEST_RETRY_AFTER_S),
    ],
)
def test_how_long_a_host_asks_us_to_stay_away(value: str | int, low: float, high: float) -> None:
    """A number is a date so many seconds from now."""
    value = value if isinstance(value, str) else http_date(value).replace("+0000", "GMT")
    with saying(reply("429 Too Many Requests", f"Retry-After: {value}")) as served, a_web() as web:
        with pytest.raises(RateLimited, match="asks us to wait") as caught:
            bring(web, served.url)
        assert caught.value.retry_after_s is not None
        assert low <= caught.value.retry_after_s <= high


@pytest.mark.parametrize("value", ["", "-1", "1e9", "soon", "٣", "1" * 50, "Fri, 99 Dec 2026 23:59:59 GMT", "\xff\x00"])
def test_a_host_that_cannot_say_how_long_says_nothing(value: str) -> None:
    assert retry_after_s(value) is None


def test_a_busy_host_is_tried_again_and_its_wish_is_in_the_message() -> None:
    with (
        saying(reply("503 Busy", "Retry-After: 7")) as served,
        a_web() as web,
        pytest.raises(TransferFailed, match=r"503 Busy \(asks us to wait 7 s\)"),
    ):
        bring(web, served.url)


def test_what_is_said_is_short_and_printable() -> None:
    assert said("a\x1b[31m\r\nb\u202e" + "c" * 1000)[:9] == "a [31m  b"
    assert len(said("c" * 1000)) == 300


# --- proxies ------------------------------------------------------------------------------------------------------


@pytest.fixture
def proxy() -> Iterator[Served]:
    """Forwards requests and tunnels, and answers nothing by itself."""

    def say(conn: socket.socket, head: str) -> None:
        method, target = head.split()[:2]
        if method != "CONNECT":
            reply("200 OK", body=target.encode())(conn, head)
            return
        port = int(target.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as there:
            conn.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            for one, other in ((conn, there), (there, conn)) * 20:
                one.settimeout(0.2)
                with suppress(TimeoutError):
                    other.sendall(one.recv(65_536))
        raise ConnectionError

    with saying(say) as served:
        yield served


def test_a_proxy_is_asked_for_names_that_are_not_looked_up_here(proxy: Served) -> None:
    address = proxy.url.replace("://", "://user:secret@")
    with a_web(Access(proxy=address)) as web:
        assert bring(web, "http://video.invalid/x?y=z") == b"http://video.invalid/x?y=z"
        assert proxy.asked("proxy-authorization") == ["Basic dXNlcjpzZWNyZXQ="]
        assert proxy.asked("host") == ["video.invalid"]
        for url in ("http://10.0.0.1/x", "http://metadata.google.internal/x", "http://127.0.0.1/x"):
            with pytest.raises(VegasError):
                bring(web, url)
        assert len(proxy.heads) == 1


@pytest.mark.usefixtures("trusted")
def test_tls_goes_through_a_proxy_from_end_to_end(proxy: Served, authority: trustme.CA) -> None:
    context = tls(authority, "video.invalid")
    with (
        saying(reply("200 OK", body=BODY), name="video.invalid", tls=context) as served,
        a_web(Access(proxy=proxy.url)) as web,
    ):
        assert bring(web, f"{served.url}/x") == BODY
        assert proxy.heads[0].startswith("CONNECT video.invalid:")
        assert served.heads[0].startswith("GET /x ")


def test_a_proxy_does_not_stand_between_us_and_this_machine(proxy: Served) -> None:
    with saying(reply("200 OK", body=BODY)) as served, a_web(Access(proxy=proxy.url, allow_private=True)) as web:
        assert bring(web, served.url) == BODY
        assert not proxy.heads


@pytest.mark.parametrize("value", ["socks5://h:1", "h:1", "http://", "https://h:1", "http://h:1/path", "http://[::1"])
def test_a_proxy_that_is_none_is_refused_without_showing_its_password(value: str) -> None:
    with pytest.raises(RecipeError, match="http://host:port"):
        a_web(Access(proxy=value)).__enter__()

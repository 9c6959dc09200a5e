"""Cookies are a login: only their owner may read the file, only the named host gets them, no message shows them."""

import os
import ssl
import time
from pathlib import Path

import pytest
import trustme
from web_bench import reply, saying

from vegas_data.errors import RecipeError
from vegas_data.fetch.addresses import Address
from vegas_data.fetch.cookies import MAX_BYTES, read_cookies
from vegas_data.fetch.options import Access, FetchOptions
from vegas_data.fetch.web import Web

LATER = int(time.time()) + 10_000


def write(path: Path, *lines: str, mode: int = 0o600) -> Path:
    path.write_text("\n".join(["# Netscape HTTP Cookie File", "", *lines, ""]), encoding="utf-8")
    path.chmod(mode)
    return path


def line(domain: str = ".example.org", name: str = "login", value: str = "secret", expires: int = LATER) -> str:
    sub = "TRUE" if domain.startswith(".") else "FALSE"
    return f"{domain}\t{sub}\t/\tTRUE\t{expires}\t{name}\t{value}"


def test_a_file_as_browsers_export_it_is_read(tmp_path: Path) -> None:
    path = write(
        tmp_path / "c",
        line(),
        "#HttpOnly_" + line(name="hidden", value="a=b c"),
        "# a comment",
        line(name="session", expires=0),
        line(name="stale", expires=1_000_000),
        line(name="empty", value="") + "\r",
    )
    before = path.read_bytes()
    jar = {cookie.name: cookie.value for cookie in read_cookies(path)}
    assert jar == {"login": "secret", "hidden": "a=b c", "session": "secret", "empty": ""}
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "c", line(), mode=mode)
    with pytest.raises(RecipeError, match="other users can read") as caught:
        read_cookies(path)
    assert caught.value.remedy == f"chmod 600 {path}"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "bad",
    [
        "not a cookie: secret",
        line().replace("\t", " "),
        line() + "\tmore",
        line(domain=""),
        line(name=""),
        line(value="secret\x1b[2J"),
        line().replace("\t/\t", "\tsecret\t"),
        line().replace(str(LATER), "soon-secret"),
        line().replace(str(LATER), "nan"),
    ],
)
def test_a_bad_line_is_named_by_its_number_and_not_quoted(tmp_path: Path, bad: str) -> None:
    with pytest.raises(RecipeError, match=r"c:4: not a line") as caught:
        read_cookies(write(tmp_path / "c", line(), bad))
    assert "secret" not in str(caught.value) + caught.value.remedy


@pytest.mark.timeout(20)
def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    (tmp_path / "large").write_bytes(b"#" * (MAX_BYTES + 1))
    (tmp_path / "large").chmod(0o600)
    for name in ("missing", "fifo", "large", "."):
        with pytest.raises(RecipeError):
            read_cookies(tmp_path / name)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return authority


def tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def ask(web: Web, url: str) -> None:
    with web.get(Address(url=url), max_bytes=1000) as answer:
        assert b"".join(answer.chunks()) == b"here"


def test_cookies_go_to_the_named_host_over_tls_and_nowhere_else(tmp_path: Path, authority: trustme.CA) -> None:
    """Even a host that the file has cookies for gets none when another one led there."""
    path = write(tmp_path / "c", line("localhost.local"), line("127.0.0.1"), line(".elsewhere.example"))
    here = reply("200 OK", "Set-Cookie: spy=1; Secure", body=b"here")
    web = Web(FetchOptions(), Access(allow_private=True), cookies=read_cookies(path))
    with (
        saying(here, name="localhost", tls=tls(authority, "localhost")) as named,
        saying(here, tls=tls(authority, "127.0.0.1")) as other,
        saying(here) as plain,
    ):
        ask(web, named.url)
        assert named.asked("cookie") == ["login=secret"]
        ask(web, other.url)
        assert other.asked("cookie") == ["login=secret"], "it would be sent there if it were named"
        ask(web, plain.url)
        assert plain.asked("cookie") == []
        away = reply("302 Found", f"Location: {other.url}/away")
        with saying(away, name="localhost", tls=tls(authority, "localhost")) as leads:
            ask(web, leads.url)
        assert other.heads[-1].startswith("GET /away ")
        assert other.asked("cookie") == ["login=secret"], "once, and not by a redirect"
        ask(web, named.url)
        assert named.asked("cookie")[-1] == "login=secret", "what a host sets is not kept"
    web.close()

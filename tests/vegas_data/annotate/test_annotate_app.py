"""The routes: who gets in, who may write, what is served, and that nothing else is."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from panels import CATEGORIES, TOKEN, gold_of, make_tasks, serving_panel, task, write_headers
from starlette.testclient import TestClient

from vegas_data.annotate import Binding, JudgmentStore, ReviewOptions, binding_problem, read_token, serve
from vegas_data.annotate.app import make_app, make_routes
from vegas_data.annotate.bodies import MAX_BODY
from vegas_data.annotate.panel import Panel
from vegas_data.annotate.ranges import parse_range
from vegas_data.annotate.security import COOKIE, HEADER, Access, Identity, make_access
from vegas_data.errors import AnnotationError
from vegas_data.store import Store
from vegas_data.workspace import Workspace

HOST = "127.0.0.1:8000"
ORIGIN = f"http://{HOST}"
WRITES = {HEADER: "1", "Origin": ORIGIN}
BYTES = bytes(range(256)) * 40


class Site:
    """A panel and a client that has not entered yet."""

    def __init__(self, folder: Path, options: ReviewOptions | None = None, **access: Any) -> None:
        (folder / "clips").mkdir()
        (folder / "clips" / "a.mp4").write_bytes(BYTES)
        (folder / "secret.txt").write_text("secret")
        self.now_ms = 1_000_000
        self.store = JudgmentStore(folder / "judgments.sqlite", busy_timeout_s=0.05)
        self.panel = Panel(self.store, make_tasks(4), options or ReviewOptions(), clock=lambda: self.now_ms)
        self.access = make_access(TOKEN, "127.0.0.1", 8000, **access)
        self.files = Store(folder)
        self.client = self.new_client()

    def new_client(self) -> TestClient:
        app = make_app(self.panel, self.files, self.access, CATEGORIES)
        return TestClient(app, base_url=ORIGIN, follow_redirects=False)

    def enter(self, person: str = "jane", client: TestClient | None = None) -> TestClient:
        client = client or self.client
        done = client.get("/", params={"token": TOKEN, "PROLIFIC_PID": person, "STUDY_ID": "s", "SESSION_ID": "1"})
        assert done.status_code == 200
        return client

    def post(self, path: str, body: Any = None, client: TestClient | None = None) -> Any:
        return (client or self.client).post(f"/api/{path}", json={} if body is None else body, headers=WRITES)

    def first_answer(self, key: str = "key-00000001", client: TestClient | None = None) -> dict[str, Any]:
        one = self.post("work", client=client).json()["assignments"][0]
        return {"key": key, "lease": one["lease"], "answer": "yes", "played_ms": 2000, **one["open"][0]}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.store.close()


def every_route(site: Site) -> list[tuple[str, str]]:
    """Method and path of every route there is, and of some that are not there."""
    routes = make_routes(site.panel, site.files, site.access, CATEGORIES, default_annotator="local").routes
    found = []
    for route in routes:
        path = route.path.replace("{name}", "review.css" if "static" in route.path else "0")  # type: ignore[attr-defined]
        found += [(method, path) for method in sorted(route.methods)]  # type: ignore[attr-defined]
    assert len(found) >= 13
    return [*found, ("GET", "/nothing"), ("GET", "/favicon.ico"), ("DELETE", "/api/answer"), ("POST", "/")]


# --- who gets in ----------------------------------------------------------------------------------------------------


def test_every_route_answers_401_without_the_cookie(site: Site) -> None:
    for method, path in every_route(site):
        assert site.client.request(method, path, headers=WRITES).status_code == 401, (method, path)
    assert list(site.store.events()) == []


@pytest.mark.parametrize(
    "cookie",
    ["", "x", "x.y", "bnVsbA==.0", TOKEN, "." * 400, "a" * 5000, "WyJhIiwiYiJd." + "0" * 40],
    ids=range(8),
)
def test_a_cookie_of_somebody_elses_making_opens_nothing(site: Site, cookie: str) -> None:
    site.client.cookies.set(site.access.cookie, cookie)
    for method, path in every_route(site):
        assert site.client.request(method, path, headers=WRITES).status_code == 401, (method, path)


def test_a_cookie_of_another_token_opens_nothing(site: Site) -> None:
    other = Access(token="u" * 43, hosts=frozenset(), origins=frozenset())
    sealed = other.seal(Identity(annotator="p1", session="p2"))
    assert other.unseal(sealed) == Identity(annotator="p1", session="p2")
    assert site.access.unseal(sealed) is None
    site.client.cookies.set(site.access.cookie, sealed)
    assert site.client.get("/").status_code == 401


@pytest.mark.parametrize("token", ["", "t", TOKEN[:-1], TOKEN + "t", "é", "t\x00"])
def test_a_wrong_token_does_not_open_the_entrance(site: Site, token: str) -> None:
    done = site.client.get("/", params={"token": token})
    assert done.status_code == 401
    assert "set-cookie" not in done.headers


def test_the_token_opens_the_entrance_only(site: Site) -> None:
    for path in ("/done", "/static/review.css", "/media/0", "/nothing"):
        assert site.client.get(path, params={"token": TOKEN}).status_code == 401
    assert site.client.post("/api/work", params={"token": TOKEN}, json={}, headers=WRITES).status_code == 401


def test_the_cookie_is_for_this_site_and_for_no_script_and_names_nobody(site: Site) -> None:
    done = site.client.get("/", params={"token": TOKEN, "PROLIFIC_PID": "jane-doe"})
    cookie = done.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert "jane" not in cookie
    assert TOKEN not in done.text
    identity = site.access.unseal(done.cookies[site.access.cookie])
    assert identity is not None
    assert identity.annotator == site.store.pseudonym("jane-doe")
    page = site.client.get("/")
    assert page.status_code == 200
    assert "jane" not in page.text


def test_behind_https_the_cookie_stays_on_https(tmp_path: Path) -> None:
    site = Site(tmp_path, public_url="https://panel.example.org")
    client = TestClient(make_app(site.panel, site.files, site.access, CATEGORIES), base_url="https://panel.example.org")
    done = client.get("/", params={"token": TOKEN})
    assert "Secure" in done.headers["set-cookie"]
    assert "Path=/" in done.headers["set-cookie"]
    assert done.headers["set-cookie"].startswith("__Host-"), "no sub-domain can set it"
    headers = {HEADER: "1", "Origin": "https://panel.example.org"}
    assert client.post("/api/work", json={}, headers=headers).status_code == 200


def test_two_pages_on_one_machine_do_not_take_each_others_cookie(site: Site, tmp_path: Path) -> None:
    """Cookies know no ports."""
    (tmp_path / "other").mkdir()
    other = Site(tmp_path / "other")
    other.access = make_access("u" * 43, "127.0.0.1", 8000)
    other.client = other.new_client()
    site.enter()
    other.client.cookies.update(site.client.cookies)
    assert other.client.get("/", params={"token": "u" * 43}).status_code == 200
    site.client.cookies.update(other.client.cookies)
    assert [one.client.get("/").status_code for one in (site, other)] == [200, 200]
    other.store.close()


def test_cookies_of_pages_long_gone_are_put_away(site: Site) -> None:
    for number in range(40):
        site.client.cookies.set(f"{COOKIE}_{number:08x}", "x" * 150, domain="127.0.0.1")
    site.client.cookies.set("somebody_elses", "1", domain="127.0.0.1")
    site.enter()
    assert set(site.client.cookies) == {site.access.cookie, "somebody_elses"}
    assert site.client.get("/").status_code == 200


@pytest.mark.parametrize(
    ("host", "port", "url", "sent"),
    [
        ("192.168.1.7", 80, "", "192.168.1.7"),
        ("2001:DB8:0::7", 8020, "", "[2001:db8::7]:8020"),
        ("Panel.Local", 8020, "", "panel.local:8020"),
        ("127.0.0.1", 8020, "https://Panel.Example.org", "panel.example.org"),
        ("127.0.0.1", 8020, "https://panel.example.org:443/", "panel.example.org"),
        ("127.0.0.1", 8020, "http://panel.example.org:8080", "panel.example.org:8080"),
    ],
)
def test_hosts_are_known_as_browsers_write_them(host: str, port: int, url: str, sent: str) -> None:
    access = make_access(TOKEN, host, port, url)
    assert sent in access.hosts
    assert f"{url.partition(':')[0] or 'http'}://{sent}" in access.origins


def test_a_person_is_the_same_person_the_next_time_and_another_one_another(site: Site) -> None:
    first = site.post("work", client=site.enter("jane")).json()
    again = site.post("work", client=site.enter("jane", site.new_client())).json()
    other = site.post("work", client=site.enter("john", site.new_client())).json()
    assert [one["lease"] for one in first["assignments"]] == [one["lease"] for one in again["assignments"]]
    assert not {one["lease"] for one in first["assignments"]} & {one["lease"] for one in other["assignments"]}


def test_over_long_parameters_are_refused(site: Site) -> None:
    done = site.client.get("/", params={"token": TOKEN, "PROLIFIC_PID": "x" * 201})
    assert done.status_code == 400
    assert "set-cookie" not in done.headers


# --- who may write --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.test", "evil.test:8000", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8000.evil.test", ""]
)
def test_another_host_name_gets_nothing(site: Site, host: str) -> None:
    site.enter()
    for method, path in every_route(site):
        headers = {**WRITES, "Host": host, "Origin": f"http://{host}"}
        assert site.client.request(method, path, headers=headers).status_code == 421, (method, path)


@pytest.mark.parametrize("host", ["localhost:8000", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_names_of_this_machine_are_answered(site: Site, host: str) -> None:
    site.enter()
    assert site.client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Origin": None}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "http://127.0.0.1:8001"}, 403),
        ({"Origin": "https://127.0.0.1:8000"}, 403),
        ({"Origin": f"{ORIGIN}.evil.test"}, 403),
        ({HEADER: None}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "multipart/form-data"}, 415),
    ],
    ids=str,
)
def test_other_sites_write_nothing(site: Site, change: dict[str, str | None], status: int) -> None:
    site.enter()
    body = site.first_answer()
    site.now_ms += 5000
    before = len(list(site.store.events()))
    headers = {"Content-Type": "application/json", **WRITES, **change}
    kept = {name: value for name, value in headers.items() if value is not None}
    for path in ("work", "answer", "undo", "skip", "finish"):
        done = site.client.post(f"/api/{path}", content=json.dumps(body), headers=kept)
        assert done.status_code == status, path
    assert len(list(site.store.events())) == before


def test_reading_writes_nothing(site: Site) -> None:
    site.enter()
    for method, path in every_route(site):
        if method in ("GET", "HEAD"):
            site.client.request(method, path)
    assert list(site.store.events()) == []


def test_every_answer_carries_the_headers_that_fence_the_page_in(site: Site) -> None:
    answers = [
        site.client.get("/"),
        site.enter().get("/"),
        site.client.get("/nothing"),
        site.client.get("/static/review.js"),
    ]
    answers += [site.post("work"), site.client.get("/", headers={"Host": "evil.test"})]
    for done in answers:
        policy = done.headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert done.headers["x-content-type-options"] == "nosniff"
        assert done.headers["referrer-policy"] == "no-referrer"
        assert "server" not in done.headers


# --- what is written ------------------------------------------------------------------------------------------------


def test_an_answer_is_on_disk_when_it_is_confirmed(site: Site) -> None:
    site.enter()
    body = site.first_answer()
    site.now_ms += 2000
    done = site.post("answer", body)
    assert done.status_code == 200
    assert len(site.store.judgments()) == 1
    assert site.post("answer", body).json()["seq"] == done.json()["seq"]
    assert site.post("answer", {**body, "key": "key-00000002"}).json() == {"refused": "stale", "wait_ms": 0}
    assert len(site.store.judgments()) == 1
    work = site.post("work").json()
    assert work["last_key"] == body["key"]
    assert site.post("undo", {"key": "undo-0001", "answer_key": body["key"]}).status_code == 200
    assert site.store.judgments() == []
    assert site.post("work").json()["assignments"][0]["open"][0]["revision"] == 1


def test_an_answer_that_comes_too_soon_is_told_when_to_come_again(site: Site) -> None:
    site.enter()
    done = site.post("answer", site.first_answer())
    assert (done.status_code, done.json()) == (409, {"refused": "too_soon", "wait_ms": 1801})


@pytest.mark.parametrize(
    "change",
    [
        {"key": "short"}, {"key": None}, {"key": "x" * 65}, {"key": "<script>alert(1)</script>"}, {"lease": "1"},
        {"lease": True}, {"lease": -1}, {"lease": 1 << 60}, {"lease": 1.0}, {"side": "smelt"}, {"answer": "unsure"},
        {"answer": ["yes"]}, {"revision": None}, {"played_ms": "2000"}, {"start_ms": {}},
    ],
    ids=str,
)  # fmt: skip
def test_what_our_page_would_not_send_is_refused(site: Site, change: dict[str, Any]) -> None:
    site.enter()
    body = site.first_answer()
    site.now_ms += 5000
    assert site.post("answer", {**body, **change}).status_code == 400
    assert site.store.judgments() == []


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"1", b"{", b"\xff\xfe", b"[" * 4000, b'{"a": "' + b"x" * MAX_BODY + b'"}', b'{"lease": 1e999}'],
    ids=range(8),
)
def test_bodies_that_are_no_small_json_objects_are_refused(site: Site, content: bytes) -> None:
    site.enter()
    headers = {**WRITES, "Content-Type": "application/json"}
    assert site.client.post("/api/answer", content=content, headers=headers).status_code == 400


def test_unknown_leases_and_questions_are_refused(site: Site) -> None:
    site.enter()
    body = site.first_answer()
    site.now_ms += 5000
    for change in ({"lease": 999}, {"start_ms": 1}, {"side": "pair"}, {"end_ms": 99}):
        assert site.post("answer", {**body, **change}).json()["refused"] == "unknown"


def test_while_another_program_holds_the_log_the_page_is_told_to_come_again(site: Site, tmp_path: Path) -> None:
    import sqlite3

    site.enter()
    body = site.first_answer()
    site.now_ms += 5000
    other = sqlite3.connect(tmp_path / "judgments.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    done = site.post("answer", body)
    assert (done.status_code, done.headers["retry-after"], done.json()) == (503, "1", {"refused": "busy"})
    other.execute("ROLLBACK")
    other.close()
    assert site.post("answer", body).status_code == 200


def test_the_page_is_not_told_what_a_clip_is_for(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    tasks, gold = make_tasks(3, purpose="audit"), [gold_of(task(7))]
    panel = Panel(JudgmentStore(tmp_path / "j.sqlite"), tasks, ReviewOptions(gold_share=0.5, ahead=4), gold=gold)
    access = make_access(TOKEN, "127.0.0.1", 8000)
    client = TestClient(make_app(panel, Store(tmp_path), access, CATEGORIES), base_url=ORIGIN)
    client.get("/", params={"token": TOKEN})
    work = client.post("/api/work", json={}, headers=WRITES)
    assert len(work.json()["assignments"]) == 4
    assert sum(held.lease.is_gold for held in panel.state.held.values()) == 1
    for word in ("gold", "audit", "purpose", "local-", "clips/", ".mp4", str(tmp_path)):
        assert word not in work.text
    panel.store.close()


def test_the_completion_code_is_shown_to_those_who_are_done(tmp_path: Path) -> None:
    options = ReviewOptions(
        completion_code="C0DE&42", completion_url="https://panel.example.org/done", clips_per_person=1, min_played=0
    )
    site = Site(tmp_path, options)
    site.enter()
    assert "C0DE" not in site.client.get("/done").text
    assert site.post("finish").json()["refused"] == "not_done"
    while assignments := site.post("work").json()["assignments"]:
        body = {"key": f"key-{site.now_ms:08d}", "lease": assignments[0]["lease"], "answer": "no", "played_ms": 0}
        assert site.post("answer", {**body, **assignments[0]["open"][0]}).status_code == 200
        site.now_ms += 1
    assert site.post("finish").json() == {"next": "/done"}
    page = site.client.get("/done").text
    assert "C0DE&amp;42" in page
    assert "https://panel.example.org/done" in page
    assert "C0DE" not in site.enter("john").get("/done").text
    site.store.close()


def test_eight_windows_at_once_leave_one_answer_to_each_question(tmp_path: Path) -> None:
    """One person in eight windows, all of them answering everything, over real connections."""
    import urllib.request

    (tmp_path / "clips").mkdir()
    tasks = make_tasks(6)
    with serving_panel(tmp_path, tasks, ReviewOptions(min_played=0, ahead=6)) as (url, panel):
        headers = write_headers(url, "p1")

        def post(path: str, body: dict[str, Any]) -> Any:
            request = urllib.request.Request(f"{url}/api/{path}", json.dumps(body).encode(), headers)
            try:
                with urllib.request.urlopen(request) as response:
                    return json.loads(response.read())
            except urllib.error.HTTPError as error:
                with error:
                    return json.loads(error.read())

        taken: list[int] = []

        def window(number: int) -> None:
            count = 0
            while assignments := post("work", {})["assignments"]:
                for one in assignments:
                    for question in one["open"]:
                        count += 1
                        body = {"key": f"window-{number}-{count:04d}", "lease": one["lease"], "answer": "yes"}
                        said = post("answer", {**body, **question, "played_ms": 0})
                        if "seq" in said:
                            taken.append(said["seq"])

        threads = [threading.Thread(target=window, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(taken) == len(set(taken)) == len(panel.store.judgments()) == 24


# --- media ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None), ("", None), ("bytes=0-0", (0, 1)), ("bytes=0-", (0, 100)), ("bytes=-1", (99, 100)),
        ("bytes=-0", (100, 100)), ("bytes=-1000", (0, 100)), ("bytes=99-", (99, 100)), ("bytes=100-", (100, 100)),
        ("bytes=10-19", (10, 20)), ("bytes=90-1000", (90, 100)), ("bytes=500-600", (100, 100)), ("bytes=5-2", None),
        ("bytes=-", None), ("bytes=a-b", None), ("bytes=0-1,3-4", None), ("items=0-1", None), ("Bytes=0-0", (0, 1)),
        ("bytes=" + "0-0," * 10_000, None), ("bytes=0-" + "9" * 5000, None), ("bytes=٠-٩", None),
    ],
    ids=lambda value: str(value)[:24],
)  # fmt: skip
def test_ranges(header: str | None, span: tuple[int, int] | None) -> None:
    assert parse_range(header, 100) == span


def test_a_clip_is_served_whole_in_part_or_not_at_all(site: Site) -> None:
    site.enter()
    address = site.post("work").json()["assignments"][0]["media"]
    whole = site.client.get(address)
    assert (whole.status_code, whole.content) == (200, BYTES)
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["accept-ranges"] == "bytes"
    part = site.client.get(address, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, BYTES[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(BYTES)}"
    none = site.client.get(address, headers={"Range": f"bytes={len(BYTES)}-"})
    assert (none.status_code, none.headers["content-range"]) == (416, f"bytes */{len(BYTES)}")
    many = site.client.get(address, headers={"Range": "bytes=" + ",".join(["0-0"] * 1000)})
    assert (many.status_code, many.content) == (200, BYTES)
    changed = site.client.get(address, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (changed.status_code, changed.content) == (200, BYTES)
    same = site.client.get(address, headers={"Range": "bytes=0-9", "If-Range": whole.headers["etag"]})
    assert same.status_code == 206
    head = site.client.head(address, headers={"Range": "bytes=0-9"})
    assert (head.status_code, head.content, head.headers["content-length"]) == (206, b"", "10")


@pytest.mark.parametrize(
    "path",
    [
        "a.mp4",
        "clips/a.mp4",
        "..%2Fsecret.txt",
        "../secret.txt",
        "%2e%2e/secret.txt",
        "/etc/passwd",
        "0" * 40,
        "é",
        "%00",
    ],
)
def test_no_path_reaches_a_file(site: Site, path: str) -> None:
    site.enter()
    for folder in ("media", "static"):
        done = site.client.get(f"/{folder}/{path}")
        assert done.status_code == 404
        assert b"secret" not in done.content


def test_a_clip_that_is_gone_is_404(site: Site, tmp_path: Path) -> None:
    site.enter()
    address = site.post("work").json()["assignments"][0]["media"]
    (tmp_path / "clips" / "a.mp4").unlink()
    assert site.client.get(address).status_code == 404


def test_our_files_are_served_by_name_with_their_types(site: Site) -> None:
    site.enter()
    names = {path.name for path in Path(make_app.__code__.co_filename).with_name("static").iterdir()}
    assert names >= {"review.js", "review.css", "stage.js", "outbox.js", "theme.js", "icon.svg"}
    for name in names:
        done = site.client.get(f"/static/{name}")
        assert done.status_code == 200
        assert done.headers["content-type"].split(";")[0] in ("text/javascript", "text/css", "image/svg+xml")
        assert site.client.get(f"/static/{name}", headers={"If-None-Match": done.headers["etag"]}).status_code == 304
    assert site.client.get("/static/app.py").status_code == 404


# --- where it may be bound ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "has_file", "url", "may"),
    [
        ("127.0.0.1", False, "", True),
        ("localhost", False, "", True),
        ("::1", False, "", True),
        ("127.0.0.1", False, "https://panel.example.org", False),
        ("127.0.0.1", True, "https://panel.example.org", True),
        ("0.0.0.0", False, "", False),
        ("0.0.0.0", True, "", False),
        ("0.0.0.0", True, "https://panel.example.org", True),
        ("::", False, "", False),
        ("192.168.1.7", False, "", False),
        ("192.168.1.7", True, "", True),
        ("panel.local", False, "", False),
        ("127.0.0.1", True, "ftp://panel.example.org", False),
        ("127.0.0.1", True, "https://panel.example.org/page", False),
        ("127.0.0.1", True, "https://jane@panel.example.org", False),
        ("127.0.0.1", True, "https://[", False),
        ("127.0.0.1", True, "https://panel.example.org:0", False),
        ("127.0.0.1", True, "https://panel.example.org:port", False),
        ("", False, "", False),
        ("", True, "", False),
    ],
)
def test_what_others_can_reach_needs_a_token_file(host: str, has_file: bool, url: str, may: bool) -> None:
    assert (binding_problem(host, has_token_file=has_file, public_url=url) == "") is may


def test_a_name_that_leads_elsewhere_is_not_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody's table of hosts may say what ``localhost`` is."""
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: real("192.0.2.1", *rest, **more))
    workspace = Workspace.create(tmp_path / "w", 'name = "x"\n')
    with pytest.raises(ValueError, match="which others could reach"):
        serve(workspace, make_tasks(1), ReviewOptions(), categories=CATEGORIES, binding=Binding(host="localhost"))


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("short", 0o600),
        (TOKEN, 0o644),
        (TOKEN, 0o640),
        ("t" * 20 + " " + "t" * 20, 0o600),
        ("é" * 40, 0o600),
        ("", 0o600),
    ],
)
def test_a_token_file_that_is_no_secret_is_refused(tmp_path: Path, text: str, mode: int) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(AnnotationError) as error:
        read_token(path)
    assert error.value.remedy
    if text:
        assert text not in str(error.value)


def test_a_token_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    assert read_token(path) == TOKEN
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(AnnotationError):
        read_token(tmp_path / "pipe")

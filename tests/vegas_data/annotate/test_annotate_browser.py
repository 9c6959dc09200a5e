"""The page in a real browser: by keyboard alone, with hostile texts, a lost line, other sites, and a screen reader."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from panels import TOKEN, gold_of, make_tasks, serving_panel, task, write_clip
from payloads import PAYLOADS

from vegas_data.annotate import ReviewOptions
from vegas_data.annotate.panel import Panel
from vegas_data.records import Category

if TYPE_CHECKING:
    from playwright.sync_api import APIResponse, Browser, BrowserContext, Dialog, Page, Route, ViewportSize

SHORT = ((0, 300), (300, 600))
QUICK = ReviewOptions(min_played=0.5)
PHONE: "ViewportSize" = {"width": 375, "height": 667}
DESKTOP: "ViewportSize" = {"width": 1280, "height": 720}
READY = ".work.ready"

ASKED = """() => !document.getElementById("done").hidden ? "done"
  : document.querySelector("#work.ready:not([hidden])") ? document.body.dataset.side : ''"""

ANOTHER = """(title) =>
  document.getElementById("target").textContent !== title || !document.getElementById("done").hidden"""

OVERFLOWING = """() => [...document.body.querySelectorAll("*")].filter((element) => {
  const box = element.getBoundingClientRect();
  if (!box.width || (box.right <= innerWidth + 0.5 && box.left >= -0.5)) return false;
  return !element.closest(".skip-link, .visually-hidden, .saved");
}).map((element) => element.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips of 4 seconds."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(3):
        write_clip(folder / "clips" / f"{number}.mp4", shade=60 * number)
    return folder


@pytest.fixture
def folder(clips: Path, tmp_path: Path) -> Path:
    (tmp_path / "clips").symlink_to(clips / "clips")
    return tmp_path


class People:
    """Opens the page as one person after another; complaints of the browser are collected.

    The first one of a test comes in the usual window, the others in new ones, which cost a second each.
    """

    def __init__(self, browser: "Browser", usual: "Page") -> None:
        self.browser, self.usual = browser, usual
        self.complaints: list[str] = []
        self.contexts: list[BrowserContext] = []
        self.watched: list[Page] = []
        self.url = ""
        self.watchers: dict[str, Callable[[Any], object]] = {
            "console": lambda message: self.complaints.append(message.text),
            "pageerror": lambda error: self.complaints.append(str(error)),
            "request": lambda request: request.url.startswith(self.url) or self.complaints.append(request.url),
            "dialog": self._dialog,
        }

    def _dialog(self, dialog: "Dialog") -> None:
        self.complaints.append(dialog.message)
        dialog.accept()

    def enter(
        self,
        url: str,
        person: str = "jane",
        *,
        window: "Page | None" = None,
        size: "ViewportSize" = DESKTOP,
        **media: Any,
    ) -> "Page":
        """The first screen, in a window where somebody was before or in another one.

        Args:
            media: as ``Page.emulate_media`` takes them.
        """
        page = window or self._other_window()
        page.set_viewport_size(size)
        page.emulate_media(**media)
        self.url = url
        page.goto(f"{url}/?token={TOKEN}&PROLIFIC_PID={person}")
        page.wait_for_url(f"{url}/")
        page.locator("#start:focus").wait_for()
        return page

    def _other_window(self) -> "Page":
        if self.usual in self.watched:
            self.contexts.append(self.browser.new_context())
            page = self.contexts[-1].new_page()
        else:
            page = self.usual
        self.watched.append(page)
        page.set_default_timeout(20_000)
        for event, watch in self.watchers.items():
            page.on(event, watch)  # type: ignore[call-overload]
        return page

    def leave(self) -> None:
        """Leave the usual window as it was found."""
        for context in self.contexts:
            context.close()
        if self.usual in self.watched:
            for event, watch in self.watchers.items():
                self.usual.remove_listener(event, watch)
            self.usual.unroute_all()
            self.usual.emulate_media(color_scheme="null", reduced_motion="null")
            self.usual.context.set_offline(False)
            self.usual.goto("about:blank")
            self.usual.context.clear_cookies()


@pytest.fixture(scope="module")
def usual(browser: "Browser") -> "Iterator[Page]":
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def people(browser: "Browser", usual: "Page") -> "Iterator[People]":
    people = People(browser, usual)
    yield people
    people.leave()


def asked(page: "Page") -> str:
    """The side that is asked about, once an answer would count; ``done`` when nothing is left."""
    return str(page.wait_for_function(ASKED).json_value())


def press(page: "Page", key: str) -> None:
    """Press an answer's key as soon as it counts."""
    assert asked(page) != "done"
    page.keyboard.press(key)


def saved(page: "Page") -> None:
    page.locator('#saved[data-state="saved"]').wait_for()


def judge(page: "Page", keys: dict[str, str], *, at_most: int = 1000) -> int:
    """Answer by side until nothing is left, or ``at_most`` times; how many answers that took."""
    for count in range(at_most):
        side = asked(page)
        if side == "done":
            return count
        page.keyboard.press(keys[side])
    return at_most


def answers(panel: Panel) -> Counter[tuple[str, str]]:
    return Counter((one.side, one.answer) for one in panel.store.judgments())


@pytest.mark.parametrize(
    ("count", "windows"),
    [
        (2, SHORT[:1]),
        pytest.param(20, ((0, 2000),), marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
    ],
    ids=["2 clips", "20 clips"],
)
def test_a_session_by_keyboard_alone(
    people: People, folder: Path, count: int, windows: tuple[tuple[int, int], ...], record_property: Callable[..., None]
) -> None:
    tasks = [task(number, windows=windows, media_key=f"clips/{number % 3}.mp4") for number in range(count)]
    gold = [gold_of(task(100, windows=windows, media_key="clips/0.mp4"))]
    share, played = (0.5, 0.5) if count < 10 else (0.07, 0.9)
    options = ReviewOptions(gold_share=share, min_played=played, completion_code="C-123")
    with serving_panel(folder, tasks, options, gold=gold) as (url, panel):
        page = people.enter(url, "jane")
        page.keyboard.press("Enter")
        half = judge(page, {"heard": "1", "seen": "n"}, at_most=count)
        press(page, "2")
        saved(page)
        assert sum(answers(panel).values()) == half + 1
        page.keyboard.press("u")
        taken_back = page.get_by_text("Taken back: answer again.")
        taken_back.wait_for()
        assert sum(answers(panel).values()) == half
        page.locator(READY).wait_for()
        assert taken_back.is_visible(), "the note is there for as long as it takes to read it"
        measured = latencies(page)
        page.reload()
        page.get_by_role("heading", name="Welcome back").wait_for()
        page.keyboard.press("Enter")
        rest = judge(page, {"heard": "y", "seen": "3"})
        assert half + rest == 2 * (count + 1)
        measured += latencies(page)
        assert len(measured) >= half + rest - 2
        page.keyboard.press("Backspace")
        page.locator(READY).wait_for()
        press(page, "3")
        page.locator("#done-title:focus").wait_for()
        for key in ("r", "p", "x", "1", "Space"):
            page.keyboard.press(key)
        assert page.locator("video").evaluate_all("(all) => all.every((video) => video.paused)"), (
            "nothing is left to play"
        )
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{url}/done")
        assert page.locator("[data-code]").inner_text() == "C-123"

        second = people.enter(url, "john", window=page)
        second.keyboard.press("Enter")
        assert judge(second, {"heard": "1", "seen": "2"}) == 2 * (count + 1)
        saved(second)

        judgments = panel.store.judgments()
        assert answers(panel) == {
            ("heard", "yes"): 2 * (count + 1), ("seen", "no"): count + 1, ("seen", "sort_of"): count + 1,
        }  # fmt: skip
        assert len({(one.annotator, one.clip_id, one.side) for one in judgments}) == len(judgments)
        assert {one.clip_id for one in judgments if one.is_gold} == {gold[0].task.clip_id}
        assert sum(one.is_gold for one in judgments) == 4
    assert people.complaints == []
    clips_ms = sorted(ms for ms, is_new in measured if is_new)
    record_property("key_to_next_clip_ms", clips_ms)
    print(f"\nfrom a key press to the next clip playing, ms: median {clips_ms[len(clips_ms) // 2]:.0f}, all {clips_ms}")


def latencies(page: "Page") -> list[tuple[float, bool]]:
    """(ms from a key press to the next piece playing, whether it is of another clip), as the page measured."""
    found = page.evaluate(
        "performance.getEntriesByName('key-to-playing').map((one) => [Math.round(one.duration), one.detail.isNewClip])"
    )
    return [(ms, is_new) for ms, is_new in found]


PLAYING = (
    "(all) => all.filter((video) => !video.paused).map((video) => [video.muted, getComputedStyle(video).visibility])"
)


PLACES = """(video) => new Promise((done) => {
  const places = [];
  const look = () => places.push(video.currentTime) < 60 ? requestAnimationFrame(look) : done(places);
  look();
})"""


def colours(page: "Page") -> set[bytes]:
    """The colours of the window as it is painted, roughly."""
    import io

    import av

    with av.open(io.BytesIO(page.screenshot())) as file:
        picture = next(file.decode(video=0)).reformat(64, 48, "rgb24").to_ndarray()
    return {bytes(pixel // 32) for row in picture for pixel in row}


def test_by_ear_the_picture_is_hidden_and_by_eye_the_sound_is_off(people: People, folder: Path) -> None:
    """The picture is pink as nothing else on the page is."""
    write_clip(folder / "pink.mp4", seconds=2, colour=(255, 0, 255))
    tasks = [task(1, windows=((1000, 1500),), media_key="pink.mp4")]
    pink = bytes([7, 0, 7])
    with serving_panel(folder, tasks, QUICK) as (url, panel):
        page = people.enter(url, size={"width": 640, "height": 480})
        page.keyboard.press("Enter")
        page.locator(READY).wait_for()
        assert page.locator("video").evaluate_all(PLAYING) == [[False, "hidden"]]
        places = page.locator("video.now").evaluate(PLACES)
        assert 0.9 <= min(places) < max(places) <= 1.6, "the piece repeats, and nothing but the piece"
        assert page.get_by_text("The picture is hidden on purpose").is_visible()
        assert pink not in colours(page)
        for _ in range(3):  # held down, a key answers once
            page.keyboard.down("1")
        page.keyboard.up("1")
        page.locator('body[data-side="seen"]').wait_for()
        page.locator(READY).wait_for()
        assert page.locator("video").evaluate_all(PLAYING) == [[True, "visible"]]
        assert pink in colours(page)
        assert answers(panel) == {("heard", "yes"): 1}
        page.keyboard.press("p")
        page.get_by_role("button", name="Go on").wait_for()
        assert page.locator("video").evaluate_all(PLAYING) == []
        page.keyboard.press("r")
        page.get_by_role("button", name="Pause").wait_for()
        hide = """(is) => { Object.defineProperty(document, "hidden", {value: is, configurable: true});
                            document.dispatchEvent(new Event("visibilitychange")); }"""
        page.evaluate(hide, True)
        page.keyboard.press("r")
        assert page.locator("video").evaluate_all(PLAYING) == [], "out of sight nothing plays"
        page.evaluate(hide, False)
        page.get_by_role("button", name="Pause").wait_for()
        page.evaluate(
            "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'à', code: 'Digit3', bubbles: true}))"
        )
        page.locator("#done-title:focus").wait_for()
        saved(page)
        assert answers(panel) == {("heard", "yes"): 1, ("seen", "no"): 1}, "digits count by their place, too"


def test_where_the_browser_asks_for_a_press_there_is_something_to_press(people: People, folder: Path) -> None:
    with serving_panel(folder, [task(1, windows=SHORT[:1], media_key="clips/0.mp4")], QUICK) as (url, _):
        page = people.enter(url)
        page.evaluate("""() => {
          const play = HTMLMediaElement.prototype.play;
          HTMLMediaElement.prototype.play = function () {
            HTMLMediaElement.prototype.play = play;
            return Promise.reject(new DOMException("no", "NotAllowedError"));
          };
        }""")
        page.keyboard.press("Enter")
        page.locator("#unblock:focus").wait_for()
        page.keyboard.press("Enter")
        page.locator(READY).wait_for()
        assert page.locator("#unblock").is_hidden()
        assert page.evaluate("document.activeElement.id") == "question"


def test_an_answer_before_enough_has_played_is_not_taken(people: People, folder: Path) -> None:
    tasks = [task(1, windows=((0, 4000),), media_key="clips/0.mp4")]
    with serving_panel(folder, tasks, ReviewOptions()) as (url, panel):
        page = people.enter(url)
        page.keyboard.press("Enter")
        page.locator("video.now").wait_for(state="attached")
        for key in "123":
            page.keyboard.press(key)
        page.get_by_text("A little longer").wait_for()
        assert page.get_by_role("button", name="Yes").get_attribute("aria-disabled") == "true"
        assert answers(panel) == {}


def test_answers_given_while_the_line_is_dead_are_kept_and_sent(people: People, folder: Path) -> None:
    tasks = [task(number, windows=SHORT, media_key="clips/0.mp4") for number in range(2)]
    with serving_panel(folder, tasks, QUICK) as (url, panel):
        page = people.enter(url)
        page.keyboard.press("Enter")
        press(page, "1")
        saved(page)
        page.context.set_offline(True)
        for _ in range(2):
            press(page, "2")
        page.locator('#saved[data-state="offline"]').wait_for()
        assert sum(answers(panel).values()) == 1
        page.context.set_offline(False)
        saved(page)
        assert answers(panel) == {("heard", "yes"): 1, ("heard", "sort_of"): 1, ("seen", "sort_of"): 1}
    assert all("ERR_INTERNET_DISCONNECTED" in text for text in people.complaints)


def test_a_clip_that_cannot_be_played_goes_back(people: People, folder: Path) -> None:
    tasks = [
        task(1, windows=SHORT[:1], media_key="clips/0.mp4"),
        task(2, media_key="gone.mp4"),
        task(3, media_key="bad.mp4"),
    ]
    (folder / "bad.mp4").write_bytes(b"not a film" * 100)
    with serving_panel(folder, tasks, QUICK) as (url, panel):
        page = people.enter(url)
        page.keyboard.press("Enter")
        assert judge(page, {"heard": "1", "seen": "1"}) == 2
        saved(page)
        assert {one.clip_id for one in panel.store.judgments()} == {tasks[0].clip_id}
        assert len(panel.state.held) == 3
        assert not any(held.open for held in panel.state.held.values())


def test_a_clip_that_did_not_come_through_is_fetched_again_and_not_given_back(people: People, folder: Path) -> None:
    with serving_panel(folder, [task(1, windows=SHORT[:1], media_key="clips/0.mp4")], QUICK) as (url, panel):
        page = people.enter(url)
        page.route("**/media/*", lambda route: route.abort("connectionreset"))
        page.keyboard.press("Enter")
        page.get_by_text("The server does not answer. Trying again.").wait_for()
        page.unroute("**/media/*")
        assert judge(page, {"heard": "1", "seen": "1"}) == 2
        saved(page)
        assert page.locator("#banner").is_hidden()
        assert len(answers(panel)) == 2
    assert all("ERR_CONNECTION_RESET" in text for text in people.complaints)


def test_what_the_server_said_before_the_last_answer_does_not_end_the_session(people: People, folder: Path) -> None:
    with serving_panel(folder, [task(1, windows=SHORT[:1], media_key="clips/0.mp4")], QUICK) as (url, _):
        page = people.enter(url)
        page.keyboard.press("Enter")
        page.locator(READY).wait_for()
        late: list[tuple[Route, APIResponse]] = []
        page.route("**/api/work", lambda route: late.append((route, route.fetch())), times=1)
        press(page, "1")
        page.wait_for_function("document.body.dataset.side === 'seen'")
        saved(page)
        press(page, "1")
        saved(page)
        for route, answer in late:
            route.fulfill(response=answer)
        assert len(late) == 1
        page.get_by_role("heading", name="That was all").wait_for()


@pytest.mark.slow
def test_two_windows_of_one_person_add_nothing_twice(people: People, folder: Path) -> None:
    tasks = [task(number, windows=SHORT[:1], media_key="clips/0.mp4") for number in range(2)]
    with serving_panel(folder, tasks, QUICK) as (url, panel):
        first, second = people.enter(url), people.enter(url)
        for page in (first, second):
            page.keyboard.press("Enter")
            page.locator(READY).wait_for()
        press(first, "1")
        saved(first)
        press(second, "3")
        second.get_by_text("it was not taken").wait_for()
        assert answers(panel) == {("heard", "yes"): 1}


# --- hostile texts and other sites ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payloads",
    [PAYLOADS[4::20], pytest.param(PAYLOADS, marks=[pytest.mark.slow, pytest.mark.timeout(900)])],
    ids=["some", "all 40"],
)
def test_payloads_in_titles_and_ids_are_text(people: People, folder: Path, payloads: tuple[str, ...]) -> None:
    assert len(PAYLOADS) == len(set(PAYLOADS)) == 40
    categories = {
        f"c{number}": Category(
            name=f"c{number}", title=text, definition=f"{text} Heard: {text} Seen: {text}" if number % 2 else text
        )
        for number, text in enumerate(payloads)
    }
    tasks = [
        task(number, windows=SHORT, category=name, media_key="clips/0.mp4") for number, name in enumerate(categories)
    ]
    options = ReviewOptions(completion_code=payloads[0], clips_per_person=1, min_played=0)
    seen = set()
    with serving_panel(folder, tasks, options, categories=categories) as (url, panel):
        page = people.enter(url)
        assert page.locator(".target h3").all_inner_texts() == [text.strip() for text in payloads]
        page.keyboard.press("Enter")
        for _ in payloads:
            page.locator(READY).wait_for()
            title = page.locator("#target").text_content() or ""
            seen.add(title)
            page.keyboard.press("x")
            page.wait_for_function(ANOTHER, arg=title)
        for text in payloads:
            page.goto(f"{url}/")
            query = {"token": TOKEN, "PROLIFIC_PID": text, "STUDY_ID": text, "SESSION_ID": text}
            page.evaluate("(query) => location.assign('/?' + new URLSearchParams(query))", query)
            page.wait_for_url(f"{url}/")
            page.locator("#start:focus").wait_for()
        page.keyboard.press("Enter")
        judge(page, {"heard": "1", "seen": "1"})
        page.locator("#finish").click()
        page.wait_for_url(f"{url}/done")
        assert page.locator("[data-code]").inner_text() == payloads[0]
        assert page.evaluate("window.executed") is None
        assert len(panel.store.judgments()) == 4
    assert seen == set(payloads)
    assert people.complaints == []


class _Foreign(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Elsewhere</title>")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Another site: the same machine under another name."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Foreign) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://localhost:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_link_on_another_site_leads_in_and_that_site_can_do_nothing_else(
    usual: "Page", folder: Path, elsewhere: str
) -> None:
    page = usual
    with serving_panel(folder, make_tasks(2, windows=SHORT, media_key="clips/0.mp4"), QUICK) as (url, panel):
        page.goto(elsewhere)
        page.evaluate("(to) => location.assign(to)", f"{url}/?token={TOKEN}&PROLIFIC_PID=jane")
        page.wait_for_url(f"{url}/")
        page.locator("#start:focus").wait_for()
        page.keyboard.press("Enter")
        press(page, "1")
        saved(page)
        before = len(list(panel.store.events()))
        page.goto(elsewhere)
        tries = """async (url) => {
          const told = [];
          const ours = {"Content-Type": "application/json", "X-Vegas-Review": "1"};
          const headers = [{}, ours, {"Content-Type": "text/plain"}];
          for (const path of ["work", "answer", "undo", "skip", "finish"])
            for (const header of headers)
              for (const mode of ["cors", "no-cors"])
                told.push(await fetch(`${url}/api/${path}`, {method: "POST", mode, headers: header, body: "{}",
                  credentials: "include"}).then((r) => r.type === "opaque" ? "opaque" : r.status, () => "refused"));
          const form = document.createElement("form");
          Object.assign(form, {method: "POST", action: `${url}/api/work`, enctype: "text/plain", target: "frame"});
          const frame = Object.assign(document.createElement("iframe"), {name: "frame"});
          document.body.append(form, frame);
          const loaded = new Promise((done) => frame.addEventListener("load", done));
          form.submit();
          await loaded;
          return [...new Set(told)].sort();
        }"""
        assert page.evaluate(tries, url) == ["refused"]
        assert len(list(panel.store.events())) == before
        page.goto("about:blank")
        page.context.clear_cookies()


# --- who sees it, and who does not ----------------------------------------------------------------------------------


def test_it_fits_a_phone_and_a_small_screen_in_light_and_dark(people: People, folder: Path) -> None:
    """A clip of ten windows, the most there can be; at last as large as 200 % and 400 % make it."""
    windows = tuple((300 * number, 300 * number + 300) for number in range(10))
    with serving_panel(folder, [task(1, windows=windows, media_key="clips/0.mp4")], QUICK) as (url, _):
        papers = set()
        page = None
        for name, size, scheme in (("a", DESKTOP, "light"), ("b", PHONE, "dark")):
            page = people.enter(url, name, window=page, size=size, color_scheme=scheme)
            assert page.evaluate(OVERFLOWING) == []
            page.keyboard.press("Enter")
            page.locator(READY).wait_for()
            assert page.evaluate(OVERFLOWING) == []
            assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
            box = page.locator(".answers").bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= size["height"], "the answers are in sight without scrolling"
            papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert len(papers) == 2
        page.locator("#theme").click()
        assert page.evaluate("document.documentElement.dataset.theme") == "light"
        papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert len(papers) == 2, "the choice overrides the system"
        page.reload()
        assert page.evaluate("document.documentElement.dataset.theme") == "light"
        page.locator("#start:focus").press("Enter")
        page.locator(READY).wait_for()
        for width, height in ((320, 256), (640, 360)):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate(OVERFLOWING) == []
            assert page.evaluate("document.documentElement.scrollWidth") == width, "nothing scrolls sideways"
        page.evaluate("scrollTo(0, 0)")
        box = page.locator(".answers").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 360, "at 200 % picture and answers are in one view"


def check_with_axe(page: "Page", where: str) -> None:
    import axe_playwright_python

    if not page.evaluate("'axe' in window"):
        axe = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
        page.evaluate(f"{axe}; undefined")
    found = page.evaluate(
        "axe.run().then((r) => r.violations.map((v) => [v.impact, v.id, v.nodes.map((n) => n.html)]))"
    )
    assert found == [], where


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(people: People, folder: Path, scheme: str) -> None:
    tasks = [task(1, windows=SHORT, media_key="clips/0.mp4")]
    with serving_panel(folder, tasks, ReviewOptions(min_played=0.5, completion_code="C-123")) as (url, _):
        page = people.enter(url, color_scheme=scheme, reduced_motion="reduce")
        check_with_axe(page, "welcome")
        page.keyboard.press("Enter")
        page.locator(".work:not(.ready)").wait_for()
        check_with_axe(page, "by ear, not ready")
        page.locator(READY).wait_for()
        check_with_axe(page, "by ear")
        page.keyboard.press("?")
        page.get_by_role("dialog", name="Keys").wait_for()
        check_with_axe(page, "help")
        page.keyboard.press("Escape")
        judge(page, {"heard": "1"}, at_most=2)
        page.locator(READY).wait_for()
        check_with_axe(page, "by eye")
        judge(page, {"seen": "3"})
        check_with_axe(page, "done")
        page.locator("#finish").click()
        page.wait_for_url(f"{url}/done")
        check_with_axe(page, "code")


def test_what_a_screen_reader_is_told(people: People, folder: Path) -> None:
    with serving_panel(folder, [task(1, windows=SHORT, media_key="clips/0.mp4")], QUICK) as (url, _):
        page = people.enter(url)
        page.keyboard.press("Enter")
        page.locator(READY).wait_for()
        assert page.get_by_role("heading", name="Drum: is it heard?").is_visible()
        assert page.evaluate("document.activeElement.id") == "question"
        live = page.locator("#live")
        assert live.inner_text() == "Next clip. Piece 1 of 2. Sound only. Drum: is it heard?"
        assert page.get_by_role("group", name="Drum: is it heard?").get_by_role("button").count() == 3
        assert page.locator('[aria-current="step"]').text_content() == "0–0.3 s, now"
        assert page.get_by_role("progressbar", name="Clips judged").is_visible()
        check_with_axe(page, "by ear")
        press(page, "1")
        page.wait_for_function("document.getElementById('live').textContent.startsWith('Piece 2 of 2.')")
        page.keyboard.press("?")
        assert page.get_by_role("dialog", name="Keys").is_visible()
        page.keyboard.press("Escape")
        page.wait_for_function("document.activeElement.id === 'question'")

"""``vegas-data fetch`` and the places it asks: hosts that refuse, a folder of one's own, a login that stays secret."""

import json
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fake_youtube import plant, says
from tests.loopback import Handler, serving
from vegas_data import command
from vegas_data.cli.main import cli
from vegas_data.config import shipped
from vegas_data.errors import RateLimited
from vegas_data.ledger import open_ledger
from vegas_data.release import read_availability

# yt-dlp leaves the sockets of failed downloads to the garbage collector, which tells pytest
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")

BOT = "Sign in to confirm you’re not a bot. This helps protect our community."
PRIVATE = "This video is private"


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


Fetch = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Fetch]:
    """The command in this process, on twelve clips of six videos, at no pace."""
    recipe, table = tmp_path / "recipe.toml", tmp_path / "clips.csv"
    text = shipped("pipelines/vegas.toml").read_text(encoding="utf-8")
    recipe.write_text(text.replace('name = "youtube"', 'name = "youtube"\nvideos_per_hour = 0', 1), encoding="utf-8")
    rows = [f"-aaaaaaaa0{video},{start},{start + 2000},drum\n" for video in range(6) for start in (0, 4000)]
    table.write_text("video_id,start_ms,end_ms,category\n" + "".join(rows), encoding="utf-8")
    monkeypatch.setattr("vegas_data.run.driver.FIRST_DELAY_S", 0.0)
    monkeypatch.setattr("vegas_data.run.driver.LONGEST_DELAY_S", 0.0)

    def run(verb: str, *arguments: str | Path) -> Done:
        given = ("--recipe", recipe, "--manifest", table, "--workers", "0") if verb == "fetch" else ()
        argv = [*verb.split(), "--workspace", tmp_path / "w", *given, *arguments]
        with pytest.raises(SystemExit) as end:
            command.run_command(cli, prog_name="vegas-data", argv=list(map(str, argv)))
        out, err = capfd.readouterr()
        assert isinstance(end.value.code, int)
        return Done(code=end.value.code, out=out, err=err)

    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    before = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, before)


def classes(workspace: Path) -> set[tuple[str, str]]:
    with open_ledger(workspace / "ledger.sqlite", read_only=True) as ledger:
        return {(attempt.status, attempt.code) for attempt in ledger.latest_of_all("fetch").values()}


def test_a_burst_of_bot_checks_opens_the_breaker(run: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as refusing:
        asked = plant(refusing, says(BOT))
        first = run("fetch")
        assert first.code == 75
        assert len(asked) == len(set(asked)) == 3, "the fourth video is not asked for"
        assert "youtube: asked nothing more in this run" in first.err
        assert "come back at" in first.err
    assert classes(tmp_path / "w") == {("retry", "bot_check")}, "nothing is marked as gone"
    assert json.loads(run("release availability", "--json").out)["rows"] == 0
    asked = plant(monkeypatch, says(PRIVATE))
    second = json.loads(run("fetch", "--json").out)["stages"][-1]
    assert (second["already_settled"], second["outcomes"]) == (0, {"rejected": 12})
    assert len(asked) == len(set(asked)) == 6, "each video once, for both of its clips"
    assert classes(tmp_path / "w") == {("rejected", "private")}


def test_a_hosts_words_cannot_steer_the_terminal(run: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hostile(Handler):
        def answer(self) -> None:
            self.send_response(429, "Slow \x1b]0;down\x07\x9b31m")
            self.send_header("Retry-After", "7200")
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Hostile) as url:
        plant(monkeypatch, lambda extractor, video_id: extractor._download_webpage(f"{url}/watch", video_id))
        shown = run("fetch", "--allow-private")
        told = run("fetch", "--allow-private", "--json")
    assert (shown.code, told.code) == (75, 75)
    assert "asked nothing more in this run" in shown.err
    assert "(in 2.0 h)" in shown.err
    (stop,) = json.loads(told.out)["stages"][-1]["stopped"]
    for text in (shown.err, stop["message"]):
        assert "Slow" in text
        assert all(c.isprintable() or c == "\n" for c in text)


def test_a_host_that_wants_us_later_is_not_forgotten_down_the_queue(
    run: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("cap = 3000", "cap = 2"), encoding="utf-8")
    asked: list[str] = []

    def answer(extractor: Any, video_id: str) -> None:
        if asked[0] == video_id:
            raise RateLimited("slow down", retry_after_s=7200)
        says(PRIVATE if len(asked) < 4 else "Words that nobody knows")(extractor, video_id)

    asked = plant(monkeypatch, answer)
    done = run("fetch", "--json")
    stages = json.loads(done.out)["stages"]
    assert len(stages) > 1
    assert stages[-1]["outcomes"] == {"failed": 1}
    assert (stages[0]["come_back_after_s"], done.code) == (7200, 75)
    tried = [failure["unit"] for stage in stages for failure in stage["failures"]]
    assert len(tried) == len(set(tried)), "each clip ends once"


def test_what_was_done_before_a_signal_is_told(run: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("cap = 3000", "cap = 1"), encoding="utf-8")
    asked: list[str] = []

    def answer(extractor: Any, video_id: str) -> None:
        if len(asked) == 2:
            signal.raise_signal(signal.SIGINT)
        says(PRIVATE)(extractor, video_id)

    asked = plant(monkeypatch, answer)
    done = run("fetch", "--json")
    assert done.code == 130
    stages = json.loads(done.out)["stages"]
    assert [(stage["outcomes"], stage["interrupted"]) for stage in stages] == [
        ({"rejected": 1}, False),
        ({"rejected": 1}, True),
    ]


def test_parts_share_no_video(run: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = plant(monkeypatch, says(PRIVATE))
    counts = [json.loads(run("fetch", "--part", f"{n}/2", "--json").out)["stages"][-1]["outcomes"] for n in (1, 2)]
    assert sum(count["rejected"] for count in counts) == 12
    assert len(asked) == len(set(asked)) == 6


def test_what_a_proxy_says_is_not_said_of_the_video(
    run: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Proxy(Handler):
        def do_CONNECT(self) -> None:  # noqa: N802 - its name decides what it answers
            asked.append(self.path)
            self.send_response(403, "Not available in your country, account has been terminated")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def answer(extractor: Any, video_id: str) -> None:
        extractor._download_webpage(f"https://www.youtube.com/watch?v={video_id}", video_id)

    plant(monkeypatch, answer)
    with serving(Proxy) as url:
        done = run("fetch", "--proxy", url, "--limit", "1")
    assert done.code == 4
    assert set(asked) == {"www.youtube.com:443"}
    assert classes(tmp_path / "w") == {("failed", "transfer_failed")}
    assert "account has been terminated" in done.err, "in its own words"


def test_a_folder_is_asked_first_and_is_no_host(
    run: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counting_video: Path
) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    asked = plant(monkeypatch, says(PRIVATE))
    assert run("fetch", "--local", folder).code == 2, "an empty folder is not a folder without the videos"
    shutil.copy(counting_video, folder / "-aaaaaaaa00.mp4")
    (folder / "-aaaaaaaa01.mp4").write_bytes(b"#EXTM3U\nfile:///etc/hosts\n")
    plan = json.loads(run("fetch", "--local", folder, "--dry-run", "--json").out)["plan"]
    assert (plan["clips"], plan["local_clips"], plan["videos"], asked) == (12, 4, 4, [])
    stage = json.loads(run("fetch", "--local", folder, "--json").out)["stages"][-1]
    assert (stage["outcomes"], stage["reasons"]) == ({"done": 2, "rejected": 10}, {"private": 8, "unsupported": 2})
    assert sorted(asked) == [f"-aaaaaaaa0{video}" for video in (2, 3, 4, 5)], (
        "nobody is asked for what lies in the folder"
    )
    cars = [json.loads(path.read_bytes()) for path in (tmp_path / "w" / "clips").rglob("*.mp4.json")]
    assert sorted((car["start_ms"], car["num_frames"], car["origin"]) for car in cars) == [
        (0, 50, "local whole"),
        (4000, 50, "local whole"),
    ]
    run("release availability", "--output", tmp_path / "a.parquet")
    checks = read_availability(tmp_path / "a.parquet")
    assert {check.video_id: check.kind for check in checks} == dict.fromkeys(asked, "private"), (
        "a file on this machine says nothing of the host"
    )


def test_what_is_in_no_folder_and_has_no_host_is_not_gone(run: Fetch, tmp_path: Path, counting_video: Path) -> None:
    table, folder = tmp_path / "mine.csv", tmp_path / "videos"
    table.write_text("video_id,start_ms,end_ms,category\nmine-x,0,2000,drum\nmine-y,0,2000,drum\n", encoding="utf-8")
    folder.mkdir()
    shutil.copy(counting_video, folder / "x.mp4")
    stage = json.loads(run("fetch", "--manifest", table, "--local", folder, "--json").out)["stages"][-1]
    assert (stage["outcomes"], stage["reasons"]) == ({"done": 1, "rejected": 1}, {"not_here": 1})
    assert json.loads(run("release availability", "--json").out)["rows"] == 0
    shutil.copy(counting_video, folder / "y.mp4")
    arguments = ("--manifest", table, "--local", folder, "--retry", "not_here", "--json")
    assert json.loads(run("fetch", *arguments).out)["stages"][-1]["outcomes"] == {"done": 1}


@pytest.mark.parametrize("more", [(), ("--dry-run",), ("--workers", "2")], ids=["in this process", "dry", "workers"])
def test_cookies_that_others_can_read_are_refused_before_anything_is_done(
    run: Fetch, tmp_path: Path, more: tuple[str, ...]
) -> None:
    cookies = tmp_path / "cookies.txt"
    cookies.write_text(".youtube.com\tTRUE\t/\tTRUE\t0\tSID\tsecret\n", encoding="utf-8")
    cookies.chmod(0o640)
    done = run("fetch", "--cookies", cookies, *more)
    assert (done.code, done.out) == (2, "")
    assert f"remedy: chmod 600 {cookies}" in done.err
    assert "secret" not in done.err
    assert not (tmp_path / "w").exists()

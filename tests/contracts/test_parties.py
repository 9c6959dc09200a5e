"""A party that keeps refusing is left alone, on every executor; units of one affinity stay together."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from vegas_data.errors import (
    BotCheck,
    DecodeFailed,
    ExtractorBroken,
    JsRuntimeMissing,
    RateLimited,
    TransferFailed,
    VegasError,
)
from vegas_data.ledger import open_ledger
from vegas_data.run.driver import Work, run_stage
from vegas_data.run.executors import Executor, PoolExecutor, SerialExecutor
from vegas_data.run.stage import Outcome, Stage
from vegas_data.run.summary import Summary

EXECUTORS: list[Callable[[], Executor]] = [SerialExecutor, partial(PoolExecutor, 2)]
NAMES = ["serial", "pool of 2"]
on_every_executor = pytest.mark.parametrize("make", EXECUTORS, ids=NAMES)


@dataclass(frozen=True)
class Video:
    """``id`` is party:key:number:what becomes of it."""

    id: str

    @property
    def party(self) -> str:
        return self.id.split(":")[0]

    @property
    def key(self) -> str:
        return ":".join(self.id.split(":")[:2])


@dataclass(frozen=True)
class Brought:
    received_bytes: int


def party_of(video: Video) -> str:
    return video.party


def key_of(video: Video) -> str:
    return video.key


def make_worker(folder: Path) -> Callable[[Video], Brought]:
    def work(video: Video) -> Brought:
        kind = video.id.rpartition(":")[2]
        mark = folder / video.id
        first = not mark.exists()
        with (folder / "asked").open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {video.id}\n")
        mark.touch()
        errors: dict[str, VegasError] = {
            "limit": RateLimited("slow down"),
            "wait": RateLimited("slow down", retry_after_s=7200),
            "bot": BotCheck("are you a person?", remedy="wait"),
            "broken": ExtractorBroken("cannot read the page", remedy="upgrade yt-dlp"),
            "runtime": JsRuntimeMissing("no runtime", remedy="install deno"),
            "gone": DecodeFailed("cut off"),
            "reset": TransferFailed("reset"),
        }
        if kind in errors:
            raise errors[kind]
        if kind == "killed" and first:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.01)
        return Brought(received_bytes=0 if kind == "local" else 1)

    return work


class Silent:
    def start(self, stage: str, total: int) -> None: ...
    def advance(self, outcome: Outcome) -> None: ...
    def finish(self) -> None: ...


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vegas_data.run.driver.FIRST_DELAY_S", 0.01)
    monkeypatch.setattr("vegas_data.run.driver.LONGEST_DELAY_S", 0.02)


def run(tmp_path: Path, executor: Executor, names: Sequence[str], **options: int) -> tuple[Summary, dict[str, str]]:
    stage = Stage[Video](
        name="test",
        digest="d",
        make_worker=partial(make_worker, tmp_path),
        max_attempts=2,
        affinity=key_of,
        party=party_of,
    )
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        work = Work(stage=stage, units=[Video(name) for name in names], is_done=lambda _: False)
        summary = run_stage(work, ledger=ledger, executor=executor, progress=Silent(), **options)
        return summary, {u: f"{a.status} {a.code}".strip() for u, a in ledger.latest("test", "d").items()}


def asked(tmp_path: Path) -> list[tuple[str, str]]:
    """Process and unit of each attempt, in order."""
    lines = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


@on_every_executor
def test_a_host_that_keeps_refusing_is_left_alone_and_the_others_are_not(
    tmp_path: Path, make: Callable[[], Executor]
) -> None:
    executor = make()
    bad, good = [f"bad:{i:02}:0:bot" for i in range(20)], [f"good:{i:02}:0:fine" for i in range(20)]
    summary, latest = run(tmp_path, executor, [name for pair in zip(bad, good, strict=True) for name in pair])
    tried = {name for _, name in asked(tmp_path) if name.startswith("bad")}
    assert 3 <= len(tried) <= 3 + getattr(executor, "workers", 0)
    assert dict(summary.counts) == {"done": 20, "left": 20}, "none is marked failed or gone"
    assert {latest[name] for name in tried} == {"retry bot_check"}
    assert summary.exit_code == 75
    (stop,) = summary.stopped
    assert (stop.party, stop.code, stop.remedy) == ("bad", "bot_check", "wait")
    assert summary.codes["bot_check"] == len(tried)
    assert summary.come_back_after_s == 3600, "nobody said for how long"
    assert summary.as_json()["stopped"][0]["come_back_at"].endswith("+00:00")


@on_every_executor
def test_the_host_says_how_long_to_stay_away_and_is_not_asked_again_before(
    tmp_path: Path, make: Callable[[], Executor]
) -> None:
    summary, _ = run(tmp_path, make(), ["a:1:0:wait", "a:2:0:fine"])
    assert summary.come_back_after_s == 7200
    assert summary.stopped == []
    assert summary.exit_code == 75
    assert [name for _, name in asked(tmp_path)].count("a:1:0:wait") == 1


@on_every_executor
@pytest.mark.parametrize(("kind", "asks"), [("broken", 3), ("runtime", 1)])
def test_a_broken_tool_stops_its_source_with_its_remedy(
    tmp_path: Path, make: Callable[[], Executor], kind: str, asks: int
) -> None:
    executor = make()
    summary, latest = run(tmp_path, executor, [*(f"a:{i:02}:0:{kind}" for i in range(12)), "b:1:0:fine"])
    assert asks <= len(asked(tmp_path)) - 1 <= asks + getattr(executor, "workers", 0)
    assert dict(summary.counts) == {"done": 1, "left": 12}
    assert summary.exit_code == 5
    assert summary.stopped[0].remedy
    assert summary.stopped[0].come_back_at is None
    assert latest["b:1:0:fine"] == "done"


def test_one_page_that_nobody_can_read_stops_nothing(tmp_path: Path) -> None:
    summary, latest = run(tmp_path, SerialExecutor(), ["a:1:0:broken", "a:2:0:broken", "a:3:0:fine", "a:4:0:broken"])
    assert summary.stopped == []
    assert summary.exit_code == 4
    assert dict(summary.counts) == {"done": 1, "left": 3}
    assert latest["a:1:0:broken"] == "retry extractor_broken"


def test_only_what_the_host_answered_ends_a_row(tmp_path: Path) -> None:
    row = ["a:1:0:bot", "a:2:0:bot"]
    for between, stopped in (("reset", True), ("local", True), ("gone", False), ("fine", False)):
        folder = tmp_path / between
        folder.mkdir()
        # the last one comes after the second row of one, so that no row is three long unless ``between`` ends none
        summary, _ = run(folder, SerialExecutor(), [*row, f"a:3:0:{between}", "a:4:0:bot", "a:5:0:fine"], limit=4)
        in_first_turn = [name for _, name in asked(folder)][:4]
        assert in_first_turn == [*row, f"a:3:0:{between}", "a:4:0:bot"]
        asks = sum(name.endswith("bot") for _, name in asked(folder))
        assert asks == (3 if stopped else 5), f"{between}: the second turn has its own row"
        assert len(summary.stopped) == 1


def test_one_answer_to_three_clips_of_a_video_counts_once(tmp_path: Path) -> None:
    names = [f"a:1:{i}:broken" for i in range(6)]
    summary, _ = run(tmp_path, SerialExecutor(), names)
    assert summary.stopped == []
    assert len(asked(tmp_path)) == 6


@on_every_executor
def test_units_of_one_key_go_to_one_worker_one_after_the_other(tmp_path: Path, make: Callable[[], Executor]) -> None:
    names = [f"a:{video:02}:{clip}:fine" for clip in range(3) for video in range(8)]
    summary, _ = run(tmp_path, make(), names)
    assert summary.counts["done"] == 24
    by_worker: dict[str, list[str]] = {}
    for process, name in asked(tmp_path):
        by_worker.setdefault(process, []).append(name.split(":")[1])
    for videos in by_worker.values():
        assert [videos[i : i + 3] for i in range(0, len(videos), 3)] == [[v] * 3 for v in dict.fromkeys(videos)]


def test_neighbours_stand_at_the_place_of_the_first_and_a_limit_counts_before_that(tmp_path: Path) -> None:
    names = ["a:1:0:fine", "a:2:0:fine", "a:3:0:fine", "a:1:1:fine", "a:2:1:fine"]
    summary, _ = run(tmp_path, SerialExecutor(), names, limit=4)
    assert [name for _, name in asked(tmp_path)] == [names[0], names[3], names[1], names[2]]
    assert dict(summary.counts) == {"done": 4, "left": 1}


@pytest.mark.parametrize("make", EXECUTORS[1:], ids=NAMES[1:])
def test_a_worker_that_dies_loses_only_the_unit_in_hand(tmp_path: Path, make: Callable[[], Executor]) -> None:
    names = [f"a:1:{i}:{'killed' if i == 1 else 'fine'}" for i in range(5)]
    summary, latest = run(tmp_path, make(), [*names, "a:2:0:fine"])
    assert set(latest.values()) == {"done"}
    assert summary.counts["done"] == 6
    attempts = asked(tmp_path)
    assert sorted(name for _, name in attempts) == sorted([*names, names[1], "a:2:0:fine"]), "nothing is done twice"
    rest = {process for process, name in attempts if name in names[2:]}
    assert len(rest) == 1, "the replacement has the rest of the backlog"

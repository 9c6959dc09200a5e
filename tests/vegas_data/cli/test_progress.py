"""What is said of a stage's course, on a terminal and elsewhere; and of a host that wants us to come back later."""

import io
import time
from dataclasses import dataclass

import pytest
from rich.console import Console

from vegas_data.cli import progress
from vegas_data.cli.console import print_plan, print_summary
from vegas_data.cli.progress import Bars, in_bytes, in_time
from vegas_data.ledger import Attempt
from vegas_data.run.gate import Stopped
from vegas_data.run.stage import Outcome
from vegas_data.run.summary import Summary


@dataclass(frozen=True)
class Brought:
    received_bytes: int


OUTCOMES = (
    Outcome(unit="a", status="done", result=Brought(received_bytes=1_500_000)),
    Outcome(unit="b", status="retry", code="transfer_failed"),
    Outcome(unit="c", status="rejected", code="removed"),
    Outcome(unit="b", status="failed", code="timed_out"),
)


def course(console: Console) -> str:
    bars = Bars(quiet=False, console=console)
    bars.start("fetch", 4)
    for outcome in OUTCOMES:
        bars.advance(outcome)
    bars.finish()
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_plain_lines_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SAID_EVERY_S", 0.0)
    lines = course(Console(file=io.StringIO(), width=200)).splitlines()
    assert lines[0] == "fetch: 4 to do"
    assert len(lines) == 5
    assert "fetch: 1/4, 1.5 MB" in lines[1]
    assert "1 transfer_failed" in lines[2], "to be tried again"
    assert "fetch: 3/4" in lines[4]
    assert "1 removed, 1 timed_out" in lines[4]
    assert "transfer_failed" not in lines[4]
    assert lines[4].endswith("to go")


def test_plain_lines_are_few() -> None:
    assert course(Console(file=io.StringIO())).splitlines() == ["fetch: 4 to do"]


def test_bars_on_a_terminal_and_no_colour_or_bars_where_they_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TERM", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    def terminal() -> Console:
        return Console(file=io.StringIO(), force_terminal=True, width=160)

    drawn = course(terminal())
    assert "3/4" in drawn
    assert "1 removed" in drawn
    assert "1.5 MB" in drawn
    assert "\x1b[38" in drawn or "\x1b[3" in drawn
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[38;" not in course(terminal())
    monkeypatch.setenv("TERM", "dumb")
    assert course(terminal()).splitlines() == ["fetch: 4 to do"]


def test_numbers_for_people() -> None:
    assert [in_bytes(n) for n in (0, 999, 1000, 35_240_000, 2.5e12)] == ["0 B", "999 B", "1.0 kB", "35.2 MB", "2.5 TB"]
    seconds = (40, 840, 12_600, 345_600, 2_080_000 / 300 * 3600)
    assert [in_time(s) for s in seconds] == ["40 s", "14 min", "3.5 h", "4.0 days", "289 days"]


def test_who_was_stopped_and_when_to_come_back(capsys: pytest.CaptureFixture[str]) -> None:
    stop = Stopped(
        party="youtube",
        code="bot_check",
        message="v1_0: Sign in to confirm you're not a bot",
        remedy="wait",
        exit_code=75,
        come_back_at=time.time() + 3600,
    )
    summary = Summary(stage="fetch", digest="d", total=9, stopped=[stop], come_back_after_s=3600.0)
    summary.failures.append(Attempt(unit="v1_0", status="retry", code="bot_check", message=stop.message))
    summary.count_left(9)
    print_summary(summary)
    told = capsys.readouterr().err
    assert "youtube: asked nothing more in this run: v1_0: Sign in to confirm you're not a bot" in told
    assert "remedy: wait" in told
    assert time.strftime("come back at %H:%M", time.localtime(stop.come_back_at)) in told or "come back at 20" in told
    assert "(in 60 min)" in told
    assert summary.exit_code == 75


def test_a_plan_of_two_million_videos(capsys: pytest.CaptureFixture[str]) -> None:
    source = {"source": "youtube", "videos": 2_080_000, "videos_per_hour": 300.0, "pace_hours": 2_080_000 / 300}
    print_plan(
        {
            "clips": 2_084_320,
            "videos": 2_080_000,
            "local_clips": 0,
            "sources": [source],
            "seconds_per_clip": None,
            "hours": source["pace_hours"],
        }
    )
    told = capsys.readouterr().err
    assert "youtube: 2,080,000 videos, at 300 an hour: 289 days" in told
    assert "so at least 289 days" in told

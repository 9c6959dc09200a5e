"""Ctrl-C and SIGTERM, sent to the real command while it fetches: what is in flight is finished, and nothing is torn."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.commands import COMMAND, vegas_json
from vegas_data.ledger import open_ledger

GUARD_S = 60.0


class Fetch:
    """A ``fetch`` in a session of its own, as under a terminal: ``signal`` reaches all of its processes."""

    def __init__(self, workspace: Path, workers: int) -> None:
        self.workspace = workspace
        self.log = workspace.parent / "log"
        command = [*COMMAND, "fetch", "--workspace", str(workspace), "--workers", str(workers)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "COLUMNS": "200"},
            )

    def told(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def wait_until(self, words: str = "", *, in_flight: bool = False) -> None:
        """Until it has said ``words``, and ffmpeg is at work on a clip."""
        end = time.monotonic() + GUARD_S
        while words not in self.told() or (in_flight and not any((self.workspace / "tmp").glob("*/clip.mp4"))):
            assert self.process.poll() is None, self.told()
            assert time.monotonic() < end, self.told()
            time.sleep(0.005)

    def signal(self, number: signal.Signals) -> None:
        os.killpg(self.process.pid, number)

    def end(self) -> int:
        return self.process.wait(timeout=GUARD_S)


def clips(workspace: Path) -> set[str]:
    return {path.name for path in (workspace / "clips").rglob("*.json")}


def prove_clean(fetch: Fetch) -> None:
    """Nothing lies about, nothing is held against a clip, no process is left, and the next run goes on."""
    workspace = fetch.workspace
    assert "Traceback" not in fetch.told()
    assert not (workspace / "tmp").exists()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert str(workspace).encode() not in path.read_bytes(), "a process was left behind"
        except (FileNotFoundError, ProcessLookupError):
            continue
    before = clips(workspace)
    with open_ledger(workspace / "ledger.sqlite", read_only=True) as ledger:
        classes = {attempt.code for attempt in ledger.latest_of_all("fetch").values()}
    assert classes <= {"", "removed", "rate_limited"}, "an interrupted clip is not a failed one"
    stage = vegas_json("fetch", "--workspace", workspace, "--workers", "2")["stages"][-1]
    assert stage["outcomes"] == {"done": 5, "rejected": 1}
    assert stage["already_settled"] >= len(before)


@pytest.mark.parametrize(("number", "code", "workers"), [(signal.SIGTERM, 143, 2), (signal.SIGINT, 130, 0)])
def test_the_first_signal_finishes_what_is_in_flight(
    rendered: Path, number: signal.Signals, code: int, workers: int
) -> None:
    fetch = Fetch(rendered, workers)
    fetch.wait_until("fetch: 6 to do", in_flight=True)
    before = len(clips(fetch.workspace))
    fetch.signal(number)
    assert fetch.end() == code
    match = re.search(r"finishing what is in flight \((\d)\)", fetch.told())
    assert match is not None, fetch.told()
    in_flight = int(match[1])
    assert 1 <= in_flight <= max(1, workers)
    assert "left" in fetch.told()
    assert len(clips(fetch.workspace)) <= before + 2 * in_flight, "nothing new was taken up"
    prove_clean(fetch)


def test_the_second_signal_stops_at_once(rendered: Path) -> None:
    fetch = Fetch(rendered, 2)
    fetch.wait_until("fetch: 6 to do", in_flight=True)
    fetch.signal(signal.SIGINT)
    fetch.wait_until("once more stops at once")
    fetch.signal(signal.SIGINT)
    assert fetch.end() == 130
    prove_clean(fetch)


def test_a_signal_while_workers_start_ends_quietly(rendered: Path) -> None:
    fetch = Fetch(rendered, 2)
    fetch.wait_until("fetch: 6 to do")
    fetch.signal(signal.SIGINT)
    assert fetch.end() == 130
    prove_clean(fetch)

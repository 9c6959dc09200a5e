"""SIGKILL of the server under load, again and again: what was confirmed is in the log, once.

``VEGAS_FAULT_SEED=…`` replays the moments of a failure; every run prints its seed.
"""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from panels import write_headers

from vegas_data.annotate import JudgmentStore, read_judgments
from vegas_data.annotate.events import Answered

SEED = int(os.environ.get("VEGAS_FAULT_SEED") or random.randrange(1 << 32))
PEOPLE = 6


class Judge(threading.Thread):
    """One person who answers as fast as they are let, keeps what is unconfirmed, and sends it again."""

    def __init__(self, number: int, port: int, over: threading.Event) -> None:
        super().__init__()
        self.number, self.port, self.over = number, port, over
        self.confirmed: dict[str, dict[str, Any]] = {}
        self.sent = 0
        self.trouble: list[str] = []
        self.headers = write_headers(f"http://127.0.0.1:{port}", f"p{number}")
        self.line: http.client.HTTPConnection | None = None

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send until somebody answers; nothing once the test is over."""
        while not self.over.is_set():
            try:
                self.line = self.line or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                self.line.request("POST", f"/api/{path}", json.dumps(body), self.headers)
                response = self.line.getresponse()
                said: dict[str, Any] = json.loads(response.read())
                if response.status < 500:
                    return said
            except (OSError, http.client.HTTPException, ValueError):
                self.hang_up()
            time.sleep(0.01)
        return {}

    def hang_up(self) -> None:
        if self.line is not None:
            self.line.close()
            self.line = None

    def run(self) -> None:
        while not self.over.is_set():
            for one in self.post("work", {}).get("assignments", ()):
                for question in one["open"]:
                    self.sent += 1
                    body = {"key": f"person-{self.number}-{self.sent:06d}", "lease": one["lease"], "answer": "yes"}
                    body |= {**question, "played_ms": 2000}
                    said = self.post("answer", body)
                    if "seq" in said:
                        self.confirmed[body["key"]] = body
                    elif said:
                        self.trouble.append(f"{body}: {said}")
        self.hang_up()


def start(folder: Path, port: int, tasks: int) -> "subprocess.Popen[str]":
    script = Path(__file__).with_name("kill_server.py")
    root = str(Path(__file__).resolve().parents[3])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, str(script.parent)])}
    process = subprocess.Popen(
        [sys.executable, script, folder, str(port), str(tasks)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "listening\n"
    return process


def prove(folder: Path, kills: int) -> int:
    """Kill the server ``kills`` times while people judge; how many answers were confirmed."""
    print(f"VEGAS_FAULT_SEED={SEED}")
    moments = random.Random(SEED)
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as held:  # keeps the port ours; nobody listens here
        port = held.getsockname()[1]
    over = threading.Event()
    judges = [Judge(number, port, over) for number in range(PEOPLE)]
    tasks = 40 * (kills + 5)
    for judge in judges:
        judge.start()
    try:
        for _ in range(kills):
            process = start(folder, port, tasks)
            time.sleep(moments.uniform(0.02, 0.5))
            process.send_signal(signal.SIGKILL)
            process.communicate()
        process = start(folder, port, tasks)
        time.sleep(0.5)
    finally:
        over.set()
        for judge in judges:
            judge.join()
        process.kill()
        process.communicate()
    kept = {one.key: one for one in _answers(folder)}
    confirmed = {key: body for judge in judges for key, body in judge.confirmed.items()}
    assert [trouble for judge in judges for trouble in judge.trouble] == []
    assert confirmed
    for key, body in confirmed.items():
        said = kept[key]
        assert (said.lease, said.question.start_ms, said.question.side) == (
            body["lease"],
            body["start_ms"],
            body["side"],
        )
    judgments = read_judgments(folder / "judgments.sqlite")
    assert len(judgments) == len(kept) >= len(confirmed)
    assert len({(one.annotator, one.clip_id, one.start_ms, one.side) for one in judgments}) == len(judgments)
    print(f"{kills} kills, {len(confirmed)} answers confirmed, {len(kept)} in the log, 0 lost")
    return len(confirmed)


def _answers(folder: Path) -> list[Answered]:
    store = JudgmentStore(folder / "judgments.sqlite")
    found = [event for event in store.events() if isinstance(event, Answered)]
    store.close()
    return found


def test_three_kills_lose_no_confirmed_answer(tmp_path: Path) -> None:
    prove(tmp_path, 3)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_two_hundred_kills_lose_no_confirmed_answer(tmp_path: Path) -> None:
    assert prove(tmp_path, 200) > 200

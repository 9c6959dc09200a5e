"""The served page when something goes wrong: a full disk, a held log, slow readers, torn lines, clips that go away."""

import http.client
import json
import os
import resource
import socket
import sqlite3
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest
from panels import make_tasks, serving_panel, write_headers

from vegas_data.annotate import ReviewOptions, read_judgments
from vegas_data.annotate.panel import Panel

BIG = 4_000_000
FREE = ReviewOptions(min_played=0.0, ahead=10)


class Line:
    """One person's connection to the page; all are closed after a test."""

    opened: ClassVar[list[http.client.HTTPConnection]] = []

    def __init__(self, url: str, who: str = "p1") -> None:
        self.headers = write_headers(url, who)
        self.http = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
        self.opened.append(self.http)

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        self.http.request("POST", f"/api/{path}", json.dumps(body), self.headers)
        answer = self.http.getresponse()
        return answer.status, json.loads(answer.read())

    def get(self, path: str) -> tuple[int, bytes]:
        self.http.request("GET", path, headers={"Cookie": self.headers["Cookie"]})
        answer = self.http.getresponse()
        return answer.status, answer.read()

    def first_answer(self, key: str = "key-00000001") -> tuple[dict[str, Any], str]:
        """A body that would be taken, and the address of its clip."""
        one = self.post("work", {})[1]["assignments"][0]
        body = {"key": key, "lease": one["lease"], "answer": "yes", "played_ms": 2000, **one["open"][0]}
        return body, one["media"]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[tuple[str, Panel]]:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(os.urandom(BIG))
    with serving_panel(tmp_path, make_tasks(200), FREE) as served:
        yield served
        while Line.opened:
            Line.opened.pop().close()


def test_on_a_full_disk_no_answer_is_confirmed_and_none_is_lost(page: tuple[str, Panel]) -> None:
    url, panel = page
    line, path = Line(url), panel.store.path
    bodies = [
        {
            "key": f"key-{one['lease']:04d}-{place:04d}",
            "lease": one["lease"],
            "answer": "no",
            "played_ms": 0,
            **question,
        }
        for one in line.post("work", {})[1]["assignments"]
        for place, question in enumerate(one["open"])
    ]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    confirmed = 0
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, limits[1]))  # no file grows beyond the log
        for body in bodies:
            status, said = line.post("answer", body)
            if status != 200:
                break
            confirmed += 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert status == 503, said
    assert len(read_judgments(path)) == confirmed
    assert line.post("answer", body)[0] == 200
    assert len(read_judgments(path)) == confirmed + 1


def test_while_another_program_holds_the_log_clips_are_still_served(page: tuple[str, Panel]) -> None:
    """More people wait with their answers than there are threads."""
    url, panel = page
    bodies = [
        (Line(url, f"p{number}"), *Line(url, f"p{number}").first_answer(f"key-{number:08d}")) for number in range(2)
    ]
    other = sqlite3.connect(panel.store.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    address = bodies[0][2]
    with ThreadPoolExecutor(60) as waiting:
        sent = [waiting.submit(Line(url, f"p{n % 2}").post, "answer", bodies[n % 2][1]) for n in range(60)]
        assert Line(url).get(address)[0] == 200
        assert not any(one.done() for one in sent), "the answers still wait"
        other.execute("ROLLBACK")
        other.close()
        assert {one.result()[0] for one in sent} == {200}
    assert len(panel.store.judgments()) == 2


def test_slow_readers_block_nobody(page: tuple[str, Panel]) -> None:
    """Sixty people who ask for a clip and do not read it; one who answers."""
    url, _ = page
    line = Line(url)
    _, address = line.first_answer()
    host, port = url.removeprefix("http://").split(":")
    asleep = []
    try:
        for _ in range(60):
            slow = socket.create_connection((host, int(port)))
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.sendall(
                f"GET {address} HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {line.headers['Cookie']}\r\n\r\n".encode()
            )
            assert slow.recv(12) == b"HTTP/1.1 200"
            asleep.append(slow)
        body, _ = line.first_answer()
        assert line.post("answer", body)[0] == 200
        status, clip = line.get(address)
        assert (status, len(clip)) == (200, BIG)
    finally:
        for slow in asleep:
            slow.close()


def test_a_line_that_breaks_in_the_middle_of_an_answer_leaves_no_trace(
    page: tuple[str, Panel], caplog: pytest.LogCaptureFixture
) -> None:
    url, panel = page
    line = Line(url)
    body, _ = line.first_answer()
    host, port = url.removeprefix("http://").split(":")
    headers = "".join(f"{name}: {value}\r\n" for name, value in line.headers.items())
    with socket.create_connection((host, int(port))) as torn:
        torn.sendall(
            f"POST /api/answer HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 4000\r\n{headers}\r\n{{".encode()
        )
    assert line.post("answer", body)[0] == 200
    assert len(panel.store.judgments()) == 1
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_clip_that_goes_away_while_it_is_read_is_read_to_its_end(page: tuple[str, Panel], tmp_path: Path) -> None:
    url, _ = page
    line = Line(url)
    _, address = line.first_answer()
    whole = (tmp_path / "clips" / "a.mp4").read_bytes()
    line.http.request("GET", address, headers={"Cookie": line.headers["Cookie"]})
    answer = line.http.getresponse()
    begin = answer.read(1000)
    (tmp_path / "clips" / "a.mp4").unlink()
    assert begin + answer.read() == whole
    assert line.get(address)[0] == 404


# --- how much it takes ----------------------------------------------------------------------------------------------


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 (Path.iterdir would count the same)


def resident_kib() -> int:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts in /proc")
@pytest.mark.parametrize("clips", [40, pytest.param(2000, marks=pytest.mark.slow)])
def test_memory_and_files_stay_flat_however_many_clips_are_served(page: tuple[str, Panel], clips: int) -> None:
    """Every fourth reader hangs up half-way."""
    url, _ = page
    line = Line(url)
    _, address = line.first_answer()

    def serve(count: int) -> None:
        for number in range(count):
            if number % 4:
                assert len(line.get(address)[1]) == BIG
            else:
                torn = Line(url)
                torn.http.request("GET", address, headers={"Cookie": torn.headers["Cookie"]})
                torn.http.getresponse().read(1000)
                torn.http.close()

    serve(20)
    files, before = open_files(), resident_kib()
    serve(clips)
    line.get("/static/review.css")
    told = f"resident {before:,} → {resident_kib():,} KiB, {files} → {open_files()} files"
    print(f"\n{clips} clips of {BIG:,} bytes: {told}")
    assert open_files() <= files + 4
    assert resident_kib() - before < 32 * 1024


@pytest.mark.slow
def test_ten_people_at_once_are_answered(page: tuple[str, Panel]) -> None:
    """No bound is asserted: the figures stand in the output."""
    url, panel = page
    took: list[float] = []

    def person(number: int) -> int:
        line, count = Line(url, f"p{number}"), 0
        while (assignments := line.post("work", {})[1]["assignments"]) and count < 100:
            for one in assignments:
                for question in one["open"]:
                    body = {
                        "key": f"key-{number:03d}-{count:05d}",
                        "lease": one["lease"],
                        "answer": "yes",
                        "played_ms": 0,
                    }
                    begin = time.perf_counter()
                    assert line.post("answer", {**body, **question})[0] == 200
                    took.append(1000 * (time.perf_counter() - begin))
                    count += 1
        return count

    begin = time.perf_counter()
    with ThreadPoolExecutor(10) as people:
        count = sum(people.map(person, range(10)))
    wall = time.perf_counter() - begin
    assert len(panel.store.judgments()) == count == len(took) >= 1000
    took.sort()
    told = f"median {statistics.median(took):.1f}, 95 % {took[int(0.95 * len(took))]:.1f}, longest {took[-1]:.1f}"
    print(f"\n{count} answers of 10 people in {wall:.1f} s; each confirmed after, ms: {told}")

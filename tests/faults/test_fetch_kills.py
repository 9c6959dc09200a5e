"""SIGKILL of a fetch of many clips, again and again: none lost, doubled or torn, no process left, the same bytes.

This process takes in orphans: whatever a killed command leaves behind becomes its child, and is seen.
``VEGAS_FAULT_SEED=…`` replays a failure; every run prints its seed.
"""

import ctypes
import os
import random
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import COMMAND, vegas_json
from tests.faults.fault_run import recipe_text
from tests.loopback import Handler, serving
from vegas_data.demo.server import parse_range
from vegas_data.errors import EXIT_LATER
from vegas_data.store import sha256_of

SEED = int(os.environ.get("VEGAS_FAULT_SEED") or random.randrange(1 << 32))
CLIP_MS = 2_000
CLIPS_OF_A_VIDEO = 3
GUARD_S = 20.0
OURS: set[int] = set()
_PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def address(counting_video: Path) -> Iterator[str]:
    video = counting_video.read_bytes()

    class Videos(Handler):
        def answer(self) -> None:
            span = parse_range(self.headers["Range"], len(video))
            first, end = span or (0, len(video))
            self.send_response(206 if span else 200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(end - first))
            if span:
                self.send_header("Content-Range", f"bytes {first}-{end - 1}/{len(video)}")
            self.end_headers()
            self.wfile.write(video[first:end])

    with serving(Videos) as base:
        yield f"{base}/{{id}}.mp4"


@pytest.fixture
def adopting() -> Iterator[None]:
    """Orphans become children of this process; those that it has already are nobody's."""
    OURS.update(children())
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(_PR_SET_CHILD_SUBREAPER, 1) == 0
    yield
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 0)


class Fetch:
    """The command for ``count`` clips, whole or killed."""

    def __init__(self, folder: Path, address: str, count: int) -> None:
        self.workspace = folder / "w"
        videos = range(-(-count // CLIPS_OF_A_VIDEO))
        names = [(f"loop-video_{v:03d}", CLIP_MS * part) for v in videos for part in range(CLIPS_OF_A_VIDEO)][:count]
        self.ids = {f"{video}_{start:09d}" for video, start in names}
        rows = "".join(f"{video},{start},{start + CLIP_MS},drum\n" for video, start in names)
        folder.mkdir()
        (folder / "clips.csv").write_text("video_id,start_ms,end_ms,category\n" + rows, encoding="utf-8")
        (folder / "recipe.toml").write_text(recipe_text({"loop": address}, ""), encoding="utf-8")
        self.arguments = ["fetch", "--workspace", self.workspace, "--recipe", folder / "recipe.toml"]
        self.arguments += ["--manifest", folder / "clips.csv", "--workers", "2", "--allow-private"]

    def kill(self, moment_s: float) -> bool:
        """Start it and SIGKILL it; whether it was still at work. No process of it may live on."""
        with subprocess.Popen([*COMMAND, *self.arguments], stdout=-3, stderr=-3) as process:
            time.sleep(moment_s)
            running = process.poll() is None
            process.kill()
        end = time.monotonic() + GUARD_S
        while orphans := children():
            assert time.monotonic() < end, f"left behind: {orphans}"
            time.sleep(0.02)
        return running

    def artefacts(self) -> dict[str, str]:
        files = (path for path in (self.workspace / "clips").rglob("*") if path.is_file())
        return {path.relative_to(self.workspace).as_posix(): sha256_of(path) for path in files}

    def prove(self) -> None:
        """Every clip ended once, as done, and nothing lies about."""
        assert not (self.workspace / "tmp").exists()
        with sqlite3.connect(f"file:{self.workspace}/ledger.sqlite?mode=ro", uri=True) as ledger:
            query = "SELECT unit, status FROM attempts WHERE stage = 'fetch'"
            told = Counter(ledger.execute(query).fetchall())
        ledger.close()
        assert set(told) == {(name, "done") for name in self.ids}
        here = [path.stem for path in (self.workspace / "clips").rglob("*.mp4")]
        assert sorted(here) == sorted(self.ids)


def children() -> dict[int, str]:
    """Living children of this process, but for those that it had before; the dead ones are buried."""
    found = {}
    for pid in map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()):
        if pid not in OURS and os.waitpid(pid, os.WNOHANG) == (0, 0):
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:200]
    return found


def prove(tmp_path: Path, address: str, *, clips: int, kills: int, longest_s: float) -> None:
    undisturbed = Fetch(tmp_path / "undisturbed", address, clips)
    vegas_json(*undisturbed.arguments)
    undisturbed.prove()
    expected = undisturbed.artefacts()
    moments = random.Random(SEED)
    hits = rounds = 0
    while hits < kills:
        fetch = Fetch(tmp_path / f"round-{rounds}", address, clips)
        while hits < kills and fetch.kill(moments.uniform(0.1, longest_s)):
            hits += 1
        vegas_json(*fetch.arguments)
        where = f"seed {SEED}, round {rounds}, {hits} kills"
        assert fetch.artefacts() == expected, where
        fetch.prove()
        rounds += 1
    print(f"{hits} kills in {rounds} rounds, seed {SEED}")


@pytest.mark.usefixtures("adopting")
def test_a_fetch_that_is_killed_five_times_loses_nothing(tmp_path: Path, address: str) -> None:
    prove(tmp_path, address, clips=9, kills=5, longest_s=2.0)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("adopting")
def test_a_fetch_of_a_hundred_clips_that_is_killed_two_hundred_times_loses_nothing(
    tmp_path: Path, address: str
) -> None:
    prove(tmp_path, address, clips=100, kills=200, longest_s=3.0)


def test_of_two_fetches_at_once_one_works_and_the_other_comes_back_later(tmp_path: Path, address: str) -> None:
    fetch = Fetch(tmp_path / "two", address, 12)
    with subprocess.Popen([*COMMAND, *fetch.arguments], stdout=-3, stderr=-3) as first:
        end = time.monotonic() + GUARD_S
        while not any((fetch.workspace / "tmp").glob("*")):
            assert time.monotonic() < end
            time.sleep(0.01)
        refused = subprocess.run([*COMMAND, *fetch.arguments], capture_output=True, text=True, check=False)
        assert first.poll() is None
        assert first.wait(timeout=GUARD_S * 3) == 0
    assert refused.returncode == EXIT_LATER
    assert str(first.pid) in refused.stderr
    fetch.prove()

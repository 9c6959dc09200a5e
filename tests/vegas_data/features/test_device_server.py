"""The process of a device, on a CPU: the same bytes as without it, whoever dies, and nothing left behind."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from feature_cases import FLOW, PICTURES, ROUGH, make_job

from vegas_data.errors import EXIT_DEPENDENCY, DependencyMissing, DeviceLost
from vegas_data.features import FeatureOptions, StreamOptions, make_extractor, serving
from vegas_data.units import Grid
from vegas_data.workspace import Workspace

GRID = Grid()
FLOW_THERE = replace(FLOW, name="flow_there", flow=replace(ROUGH, engine="torch"))
OPTIONS = FeatureOptions(streams=(PICTURES, FLOW, FLOW_THERE), batch_size=8)
SPANS = [(0, 2000), (1000, 2400), (0, 640), (500, 1500)]

pytestmark = pytest.mark.usefixtures("tiny_encoders")


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))  # the encoders' package, for the process
    with serving(OPTIONS, "cpu", workers=2) as found:
        yield found


def contents(folder: Path, clip: Path, server: str | None, *, threads: int = 1) -> dict[str, bytes]:
    """Everything in ``features/`` after all spans, done by so many workers at a time."""
    workspace = Workspace.create(folder, "")
    jobs = [make_job(workspace, clip, start_ms=start_ms, end_ms=end_ms) for start_ms, end_ms in SPANS]

    def work(number: int) -> None:
        extract = make_extractor(OPTIONS, GRID, workspace, server=server)
        for job in jobs[number::threads]:
            extract(job)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {key: workspace.path(key).read_bytes() for key in workspace.keys("features")}


def test_the_same_bytes_come_from_here_and_from_the_process_of_a_device(
    tmp_path: Path, moving_clip: Path, address: str
) -> None:
    here = contents(tmp_path / "here", moving_clip, None)
    assert len(here) == 2 * len(OPTIONS.streams) * len(SPANS)
    assert contents(tmp_path / "there", moving_clip, address) == here
    assert contents(tmp_path / "two", moving_clip, address, threads=2) == here


VICTIM = """
    import sys
    from pathlib import Path

    sys.path[:0] = {paths!r}
    from test_device_server import GRID, OPTIONS, make_extractor, make_job, Workspace
    from vegas_data.features import client

    ask = client.send

    def send(*arguments):
        ask(*arguments)
        print("asked", flush=True)

    client.send = send
    workspace = Workspace(Path({workspace!r}))
    job = make_job(workspace, Path({clip!r}), start_ms=0, end_ms=4000)
    make_extractor(OPTIONS, GRID, workspace, server={address!r})(job)
"""


@pytest.mark.slow
def test_a_worker_that_is_killed_harms_nobody(
    tmp_path: Path, moving_clip: Path, workspace: Workspace, address: str
) -> None:
    make_job(workspace, moving_clip, start_ms=0, end_ms=4000)
    names = {"workspace": str(workspace.root), "clip": str(moving_clip), "address": address}
    code = textwrap.dedent(VICTIM).format(paths=[str(Path(__file__).parent), *sys.path], **names)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == "asked\n"
        victim.kill()
    assert list(workspace.keys("features")) == []
    after = contents(tmp_path / "after", moving_clip, address, threads=2)
    assert len(after) == 2 * len(OPTIONS.streams) * len(SPANS)
    (server,) = servers()
    for place in ("maps", "fd"):
        assert "vegas-data" not in shared_memory(server, place), "what the worker shared is not kept"


def shared_memory(pid: int, place: str) -> str:
    """What a process has mapped, or what its file descriptors lead to."""
    found = Path(f"/proc/{pid}") / place
    return found.read_text() if found.is_file() else " ".join(str(link.readlink()) for link in found.iterdir())


def servers() -> set[int]:
    """Processes of Python that this one started and that still run."""
    own = Path(f"/proc/{os.getpid()}/task")
    started = {int(pid) for task in own.iterdir() for pid in (task / "children").read_text().split()}
    return {pid for pid in started if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def test_a_process_that_dies_is_a_clear_error_and_no_hang(
    moving_clip: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    with serving(OPTIONS, "cpu", workers=1) as address:
        (server,) = servers()
        extract = make_extractor(OPTIONS, GRID, workspace, server=address)
        killer = threading.Timer(0.3, os.kill, (server, signal.SIGKILL))
        killer.start()
        jobs = [make_job(workspace, moving_clip, start_ms=at, end_ms=at + 2000) for at in range(0, 1000, 10)]
        with pytest.raises(DeviceLost) as caught:
            any(extract(job) is None for job in jobs)  # it is killed somewhere on the way
        killer.join()
        assert caught.value.exit_code == EXIT_DEPENDENCY
        with pytest.raises(DeviceLost):
            make_extractor(OPTIONS, GRID, workspace, server=address)


@pytest.mark.slow
def test_what_keeps_encoders_from_loading_is_said_before_work_begins() -> None:
    lost = StreamOptions(name="lost", encoder="tiny-absent")
    with (
        pytest.raises(DependencyMissing, match="tiny-absent"),
        serving(FeatureOptions(streams=(lost,)), "cpu", workers=1),
    ):
        pytest.fail("nobody could compute")


PARENT = """
    import sys, time

    sys.path[:0] = {paths!r}
    if __name__ == "__main__":
        from test_device_server import OPTIONS, serving

        with serving(OPTIONS, "cpu", workers=1) as address:
            print(address[1:], flush=True)
            time.sleep(600)
"""


def listening(name: str) -> bool:
    """Whether some process still holds the socket of that name."""
    return f"@{name}" in Path("/proc/net/unix").read_text()


@pytest.mark.slow
def test_it_ends_with_a_parent_that_is_killed_and_leaves_nothing(tmp_path: Path) -> None:
    script, temporary = tmp_path / "parent.py", tmp_path / "temporary"
    temporary.mkdir()
    paths = [str(Path(__file__).parent), *sys.path]
    script.write_text(textwrap.dedent(PARENT).format(paths=paths), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": str(temporary)}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        name = parent.stdout.readline().strip()
        assert listening(name)
        parent.kill()
    for _ in range(500):
        if not listening(name):
            break
        time.sleep(0.02)
    assert not listening(name)
    assert list(temporary.iterdir()) == []

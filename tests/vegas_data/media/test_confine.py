"""The wall around a child: what it cannot see, where it is missing, and who says so."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from films import film

from tests.loopback import Handler, serving
from vegas_data.doctor import examine
from vegas_data.errors import DependencyMissing
from vegas_data.media.confine import SANDBOX_SETTING, Limits, behind_wall, confine, find_wall, signal_of
from vegas_data.media.cut import CutOptions, cut_clip
from vegas_data.media.demux import Demuxer
from vegas_data.media.section import Section
from vegas_data.recipe import find_recipe, load_recipe


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Set the setting, and PATH if it is given."""

    def setting(value: str, path: Path | None = None) -> None:
        monkeypatch.setenv(SANDBOX_SETTING, value)
        if path is not None:
            monkeypatch.setenv("PATH", str(path))
        find_wall.cache_clear()

    yield setting
    monkeypatch.undo()
    find_wall.cache_clear()


@pytest.fixture
def wall(choose: Callable[..., None]) -> None:
    choose("auto")
    if find_wall().program is None:
        pytest.skip(find_wall().reason)


_ATTEMPTS = """
import json, os, socket, sys
from pathlib import Path
secret, readable, writable, port = sys.argv[1:]
def attempt(deed):
    try:
        return deed() is not None
    except OSError:
        return False
print(json.dumps({
    "reads the input": attempt(lambda: Path(readable).read_bytes()),
    "writes the output": attempt(lambda: Path(writable, "x").write_bytes(b"x")),
    "changes the input": attempt(lambda: Path(readable).write_bytes(b"x")),
    "reads a secret": attempt(lambda: Path(secret).read_bytes()),
    "reads accounts": attempt(lambda: Path("/etc/passwd").read_bytes()),
    "writes beside": attempt(lambda: Path(secret + "2").write_bytes(b"x")),
    "reaches a host": attempt(lambda: socket.create_connection(("127.0.0.1", int(port)), 2)),
    "sees a process": attempt(lambda: os.kill(int(os.environ["WORKER"]), 0) or 1),
}))
"""


@pytest.mark.usefixtures("wall")
def test_behind_the_wall_there_is_nothing_but_input_and_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("secret", "input"):
        (tmp_path / name).write_bytes(b"held")
    (tmp_path / "out").mkdir()
    monkeypatch.setenv("WORKER", str(os.getpid()))
    python = Path(sys.executable).resolve()
    with serving(Handler) as host:
        command = [str(python), "-I", "-S", "-c", _ATTEMPTS, str(tmp_path / "secret"), str(tmp_path / "input")]
        walled = behind_wall(
            [*command, str(tmp_path / "out"), host.rsplit(":", 1)[1]],
            readable=[Path(sys.base_prefix), tmp_path / "input"],
            writable=[tmp_path / "out"],
        )
        done = subprocess.run(walled, capture_output=True, text=True, check=True)
        bare = subprocess.run(walled[walled.index("--") + 1 :], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert [deed for deed, worked in found.items() if worked] == ["reads the input", "writes the output"]
    assert all(json.loads(bare.stdout).values()), "each of them works where there is no wall"


@pytest.mark.usefixtures("wall")
def test_a_clip_is_the_same_behind_the_wall(tmp_path: Path, choose: Callable[..., None]) -> None:
    source = film(tmp_path / "s.mp4", seconds=5)
    for setting in ("require", "off"):
        choose(setting)
        with Demuxer() as demuxer:
            span = {"start_ms": 1000, "end_ms": 4000}
            cut_clip(Section(path=source), tmp_path / setting, **span, options=CutOptions(), demuxer=demuxer)
    assert (tmp_path / "require").read_bytes() == (tmp_path / "off").read_bytes()


def test_what_is_demanded_and_absent_is_named(tmp_path: Path, choose: Callable[..., None]) -> None:
    choose("require", tmp_path)
    with pytest.raises(DependencyMissing, match="not on PATH") as caught:
        find_wall()
    assert "apt install bubblewrap" in caught.value.remedy
    source = tmp_path / "s.mp4"
    source.write_bytes(b"x")
    with Demuxer() as demuxer, pytest.raises(DependencyMissing):
        cut_clip(Section(path=source), tmp_path / "c", start_ms=0, end_ms=2000, options=CutOptions(), demuxer=demuxer)
    choose("perhaps")
    with pytest.raises(DependencyMissing, match="must be one of require, auto, off"):
        find_wall()


def test_a_wall_that_the_machine_refuses_is_a_note(tmp_path: Path, choose: Callable[..., None]) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'No permissions to create a new namespace' >&2\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    choose("auto", tmp_path)
    assert find_wall().program is None
    assert "No permissions" in find_wall().reason
    assert behind_wall(["true"], readable=[]) == ["true"]
    (check,) = [check for check in examine(load_recipe(find_recipe("demo"))) if check.name == "sandbox"]
    assert (check.status, "apt install bubblewrap" in check.remedy) == ("note", True)
    choose("require", tmp_path)
    (check,) = [check for check in examine(load_recipe(find_recipe("demo"))) if check.name == "sandbox"]
    assert check.status == "missing"


def test_a_child_has_its_limits() -> None:
    script = (
        "import json, resource as r\n"
        "kinds = r.RLIMIT_CPU, r.RLIMIT_FSIZE, r.RLIMIT_NOFILE, r.RLIMIT_CORE\n"
        "print(json.dumps([r.getrlimit(kind)[0] for kind in kinds]))"
    )
    limits = Limits(cpu_s=7, file_bytes=1 << 20, open_files=33)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, preexec_fn=confine(limits))
    assert json.loads(done.stdout) == [7, 1 << 20, 33, 0]


def test_signals_are_told_from_exit_codes() -> None:
    assert [signal_of(code, walled=True) for code in (-9, 0, 1, 137, 152, 234, 254)] == [9, 0, 0, 9, 24, 0, 0]
    assert [signal_of(code, walled=False) for code in (-9, 137)] == [9, 0]


@pytest.mark.usefixtures("wall")
def test_paths_may_be_named_from_where_we_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = film(Path("s.mp4"), seconds=3)
    cut = cut_clip(Section(path=source), Path("c.mp4"), start_ms=0, end_ms=2000, options=CutOptions())
    assert cut.num_frames == 50

"""SIGKILL at a random moment of each stage, then the same command again: the same bytes, nothing left over.

``VEGAS_FAULT_SEED=…`` replays a failure; every run prints its seed.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.commands import COMMAND, vegas_json
from vegas_data.recipe import find_recipe
from vegas_data.store import sha256_of
from vegas_data.workspace import Workspace

SEED = int(os.environ.get("VEGAS_FAULT_SEED") or random.randrange(1 << 32))
VERBS = ("fetch", "verify", "featurize")
FOLDERS = ("clips", "scores", "features", "shards", "tables")


def artefacts(workspace: Path) -> dict[str, str]:
    """Every artefact and table by its bytes; the ledger and the report's seconds are not among them."""
    files = (path for folder in FOLDERS for path in (workspace / folder).rglob("*") if path.is_file())
    return {path.relative_to(workspace).as_posix(): sha256_of(path) for path in files}


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, str], float]]:
    """For each verb: a workspace before it, the artefacts after it undisturbed, and the seconds it took."""
    folder = tmp_path_factory.mktemp("stages")
    found: dict[str, tuple[Path, dict[str, str], float]] = {}
    workspace = folder / "w"
    Workspace.create(workspace, find_recipe("smoke").read_text(encoding="utf-8"))
    for verb in VERBS:
        before = folder / f"before-{verb}"
        shutil.copytree(workspace, before)
        start = time.monotonic()
        vegas_json(verb, "--workspace", workspace, "--workers", "2")
        found[verb] = (before, artefacts(workspace), time.monotonic() - start)
    return found


def kill_at(verb: str, workspace: Path, seconds: float) -> bool:
    """Start a verb and SIGKILL it after ``seconds``; whether it was still running then."""
    command = [*COMMAND, verb, "--workspace", str(workspace), "--workers", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    running = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return running


def prove(stages: dict[str, tuple[Path, dict[str, str], float]], verb: str, tmp_path: Path, kills: int) -> None:
    before, expected, duration = stages[verb]
    moments = random.Random(f"{SEED}-{verb}")
    for number in range(kills):
        moment = moments.uniform(0.1, 0.9) * duration
        while True:
            workspace = tmp_path / f"{number}"
            shutil.copytree(before, workspace)
            hit = kill_at(verb, workspace, moment)
            where = f"seed {SEED}, kill {number} of {verb} after {moment:.2f} s"
            if hit:
                vegas_json(verb, "--workspace", workspace, "--workers", "2")
            assert artefacts(workspace) == expected, where
            assert not (workspace / "tmp").exists(), where
            shutil.rmtree(workspace)
            if hit:
                break
            moment *= 0.8  # the machine was quicker this time: the command had ended


@pytest.mark.parametrize("verb", VERBS)
def test_one_kill(stages: dict[str, tuple[Path, dict[str, str], float]], verb: str, tmp_path: Path) -> None:
    prove(stages, verb, tmp_path, kills=1)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("verb", VERBS)
def test_ten_kills(stages: dict[str, tuple[Path, dict[str, str], float]], verb: str, tmp_path: Path) -> None:
    prove(stages, verb, tmp_path, kills=10)


def workers_of(pid: int) -> list[int]:
    """The processes at work for a command; not the one that looks after its resources."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(one) for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


def shoot(process: "subprocess.Popen[bytes]", whom: str, draw: random.Random) -> bool:
    """SIGKILL a running command, all its processes, or one of its workers; whether anybody was hit."""
    if process.poll() is not None:
        return False
    if whom == "a worker":
        workers = workers_of(process.pid)
        if workers:
            os.kill(draw.choice(workers), signal.SIGKILL)
        return bool(workers)
    if whom == "all of them":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    return True


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_kills_of_featurize(stages: dict[str, tuple[Path, dict[str, str], float]], tmp_path: Path) -> None:
    before, expected, duration = stages["featurize"]
    draw = random.Random(f"{SEED}-fifty")
    hits = {"the command": 0, "all of them": 0, "a worker": 0}
    while sum(hits.values()) < 50:
        whom = min(hits, key=lambda name: hits[name])
        moment = draw.uniform(0.05, 0.95) * duration
        where = f"seed {SEED}, {hits}: SIGKILL of {whom} after {moment:.2f} s"
        workspace = tmp_path / "w"
        shutil.copytree(before, workspace)
        command = [*COMMAND, "featurize", "--workspace", str(workspace), "--workers", "2"]
        with subprocess.Popen(command, stdout=-3, stderr=-3, start_new_session=True) as process:
            time.sleep(moment)
            hits[whom] += shoot(process, whom, draw)
            code = process.wait(timeout=240)
        assert whom != "a worker" or code in (0, 4), where  # 4: it died while it was starting
        vegas_json("featurize", "--workspace", workspace, "--workers", "2")
        assert artefacts(workspace) == expected, where
        assert not (workspace / "tmp").exists(), where
        assert vegas_json("check", "--read-data", "--workspace", workspace, "--workers", "0")["findings"] == [], where
        shutil.rmtree(workspace)
    print(f"{hits}, seed {SEED}")


def test_ctrl_c_ends_with_130_and_leaves_nothing(
    stages: dict[str, tuple[Path, dict[str, str], float]], tmp_path: Path
) -> None:
    before, expected, duration = stages["verify"]
    for number, (name, code) in enumerate((("SIGINT", 130), ("SIGTERM", 143))):
        workspace = tmp_path / f"{number}"
        shutil.copytree(before, workspace)
        command = [*COMMAND, "verify", "--workspace", str(workspace), "--workers", "2"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(duration / 2)
        process.send_signal(signal.Signals[name])
        assert process.wait(timeout=10) == code
        assert process.stderr is not None
        told = process.stderr.read().decode()
        process.stderr.close()
        assert "Traceback" not in told
        vegas_json("verify", "--workspace", workspace)
        assert artefacts(workspace) == expected
        assert not (workspace / "tmp").exists()

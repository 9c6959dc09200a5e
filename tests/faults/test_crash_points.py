"""SIGKILL at every system call with which a commit changes the disk, one after the other, by strace.

Before, the artefact is absent or an older one. After each kill: if the side-car is there, it describes the bytes beside
it; and the same commit again ends with the same bytes, in every case.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from vegas_data.store import is_as_written
from vegas_data.workspace import Workspace

CALLS = ("write", "fsync", "rename", "unlink", "mkdir", "fchmodat", "chmod", "ftruncate")
SCRIPT = """
import hashlib, sys
from pathlib import Path
from vegas_data.workspace import Workspace
data = b"new content " * 100
workspace = Workspace(Path(sys.argv[1]))
with workspace.lock():
    workspace.commit_artefact("a/b/x.bin", data, {"sha256": hashlib.sha256(data).hexdigest()})
"""

strace = shutil.which("strace")
pytestmark = pytest.mark.skipif(strace is None, reason="strace is not installed")


def run(root: Path, *inject: str) -> "subprocess.CompletedProcess[str]":
    command = [
        str(strace),
        "-f",
        "-qq",
        "-o",
        str(root.parent / "log"),
        *inject,
        sys.executable,
        "-c",
        SCRIPT,
        str(root),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def state(root: Path) -> str:
    """What a reader sees: nothing, or the digest of a whole artefact."""
    workspace = Workspace(root)
    if not workspace.has_artefact("a/b/x.bin"):
        return "absent"
    actual = hashlib.sha256(workspace.path("a/b/x.bin").read_bytes()).hexdigest()
    assert workspace.side_car("a/b/x.bin") == {"sha256": actual}
    assert is_as_written((root / "a/b/x.bin.json").read_bytes())
    return actual


@pytest.mark.parametrize("older", [False, True], ids=["first commit", "replacing"])
def test_every_crash_point_of_a_commit(tmp_path: Path, older: bool) -> None:
    template = tmp_path / "template"
    workspace = Workspace.create(template, "")
    if older:
        old = b"old"
        workspace.commit_artefact("a/b/x.bin", old, {"sha256": hashlib.sha256(old).hexdigest()})
    root = tmp_path / "w"
    shutil.copytree(template, root)
    before = state(root)
    traced = run(root, "-e", f"trace={','.join('?' + call for call in CALLS)}")
    if traced.returncode:
        pytest.skip(f"strace may not trace here: {traced.stderr[:200]}")
    after = state(root)
    counts = Counter(re.findall(r"^\d+ +(\w+)\(", (tmp_path / "log").read_text(encoding="utf-8"), re.MULTILINE))
    assert counts["fsync"] >= 4, "file, folder, side-car, folder"
    points = [(call, number) for call in CALLS for number in range(1, counts[call] + 1)]
    for call, number in points:
        shutil.rmtree(root)
        shutil.copytree(template, root)
        killed = run(root, "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}")
        assert killed.returncode != 0, f"{call} {number} was not reached"
        assert state(root) in (before, "absent", after), f"torn by a kill at {call} {number}"
        assert run(root).returncode == 0
        assert state(root) == after, f"not mended after a kill at {call} {number}"
        assert not (root / "tmp").exists(), f"left over after a kill at {call} {number}"
    assert len(points) >= 8

"""The records that training leaves: what is written is read, what is damaged or leads elsewhere is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from vegas_data.config import canonical
from vegas_data.errors import WorkspaceError
from vegas_data.store import Store
from vegas_data.trained import (
    LOG,
    SOUNDS,
    LogEntry,
    Sound,
    SoundSet,
    current_run,
    current_runs,
    pointer_key,
    read_log,
    read_record,
)
from vegas_data.workspace import Workspace

ENTRY = LogEntry(step=10, epoch=0, nats=2.0, bits=2.9, learning_rate=0.001, seconds=1.5)
SOUNDS_OF_ONE = SoundSet(
    folder="sounds/0123456789ab",
    step=10,
    checkpoint="0" * 64,
    split="test",
    seed=0,
    temperature=1.0,
    sample_rate_hz=16_000,
    sounds=(
        Sound(
            example_id="demo-a_000000000_000002000",
            clip_id="demo-a_000000000",
            start_ms=0,
            end_ms=2000,
            draw=0,
            wav="demo-a_000000000_000002000-0.wav",
            sha256="0" * 64,
        ),
    ),
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "w", "")


def test_the_latest_runs_come_by_category_then_model(workspace: Workspace) -> None:
    for category, model in (("drum", "flow"), ("dog", "seq"), ("drum", "frame")):
        workspace.commit_json(pointer_key(category, model), {"run": f"{category}-{model}-0123456789ab"})
    workspace.commit_json("train/current/drum-wave.json", {"run": "drum-wave-0123456789ab"})
    found = [(category, model) for category, model, _ in current_runs(workspace)]
    assert found == [("dog", "seq"), ("drum", "frame"), ("drum", "flow")]
    assert current_run(workspace, "drum", "seq") is None


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"run": 3}', b'{"run": "../../x"}', b'{"run": "drum-frame-0"}'])
def test_a_damaged_pointer_is_refused(workspace: Workspace, content: bytes) -> None:
    workspace.commit_bytes(pointer_key("drum", "frame"), content)
    with pytest.raises(WorkspaceError):
        current_run(workspace, "drum", "frame")


def test_records_survive_the_way_through_json(tmp_path: Path) -> None:
    run = Store(tmp_path)
    assert read_record(run, SOUNDS, SoundSet) is None
    run.commit_json(SOUNDS, canonical(SOUNDS_OF_ONE))
    assert read_record(run, SOUNDS, SoundSet) == SOUNDS_OF_ONE


def _damage(path: tuple[str | int, ...], value: Any) -> bytes:
    table: Any = canonical(SOUNDS_OF_ONE)
    inner = table
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return json.dumps(table).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"{}",
        b"\xff",
        _damage(("folder",), "../x"),
        _damage(("folder",), "sounds/0123456789ab/.."),
        _damage(("step",), "10"),
        _damage(("split",), "all"),
        _damage(("extra",), 1),
        _damage(("checkpoint",), "\ud800"),
        _damage(("temperature",), 10**400),
        b"[" * 200_000,
        _damage(("sounds", 0, "wav"), "../../etc/passwd.wav"),
        _damage(("sounds", 0, "wav"), "a.exe"),
        _damage(("sounds", 0, "mp4"), "/x.mp4"),
    ],
)
def test_damaged_records_are_refused(tmp_path: Path, content: bytes) -> None:
    run = Store(tmp_path)
    run.commit_bytes(SOUNDS, content)
    with pytest.raises(WorkspaceError, match=r"sounds\.json"):
        read_record(run, SOUNDS, SoundSet)


def test_the_log_forgives_a_last_line_that_was_cut_off_and_no_other(tmp_path: Path) -> None:
    run, line = Store(tmp_path), json.dumps(canonical(ENTRY))
    assert read_log(run) == ()
    run.commit_bytes(LOG, f"{line}\n{line}\n{line[:20]}".encode())
    assert read_log(run) == (ENTRY, ENTRY)
    run.commit_bytes(LOG, f"{line}\n{line[:20]}\n{line}\n".encode())
    with pytest.raises(WorkspaceError, match="line 2"):
        read_log(run)
    run.commit_bytes(LOG, f"{line}\n{'[' * 200_000}\n".encode())
    with pytest.raises(WorkspaceError, match="line 2"):
        read_log(run)

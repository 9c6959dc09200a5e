"""Commits are whole or absent, keys cannot leave the folder, one command at a time."""

import multiprocessing
import os
import resource
from pathlib import Path

import pytest

from vegas_data.config import to_json
from vegas_data.errors import ChecksumMismatch, WorkspaceError, WorkspaceLocked
from vegas_data.store import is_as_written, sha256_of
from vegas_data.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "w", 'name = "test"\n')


def test_create_then_open(workspace: Workspace) -> None:
    assert Workspace(workspace.root).recipe_path.read_text(encoding="utf-8") == 'name = "test"\n'
    again = Workspace.create(workspace.root, 'name = "other"\n')
    assert 'name = "test"' in again.recipe_path.read_text(encoding="utf-8"), "a workspace keeps its recipe"


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine", encoding="utf-8")
    with pytest.raises(WorkspaceError, match=r"thesis\.tex"):
        Workspace.create(tmp_path, "")
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_no_workspace_and_a_foreign_schema_are_named(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="not a vegas-data workspace"):
        Workspace(tmp_path)
    (tmp_path / "workspace.json").write_text('{"schema": 99}', encoding="utf-8")
    with pytest.raises(WorkspaceError, match="schema 1 only"):
        Workspace(tmp_path)


@pytest.mark.parametrize(
    "key", ["../x", "/etc/passwd", "a/../b", "a//b", "", "a/./b", "a\0b", ".hidden/x", "a/..", "a b"]
)
def test_keys_cannot_leave_the_workspace(workspace: Workspace, key: str) -> None:
    with pytest.raises(ValueError, match="not a workspace key"):
        workspace.path(key)


def test_an_artefact_exists_when_its_side_car_does(workspace: Workspace) -> None:
    workspace.commit_artefact("a/b.bin", b"one", {"n": 1})
    assert workspace.has_artefact("a/b.bin")
    assert workspace.side_car("a/b.bin") == {"n": 1}
    workspace.path("a/b.bin.json").unlink()
    assert not workspace.has_artefact("a/b.bin")
    workspace.commit_artefact("a/b.bin", b"two", {"n": 2})
    assert workspace.path("a/b.bin").read_bytes() == b"two"
    workspace.remove_artefact("a/b.bin")
    assert list(workspace.keys("a")) == []


def test_no_bit_of_a_side_car_changes_unseen(workspace: Workspace) -> None:
    said = {"sha256": "0" * 64, "rate": 15.625, "tools": [["av", "18.1"]], "title": "Grün", "none": None}
    workspace.commit_artefact("a/b.bin", b"one", said)
    data = (workspace.root / "a" / "b.bin.json").read_bytes()
    assert is_as_written(data)
    assert workspace.side_car("a/b.bin") == said
    for position in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[position] ^= 1 << bit
            try:
                assert not is_as_written(bytes(changed)), (position, bit)
            except ValueError:  # no JSON any more
                continue
    older = to_json(said, indent=2).encode()
    assert is_as_written(older), "side-cars had no seal once"
    assert not is_as_written(older.replace(b"\n", b""))


def test_the_order_of_a_commit(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """fsync of the file before its rename, fsync of the folder after it, and the side-car only then."""
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(fd: int) -> None:
        steps.append("fsync " + ("folder" if Path(f"/proc/self/fd/{fd}").is_dir() else "file"))
        real_fsync(fd)

    def replace(self: Path, target: Path) -> Path:
        steps.append(f"rename {Path(target).name}")
        return real_replace(self, target)

    (workspace.root / "a").mkdir()
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    workspace.commit_artefact("a/x", b"data", {})
    assert steps == ["fsync file", "rename x", "fsync folder", "fsync file", "rename x.json", "fsync folder"]


def test_permissions_do_not_depend_on_the_umask(workspace: Workspace) -> None:
    before = os.umask(0o077)
    try:
        workspace.commit_bytes("a/x", b"")
    finally:
        os.umask(before)
    assert workspace.path("a/x").stat().st_mode & 0o777 == 0o644


def test_scratch_leaves_nothing(workspace: Workspace) -> None:
    def die_in_scratch() -> None:
        with workspace.scratch() as folder:
            (folder / "big").write_bytes(b"x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        die_in_scratch()
    assert list((workspace.root / "tmp").iterdir()) == []


def test_checksum(workspace: Workspace) -> None:
    workspace.commit_bytes("x", b"data")
    workspace.verify_checksum("x", sha256_of(workspace.path("x")))
    with pytest.raises(ChecksumMismatch, match="recorded was"):
        workspace.verify_checksum("x", "0" * 64)


def _hold(root: Path, part: tuple[int, int] | None, pipe: "multiprocessing.connection.Connection") -> None:
    with Workspace(root).lock(part=part):
        pipe.send("held")
        pipe.recv()


def test_one_command_at_a_time_but_parts_together(workspace: Workspace) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    holder = context.Process(target=_hold, args=(workspace.root, (1, 2), theirs))
    holder.start()
    assert ours.recv() == "held"
    with workspace.lock(part=(2, 2)):
        pass
    with pytest.raises(WorkspaceLocked, match=f"process {holder.pid}"), workspace.lock(part=(1, 2)):
        pass
    with pytest.raises(WorkspaceLocked), workspace.lock():
        pass
    holder.kill()
    holder.join()
    left = workspace.root / "tmp" / "left-by-a-killed-process"
    left.mkdir(parents=True)
    with workspace.lock():
        assert not left.exists()


def test_a_file_that_cannot_be_written_is_named(workspace: Workspace) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (10, most)
    )  # as on a full disk: the write fails, and says nothing of where
    try:
        with pytest.raises(OSError, match=r"tables/a\.json"):
            workspace.commit_bytes("tables/a.json", b"x" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert not workspace.exists("tables/a.json")
    assert list((workspace.root / "tmp").iterdir()) == []

"""Compiled code between processes: who compiles, where it is kept, and what a damaged or a full disk does."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vegas_data.features.flow.tvl1_numba import cache
from vegas_data.features.flow.tvl1_numba.vectors import get, put


def double(address: int, count: int) -> None:
    for index in range(count):
        put(address, index, get(address, index) * np.float32(2))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cache, "FOLDER", tmp_path)
    return tmp_path


def compile_and_use() -> int:
    """How often a fresh process would have had to compile."""
    numbers = np.ones(3, np.float32)
    doubled: Any = cache.compiled()(double)
    doubled(numbers.ctypes.data, 3)
    assert numbers.tolist() == [2, 2, 2]
    return sum(doubled.stats.cache_misses.values())


def test_code_is_compiled_once(folder: Path) -> None:
    assert [compile_and_use(), compile_and_use()] == [1, 0]
    (kept,) = folder.iterdir()
    assert kept.suffix == ".nbc"


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:20],
        lambda content: content[:-1],
        lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
        lambda content: bytes(len(content)),
    ],
    ids=["empty", "begun", "short", "a bit", "zeros"],
)
def test_a_damaged_file_is_compiled_again(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    compile_and_use()
    (kept,) = folder.iterdir()
    content = kept.read_bytes()
    kept.write_bytes(damage(content))
    assert [compile_and_use(), compile_and_use()] == [1, 0]
    assert len(kept.read_bytes()) == len(content)


def test_a_full_disk_costs_a_compilation(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        assert [compile_and_use(), compile_and_use()] == [1, 1]
        assert not list(folder.iterdir())  # nothing is left half-written
    folder.rmdir()
    assert compile_and_use() == 1


def test_another_cpu_or_setting_has_code_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    here = cache.code_digest()
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/elsewhere")
    assert cache.code_digest() == here
    monkeypatch.setenv("NUMBA_OPT", "0")
    assert cache.code_digest() != here
    monkeypatch.delenv("NUMBA_OPT")

    class Other:
        target_context = property(lambda self: self)
        codegen = magic_tuple = lambda self: self

    assert cache.code_digest() == here
    monkeypatch.setattr(cache, "cpu_target", Other())
    assert cache.code_digest() != here


def test_the_folder_is_ours_alone_whatever_the_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "new"))
    before = os.umask(0o002)
    try:
        found = cache.cache_folder()
    finally:
        os.umask(before)
    assert found is not None
    assert found.parent == tmp_path / "new" / "vegas-data" / "numba"
    found.parent.chmod(0o777)  # anybody might have put code there
    other = cache.cache_folder()
    assert other is None or tmp_path not in other.parents


def test_who_waits_goes_on_when_code_is_there(folder: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, sys; f = open(sys.argv[1], 'wb'); fcntl.lockf(f, fcntl.LOCK_EX);"
         "print('held', flush=True); sys.stdin.read()", str(folder / "turn")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        (folder / "complete").touch()
        with cache.first_in_turn():
            assert holder.poll() is None
        (folder / "complete").unlink()
    finally:
        holder.kill()  # its turn ends with it
        holder.communicate()
    with cache.first_in_turn():
        assert not (folder / "complete").exists()
    assert (folder / "complete").exists()


SCRIPT = """
import hashlib, json
import numpy as np
from vegas_data.features.options import FlowOptions
from vegas_data.features.flow.tvl1_numba import cache, solver, vectors
from vegas_data.features.flow.tvl1_numba.engine import NumbaFlow
picture = np.random.default_rng(0).integers(0, 256, (40, 50)).astype(np.uint8)
flow = NumbaFlow(FlowOptions(num_warps=1)).compute_flow(picture, np.roll(picture, 1, axis=1))
digest = hashlib.sha256(flow.tobytes()).hexdigest()
print(json.dumps({
    "kind": vectors.KIND, "cache": str(cache.FOLDER), "flow": flow.tolist(), "sha256": digest,
    "compiled": sum(solver.solve.stats.cache_misses.values()),
}))
"""


def start(before: Callable[[], None] | None = None, **environment: str) -> "subprocess.Popen[str]":
    own = {key: value for key, value in os.environ.items() if not key.startswith(("NUMBA_", "XDG_"))}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT], env={**own, **environment}, stdout=subprocess.PIPE, text=True, preexec_fn=before
    )


def result_of(process: "subprocess.Popen[str]") -> dict[str, Any]:
    said, _ = process.communicate(timeout=280)
    assert process.returncode == 0
    return json.loads(said)  # type: ignore[no-any-return]


@pytest.mark.slow
def test_of_processes_that_begin_together_one_compiles(tmp_path: Path) -> None:
    results = [result_of(one) for one in [start(NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(3)]]
    assert len({result["sha256"] for result in results}) == 1
    assert sorted(result["compiled"] for result in results) == [0, 0, 1]


@pytest.mark.slow
def test_who_is_killed_while_compiling_leaves_nothing_that_harms(tmp_path: Path) -> None:
    processes = [start(NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    until = time.monotonic() + 120
    while not list(tmp_path.rglob("*.nbc")):
        assert time.monotonic() < until
        time.sleep(0.01)
    processes[0].send_signal(signal.SIGKILL)
    processes[0].communicate()
    result = result_of(processes[1])
    assert result_of(start(NUMBA_CACHE_DIR=str(tmp_path))) == {**result, "compiled": 0}


@pytest.mark.slow
def test_a_disk_that_takes_no_byte_is_no_hindrance(tmp_path: Path) -> None:
    result = result_of(start(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)), NUMBA_CACHE_DIR=str(tmp_path)))
    assert result["compiled"] == 1
    assert not list(tmp_path.rglob("*.nbc"))


@pytest.mark.slow
def test_without_a_home_the_cache_is_private_and_temporary(tmp_path: Path) -> None:
    result = result_of(start(HOME="/dev/null", TMPDIR=str(tmp_path)))
    assert str(result["cache"]).startswith(str(tmp_path))
    (folder,) = tmp_path.glob("vegas-data-numba-*")
    folder.chmod(0o777)  # anybody might have put code there
    assert result_of(start(HOME="/dev/null", TMPDIR=str(tmp_path)))["cache"] == "None"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "features", "kind"), [("haswell", "+avx,+avx2,+fma", "avx"), ("generic", "+sse2", "other")]
)
def test_cpus_without_wide_vectors_compute_the_same_flow(tmp_path: Path, name: str, features: str, kind: str) -> None:
    wanted = result_of(start(NUMBA_CACHE_DIR=str(tmp_path)))
    result = result_of(start(NUMBA_CACHE_DIR=str(tmp_path), NUMBA_CPU_NAME=name, NUMBA_CPU_FEATURES=features))
    assert result["kind"] == kind
    assert result["cache"] != wanted["cache"]
    apart = np.hypot(*(np.asarray(result["flow"]) - np.asarray(wanted["flow"])))
    assert np.median(apart) <= 0.02

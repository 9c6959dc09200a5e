"""The numba engine touches no memory but its own, for any size of picture: shown by forbidden pages around it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("guarded_flow.py")


def run_guarded(largest: int, step: int, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(largest), str(step)],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr}"
    return done.stdout


def test_small_and_odd_sizes_stay_within_their_memory() -> None:
    assert "sizes" in run_guarded(40, 53)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "features"), [("", ""), ("haswell", "+avx,+avx2,+fma"), ("generic", "+sse2")], ids=["this", "avx", "sse"]
)
def test_all_sizes_stay_within_their_memory_on_every_kind_of_cpu(name: str, features: str) -> None:
    kind = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features} if name else {}
    assert run_guarded(40, 1, **kind).startswith("1529 sizes")

"""The promise on rendered sources with a planted truth: good scorers accept and keep it, a deaf one accepts nothing.

``benchmarks/guarantee.py`` does it all by the commands a user types; this runs the smallest form of it that can
accept: 150 drawn sources of each category, judged by five people, and 150 others.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
WINDOWS, PEOPLE, OTHERS = 150, 5, 150
TARGET, TARGET_REJECT = 0.95, 0.9


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("guarantee")
    sizes = ("--panel", f"{WINDOWS},{PEOPLE}", "--others", str(OTHERS), "--runs", "0")
    subprocess.run(
        [sys.executable, ROOT / "benchmarks/guarantee.py", *sizes, "--json", folder / "figures.json"],
        check=True,
        timeout=3500,
        cwd=folder,
    )
    found: list[dict[str, Any]] = json.loads((folder / "figures.json").read_text(encoding="utf-8"))["panels"]
    assert len(found) == 6
    return found


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_good_scorers_accept_and_keep_the_promise_on_other_sources(figures: list[dict[str, Any]]) -> None:
    for one in (one for one in figures if one["scorers"] == "real"):
        assert (one["others"], one["uncalibrated"]) == (OTHERS, 0), one
        assert one["present"] < OTHERS, "something could be accepted wrongly"
        assert one["threshold"] is not None, one
        assert one["accepted"] >= one["present"] // 2, one
        assert one["accepted_right"] >= TARGET * one["accepted"], one
        assert one["rejected_right"] >= TARGET_REJECT * one["rejected"], one


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_with_noise_for_ears_nothing_is_accepted(figures: list[dict[str, Any]]) -> None:
    for one in (one for one in figures if one["scorers"] == "noise"):
        assert (one["others"], one["uncalibrated"]) == (OTHERS, 0), one
        assert (one["threshold"], one["accepted"]) == (None, 0), one
        assert one["rejected_right"] >= TARGET_REJECT * one["rejected"], one

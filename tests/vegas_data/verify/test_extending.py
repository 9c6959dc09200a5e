"""The scorer in docs/extending.md, taken from the page, installed as a package, and run over a clip."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from verify_cases import FAKE_REGISTRY, FAKES, OPTIONS, hits, make_job, photograph, still_window, write_clip

from tests.extending_page import PAGE, installed, tables_of
from vegas_data.config import load_table
from vegas_data.records import Category
from vegas_data.verify import ScorerOptions, check_coverage, make_verifier, read_scores
from vegas_data.verify.scorers import Registry, load_registry
from vegas_data.workspace import Workspace


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The registry of a machine on which the page's package is installed."""
    with installed("A scorer", tmp_path, monkeypatch):
        yield load_registry.__wrapped__()


@pytest.fixture
def advised(registry: Registry) -> ScorerOptions:
    (recipe,) = tables_of("A scorer", "verify")
    (row,) = recipe["verify"]["scorers"]
    return load_table(ScorerOptions, row, where="docs/extending.md")


def test_the_page_builds_a_scorer_that_verifies_a_clip(
    registry: Registry, advised: ScorerOptions, workspace: Workspace, tmp_path: Path, categories: dict[str, Category]
) -> None:
    known = {**registry, **FAKE_REGISTRY}
    options = replace(FAKES, scorers=(*FAKES.scorers, advised))
    check_coverage(options, [categories["drum"]], known)
    bright, dark = photograph("drum"), (photograph("drum") * 0.2).astype(np.uint8)
    write_clip(tmp_path / "a.mp4", [bright, dark], [hits("drum", seconds=2, gap_s=0.4)] * 2)
    job = make_job(workspace, tmp_path / "a.mp4", duration_ms=4_000, categories=("drum",))
    make_verifier(options, workspace, categories.values(), known)(job)
    scores = read_scores(workspace, job.key)
    assert scores.scorers["flash-bang"].side == "pair"
    for window in scores.windows:
        assert set(window.scores["flash-bang"]) == set(categories)
        assert all(0 <= score <= 1 for score in window.scores["flash-bang"].values())


def test_it_answers_what_the_page_says(registry: Registry, advised: ScorerOptions) -> None:
    entry = registry["flash-bang"]
    scorer = entry.build(advised, entry.digest(advised))
    drum = Category(name="drum", title="Drum")
    loud_then_quiet = np.concatenate([np.full(16_000, 0.5), np.full(16_000, 0.01)]).astype(np.float32)
    frames = np.zeros((6, 32, 32, 3), dtype=np.uint8)
    frames[:3] = 200
    together = still_window(frames, loud_then_quiet)
    windows = [together, still_window(frames[::-1], loud_then_quiet), still_window(frames[:3], loud_then_quiet)]
    assert scorer.score(windows, [drum, drum])[:, 0].tolist() == pytest.approx([1.0, 0.0, 0.5], abs=1e-6)
    assert together.fps == 3.0


def test_what_the_page_says_of_the_media_is_so() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert f"`scored_fps` in the recipe, {OPTIONS.scored_fps} by default" in page
    assert f"`picture_px`, {OPTIONS.picture_px} by default" in page
    assert f"`motion_fps` pictures a second, {OPTIONS.motion_fps} by default: 23 numbers in 2 seconds" in page
    replace(OPTIONS, scored_fps=25, motion_fps=25, picture_px=256)

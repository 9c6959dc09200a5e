"""Onsets against motion: together, apart, and where there is nothing to tell."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from verify_cases import OPTIONS, hits, photograph, still_window, write_clip

from vegas_data.records import Category, Window
from vegas_data.verify import ScorerOptions, check_coverage
from vegas_data.verify.sampling import read_windows
from vegas_data.verify.scorers import SHIPPED
from vegas_data.verify.scorers.onset_motion import OnsetMotionScorer, best_correlation, onset_strength, score_pair
from vegas_data.verify.signals import measure_motion, motion_series

HITS_S = (0.25, 0.8, 1.5)
PAIR = ScorerOptions(name="onset-motion", side="pair", accept=1.0, reject=0.0, advisory=True)


def bangs(at_s: tuple[float, ...]) -> NDArray[np.float32]:
    """Two seconds in which short decaying noises begin at the given times."""
    rng = np.random.default_rng(1)
    sound = np.zeros(32_000, dtype=np.float32)
    for start_s in at_s:
        first = round(16_000 * start_s)
        decay = np.exp(-np.arange(3_000) / 600)
        sound[first : first + 3_000] += (0.5 * decay * rng.normal(size=3_000)).astype(np.float32)[: 32_000 - first]
    return sound


def jolts(at_s: tuple[float, ...], pictures: int = 24) -> NDArray[np.float32]:
    """What 24 pictures tell of jolts of a tenth of a second at the given times."""
    gap_s = 2.0 / pictures
    times = gap_s * np.arange(1, pictures)
    return np.asarray([sum(abs(t - at) < gap_s for at in at_s) for t in times], dtype=np.float32)


def test_sound_and_motion_at_the_same_moments_score_high() -> None:
    together = score_pair(bangs(HITS_S), jolts(HITS_S))
    apart = score_pair(bangs(HITS_S), jolts(tuple(at + 0.35 for at in HITS_S)))
    assert together > 0.85
    assert apart < 0.75


@pytest.mark.parametrize("at_s", [0.05, 0.1, 1.0, 1.9, 1.95])
def test_a_single_hit_is_found_also_near_a_seam(at_s: float) -> None:
    assert score_pair(bangs((at_s,)), jolts((at_s,))) > 0.85


@pytest.mark.parametrize("lag_s", [-0.15, 0.15])
def test_a_small_lag_is_forgiven_either_way(lag_s: float) -> None:
    assert score_pair(bangs(HITS_S), jolts(tuple(at + lag_s for at in HITS_S))) > 0.85


@pytest.mark.parametrize(
    ("sound", "motion"),
    [
        (np.zeros(32_000, dtype=np.float32), jolts(HITS_S)),
        (bangs(HITS_S), np.zeros(23, dtype=np.float32)),
        (bangs(HITS_S), np.full(23, 3.0, dtype=np.float32)),
        (bangs(HITS_S), np.zeros(0, dtype=np.float32)),
        (np.zeros(0, dtype=np.float32), jolts(HITS_S)),
    ],
)
def test_where_there_is_nothing_to_tell_it_says_nothing(
    sound: NDArray[np.float32], motion: NDArray[np.float32]
) -> None:
    assert score_pair(sound, motion) == 0.5


def test_loudness_does_not_matter() -> None:
    loud, motion = bangs(HITS_S), jolts(HITS_S)
    assert score_pair(0.3 * loud, 5 * motion) == pytest.approx(score_pair(loud, motion), abs=0.03)


def test_a_steady_noise_has_weaker_onsets_than_bangs() -> None:
    noise = 0.2 * np.random.default_rng(2).normal(size=32_000).astype(np.float32)
    strength = onset_strength(bangs(HITS_S))
    assert strength.shape == (200,)
    assert strength.min() >= 0
    peaks = sorted(int(i) for i in np.argsort(strength)[-12:])
    assert all(min(abs(peak / 100 - at) for at in HITS_S) < 0.06 for peak in peaks)
    assert onset_strength(noise)[5:].max() < strength.max() / 2


def test_the_correlation_is_pearsons() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=50), rng.normal(size=50)
    assert best_correlation(a, b, 0) == pytest.approx(np.corrcoef(a, b)[0, 1])
    shifted = max(np.corrcoef(a[2:], b[:-2])[0, 1], np.corrcoef(a[1:], b[:-1])[0, 1], best_correlation(a, b, 0))
    assert best_correlation(a, b, 2) >= shifted
    assert best_correlation(a, -a, 0) == pytest.approx(-1)


def test_the_series_of_a_window_is_what_its_motion_is_the_mean_of(tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    write_clip(file, [photograph("drum")] * 2, [hits("drum", seconds=2, gap_s=0.4)] * 2)
    windows = [Window(clip_id="test-a_000000000", video_id="test-a", start_ms=s, end_ms=s + 2_000) for s in (0, 2_000)]
    for media, signals in read_windows(file, windows, OPTIONS):
        assert media.motion.shape == (23,)
        assert media.motion.dtype == np.float32
        assert float(media.motion.mean()) == pytest.approx(signals.motion, abs=1e-5)
        assert media.motion.max() > 10 * np.median(media.motion), "the picture jolts once a second"


def test_motion_of_a_series() -> None:
    greys = [np.full((4, 4), level, dtype=np.float32) for level in (0, 5, 5, 2)]
    assert motion_series(greys).tolist() == [4.0, 0.0, 2.0]
    assert measure_motion(greys) == 2.0


def test_it_is_a_pair_scorer_for_every_category(categories: dict[str, Category]) -> None:
    check_coverage(replace(OPTIONS, scorers=(*OPTIONS.scorers, PAIR)), [categories["drum"]])
    scorer = SHIPPED["onset-motion"].build(PAIR, "d")
    assert isinstance(scorer, OnsetMotionScorer)
    media = replace(still_window(photograph("drum")[None], bangs(HITS_S)), motion=jolts(HITS_S))
    scores = scorer.score([media, still_window(photograph("drum")[None], bangs(HITS_S))], list(categories.values()))
    assert scores.shape == (2, len(categories))
    assert (scores[0] == np.float32(score_pair(media.sound, media.motion))).all()
    assert (scores[1] == 0.5).all()

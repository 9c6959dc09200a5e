"""The onset detector, against sounds whose onsets are known, and sounds that have none."""

import numpy as np
import pytest

from train.metrics.onsets import OnsetOptions, detect_onsets, spectral_flux
from train.quantize import dequantize, quantize

RATE = 16_000
Wave = np.ndarray[tuple[int], np.dtype[np.float64]]
TIMES_MS = (503, 1000, 1311, 2250, 3000, 3400, 4000, 5017)
T = np.arange(6 * RATE) / RATE


def noise(seconds: float = 6, seed: int = 0) -> Wave:
    return np.random.default_rng(seed).standard_normal(round(seconds * RATE))


def with_hits(hit: Wave, times_ms: tuple[int, ...] = TIMES_MS) -> Wave:
    wave = np.zeros(6 * RATE)
    for time_ms in times_ms:
        first = time_ms * RATE // 1000
        wave[first : first + hit.size] += hit[: wave.size - first]
    return wave


def ring(hz: float, fades_in_s: float) -> Wave:
    t = np.arange(RATE) / RATE
    return 0.3 * np.sin(2 * np.pi * hz * t) * np.exp(-t / fades_in_s)


def as_heard(wave: Wave) -> Wave:
    """Through the 256 levels."""
    return dequantize(quantize(wave)).astype(float)


HITS = {
    "click": np.array([0.5]),
    "low ring": ring(90, 0.15),
    "high ring": ring(900, 0.4),
    "burst": 0.1 * noise(0.08) * np.linspace(1, 0, 1280),
}


@pytest.mark.parametrize("hit", HITS)
@pytest.mark.parametrize("hiss", [0.0, 0.003])
def test_hits_are_found_where_they_are(hit: str, hiss: float) -> None:
    found = detect_onsets(as_heard(with_hits(HITS[hit]) + hiss * noise()))
    assert found.shape == (len(TIMES_MS),)
    assert np.abs(found - TIMES_MS).max() <= 15


def test_hits_are_found_while_others_ring() -> None:
    wave = with_hits(ring(200, 0.6), (400, 1500, 2600, 3700)) + with_hits(HITS["burst"], (900, 2000, 3100, 4200))
    found = detect_onsets(as_heard(wave))
    assert np.abs(found - [400, 900, 1500, 2000, 2600, 3100, 3700, 4200]).max() <= 15


STEADY = {
    "silence": np.zeros(6 * RATE),
    "constant": np.full(6 * RATE, 0.5),
    "loud noise": np.clip(0.25 * noise(), -1, 1),
    "faint noise": 0.004 * noise(),  # the last bit of 8 flickers
    "hum": 0.5 * np.sin(2 * np.pi * 110 * T),
    "tone": 0.5 * np.sin(2 * np.pi * 1000 * T + 1),
    "tone that fades": np.sin(2 * np.pi * 440 * T) * np.exp(-T),
    "noise that fades": np.clip(0.3 * noise() * np.exp(-T), -1, 1),
    "vibrato": 0.5 * np.sin(2 * np.pi * 440 * T + 5 * np.sin(2 * np.pi * 5 * T)),
    "tone that swells": 0.5 * np.sin(2 * np.pi * 440 * T) * T / 6,
}


@pytest.mark.parametrize("name", STEADY)
@pytest.mark.parametrize("quantised", [False, True])
def test_nothing_begins_in_what_is_steady(name: str, quantised: bool) -> None:
    wave = STEADY[name]
    assert detect_onsets(as_heard(wave) if quantised else wave).tolist() == []


def test_a_minute_of_noise_stays_below_the_threshold_with_room_to_spare() -> None:
    flux = spectral_flux(0.2 * noise(60, seed=1), sample_rate_hz=RATE, options=OnsetOptions())
    assert flux.max() - flux.mean() < 0.8 * OnsetOptions().threshold_db


def test_what_sounds_from_the_first_sample_on_does_not_begin_there() -> None:
    wave = np.sin(2 * np.pi * 440 * T) * np.exp(-3 * T)
    assert detect_onsets(wave + with_hits(HITS["burst"], (2000,))).tolist() == pytest.approx([2000], abs=15)


def test_loudness_hardly_matters_and_polarity_not_at_all() -> None:
    wave = with_hits(HITS["burst"]) + 0.001 * noise()
    onsets = detect_onsets(wave)
    assert (detect_onsets(-wave) == onsets).all()
    assert np.abs(detect_onsets(0.3 * wave) - onsets).max() <= 5


def test_of_two_hits_too_close_to_be_told_apart_one_is_found() -> None:
    found = detect_onsets(with_hits(HITS["click"], (1000, 1030)))
    assert len(found) == 1
    assert 985 <= found[0] <= 1045


def test_other_rates_find_the_same_times() -> None:
    onsets = detect_onsets(with_hits(HITS["burst"]))
    literal = detect_onsets(with_hits(HITS["burst"]), sample_rate_hz=15_974.4)  # the same samples, said to last longer
    assert np.abs(literal * 15_974.4 / RATE - onsets).max() <= 6


@pytest.mark.parametrize("num_samples", [0, 1, 400, 600, 1024])
def test_very_short_sounds_have_no_onsets(num_samples: int) -> None:
    assert detect_onsets(0.1 * noise(6)[:num_samples]).tolist() == []


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        detect_onsets(np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match="finite"):
        detect_onsets(np.zeros((2, 8)))
    with pytest.raises(ValueError, match="too low a rate"):
        detect_onsets(np.zeros(8), sample_rate_hz=8000)

"""The onset detector on soundtracks of the embedded corpus, of a seed on which nothing was chosen.

``pytest -s tests/train/test_onsets_corpus.py`` prints the table of docs/evaluation.md.
"""

import functools

import numpy as np
import pytest

from train.metrics.onset_score import Counts, count
from train.metrics.onsets import detect_onsets, field_ms
from train.quantize import dequantize, quantize
from vegas_data.demo import CleanCounts, CorpusOptions, FaultCounts, plan_corpus
from vegas_data.demo.soundtrack import render_sound

RATE = 16_000
NO_FAULTS = FaultCounts(**dict.fromkeys(FaultCounts.__dataclass_fields__, 0))
OPTIONS = CorpusOptions(seed=77, clips=CleanCounts(drum=24, dog=8, water_flowing=0), faults=NO_FAULTS)
Wave = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def halve_rate(wave: Wave) -> Wave:
    """32 to 16 kHz: a windowed sinc that ends at 7.6 kHz, then every other sample."""
    t = np.arange(-48, 49)
    low_pass = np.sinc(t * 2 * 7600 / (2 * RATE)) * np.hamming(t.size)
    return np.convolve(wave, low_pass / low_pass.sum(), mode="same")[::2]


@functools.cache
def soundtracks(category: str) -> list[tuple[Wave, list[int]]]:
    """Soundtracks with their peak at full scale, and the onsets planted in them."""
    tracks = []
    for planned in plan_corpus(OPTIONS):
        if planned.category == category:
            wave = halve_rate(render_sound(planned).astype(float))
            first, last = field_ms(1000 * wave.size / RATE)
            onsets = [onset for onset in planned.onsets_ms if first <= onset <= last]
            tracks.append((wave / np.abs(wave).max(), onsets))
    return tracks


def counts_of(category: str, *, hiss_db: float, quantised: bool = True) -> dict[int, Counts]:
    """The counts over all soundtracks of a category, by tolerance in ms."""
    random = np.random.default_rng(0)
    totals = dict.fromkeys((20, 50, 100), Counts())
    for wave, onsets in soundtracks(category):
        heard = 0.9 * wave + 10 ** (hiss_db / 20) * random.standard_normal(wave.size)
        found = detect_onsets(dequantize(quantize(heard)) if quantised else heard).tolist()
        for tolerance_ms in totals:
            totals[tolerance_ms] += count(found, onsets, tolerance_ms=tolerance_ms)
    return totals


@pytest.mark.parametrize(
    ("hiss_db", "quantised", "least"),
    [(-200, False, 0.99), (-200, True, 0.99), (-40, True, 0.99), (-30, True, 0.98), (-24, True, 0.96)],
)
def test_drums(hiss_db: float, quantised: bool, least: float) -> None:
    found = counts_of("drum", hiss_db=hiss_db, quantised=quantised)
    told = ", ".join(f"±{ms} ms F1 {counts.f1:.3f}" for ms, counts in found.items())
    print(
        f"\ndrum, {found[50].reference} onsets, {8 if quantised else 16} bits, hiss at {hiss_db} dB: {told}; "
        f"precision {found[50].precision:.3f}, recall {found[50].recall:.3f}"
    )
    assert min(counts.f1 for counts in found.values()) >= least


def test_barks_are_found_and_so_is_what_follows_within_them() -> None:
    """A recording of a dog may hold two yaps; what was planted is its beginning."""
    found = counts_of("dog", hiss_db=-200)[50]
    print(f"\ndog, {found.reference} onsets: ±50 ms precision {found.precision:.3f}, recall {found.recall:.3f}")
    assert found.recall >= 0.9

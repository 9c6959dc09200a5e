"""A wave in, the times at which something begins to sound in it out.

SuperFlux: Böck and Widmer, "Maximum filter vibrato suppression for onset detection" (DAFx 2013), with the peak picking
of Böck, Krebs and Schedl, "Evaluating the online capabilities of onset detection methods" (ISMIR 2012). With P[n, b]
the power of band b in the window whose middle is at n · hop (a sine of full scale has 1), λ frames of lag and B
bands,

    L[n, b] = 10 · log10(P[n, b] + 10^(floor_db / 10))                                       dB, with a soft floor
    flux[n] = 1/B · Σ_b max(0, L[n, b] − max(L[n−λ, b−1], L[n−λ, b], L[n−λ, b+1]))       how much louder, in the mean
    onsets  = { n : flux[n] is the largest within ± spacing_ms, and ≥ threshold_db + mean of flux[n−before … n+after] }

What differs from the paper and why: the floor and the threshold are absolute, in dB, where others scale each sound to
its own largest flux. So silence, a hum, a tone that fades and steady noise hold no onsets, and neither does the last
bit of 8-bit levels: 10 minutes of white noise reach 2.4 dB above their mean flux, the hits of the embedded drums 6 to
30. Half-octave bands give a low thump as much weight as a snare, where quarter tones or mel bands drown it. The lag is
about half a window: then the flux is largest when the window's middle reaches the hit, and no time must be corrected.

Beyond the beginning the wave is mirrored: what sounds from the first sample on does not *begin* there, and a hit in
the first 30 ms cannot be told from it. Beyond the end there is no window: a hit in the last 32 ms is not found.
``field_ms`` says so, that nobody may ask for what cannot be found.
"""

import functools
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

_HIGHEST_HZ: Final = 7_600.0
_LOWEST_HZ: Final = 60.0

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class OnsetOptions:
    """How onsets are found. Chosen on the training and validation sounds of the embedded corpus, docs/evaluation.md.

    Args:
        window_ms, hop_ms: length of a window, and from one to the next.
        num_bands: about two to an octave, 60 to 7,600 Hz.
        floor_db: power of a band, re a full-scale sine, below which nothing is told apart.
        lag_ms: how far back a window is compared.
        threshold_db: by how much flux must exceed its mean.
        before_ms, after_ms: over which the mean is taken.
        spacing_ms: an onset is the largest flux within this.
    """

    window_ms: int = 64
    hop_ms: int = 5
    num_bands: int = 16
    floor_db: float = -50.0
    lag_ms: int = 30
    threshold_db: float = 3.0
    before_ms: int = 100
    after_ms: int = 70
    spacing_ms: int = 50


def field_ms(duration_ms: float, options: OnsetOptions | None = None) -> tuple[float, float]:
    """Between which times onsets can be found in a sound of this length."""
    options = options or OnsetOptions()
    return options.lag_ms, duration_ms - options.window_ms / 2


def detect_onsets(
    wave: npt.NDArray[np.floating], *, sample_rate_hz: float = 16_000.0, options: OnsetOptions | None = None
) -> npt.NDArray[np.int64]:
    """Times in ms at which something begins to sound, rising.

    Shape:
        wave: float [T] in [-1, 1]. Returns int64 [N].

    Raises:
        ValueError: the wave holds NaN, or the rate leaves no room for the bands.
    """
    options = options or OnsetOptions()
    if wave.ndim != 1 or not np.isfinite(wave).all():
        raise ValueError(f"onsets are looked for in finite waves [T], not in {wave.shape}")
    if sample_rate_hz < 2 * _HIGHEST_HZ:
        raise ValueError(f"{sample_rate_hz} Hz is too low a rate for bands up to {_HIGHEST_HZ} Hz")
    flux_N = spectral_flux(wave, sample_rate_hz=sample_rate_hz, options=options)
    peaks = _pick_peaks(flux_N, options)
    times_ms: npt.NDArray[np.int64] = np.rint(peaks * (_hop(sample_rate_hz, options) * 1000 / sample_rate_hz)).astype(
        np.int64
    )  # by the hop in audio samples: at odd rates it is not exactly so many ms
    return times_ms


def spectral_flux(wave: npt.NDArray[np.floating], *, sample_rate_hz: float, options: OnsetOptions) -> FloatArray:
    """By how many dB each window is louder than the one before, in the mean over bands that are.

    Shape:
        wave: float [T]. Returns float64 [N], of the windows whose middles lie at 0, hop, 2 hop, …; empty if T is less
        than half a window.
    """
    window = round(options.window_ms * sample_rate_hz / 1000)
    before = window // 2
    if wave.size < window - before:
        return np.zeros(0)
    padded = np.pad(wave.astype(np.float64), (before, 0), mode="symmetric")
    windows_NW = sliding_window_view(padded, window)[:: _hop(sample_rate_hz, options)]
    hann_W = np.hanning(window + 1)[:-1]
    power_NF = (np.abs(np.fft.rfft(windows_NW * hann_W, axis=1)) * (2 / hann_W.sum())) ** 2
    bands_BF = _bands(window, sample_rate_hz, options.num_bands)
    level_NB = 10 * np.log10(power_NF @ bands_BF.T + 10 ** (options.floor_db / 10))
    lag = round(options.lag_ms / options.hop_ms)
    beside_NB = np.pad(level_NB, ((0, 0), (1, 1)), mode="edge")
    loudest_NB = sliding_window_view(beside_NB, 3, axis=1).max(axis=-1)
    flux_N = np.zeros(len(level_NB))
    flux_N[lag:] = np.maximum(level_NB[lag:] - loudest_NB[:-lag], 0).mean(axis=1)
    return flux_N


def _hop(sample_rate_hz: float, options: OnsetOptions) -> int:
    return round(options.hop_ms * sample_rate_hz / 1000)


@functools.cache
def _bands(window: int, sample_rate_hz: float, num_bands: int) -> FloatArray:
    """Triangles with equal distances on a logarithmic axis, none narrower than the window tells apart.

    Shape:
        float64 [B, window // 2 + 1].
    """
    resolution = sample_rate_hz / window
    edges = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, num_bands + 2)
    middle = edges[1:-1, None]
    low = np.minimum(edges[:-2, None], middle - resolution)
    high = np.maximum(edges[2:, None], middle + resolution)
    frequencies = np.arange(window // 2 + 1) * resolution
    bands: FloatArray = np.maximum(
        np.minimum((frequencies - low) / (middle - low), (high - frequencies) / (high - middle)), 0
    )
    return bands


def _pick_peaks(flux_N: FloatArray, options: OnsetOptions) -> npt.NDArray[np.int64]:
    """Indices of the windows at which an onset is."""
    if not flux_N.size:
        return np.zeros(0, dtype=np.int64)
    spacing, before, after = (
        round(ms / options.hop_ms) for ms in (options.spacing_ms, options.before_ms, options.after_ms)
    )
    around = np.pad(flux_N, spacing, constant_values=-1.0)
    past_N = sliding_window_view(around[: -spacing - 1], spacing).max(axis=1)
    future_N = sliding_window_view(around[spacing + 1 :], spacing).max(axis=1)
    total = np.concatenate([[0.0], np.cumsum(flux_N)])
    first = np.maximum(np.arange(flux_N.size) - before, 0)
    last = np.minimum(np.arange(flux_N.size) + after + 1, flux_N.size)
    mean_N = (total[last] - total[first]) / (last - first)
    is_peak = (flux_N > past_N) & (flux_N >= future_N) & (flux_N >= mean_N + options.threshold_db)
    return np.flatnonzero(is_peak)

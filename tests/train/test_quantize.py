"""256 levels with zero in its place: what holds for every wave."""

import math

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train import quantize as q
from train.config import Spacing
from vegas_data.shards.sound import gain_db

SPACINGS: tuple[Spacing, ...] = ("linear", "mu_law")
WAVES = arrays.arrays(np.float32, st.integers(1, 64), elements=st.floats(-1, 1, width=32))
SOUNDS = arrays.arrays(np.int16, st.integers(1, 64), elements=st.integers(-32767, 32767))

every_spacing = pytest.mark.parametrize("spacing", SPACINGS)


@every_spacing
def test_zero_is_level_128_and_back_to_exactly_zero(spacing: Spacing) -> None:
    zero = np.zeros(3, dtype=np.float32)
    assert q.quantize(zero, spacing).tolist() == [128] * 3
    assert q.dequantize(np.array([128]), spacing).tolist() == [0.0]
    assert q.quantize(-zero, spacing).tolist() == [128] * 3


@every_spacing
def test_values_rise_from_minus_one_to_below_one(spacing: Spacing) -> None:
    values = q.level_values(spacing)
    assert values.shape == (256,)
    assert (np.diff(values) > 0).all()
    assert values[0] == -1
    assert 0.95 < values[-1] < 1
    assert (values[1:128] == -values[:128:-1]).all()  # odd about zero; level 0 has no counterpart


def test_linear_values_are_those_of_unsigned_8_bit_pcm() -> None:
    assert q.level_values().tolist() == [(level - 128) / 128 for level in range(256)]


def test_mu_law_follows_its_formula() -> None:
    wave = np.float32(0.1)
    compressed = math.log1p(255 * 0.1) / math.log(256)
    assert q.quantize(np.array([wave]), "mu_law").tolist() == [128 + round(128 * compressed)]


@every_spacing
def test_levels_come_back(spacing: Spacing) -> None:
    levels = np.arange(256)
    assert (q.quantize(q.dequantize(levels, spacing), spacing) == levels).all()


@given(WAVES)
def test_linear_round_trip_is_off_by_half_a_step_at_most(wave: np.ndarray) -> None:
    error = np.abs(q.dequantize(q.quantize(wave)) - wave)
    assert (error <= np.where(wave > 127.5 / 128, 1 / 128, 1 / 256)).all()


@given(WAVES)
def test_mu_law_round_trip_is_relative_to_the_loudness(wave: np.ndarray) -> None:
    """Half a step of the compressed value is ln(256) / 256 of (|x| + 1/255) by expand's slope; 3 % for its curve."""
    error = np.abs(q.dequantize(q.quantize(wave, "mu_law"), "mu_law") - wave)
    half_step = np.where(wave > q.level_values("mu_law")[-1], 2, 1) * math.log(256) / 256
    assert (error <= 1.03 * half_step * (np.abs(wave) + 1 / 255)).all()


@every_spacing
@given(wave=WAVES)
def test_louder_never_gets_a_lower_level(spacing: Spacing, wave: np.ndarray) -> None:
    levels = q.quantize(np.sort(wave), spacing).astype(int)
    assert (np.diff(levels) >= 0).all()


@every_spacing
@given(wave=WAVES)
def test_torch_and_numpy_agree_bit_by_bit(spacing: Spacing, wave: np.ndarray) -> None:
    levels = q.quantize(wave, spacing)
    tensor = q.quantize_tensor(torch.from_numpy(wave), spacing)
    assert tensor.dtype == torch.uint8
    assert (tensor.numpy() == levels).all()
    assert (q.dequantize_tensor(tensor, spacing).numpy() == q.dequantize(levels, spacing)).all()


@every_spacing
def test_what_is_beyond_full_scale_gets_the_outermost_level(spacing: Spacing) -> None:
    wave = np.array([-np.inf, -1.5, -1, 1, 1.5, np.inf])
    assert q.quantize(wave, spacing).tolist() == [0, 0, 0, 255, 255, 255]
    assert q.quantize_tensor(torch.tensor(wave), spacing).tolist() == [0, 0, 0, 255, 255, 255]


def test_half_way_between_two_levels_goes_to_the_upper() -> None:
    wave = np.array([-0.5, 0.5, 126.5, 127.5, -127.5], dtype=np.float32) / 128
    assert q.quantize(wave).tolist() == [128, 129, 255, 255, 1]
    assert q.quantize_tensor(torch.from_numpy(wave)).tolist() == [128, 129, 255, 255, 1]


def test_nan_has_no_level() -> None:
    with pytest.raises(ValueError, match="NaN"):
        q.quantize(np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match="NaN"):
        q.quantize_tensor(torch.tensor([0.0, torch.nan]))


@given(SOUNDS)
def test_the_gain_brings_the_peak_to_full_scale_and_moves_no_zero(audio: np.ndarray) -> None:
    wave = q.to_wave(audio, gain_db=gain_db(audio))
    peak = 1.0 if audio.any() else 0.0
    assert np.abs(wave).max() == pytest.approx(peak, abs=1e-5)
    assert np.abs(wave).max() <= 1
    assert (wave[audio == 0] == 0).all()
    levels = q.quantize(wave)
    assert (levels[audio == 0] == 128).all()
    assert (q.quantize(wave[audio > 0]) >= 128).all()
    assert (q.quantize(wave[audio < 0]) <= 128).all()


@pytest.mark.parametrize(("peak", "level"), [(32767, 255), (-32767, 0), (1, 255), (-1, 0), (-32768, 0)])
def test_a_single_peak_is_a_valid_level(peak: int, level: int) -> None:
    audio = np.zeros(100, dtype=np.int16)
    audio[50] = peak
    levels = q.quantize(q.to_wave(audio, gain_db=gain_db(audio)))
    assert levels[50] == level
    assert (np.delete(levels, 50) == 128).all()


def test_silence_stays_at_level_128() -> None:
    audio = np.zeros(100, dtype=np.int16)
    assert gain_db(audio) == 0
    assert (q.quantize(q.to_wave(audio, gain_db=gain_db(audio))) == 128).all()


def test_without_gain_the_level_stays() -> None:
    assert q.to_wave(np.array([32767, -16384, 0], dtype=np.int16)).tolist() == pytest.approx([1, -0.50001526, 0])


def test_the_shared_values_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        q.level_values()[0] = 0

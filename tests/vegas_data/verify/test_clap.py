"""CLAP through the real loading code of transformers, on a tiny network that the test builds and saves."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from verify_cases import hits, photograph, still_window

from vegas_data.errors import WeightsMissing
from vegas_data.records import Category
from vegas_data.verify import ScorerOptions
from vegas_data.verify.scorers import SHIPPED

transformers = pytest.importorskip("transformers")

import torch  # noqa: E402
from tiny_networks import save_tiny_clap  # noqa: E402

from vegas_data.verify.scorers.clap import NEUTRAL, Clap, load_clap, upsample  # noqa: E402
from vegas_data.verify.scorers.zero_shot import ZeroShotScorer  # noqa: E402

DRUM = Category(name="drum", title="Drum", heard_classes=("Drum", "Drumming"))
DOG = Category(name="dog", title="Dog", heard_classes=("Dog",))
FRAMES = photograph("dog")[None]


def heard(role: str) -> NDArray[np.float32]:
    return hits(role, seconds=2, gap_s=0.7).reshape(-1, 2).mean(axis=1)


def sine(rate_hz: int, hz: float, seconds: float = 1.0) -> NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(rate_hz * seconds)) / rate_hz)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clap(tmp_path_factory.mktemp("clap"))


@pytest.fixture(scope="module")
def scorer(snapshot: Path) -> ZeroShotScorer:
    options = ScorerOptions(name="clap", side="heard", accept=0.5, reject=0.1, model=str(snapshot))
    loaded = SHIPPED["clap"].build(options, SHIPPED["clap"].digest(options))
    assert isinstance(loaded, ZeroShotScorer)
    assert (loaded.name, loaded.side) == ("clap", "heard")
    return loaded


@pytest.mark.parametrize("hz", [50.0, 440.0, 3000.0, 7000.0])
def test_a_sine_stays_that_sine_at_three_times_the_rate(hz: float) -> None:
    raised = upsample(sine(16_000, hz).astype(np.float32), 3)
    assert raised.shape == (48_000,)
    np.testing.assert_allclose(raised[300:-300], sine(48_000, hz)[300:-300], atol=2e-3)


def test_nothing_sounds_above_what_was_there() -> None:
    noise = np.random.default_rng(3).normal(size=16_000).astype(np.float32)
    power = np.abs(np.fft.rfft(upsample(noise, 3))) ** 2
    hz = np.fft.rfftfreq(48_000, 1 / 48_000)
    assert power[hz > 8_600].sum() / power.sum() < 1e-4


def test_scores_are_those_of_transformers_own_pipeline(snapshot: Path, scorer: ZeroShotScorer) -> None:
    """One class at a time beside the neutral sentences: that is what the pipeline's softmax gives its first label."""
    pipeline = transformers.pipeline(
        "zero-shot-audio-classification",
        model=transformers.ClapModel.from_pretrained(snapshot),
        tokenizer=transformers.AutoTokenizer.from_pretrained(snapshot),
        feature_extractor=transformers.AutoFeatureExtractor.from_pretrained(snapshot),
    )

    def share(role: str, name: str) -> float:
        sentence = f"This is a sound of {name}."
        answers = pipeline(
            upsample(heard(role), 3).astype(np.float64),
            candidate_labels=[sentence, *NEUTRAL],
            hypothesis_template="{}",
        )
        return next(answer["score"] for answer in answers if answer["label"] == sentence)

    windows = [still_window(FRAMES, heard(role)) for role in ("drum", "dog")]
    scores = scorer.score(windows, [DRUM, Category(name="moon", title="Moon", prompts=("the moon",)), DOG])
    expected = [[max(share(role, "drum"), share(role, "drumming")), share(role, "dog")] for role in ("drum", "dog")]
    np.testing.assert_allclose(scores[:, [0, 2]], expected, rtol=1e-4)
    assert np.isnan(scores[:, 1]).all()
    assert np.ptp(scores[:, [0, 2]]) > 0.001, "the tiny network tells its inputs apart"


def test_neighbours_do_not_change_a_score(scorer: ZeroShotScorer) -> None:
    windows = [still_window(FRAMES, heard(role)) for role in ("drum", "dog")]
    together = scorer.score(windows, [DRUM, DOG])
    np.testing.assert_array_equal(together, np.concatenate([scorer.score([window], [DRUM, DOG]) for window in windows]))
    np.testing.assert_array_equal(together[:, 1], scorer.score(windows, [DOG])[:, 0])


def test_silence_has_a_score(scorer: ZeroShotScorer) -> None:
    silence = still_window(FRAMES, np.zeros(32_000, dtype=np.float32))
    assert 0 <= scorer.score([silence], [DRUM])[0, 0] <= 1


def test_a_category_without_sounds_is_not_covered(scorer: ZeroShotScorer) -> None:
    assert scorer.covers(DRUM)
    assert not scorer.covers(replace(DRUM, heard_classes=()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sampling_rate": 44_100}, "no multiple of 16000 Hz"),
        ({"max_length_s": 5}, "a random part would be heard"),
        ({"feature_size": 64}, "the network hears 16"),
        ({"frequency_max": -5.0}, "not a snapshot of clap"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    snapshot: Path, tmp_path: Path, change: dict[str, int], words: str
) -> None:
    folder = shutil.copytree(snapshot, tmp_path / "other")
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(WeightsMissing, match=words):
        load_clap(str(folder), "d")


def test_the_encoder_listens_as_the_snapshot_says(snapshot: Path, scorer: ZeroShotScorer) -> None:
    encoder = scorer.encoder
    assert isinstance(encoder, Clap)
    theirs = transformers.ClapFeatureExtractor.from_pretrained(snapshot)
    sound = upsample(heard("dog"), 3)
    ours = encoder.extractor(sound, sampling_rate=48_000, return_tensors="pt")["input_features"]
    assert torch.equal(ours, theirs(sound, sampling_rate=48_000, return_tensors="pt")["input_features"])

"""AST through the real loading code of transformers, on a tiny network that the test builds and saves."""

import csv
import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from verify_cases import hits, photograph, still_window

from vegas_data.errors import VerificationError, WeightsMissing
from vegas_data.records import Category
from vegas_data.verify import ScorerOptions
from vegas_data.verify.scorers import SHIPPED

transformers = pytest.importorskip("transformers")

import torch  # noqa: E402
from tiny_networks import save_tiny_ast  # noqa: E402

from vegas_data.verify.scorers.ast_audioset import AstScorer, load_ast, mel_spectrogram  # noqa: E402

CLASSES = ("Speech", "Dog", "Bark", "Drum", "Water")
DOG = Category(name="dog", title="Dog", heard_classes=("Dog", "Bark"))
DRUM = Category(name="drum", title="Drum", heard_classes=("Drum",))
FRAMES = photograph("dog")[None]


def heard(role: str, seconds: float = 2) -> NDArray[np.float32]:
    return hits(role, seconds=seconds, gap_s=0.7).reshape(-1, 2).mean(axis=1)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_ast(tmp_path_factory.mktemp("ast"), CLASSES)


@pytest.fixture(scope="module")
def scorer(snapshot: Path) -> AstScorer:
    options = ScorerOptions(name="ast", side="heard", accept=0.5, reject=0.1, model=str(snapshot))
    loaded = SHIPPED["ast"].build(options, SHIPPED["ast"].digest(options))
    assert isinstance(loaded, AstScorer)
    return loaded


@pytest.mark.parametrize("seconds", [2.0, 2.56, 4.0])
def test_the_spectrogram_is_that_of_transformers_extractor(scorer: AstScorer, snapshot: Path, seconds: float) -> None:
    """Padded, about as long as the network's 2.56 s, and cut. Theirs is the numpy path, as torchaudio is not here."""
    if transformers.utils.is_speech_available():
        pytest.skip("torchaudio is installed: their extractor takes another path")
    extractor = transformers.AutoFeatureExtractor.from_pretrained(snapshot)
    sound = heard("dog", seconds)
    theirs = extractor(sound, sampling_rate=16_000, return_tensors="np")["input_values"][0]
    np.testing.assert_allclose(mel_spectrogram(sound, scorer.listening), theirs, atol=1e-6)


def test_the_spectrogram_of_a_network_of_full_size(tmp_path: Path) -> None:
    if transformers.utils.is_speech_available():
        pytest.skip("torchaudio is installed: their extractor takes another path")
    from vegas_data.verify.scorers.ast_audioset import Listening

    with warnings.catch_warnings():  # of bands that are narrower than the spectrum is fine
        warnings.simplefilter("ignore")
        extractor = transformers.ASTFeatureExtractor()
    listening = Listening(
        num_mel_bins=128, max_length=1024, sampling_rate=16_000, mean=extractor.mean, std=extractor.std
    )
    sound = heard("drum")
    theirs = extractor(sound, sampling_rate=16_000, return_tensors="np")["input_values"][0]
    ours = mel_spectrogram(sound, listening)
    assert ours.shape == (1024, 128)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_scores_are_those_of_transformers_own_pipeline(snapshot: Path, scorer: AstScorer) -> None:
    pipeline = transformers.pipeline(
        "audio-classification",
        model=transformers.ASTForAudioClassification.from_pretrained(snapshot),
        feature_extractor=transformers.AutoFeatureExtractor.from_pretrained(snapshot),
    )
    rows = []
    for role in ("dog", "drum"):
        answers = pipeline(heard(role), top_k=len(CLASSES), function_to_apply="sigmoid")
        fits = {answer["label"]: answer["score"] for answer in answers}
        rows.append([max(fits["Dog"], fits["Bark"]), fits["Drum"]])
    moon = Category(name="moon", title="Moon", prompts=("the moon",))
    scores = scorer.score([still_window(FRAMES, heard(role)) for role in ("dog", "drum")], [DOG, moon, DRUM])
    np.testing.assert_allclose(scores[:, [0, 2]], rows, rtol=1e-4)
    assert np.isnan(scores[:, 1]).all()
    assert np.ptp(scores[:, [0, 2]]) > 0.005, "the tiny network tells its inputs apart"


def test_classes_do_not_compete(scorer: AstScorer) -> None:
    window = still_window(FRAMES, heard("dog"))
    everything = Category(name="all", title="All", heard_classes=CLASSES)
    fits = [float(scorer.score([window], [replace(everything, heard_classes=(name,))])[0, 0]) for name in CLASSES]
    assert scorer.score([window], [everything])[0, 0] == max(fits)
    assert abs(sum(fits) - 1) > 0.05, "a softmax would add up to 1"


def test_an_unknown_class_is_named(scorer: AstScorer) -> None:
    with pytest.raises(VerificationError, match=r"drum lists 'Drumm' .* not a class of AST \(id2label") as caught:
        scorer.covers(replace(DRUM, heard_classes=("Drumm",)))
    assert "did you mean 'Drum'" in caught.value.remedy
    assert not scorer.covers(replace(DRUM, heard_classes=()))


def test_silence_has_a_score(scorer: AstScorer) -> None:
    silence = still_window(FRAMES, np.zeros(32_000, dtype=np.float32))
    assert 0 <= scorer.score([silence], [DOG])[0, 0] <= 1


def test_every_class_of_the_shipped_table_is_one_of_audiosets(
    categories: dict[str, Category], shared_data: Path
) -> None:
    with (shared_data / "audioset" / "class_labels_indices.csv").open(newline="", encoding="utf-8") as file:
        names = {row["display_name"] for row in csv.DictReader(file)}
    assert len(names) == 527
    for category in categories.values():
        assert set(category.heard_classes) <= names, category.name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sampling_rate": 22_050}, "22050 Hz instead of 16000 Hz"),
        ({"max_length": 1024}, "1024 × 32, and the network wants 256 × 32"),
        ({"std": 0.0}, "std must be positive"),
        ({"mean": "loud"}, "not of the expected type"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    snapshot: Path, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    folder = shutil.copytree(snapshot, tmp_path / "other")
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(WeightsMissing, match=words):
        load_ast(str(folder), "d")


def test_weights_that_are_missing_from_the_file_are_refused(snapshot: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    broken = shutil.copytree(snapshot, tmp_path / "broken")
    state = load_file(broken / "model.safetensors")
    del state["classifier.dense.bias"]
    save_file(state, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsMissing, match="classifier"):
        load_ast(str(broken), "d")


@pytest.mark.gpu
def test_a_gpu_gives_the_same_scores(snapshot: Path, scorer: AstScorer) -> None:
    assert torch.cuda.is_available()
    window = still_window(FRAMES, heard("dog"))
    there = load_ast(str(snapshot), "d", "cuda").score([window], [DOG, DRUM])
    np.testing.assert_allclose(there, scorer.score([window], [DOG, DRUM]), atol=1e-5)

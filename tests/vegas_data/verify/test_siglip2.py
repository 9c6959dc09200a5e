"""SigLIP 2 through the real loading code of transformers, on a tiny network that the test builds and saves."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from verify_cases import photograph, still_window

from vegas_data.errors import WeightsMissing
from vegas_data.networks.snapshot import find_snapshot, snapshot_digest
from vegas_data.records import Category
from vegas_data.verify import ScorerOptions
from vegas_data.verify.scorers import SHIPPED

transformers = pytest.importorskip("transformers")

import torch  # noqa: E402
from tiny_networks import save_tiny_siglip  # noqa: E402

from vegas_data.networks.pictures import prepare_pictures, read_preparation  # noqa: E402
from vegas_data.verify.scorers.siglip2 import Siglip2, load_siglip2  # noqa: E402
from vegas_data.verify.scorers.zero_shot import ZeroShotScorer  # noqa: E402

DRUM = Category(name="drum", title="Drum", prompts=("A photo of a drum", "a person drumming"))
DOG = Category(name="dog", title="Dog", prompts=("a dog",))
SOUND = np.zeros(32_000, dtype=np.float32)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_siglip(tmp_path_factory.mktemp("siglip"))


@pytest.fixture(scope="module")
def scorer(snapshot: Path) -> ZeroShotScorer:
    options = ScorerOptions(name="siglip2", side="seen", accept=0.1, reject=0.01, model=str(snapshot))
    loaded = SHIPPED["siglip2"].build(options, SHIPPED["siglip2"].digest(options))
    assert isinstance(loaded, ZeroShotScorer)
    return loaded


def test_scores_are_those_of_the_whole_model(scorer: ZeroShotScorer) -> None:
    frames = np.stack([photograph("drum"), photograph("dog"), photograph("wrong")])
    prompts = [prompt.lower() for prompt in (*DRUM.prompts, *DOG.prompts)]
    encoder = scorer.encoder
    assert isinstance(encoder, Siglip2)
    tokens = encoder.tokenizer(prompts, padding="max_length", max_length=12, return_tensors="pt")
    with torch.inference_mode():
        out = encoder.network(
            input_ids=tokens["input_ids"], pixel_values=prepare_pictures(frames, encoder.preparation)
        ).logits_per_image
    probabilities = torch.sigmoid(out).numpy()
    expected = [probabilities[:, :2].max(axis=1).mean(), probabilities[:, 2].mean()]
    moon = Category(name="moon", title="Moon")
    scores = scorer.score([still_window(frames, SOUND)], [DRUM, moon, DOG])
    np.testing.assert_allclose(scores[0, [0, 2]], expected, rtol=1e-5)
    assert np.isnan(scores[0, 1])
    assert np.ptp(probabilities) > 0.01, "the tiny network tells its inputs apart"


def test_loading_prints_nothing(snapshot: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_siglip2(str(snapshot), "d")
    assert capfd.readouterr() == ("", "")


def test_prompts_are_read_in_lower_case_and_to_full_length(scorer: ZeroShotScorer) -> None:
    window = still_window(photograph("drum")[None], SOUND)
    upper = Category(name="drum", title="Drum", prompts=tuple(prompt.upper() for prompt in DRUM.prompts))
    long = Category(name="drum", title="Drum", prompts=(" ".join(["drum"] * 40),))
    scores = scorer.score([window], [DRUM, upper, long])
    assert scores[0, 0] == scores[0, 1]
    assert 0 < scores[0, 2] < 1


def test_pictures_are_squeezed_into_the_square_without_a_crop(snapshot: Path) -> None:
    preparation = read_preparation("siglip2", snapshot)
    picture = np.zeros((1, 100, 300, 3), dtype=np.uint8)
    picture[:, :, :150] = 255
    prepared = prepare_pictures(picture, preparation)
    assert prepared.shape == (1, 3, 64, 64)
    assert prepared.dtype == torch.float32
    assert prepared[..., :30].min() == 1.0
    assert prepared[..., 34:].max() == -1.0


def test_the_digest_is_of_the_files_not_of_their_place(snapshot: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(snapshot, tmp_path / "copy")
    assert snapshot_digest("siglip2", str(copy)) == snapshot_digest("siglip2", str(snapshot))
    other = shutil.copytree(snapshot, tmp_path / "other")
    weights = other / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    assert snapshot_digest("siglip2", str(other)) != snapshot_digest("siglip2", str(snapshot))


def test_weights_that_are_missing_from_the_file_are_refused(snapshot: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    broken = shutil.copytree(snapshot, tmp_path / "broken")
    state = load_file(broken / "model.safetensors")
    del state["logit_bias"]
    save_file(state, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsMissing, match="logit_bias"):
        load_siglip2(str(broken), "d")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b""),
        ("model.safetensors", None),
        ("config.json", b"[]"),
        ("config.json", b'{"model_type": "siglip", "text_config": 3}'),
        ("config.json", b'{"model_type": "siglip", "vision_config": {"num_attention_heads": 0}}'),
        ("tokenizer.json", b"[]"),
        ("tokenizer_config.json", b"[]"),
    ],
)
def test_a_file_that_is_cut_short_or_damaged_is_refused(
    snapshot: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    broken = shutil.copytree(snapshot, tmp_path / "broken")
    whole = (broken / name).read_bytes()
    (broken / name).write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(WeightsMissing, match="not a snapshot of siglip2"):
        load_siglip2(str(broken), "d")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": {"height": 32, "width": 32}}, "the network sees 64 × 64"),
        ({"size": {"height": 0, "width": 64}}, "pictures of 0 × 64 pixels"),
        ({"image_std": [0.5, 0.0, 0.5]}, "std must be positive"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    snapshot: Path, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    other = shutil.copytree(snapshot, tmp_path / "other")
    path = other / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(WeightsMissing, match=words):
        load_siglip2(str(other), "d")


def test_what_is_no_file_is_no_part_of_a_snapshot(snapshot: Path, tmp_path: Path) -> None:
    other = shutil.copytree(snapshot, tmp_path / "other")
    (other / "folder.json").mkdir()
    (other / "dangling.json").symlink_to(tmp_path / "nothing")
    assert snapshot_digest("siglip2", str(other)) == snapshot_digest("siglip2", str(snapshot))


def test_a_folder_that_is_no_snapshot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"preprocessor_config\.json: cannot be used"):
        load_siglip2(str(tmp_path), "d")
    preprocessor = {"size": {"height": 64, "width": 64}, "resample": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(preprocessor), encoding="utf-8")
    with pytest.raises(WeightsMissing, match="not a snapshot of siglip2"):
        load_siglip2(str(tmp_path), "d")
    preprocessor["resample"] = 5
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(preprocessor), encoding="utf-8")
    with pytest.raises(WeightsMissing, match="unknown interpolation"):
        load_siglip2(str(tmp_path), "d")


def test_what_is_not_on_this_machine_is_never_downloaded_unasked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsMissing, match="google/siglip2-base-patch16-224 are not on this machine") as caught:
        find_snapshot("siglip2")
    assert caught.value.remedy == "hf download google/siglip2-base-patch16-224"
    with pytest.raises(WeightsMissing, match="neither a folder nor a hub id"):
        find_snapshot("siglip2", "no/such/place")


def test_a_snapshot_in_the_hubs_cache_is_found_by_its_id(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    revision = "0" * 40
    repository = tmp_path / "models--somebody--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(revision, encoding="utf-8")
    folder = shutil.copytree(snapshot, repository / "snapshots" / revision)
    assert find_snapshot("siglip2", "somebody/tiny") == folder
    assert snapshot_digest("siglip2", "somebody/tiny") == snapshot_digest("siglip2", str(snapshot))
    (folder / "model.safetensors").unlink()
    with pytest.raises(WeightsMissing, match="somebody/tiny are not on this machine"):
        find_snapshot("siglip2", "somebody/tiny")

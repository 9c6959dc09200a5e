"""CLIP through the real loading code of transformers, on a tiny network that the test builds and saves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from verify_cases import photograph, still_window

from vegas_data.errors import WeightsMissing
from vegas_data.records import Category
from vegas_data.verify import ScorerOptions
from vegas_data.verify.scorers import SHIPPED

transformers = pytest.importorskip("transformers")

import torch  # noqa: E402
from tiny_networks import save_tiny_clip, save_tiny_siglip  # noqa: E402

from vegas_data.networks.pictures import prepare_pictures  # noqa: E402
from vegas_data.verify.scorers.clip import NEUTRAL, Clip, load_clip  # noqa: E402
from vegas_data.verify.scorers.zero_shot import ZeroShotScorer, against_neutral  # noqa: E402

DRUM = Category(name="drum", title="Drum", prompts=("a photo of a drum", "a person drumming"))
DOG = Category(name="dog", title="Dog", prompts=("a dog",))
SOUND = np.zeros(32_000, dtype=np.float32)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def scorer(snapshot: Path) -> ZeroShotScorer:
    options = ScorerOptions(name="clip", side="seen", accept=0.5, reject=0.1, model=str(snapshot))
    loaded = SHIPPED["clip"].build(options, SHIPPED["clip"].digest(options))
    assert isinstance(loaded, ZeroShotScorer)
    assert (loaded.name, loaded.side) == ("clip", "seen")
    return loaded


def test_a_score_is_the_softmax_of_a_prompt_against_the_neutral_captions(scorer: ZeroShotScorer) -> None:
    """The reference is the whole model on one prompt and the neutral captions, padded as a batch of its own."""
    frames = np.stack([photograph("drum"), photograph("dog"), photograph("wrong")])
    encoder = scorer.encoder
    assert isinstance(encoder, Clip)
    pixels = prepare_pictures(frames, encoder.preparation)

    def share(prompt: str) -> torch.Tensor:
        tokens = encoder.tokenizer([prompt, *NEUTRAL], padding=True, return_tensors="pt")
        with torch.inference_mode():
            out = encoder.network(
                input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"], pixel_values=pixels
            )
        return out.logits_per_image.double().softmax(dim=1)[:, 0]

    shares = torch.stack([share(prompt) for prompt in (*DRUM.prompts, *DOG.prompts)], dim=1).numpy()
    expected = [shares[:, :2].max(axis=1).mean(), shares[:, 2].mean()]
    moon = Category(name="moon", title="Moon")
    scores = scorer.score([still_window(frames, SOUND)], [DRUM, moon, DOG])
    np.testing.assert_allclose(scores[0, [0, 2]], expected, rtol=2e-5)
    assert np.isnan(scores[0, 1])
    assert np.ptp(shares) > 0.005, "the tiny network tells its inputs apart"


def test_other_categories_do_not_change_a_score(scorer: ZeroShotScorer) -> None:
    window = still_window(photograph("drum")[None], SOUND)
    alone = scorer.score([window], [DRUM])[0, 0]
    assert scorer.score([window], [DOG, DRUM])[0, 1] == alone
    fewer = replace(DRUM, prompts=DRUM.prompts[:1])
    assert scorer.score([window], [fewer])[0, 0] <= alone, "a category's score is its best prompt"


def test_the_share_rises_with_its_own_logit_and_with_nothing_else() -> None:
    neutral = torch.tensor([[0.0, 1.0]])
    shares = against_neutral(torch.tensor([[-40.0, 0.0, 1.0, 40.0]]), neutral)[0].tolist()
    assert shares == sorted(shares)
    assert shares[1] == pytest.approx(1 / (2 + np.e), abs=1e-6)
    assert 0 <= shares[0] < 1e-9
    assert 1 - 1e-9 < shares[3] <= 1


def test_another_network_is_not_taken_for_clip(tmp_path: Path) -> None:
    save_tiny_siglip(tmp_path)
    with pytest.raises(WeightsMissing) as caught:
        load_clip(str(tmp_path), "d")
    assert "clip" in caught.value.remedy


def test_weights_of_another_kind_than_safetensors_are_never_opened(snapshot: Path, tmp_path: Path) -> None:
    import shutil

    folder = shutil.copytree(snapshot, tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    torch.save({"logit_scale": torch.zeros(())}, folder / "pytorch_model.bin")
    with pytest.raises(WeightsMissing, match="not a snapshot of clip"):
        load_clip(str(folder), "d")


def test_a_device_that_is_not_there_is_said(snapshot: Path) -> None:
    from vegas_data.errors import DeviceMissing

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(DeviceMissing):
        load_clip(str(snapshot), "d", "cuda")


@pytest.mark.gpu
def test_a_gpu_gives_the_same_scores(snapshot: Path, scorer: ZeroShotScorer) -> None:
    window = still_window(np.stack([photograph("drum"), photograph("dog")]), SOUND)
    there = load_clip(str(snapshot), "d", "cuda").score([window], [DRUM, DOG])
    np.testing.assert_allclose(there, scorer.score([window], [DRUM, DOG]), atol=1e-5)

"""YAMNet and EfficientNet-Lite0 behind the seam, on real photographs and recordings."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from verify_cases import OPTIONS, hits, photograph, still_window

from vegas_data.errors import VerificationError
from vegas_data.networks.efficientnet_lite import preprocess_rgb
from vegas_data.records import Category
from vegas_data.verify import Scorer, WindowMedia, scorer_digests
from vegas_data.verify.scorers import SHIPPED
from vegas_data.verify.scorers.efficientnet_lite0 import EfficientNetLite0Scorer, crop_square
from vegas_data.verify.scorers.yamnet import YamnetScorer

BLACK = np.zeros((6, 96, 96, 3), dtype=np.uint8)
SILENCE = np.zeros(32_000, dtype=np.float32)


def at_16_khz(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """From the corpus' 32 kHz, by averaging pairs: crude, and good enough to recognise a dog."""
    return sound.reshape(-1, 2).mean(axis=1)


def heard(sound: NDArray[np.float32]) -> WindowMedia:
    return still_window(BLACK, at_16_khz(sound))


def seen(*names: str) -> WindowMedia:
    return still_window(np.stack([photograph(name) for name in names]), SILENCE)


@pytest.fixture(scope="module")
def panel() -> dict[str, Scorer]:
    digests = scorer_digests(OPTIONS)
    return {s.name: SHIPPED[s.name].build(s, digests[s.name]) for s in OPTIONS.scorers}


def test_yamnet_tells_drums_dogs_and_water_apart(panel: dict[str, Scorer], categories: dict[str, Category]) -> None:
    asked = [categories[name] for name in ("drum", "dog", "water_flowing", "chainsaw")]
    windows = [
        heard(hits("drum", seconds=2, gap_s=0.4)),
        heard(hits("dog", seconds=2, gap_s=0.9)),
        heard(hits("water_flowing", seconds=2, gap_s=1.0)),
        heard(hits("wrong", seconds=2, gap_s=1.0)),
    ]
    scores = panel["yamnet"].score(windows, asked)
    assert scores.dtype == np.float32
    assert scores.shape == (4, 4)
    assert (np.diag(scores)[:3] > 0.08).all()
    assert scores[:3, 3].max() < 0.08
    assert scores[3].max() < 0.08
    assert (scores[~np.eye(4, dtype=bool)] < 0.08).all()


def test_yamnet_keeps_the_best_patch_of_the_best_class(
    panel: dict[str, Scorer], categories: dict[str, Category]
) -> None:
    scorer = panel["yamnet"]
    assert isinstance(scorer, YamnetScorer)
    sound = at_16_khz(hits("dog", seconds=2, gap_s=5))  # one bark, then silence
    dog = categories["dog"]
    columns = [scorer.network.class_names.index(name) for name in dog.heard_classes]
    expected = scorer.network.scores(sound)[:, columns].max()
    assert scorer.score([still_window(BLACK, sound)], [dog])[0, 0] == expected
    assert expected > 0.08


def test_efficientnet_sees_what_is_there(panel: dict[str, Scorer], categories: dict[str, Category]) -> None:
    asked = [categories[name] for name in ("drum", "dog", "water_flowing")]
    windows = [seen("drum"), seen("dog"), seen("water_flowing"), seen("wrong")]
    scores = panel["efficientnet-lite0"].score(windows, asked)
    assert (np.diag(scores[:3]) > 0.3).all()
    assert (scores[:3][~np.eye(3, dtype=bool)] < 0.3).all()
    assert scores[3].max() < 0.3


def test_the_picture_has_to_be_there_for_the_window(panel: dict[str, Scorer], categories: dict[str, Category]) -> None:
    scorer, dog = panel["efficientnet-lite0"], [categories["dog"]]
    always, never = (float(scorer.score([seen(name)], dog)[0, 0]) for name in ("dog", "wrong"))
    half = float(scorer.score([seen("dog", "wrong")], dog)[0, 0])
    assert half == pytest.approx((always + never) / 2, abs=1e-4)


def test_breeds_are_added_up(panel: dict[str, Scorer], categories: dict[str, Category]) -> None:
    import torch

    scorer, dog = panel["efficientnet-lite0"], categories["dog"]
    assert isinstance(scorer, EfficientNetLite0Scorer)
    window = seen("dog")
    logits = scorer.network(preprocess_rgb(crop_square(window.frames[0])[None]))
    expected = float(torch.softmax(logits.double(), dim=1)[0, list(dog.seen_classes)].sum())
    assert scorer.score([window], [dog])[0, 0] == pytest.approx(expected, abs=1e-6)
    twice = replace(dog, seen_classes=dog.seen_classes * 2)
    assert scorer.score([window], [twice])[0, 0] == pytest.approx(expected, abs=1e-6), "a class counts once"


def test_the_central_square_is_seen() -> None:
    wide = np.zeros((240, 400, 3), dtype=np.uint8)
    wide[:, 80:320] = 200
    assert (crop_square(wide) == 200).all()
    assert crop_square(wide[:100, 100:150]).shape == (224, 224, 3)


@pytest.mark.parametrize("name", ["yamnet", "efficientnet-lite0"])
def test_what_is_not_covered_is_not_a_number(
    panel: dict[str, Scorer], categories: dict[str, Category], name: str
) -> None:
    moon = Category(name="moon", title="Moon", prompts=("the moon",))
    scorer = panel[name]
    assert not scorer.covers(moon)
    scores = scorer.score([still_window(BLACK, SILENCE)], [moon, categories["dog"]])
    assert np.isnan(scores[0, 0])
    assert 0 <= scores[0, 1] <= 1


@pytest.mark.parametrize("name", ["yamnet", "efficientnet-lite0"])
def test_neighbours_do_not_change_a_score(panel: dict[str, Scorer], categories: dict[str, Category], name: str) -> None:
    asked = [categories["dog"], categories["drum"]]
    sound = at_16_khz(hits("dog", seconds=2, gap_s=0.9))
    windows = [still_window(seen("dog").frames, sound), still_window(BLACK, SILENCE)]
    together = panel[name].score(windows, asked)
    alone = np.concatenate([panel[name].score([window], asked) for window in windows])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("yamnet", lambda c: replace(c, heard_classes=("Drumm",)), ("drum", "'Drumm'", "yamnet_class_map.csv")),
        ("efficientnet-lite0", lambda c: replace(c, seen_classes=(1000,)), ("drum", "1000", "ImageNet")),
        ("efficientnet-lite0", lambda c: replace(c, seen_classes=(-1,)), ("drum", "-1", "ImageNet")),
    ],
)
def test_an_unknown_class_is_named(
    panel: dict[str, Scorer],
    categories: dict[str, Category],
    name: str,
    change: Callable[[Category], Category],
    words: tuple[str, ...],
) -> None:
    with pytest.raises(VerificationError) as caught:
        panel[name].covers(change(categories["drum"]))
    assert all(word in str(caught.value) for word in (*words, "categories.toml"))
    if name == "yamnet":
        assert "did you mean 'Drum'" in caught.value.remedy


def test_every_class_of_the_shipped_table_is_known(panel: dict[str, Scorer], categories: dict[str, Category]) -> None:
    for category in categories.values():
        assert panel["yamnet"].covers(category)
        assert panel["efficientnet-lite0"].covers(category) == bool(category.seen_classes)

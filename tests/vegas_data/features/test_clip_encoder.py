"""CLIP as an encoder of pictures: a tiny network of its kind, in a hub's cache that the test makes."""

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vegas_data.errors import EXIT_DEPENDENCY, DependencyMissing, WeightsMissing
from vegas_data.features import FeatureOptions, StreamOptions, stream_digests
from vegas_data.features.encoders import encoder_of, load_encoder
from vegas_data.units import Grid

transformers = pytest.importorskip("transformers")

import torch  # noqa: E402

from tests.vegas_data.verify.tiny_networks import save_tiny_clip  # noqa: E402

CLIP = StreamOptions(name="clip", encoder="clip-image")
OPTIONS = FeatureOptions(streams=(CLIP,))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("clip"), size_px=224, patch_px=56, width=512)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def put(network: Path, cache: Path) -> Path:
    repository = cache / "models--openai--clip-vit-base-patch32"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40, encoding="utf-8")
    return shutil.copytree(network, repository / "snapshots" / ("0" * 40))


def test_rows_are_those_of_the_whole_model(network: Path, cache: Path) -> None:
    folder = put(network, cache)
    batch = np.random.default_rng(0).integers(0, 256, (5, 224, 224, 3), dtype=np.uint8)
    spec = encoder_of(CLIP)
    encoder = spec.load(CLIP, "cpu")
    rows = encoder.encode(batch)
    assert rows.shape == (5, *spec.feature_shape) == (5, 512)
    assert encoder.weights_digest == spec.weights_digest()
    assert encoder.tools == {"precision:clip-image": "float32", "transformers": transformers.__version__}
    whole = transformers.CLIPModel.from_pretrained(folder).eval()
    mean, std = (np.float32(values) for values in ([0.48, 0.46, 0.41], [0.27, 0.26, 0.28]))
    pixels = torch.from_numpy(((batch / np.float32(255) - mean) / std).transpose(0, 3, 1, 2).astype(np.float32))
    with torch.inference_mode():
        expected = whole.visual_projection(whole.vision_model(pixel_values=pixels).pooler_output).numpy()
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(np.linalg.norm(rows, axis=1)) > 1e-4, "not brought to unit length"


def test_a_row_knows_neither_its_place_nor_its_companions(network: Path, cache: Path) -> None:
    put(network, cache)
    encoder = encoder_of(CLIP).load(CLIP, "cpu")
    batch = np.random.default_rng(1).integers(0, 256, (8, 224, 224, 3), dtype=np.uint8)
    row = encoder.encode(batch)[3]
    for place in (0, 4, 7):
        other = np.random.default_rng(place).integers(0, 256, batch.shape, dtype=np.uint8)
        other[place] = batch[3]
        assert encoder.encode(other)[place].tobytes() == row.tobytes()


def test_it_computes_in_the_precision_that_the_stream_asks_for(network: Path, cache: Path) -> None:
    put(network, cache)
    batch = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    exact, rough = (load_encoder(stream, "cpu") for stream in (CLIP, dataclasses.replace(CLIP, precision="bfloat16")))
    assert rough.tools["precision:clip-image"].startswith("bfloat16, ")
    difference = np.abs(rough.encode(batch) - exact.encode(batch)).max()
    assert 0 < difference < 0.05 * np.abs(exact.encode(batch)).max()


def test_the_digest_follows_the_snapshot(network: Path, cache: Path) -> None:
    folder = put(network, cache)
    before = stream_digests(OPTIONS, Grid())
    assert before == stream_digests(OPTIONS, Grid())
    settings = folder / "preprocessor_config.json"
    settings.write_text(settings.read_text().replace("0.48", "0.49"), encoding="utf-8")
    from vegas_data.networks import snapshot

    snapshot._digest_of_folder.cache_clear()
    assert stream_digests(OPTIONS, Grid()) != before


@pytest.mark.usefixtures("cache")
def test_a_snapshot_that_is_not_here_names_the_command() -> None:
    with pytest.raises(WeightsMissing, match="clip-vit-base-patch32 are not on this machine") as caught:
        stream_digests(OPTIONS, Grid())
    assert caught.value.remedy == "hf download openai/clip-vit-base-patch32"


def test_another_clip_is_refused(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    put(save_tiny_clip(tmp_path / "small"), cache)
    with pytest.raises(WeightsMissing, match="64 px and 16 numbers"):
        encoder_of(CLIP).load(CLIP, "cpu")


def test_without_the_package_the_command_is_named() -> None:
    """In a process of its own, in which nothing of that name can be found."""
    code = (
        "import importlib.machinery, sys\n"
        "find = importlib.machinery.PathFinder.find_spec\n"
        "hide = lambda name, *a: None if name.split('.')[0] == 'transformers' else find(name, *a)\n"
        "importlib.machinery.PathFinder.find_spec = staticmethod(hide)\n"
        "from vegas_data.features import FeatureOptions, StreamOptions, stream_digests\n"
        "from vegas_data.units import Grid\n"
        "from vegas_data.errors import VegasError\n"
        "try:\n"
        "    stream_digests(FeatureOptions(streams=(StreamOptions(name='clip', encoder='clip-image'),)), Grid())\n"
        "except VegasError as error:\n"
        "    print(error.exit_code, error, '|', error.remedy)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == f"{EXIT_DEPENDENCY} encoder clip-image needs transformers | pip install 'vegas-data[scorers]'\n"
    assert DependencyMissing.exit_code == EXIT_DEPENDENCY

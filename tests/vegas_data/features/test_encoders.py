"""The seam to the networks: names, entry points, fit, weights that must be there."""

import dataclasses
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from feature_cases import FLOW, FLOW_LITE0, LITE0, PICTURES, need_lite0_weights

from vegas_data.errors import DependencyMissing, RecipeError, WeightsMissing
from vegas_data.features import FlowOptions, StreamOptions, extract, stream_digests
from vegas_data.features.encoders import BUILT_IN, encoder_names, encoder_of, find_encoder, load_encoder, maps
from vegas_data.features.encoders import vgg as vgg_encoders
from vegas_data.features.options import FeatureOptions
from vegas_data.networks import vgg
from vegas_data.units import Grid


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_built_in_encoders_are_found_by_name(name: str) -> None:
    spec = find_encoder(name)
    assert spec.name == name
    assert spec.sees == ("flow" if "flow" in name or "temporal" in name else "pictures")


@pytest.mark.usefixtures("tiny_encoders")
def test_encoders_of_other_packages_are_found_by_entry_point() -> None:
    assert {"tiny", "tiny-flow", *BUILT_IN} <= set(encoder_names())
    encoder = find_encoder("tiny").load(PICTURES, "cpu")
    assert encoder.encode(np.zeros((2, 48, 48, 3), np.uint8)).shape == (2, 6)


@pytest.mark.usefixtures("tiny_encoders")
def test_an_announced_encoder_that_cannot_be_loaded_is_named() -> None:
    with pytest.raises(DependencyMissing, match="no_such_module_of_tiny"):
        find_encoder("tiny-absent")
    with pytest.raises(DependencyMissing, match="not an EncoderSpec"):
        find_encoder("tiny-wrong")


def test_unknown_encoder_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match="vgg19-fc7") as caught:
        find_encoder("vgg19-fc7")
    assert "vgg19-fc6" in caught.value.remedy


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (StreamOptions(name="a", encoder="vgg19-fc6", flow=FlowOptions()), "sees pictures"),
        (StreamOptions(name="a", encoder="temporal-vgg16-fc6"), "sees flow"),
        (StreamOptions(name="a", encoder="vgg19-fc6", size_px=112), "224 px"),
        (StreamOptions(name="a", encoder="temporal-vgg16-fc6", window=5, flow=FlowOptions()), "10 fields"),
    ],
)
def test_refuses_an_encoder_that_does_not_fit(stream: StreamOptions, reason: str) -> None:
    with pytest.raises(RecipeError, match=reason) as caught:
        encoder_of(stream)
    assert caught.value.remedy


def test_missing_weights_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEGAS_DATA_WEIGHTS", str(tmp_path))
    stream = StreamOptions(name="fc6", encoder="vgg19-fc6")
    with pytest.raises(WeightsMissing) as caught:
        stream_digests(FeatureOptions(streams=(stream,)), Grid())
    assert "vegas-data weights fetch" in caught.value.remedy
    with pytest.raises(WeightsMissing):
        load_encoder(stream, "cpu")


def test_lite0_pictures_and_flow() -> None:
    need_lite0_weights()
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    features = find_encoder("efficientnet-lite0").load(LITE0, "cpu").encode(pictures)
    assert features.shape == (2, *find_encoder("efficientnet-lite0").feature_shape)
    assert features.dtype == np.float32
    assert not np.allclose(features[0], features[1], atol=1e-2)
    encoder = find_encoder("efficientnet-lite0-flow").load(FLOW_LITE0, "cpu")
    stacks = np.full((2, 20, 64, 64), 128, dtype=np.uint8)
    stacks[1, ::2, :, 32:] = 255  # the right half moves to the right
    still, moving = encoder.encode(stacks)
    assert still.shape == (1280,)
    assert not np.allclose(still, moving, atol=1e-2)


@pytest.mark.parametrize("name", ["vgg19-fc6", "temporal-vgg16-fc6"])
def test_vgg_is_shown_what_its_weights_were_trained_on(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    small = vgg.Vgg19Fc6(width_divisor=64) if name == "vgg19-fc6" else vgg.TemporalVgg16Fc6(width_divisor=64)
    for function in ("load_vgg19_fc6", "load_temporal_vgg16_fc6"):
        monkeypatch.setattr(vgg, function, lambda _path: small)
    monkeypatch.setattr(vgg_encoders, "locate", lambda _entry: Path("small"))
    monkeypatch.setattr(vgg_encoders, "weights_digest", lambda _name: "f" * 64)
    spec = find_encoder(name)
    flow = FlowOptions() if spec.sees == "flow" else None
    stream = StreamOptions(name="fc6", encoder=name, window=spec.window or 1, flow=flow)
    shape = (2, 20, 224, 224) if flow else (2, 224, 224, 3)
    batch = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    encoder = spec.load(stream, "cpu")
    prepare = vgg.preprocess_flow if flow else vgg.preprocess_rgb
    expected = small(prepare(batch)).numpy()
    np.testing.assert_allclose(encoder.encode(batch), expected, rtol=1e-4, atol=1e-5)
    assert (encoder.name, encoder.weights_digest) == (name, "f" * 64)
    assert encoder.tools == {f"precision:{name}": "float32"}


def test_fc6_follows_from_the_map_of_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    small = vgg.Vgg19Fc6(width_divisor=64)
    torch.save(small.state_dict(), tmp_path / "vgg19.pth")
    load = partial(vgg.load_vgg19_conv5, width_divisor=64)
    monkeypatch.setattr(vgg, "load_vgg19_conv5", load)
    monkeypatch.setattr(maps, "locate", lambda _entry: tmp_path / "vgg19.pth")
    monkeypatch.setattr(maps, "weights_digest", lambda _name: "f" * 64)
    stream = StreamOptions(name="conv5", encoder="vgg19-conv5")
    batch = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    spec = encoder_of(stream)
    rows = spec.load(stream, "cpu").encode(batch)
    assert rows.shape == (2, 14, 14, 512 // 64)
    assert spec.feature_shape == (14, 14, 512)
    assert (rows < 0).any(), "before the ReLU"
    places = torch.from_numpy(rows).permute(0, 3, 1, 2)
    fc6 = small.classifier(torch.nn.functional.max_pool2d(places.relu(), 2).flatten(1))
    torch.testing.assert_close(fc6, small(vgg.preprocess_rgb(batch)), rtol=1e-4, atol=1e-5)


def test_weights_drawn_for_a_map_are_those_drawn_for_its_network() -> None:
    batch = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    rows, means = (
        load_encoder(StreamOptions(name="a", encoder=f"efficientnet-lite0{end}"), "cpu", 3) for end in ("-map", "")
    )
    assert rows.weights_digest == "random-3"
    np.testing.assert_allclose(rows.encode(batch).mean(axis=(1, 2)), means.encode(batch), rtol=1e-4, atol=1e-5)


def test_the_light_map_has_the_light_features_as_its_mean() -> None:
    need_lite0_weights()
    batch = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    rows, means = (
        encoder_of(stream).load(stream, "cpu").encode(batch)
        for stream in (StreamOptions(name="a", encoder=f"efficientnet-lite0{end}") for end in ("-map", ""))
    )
    assert rows.shape == (2, *find_encoder("efficientnet-lite0-map").feature_shape) == (2, 7, 7, 1280)
    np.testing.assert_allclose(rows.mean(axis=(1, 2)), means, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("tiny_encoders")
def test_digest_follows_everything_that_decides_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(stream: StreamOptions, batch_size: int = 16, grid: Grid | None = None) -> str:
        options = FeatureOptions(streams=(stream,), batch_size=batch_size)
        return stream_digests(options, grid or Grid())[stream.name]

    base = digest(FLOW)
    assert base == digest(FLOW)
    others = {
        digest(PICTURES),
        digest(FLOW, batch_size=8),
        digest(FLOW, grid=Grid(samples_per_frame=2048)),
        digest(dataclasses.replace(FLOW, rate_hz=Fraction(5))),
        digest(StreamOptions(name="flow_tiny", encoder="tiny-flow", size_px=48, window=4, flow=FlowOptions())),
    }
    assert len(others | {base}) == 6
    spec = find_encoder("tiny-flow")
    monkeypatch.setattr(extract, "encoder_of", lambda _: dataclasses.replace(spec, version=spec.version + 1))
    other_encoder = digest(FLOW)
    monkeypatch.setattr(extract, "STAGE_VERSION", extract.STAGE_VERSION + 1)
    assert len(others | {base, other_encoder, digest(FLOW)}) == 8

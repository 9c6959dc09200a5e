"""Weights drawn at random: only when asked for, the same everywhere, and said wherever weights are named."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from feature_cases import FLOW, FLOW_LITE0, LITE0, OPTIONS, PICTURES, make_job

from tests.commands import Here
from vegas_data.errors import RecipeError, WeightsMissing
from vegas_data.features import FeatureOptions, FlowOptions, StreamOptions, make_extractor, stream_digests
from vegas_data.features.encoders import digest_of_weights, load_encoder
from vegas_data.networks.drawn import draw_weights
from vegas_data.networks.vgg import TemporalVgg16Fc6, Vgg19Fc6
from vegas_data.units import Grid
from vegas_data.workspace import Workspace

FC6 = StreamOptions(name="fc6", encoder="vgg19-fc6")
FLOW_FC6 = StreamOptions(name="flow_fc6", encoder="temporal-vgg16-fc6", window=10, flow=FlowOptions())
DRAWN = """
    import hashlib, torch
    from vegas_data.networks.drawn import draw_weights
    from vegas_data.networks.vgg import Vgg19Fc6
    state = draw_weights(Vgg19Fc6(width_divisor=16), 7).state_dict()
    print(hashlib.sha256(b"".join(value.numpy().tobytes() for value in state.values())).hexdigest())
"""


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEGAS_DATA_WEIGHTS", str(tmp_path / "empty"))


def test_a_seed_draws_the_same_weights_in_another_process() -> None:
    script = "\n".join(line.strip() for line in DRAWN.splitlines())
    there = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    torch.manual_seed(99)  # nobody else's generator matters
    state = draw_weights(Vgg19Fc6(width_divisor=16), 7).state_dict()
    assert hashlib.sha256(b"".join(value.numpy().tobytes() for value in state.values())).hexdigest() == there
    other = draw_weights(Vgg19Fc6(width_divisor=16), 8).state_dict()
    assert not any(torch.equal(value, other[key]) for key, value in state.items())


def test_every_layer_is_drawn_by_itself_and_norms_change_nothing_but_the_bias() -> None:
    layers = torch.nn.Sequential(*(torch.nn.Conv2d(3, 3, 3) for _ in range(2)), torch.nn.BatchNorm2d(3))
    first, second, norm = draw_weights(layers, 0)
    assert not torch.equal(first.weight, second.weight)
    x = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(norm(x), x + norm.bias[:, None, None], rtol=1e-4, atol=1e-4)
    assert norm.bias.any()


@pytest.mark.parametrize("network", [Vgg19Fc6, TemporalVgg16Fc6])
def test_numbers_neither_fade_nor_grow(network: type[Vgg19Fc6] | type[TemporalVgg16Fc6]) -> None:
    drawn = draw_weights(network(width_divisor=16), 0)
    for scale in (0.0, 74.0):  # a still clip, and bytes less 128 at their wildest
        x = scale * torch.randn(1, drawn.in_channels, 224, 224, generator=torch.Generator().manual_seed(0))
        fc6 = drawn(x)
        assert 0.05 * max(scale, 1) < float(fc6.std()) < 10 * max(scale, 1)


@pytest.mark.usefixtures("no_weights")
@pytest.mark.parametrize("stream", [LITE0, FLOW_LITE0], ids=lambda stream: stream.name)
def test_light_encoders_are_drawn_without_their_file(stream: StreamOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vegas_data.features.encoders.light.locate", None)
    encoder = load_encoder(stream, "cpu", 7)
    assert encoder.weights_digest == digest_of_weights(stream, 7) == "random-7"
    shape = (2, 20, 64, 64) if stream.flow else (2, 64, 64, 3)
    batch = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    batch[0] = 128
    still, noise = encoder.encode(batch)
    assert np.isfinite(still).all()
    assert still.any()
    assert not np.allclose(still, noise, atol=1e-2)
    np.testing.assert_array_equal(load_encoder(stream, "cpu", 7).encode(batch), [still, noise])


@pytest.mark.usefixtures("no_weights")
def test_missing_weights_stay_an_error_that_names_the_command() -> None:
    options = FeatureOptions(streams=(FC6, FLOW_FC6))
    for stream, command in ((FC6, "vgg19-fc6"), (FLOW_FC6, "temporal-vgg16-fc6 --from FILE")):
        with pytest.raises(WeightsMissing) as caught:
            load_encoder(stream, "cpu")
        assert caught.value.remedy == f"vegas-data weights fetch {command}"
    with pytest.raises(WeightsMissing):
        stream_digests(options, Grid())
    asked = stream_digests(replace(options, random_weights=7), Grid())
    assert asked != stream_digests(replace(options, random_weights=8), Grid())


def test_an_encoder_that_cannot_be_drawn_says_so(tiny_encoders: None) -> None:
    with pytest.raises(RecipeError, match="tiny cannot be drawn at random"):
        stream_digests(replace(OPTIONS, random_weights=0), Grid())
    with pytest.raises(RecipeError, match="tiny-flow cannot be drawn"):
        load_encoder(FLOW, "cpu", 0)
    assert load_encoder(PICTURES, "cpu").weights_digest == "0" * 64


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_other_seeds_are_refused(seed: int) -> None:
    with pytest.raises(ValueError, match="random_weights is a seed"):
        FeatureOptions(streams=(FC6,), random_weights=seed)


@pytest.mark.usefixtures("no_weights")
def test_the_side_car_of_features_names_the_seed(workspace: Workspace, moving_clip: Path) -> None:
    options = FeatureOptions(streams=(LITE0,), random_weights=7)
    job = make_job(workspace, moving_clip, start_ms=0, end_ms=2000)
    ((_, key),) = make_extractor(options, Grid(), workspace)(job).keys
    side_car = workspace.side_car(key)
    assert side_car["weights"] == "random-7"
    assert side_car["tools"]["precision:efficientnet-lite0"] == "float32"


def test_doctor_tells_random_weights_from_missing_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], no_weights: None
) -> None:
    shipped = Path("pipelines/vegas.toml").read_text(encoding="utf-8")
    (tmp_path / "random.toml").write_text(shipped.replace("[features]\n", "[features]\nrandom_weights = 7\n"))
    rows = json.loads(Here(capsys, "doctor")("--recipe", tmp_path / "random.toml", "--json").stdout)
    said = {row["name"]: row["message"] for row in rows["checks"] if row["name"].startswith("stream")}
    assert said["stream fc6"] == "vgg19-fc6, random-7: means nothing"
    assert os.environ["VEGAS_DATA_WEIGHTS"].endswith("empty")

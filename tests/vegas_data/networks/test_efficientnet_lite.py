"""EfficientNet-Lite0: every key of the public file, an independent forward pass, and real pictures."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vegas_data import weights
from vegas_data.errors import WeightsMissing
from vegas_data.networks import efficientnet_lite
from vegas_data.networks.efficientnet_lite import (
    EfficientNetLite0,
    SameConv2d,
    load_efficientnet_lite0,
    preprocess_flow,
    preprocess_rgb,
)
from vegas_data.networks.state import read_state_dict

# Table 1 of the paper: repeats, kernel, stride, expansion, width in, width out.
ROWS = [
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
]


@pytest.fixture(scope="session")
def file() -> Path:
    return weights.locate(weights.load_registry()["efficientnet-lite0"])


@pytest.fixture(scope="session")
def network(file: Path) -> EfficientNetLite0:
    return load_efficientnet_lite0(file)


def same_conv(x: Tensor, weight: Tensor, stride: int, groups: int = 1) -> Tensor:
    """TensorFlow's SAME, from its definition: pad to fit ceil(n / stride) kernels, the odd pixel after."""
    pads: list[int] = []
    for size in (x.shape[3], x.shape[2]):
        total = max((int(np.ceil(size / stride)) - 1) * stride + weight.shape[-1] - size, 0)
        pads += [total // 2, total - total // 2]
    return F.conv2d(F.pad(x, pads), weight, stride=stride, groups=groups)


def reference(state: Mapping[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Features and logits, straight from the state dict, in float64."""
    state = {key: value.double() for key, value in state.items()}

    def norm(y: Tensor, name: str) -> Tensor:
        mean, var, gain, bias = (
            state[f"{name}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (y - mean) / torch.sqrt(var + 0.001) * gain + bias

    def clip(y: Tensor) -> Tensor:
        return y.clamp(0, 6)

    x = clip(norm(same_conv(x.double(), state["_conv_stem.weight"], 2), "_bn0"))
    index = 0
    for repeats, _, stride, expansion, _, _ in ROWS:
        for repeat in range(repeats):
            block, y = f"_blocks.{index}", x
            if expansion > 1:
                y = clip(norm(same_conv(y, state[f"{block}._expand_conv.weight"], 1), f"{block}._bn0"))
            depthwise = state[f"{block}._depthwise_conv.weight"]
            y = clip(norm(same_conv(y, depthwise, 1 if repeat else stride, len(depthwise)), f"{block}._bn1"))
            y = norm(same_conv(y, state[f"{block}._project_conv.weight"], 1), f"{block}._bn2")
            x = x + y if repeat else y
            index += 1
    features = clip(norm(same_conv(x, state["_conv_head.weight"], 1), "_bn1")).mean(dim=(2, 3))
    return features, features @ state["_fc.weight"].T + state["_fc.bias"]


def test_the_keys_and_shapes_are_those_of_the_public_file(file: Path) -> None:
    theirs = {key: tuple(value.shape) for key, value in read_state_dict(file).items()}
    with torch.device("meta"):
        ours = {key: tuple(value.shape) for key, value in EfficientNetLite0().state_dict().items()}
    assert ours == theirs
    assert sum(int(np.prod(shape)) for key, shape in ours.items() if not key.endswith(("mean", "var", "tracked"))) == (
        4_652_008  # "4.65 M", the authors' table
    )


@pytest.mark.parametrize("size", [(224, 224), (97, 130)])
def test_the_network_equals_an_independent_forward_pass(
    file: Path, network: EfficientNetLite0, size: tuple[int, int]
) -> None:
    x = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    features, logits = reference(read_state_dict(file), x)
    with torch.inference_mode():
        torch.testing.assert_close(network.features(x).double(), features, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(network(x).double(), logits, rtol=1e-3, atol=1e-4)


def test_folding_leaves_no_batch_normalisation(network: EfficientNetLite0) -> None:
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "before", "after"),
    [(224, 3, 2, 0, 1), (112, 5, 2, 1, 2), (7, 5, 1, 2, 2), (7, 3, 2, 1, 1), (5, 5, 2, 2, 2), (8, 1, 1, 0, 0)],
)
def test_same_padding(size: int, kernel: int, stride: int, before: int, after: int) -> None:
    assert efficientnet_lite._same_padding(size, kernel, stride) == (before, after)


def test_the_odd_pixel_is_padded_at_the_end() -> None:
    conv = SameConv2d(1, 1, 3, stride=2)
    torch.nn.init.ones_(conv.weight)
    with torch.no_grad():
        out = conv(torch.arange(4.0).expand(1, 1, 4, 4))
    assert out.tolist() == [[[[9.0, 15.0], [6.0, 10.0]]]]


@pytest.mark.parametrize(
    ("name", "index", "at_least"),
    [
        ("dog.webp", 235, 0.95),  # German shepherd
        ("dam1.webp", 525, 0.95),  # dam
        ("chicken.webp", 8, 0.80),  # hen
        ("gradio_cheetah.jpg", 293, 0.90),  # cheetah
        ("tuxpaint_drumkit.png", 541, 0.80),  # drum
    ],
)
def test_real_pictures(network: EfficientNetLite0, shared_data: Path, name: str, index: int, at_least: float) -> None:
    picture = cv2.imread(str(shared_data / "media" / name), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    if picture.shape[2] == 4:  # cut out: on white
        alpha = picture[..., 3:].astype(np.float32) / 255
        picture = (picture[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = cv2.resize(picture[top : top + side, left : left + side], (224, 224), interpolation=cv2.INTER_AREA)
    with torch.inference_mode():
        probabilities = network(preprocess_rgb(square[None, :, :, ::-1].copy())).softmax(dim=1)[0]
    assert int(probabilities.argmax()) == index
    assert float(probabilities[index]) > at_least


# --- flow ---------------------------------------------------------------------------------------------------


def test_the_flow_networks_first_layer_is_the_average_over_colour(file: Path, network: EfficientNetLite0) -> None:
    flow = load_efficientnet_lite0(file, in_channels=20)
    assert flow._conv_stem.weight.shape == (32, 20, 3, 3)
    average = network._conv_stem.weight.mean(dim=1)
    for channel in range(20):
        torch.testing.assert_close(flow._conv_stem.weight[:, channel], average)
    torch.testing.assert_close(flow._fc.weight, network._fc.weight)
    x = torch.rand(1, 20, 64, 64, generator=torch.Generator().manual_seed(0)) - 0.5
    with torch.inference_mode():
        # Every channel has the same weights, so that only the channels' sum matters; spread over three colours,
        # it gives the picture network's answer.
        colours = x.sum(dim=1, keepdim=True).expand(1, 3, 64, 64) / 3
        torch.testing.assert_close(flow._conv_stem(x), network._conv_stem(colours), rtol=1e-4, atol=1e-4)
        assert flow.features(x).shape == (1, 1280)


def test_preprocessing_of_flow_maps_no_motion_to_zero() -> None:
    stacks = np.full((2, 20, 8, 8), 128, dtype=np.uint8)
    stacks[1, 3] = [[0, 64, 128, 192, 255, 128, 128, 128]] * 8
    x = preprocess_flow(stacks)
    assert x.shape == (2, 20, 8, 8)
    assert x.dtype == torch.float32
    assert not x[0].any()
    assert x[1, 3, 0, :5].tolist() == [-1.0, -0.5, 0.0, 0.5, 127 / 128]


def test_preprocessing_of_pictures() -> None:
    frames = np.zeros((1, 2, 3, 3), dtype=np.uint8)
    frames[0, 1, 2] = [127, 255, 63]
    x = preprocess_rgb(frames)
    assert x.shape == (1, 3, 2, 3)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert x[0, :, 1, 2].tolist() == [0.0, 1.0, -0.5]
    torch.testing.assert_close(preprocess_rgb(torch.from_numpy(frames)), x)


@pytest.mark.parametrize("frames", [np.zeros((1, 8, 8, 3), np.float32), np.zeros((8, 8, 3), np.uint8)])
def test_other_arrays_are_refused(frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        preprocess_rgb(frames)
    with pytest.raises(ValueError, match="expected levels"):
        preprocess_flow(frames.astype(np.float64))


def test_foreign_weights_are_refused_by_name(tmp_path: Path, file: Path) -> None:
    state = read_state_dict(file)
    del state["_blocks.3._bn1.bias"]
    state["_blocks.3._se_reduce.weight"] = torch.zeros(1)
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(WeightsMissing) as caught:
        load_efficientnet_lite0(tmp_path / "other.pth")
    for word in ("other.pth", "missing: _blocks.3._bn1.bias", "unexpected: _blocks.3._se_reduce.weight"):
        assert word in str(caught.value)


def test_flow_weights_without_a_stem_are_refused(tmp_path: Path) -> None:
    torch.save({"_fc.bias": torch.zeros(1000)}, tmp_path / "other.pth")
    with pytest.raises(WeightsMissing, match=r"_conv_stem\.weight"):
        load_efficientnet_lite0(tmp_path / "other.pth", in_channels=20)

"""VGG up to fc6: torchvision's keys written out, an independent forward pass, files in torchvision's form."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vegas_data.errors import WeightsMissing
from vegas_data.networks.conversion import NETWORKS, convert
from vegas_data.networks.drawn import draw_weights
from vegas_data.networks.vgg import (
    TemporalVgg16Fc6,
    Vgg19Fc6,
    load_temporal_vgg16_fc6,
    load_vgg19_fc6,
    preprocess_flow,
    preprocess_rgb,
)

# torchvision.models.vgg19().state_dict(), every key and shape.
VGG19_KEYS = {
    "features.0.weight": (64, 3, 3, 3),
    "features.0.bias": (64,),
    "features.2.weight": (64, 64, 3, 3),
    "features.2.bias": (64,),
    "features.5.weight": (128, 64, 3, 3),
    "features.5.bias": (128,),
    "features.7.weight": (128, 128, 3, 3),
    "features.7.bias": (128,),
    "features.10.weight": (256, 128, 3, 3),
    "features.10.bias": (256,),
    "features.12.weight": (256, 256, 3, 3),
    "features.12.bias": (256,),
    "features.14.weight": (256, 256, 3, 3),
    "features.14.bias": (256,),
    "features.16.weight": (256, 256, 3, 3),
    "features.16.bias": (256,),
    "features.19.weight": (512, 256, 3, 3),
    "features.19.bias": (512,),
    "features.21.weight": (512, 512, 3, 3),
    "features.21.bias": (512,),
    "features.23.weight": (512, 512, 3, 3),
    "features.23.bias": (512,),
    "features.25.weight": (512, 512, 3, 3),
    "features.25.bias": (512,),
    "features.28.weight": (512, 512, 3, 3),
    "features.28.bias": (512,),
    "features.30.weight": (512, 512, 3, 3),
    "features.30.bias": (512,),
    "features.32.weight": (512, 512, 3, 3),
    "features.32.bias": (512,),
    "features.34.weight": (512, 512, 3, 3),
    "features.34.bias": (512,),
    "classifier.0.weight": (4096, 25088),
    "classifier.0.bias": (4096,),
    "classifier.3.weight": (4096, 4096),
    "classifier.3.bias": (4096,),
    "classifier.6.weight": (1000, 4096),
    "classifier.6.bias": (1000,),
}
# torchvision.models.vgg16().state_dict() up to fc6; the first layer takes 20 channels here.
VGG16_FC6_KEYS = {
    "features.0.weight": (64, 20, 3, 3),
    "features.0.bias": (64,),
    "features.2.weight": (64, 64, 3, 3),
    "features.2.bias": (64,),
    "features.5.weight": (128, 64, 3, 3),
    "features.5.bias": (128,),
    "features.7.weight": (128, 128, 3, 3),
    "features.7.bias": (128,),
    "features.10.weight": (256, 128, 3, 3),
    "features.10.bias": (256,),
    "features.12.weight": (256, 256, 3, 3),
    "features.12.bias": (256,),
    "features.14.weight": (256, 256, 3, 3),
    "features.14.bias": (256,),
    "features.17.weight": (512, 256, 3, 3),
    "features.17.bias": (512,),
    "features.19.weight": (512, 512, 3, 3),
    "features.19.bias": (512,),
    "features.21.weight": (512, 512, 3, 3),
    "features.21.bias": (512,),
    "features.24.weight": (512, 512, 3, 3),
    "features.24.bias": (512,),
    "features.26.weight": (512, 512, 3, 3),
    "features.26.bias": (512,),
    "features.28.weight": (512, 512, 3, 3),
    "features.28.bias": (512,),
    "classifier.0.weight": (4096, 25088),
    "classifier.0.bias": (4096,),
}
IGNORED = {key for key in VGG19_KEYS if key.startswith(("classifier.3", "classifier.6"))}
# Where the pooling layers stand between the convolutions above, by torchvision's indices.
POOLS = {"vgg19": {4, 9, 18, 27, 36}, "vgg16": {4, 9, 16, 23, 30}}
NARROW = 16


def random_state(network: type[Vgg19Fc6] | type[TemporalVgg16Fc6], *, seed: int = 0) -> dict[str, Tensor]:
    """Weights of a network 16 times as narrow, scaled so that activations keep their size, with fc7 and fc8."""
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in network(width_divisor=NARROW).state_dict().items()}
    state = {}
    for key, shape in shapes.items():
        spread = (2 / shape[1:].numel()) ** 0.5 if key.endswith("weight") else 0.1
        state[key] = torch.randn(shape, generator=generator) * spread
    return state | {key: torch.zeros(4) for key in sorted(IGNORED)}


def reference_fc6(state: dict[str, Tensor], x: Tensor, pools: set[int]) -> Tensor:
    for index in range(max(pools) + 1):
        if f"features.{index}.weight" in state:
            x = F.relu(F.conv2d(x, state[f"features.{index}.weight"], state[f"features.{index}.bias"], padding=1))
        elif index in pools:
            x = F.max_pool2d(x, 2, 2)
    return x.reshape(len(x), -1) @ state["classifier.0.weight"].T + state["classifier.0.bias"]


def shapes_of(network: type[Vgg19Fc6] | type[TemporalVgg16Fc6]) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {key: tuple(value.shape) for key, value in network().state_dict().items()}


def test_vgg19_has_torchvisions_keys_up_to_fc6() -> None:
    wanted = {key: shape for key, shape in VGG19_KEYS.items() if key not in IGNORED}
    assert shapes_of(Vgg19Fc6) == wanted


def test_the_temporal_network_has_vgg16s_keys_and_20_channels() -> None:
    assert shapes_of(TemporalVgg16Fc6) == VGG16_FC6_KEYS


def test_vgg19_equals_an_independent_forward_pass(tmp_path: Path) -> None:
    state = random_state(Vgg19Fc6)
    torch.save(state, tmp_path / "vgg19.pth")
    network = load_vgg19_fc6(tmp_path / "vgg19.pth", width_divisor=NARROW)
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    expected = reference_fc6(state, x, POOLS["vgg19"])
    with torch.inference_mode():
        fc6 = network(x)
        channels_last = network(x.contiguous(memory_format=torch.channels_last))
    assert fc6.shape == (2, 4096 // NARROW)
    assert fc6.dtype == torch.float32
    assert (fc6 < 0).any()  # before the ReLU
    torch.testing.assert_close(fc6, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(channels_last, expected, rtol=1e-4, atol=1e-4)


def test_the_temporal_network_equals_an_independent_forward_pass(tmp_path: Path) -> None:
    state = random_state(TemporalVgg16Fc6)
    torch.save(state, tmp_path / "flow.pth")
    network = load_temporal_vgg16_fc6(tmp_path / "flow.pth", width_divisor=NARROW)
    stacks = torch.randint(0, 256, (1, 20, 224, 224), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    x = preprocess_flow(stacks)
    with torch.inference_mode():
        fc6 = network(x)
    torch.testing.assert_close(fc6, reference_fc6(state, x, POOLS["vgg16"]), rtol=1e-4, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "pools"), [("vgg19-fc6", "vgg19"), ("temporal-vgg16-fc6", "vgg16")])
def test_the_full_networks_equal_a_plain_forward_from_every_kind_of_file(tmp_path: Path, name: str, pools: str) -> None:
    """At full width, through the conversion that a user's file takes, to 1e-4 of the row's length."""
    network = NETWORKS[name]
    with torch.device("meta"):
        empty = network()
    state = dict(draw_weights(empty, 0).state_dict())
    torch.save(state | {key: torch.zeros(4) for key in sorted(IGNORED)}, tmp_path / "full.pth")
    with (tmp_path / "full.safetensors").open("wb") as file:
        convert(tmp_path / "full.pth", file, name=name)
    x = 50 * torch.randn(2, empty.in_channels, 224, 224, generator=torch.Generator().manual_seed(1))
    expected = reference_fc6(state, x, POOLS[pools])
    load = load_vgg19_fc6 if pools == "vgg19" else load_temporal_vgg16_fc6
    for file_name in ("full.pth", "full.safetensors"):
        with torch.inference_mode():
            fc6 = load(tmp_path / file_name).to(memory_format=torch.channels_last)(x)
        assert fc6.shape == (2, 4096)
        apart = (fc6 - expected).norm(dim=1) / expected.norm(dim=1)
        assert float(apart.max()) < 1e-4


@pytest.mark.parametrize("size", [(3, 192, 224), (3, 225, 225), (20, 224, 224)])
def test_another_size_is_refused(size: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"expected \[N, 3, 224, 224\]"):
        Vgg19Fc6(width_divisor=NARROW)(torch.zeros(1, *size))


@pytest.mark.parametrize(
    ("remove", "add", "message"),
    [
        ("features.34.bias", "", "1 missing: features.34.bias"),
        ("", "features.1.running_mean", "1 unexpected: features.1.running_mean"),
        (
            "classifier.0.weight",
            "classifier.1.weight",
            "1 missing: classifier.0.weight; 1 unexpected: classifier.1.weight",
        ),
    ],
)
def test_a_file_with_other_keys_is_refused(tmp_path: Path, remove: str, add: str, message: str) -> None:
    state = random_state(Vgg19Fc6)
    if remove:
        del state[remove]
    if add:
        state[add] = torch.zeros(1)
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(WeightsMissing) as caught:
        load_vgg19_fc6(tmp_path / "other.pth", width_divisor=NARROW)
    assert str(caught.value) == f"{tmp_path / 'other.pth'}: not the weights of Vgg19Fc6: {message}"


def test_weights_for_pictures_do_not_load_as_weights_for_flow(tmp_path: Path) -> None:
    torch.save(random_state(Vgg19Fc6), tmp_path / "vgg19.pth")
    with pytest.raises(WeightsMissing, match="TemporalVgg16Fc6"):
        load_temporal_vgg16_fc6(tmp_path / "vgg19.pth", width_divisor=NARROW)


def test_preprocessing_of_pictures_is_torchvisions() -> None:
    frames = np.zeros((1, 2, 2, 3), dtype=np.uint8)
    frames[0, 0, 1] = (255, 128, 64)
    x = preprocess_rgb(frames)
    assert x.shape == (1, 3, 2, 2)
    expected = [(1 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (64 / 255 - 0.406) / 0.225]
    torch.testing.assert_close(x[0, :, 0, 1], torch.tensor(expected))
    assert x[0, :, 1, 1].tolist() == pytest.approx([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225])


def test_preprocessing_of_flow_takes_128_away_and_does_not_scale() -> None:
    stacks = np.full((1, 20, 2, 2), 128, dtype=np.uint8)
    stacks[0, 7] = [[0, 255], [129, 127]]
    x = preprocess_flow(stacks)
    assert x[0, 7].tolist() == [[-128.0, 127.0], [1.0, -1.0]]
    assert not x[0, [*range(7), *range(8, 20)]].any()


def test_other_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        preprocess_rgb(np.zeros((1, 4, 4, 3), dtype=np.float32))
    with pytest.raises(ValueError, match="expected levels"):
        preprocess_flow(np.zeros((1, 10, 4, 4), dtype=np.uint8))

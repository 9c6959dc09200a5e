"""bfloat16 where a stream asks for it: what was computed in, and how far it is off, is measured and said."""

import re
from functools import partial

import numpy as np
import pytest
import torch
from feature_cases import LITE0, PICTURES
from torch import Tensor, nn

from vegas_data.device import has_bfloat16
from vegas_data.errors import RecipeError
from vegas_data.features import FlowOptions, StreamOptions
from vegas_data.features.encoders import EncoderSpec, load_encoder
from vegas_data.features.encoders import vgg as vgg_encoders
from vegas_data.features.encoders.torch_encoder import TorchEncoder, deviation, probe, resolve_precision
from vegas_data.features.options import Precision

STREAM = StreamOptions(name="a", encoder="net", size_px=32)
FLOW = StreamOptions(name="b", encoder="net", size_px=32, window=3, flow=FlowOptions())


class Seen(nn.Module):
    """Says what it is shown, and in which numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.seen: list[torch.dtype] = []
        self.channels_last = True

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x.dtype)
        self.channels_last &= x.is_contiguous(memory_format=torch.channels_last)
        return self.conv(x).mean(dim=(2, 3))


def encoder(precision: Precision) -> tuple[TorchEncoder, Seen, list[torch.dtype]]:
    torch.manual_seed(0)
    network, prepared = Seen(), []

    def prepare(batch: Tensor) -> Tensor:
        x = batch.permute(0, 3, 1, 2).float() / 255
        prepared.append(x.dtype)
        return x

    stream = StreamOptions(name="a", encoder="net", size_px=32, precision=precision)
    made = TorchEncoder(network, name="net", weights_digest="0", device="cpu", prepare=prepare, stream=stream)
    return made, network, prepared


def test_float32_is_the_rule_and_costs_no_probe() -> None:
    made, network, _ = encoder("float32")
    assert made.tools == {"precision:net": "float32"}
    assert network.seen == []


def test_bfloat16_prepares_in_float32_and_says_how_far_it_is_off() -> None:
    exact, *_ = encoder("float32")
    made, network, prepared = encoder("bfloat16")
    batch = probe(STREAM)
    rows = made.encode(batch)
    assert rows.dtype == np.float32
    assert network.seen == [torch.float32, torch.bfloat16, torch.bfloat16]
    assert network.channels_last
    assert set(prepared) == {torch.float32}
    said = re.fullmatch(r"bfloat16, ([1-9]e-\d\d) off float32", made.tools["precision:net"])
    assert said is not None
    off = deviation(rows, exact.encode(batch))
    assert 0 < off < 0.02
    assert float(said[1]) == float(f"{off:.0e}")
    assert made.tools == encoder("bfloat16")[0].tools  # the same at every load


def test_auto_is_what_the_device_computes_natively(monkeypatch: pytest.MonkeyPatch) -> None:
    for capabilities, expected in (
        ({"avx512_bf16": True, "amx_bf16": False}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bfloat16"),
        ({"avx512_bf16": False, "avx2": True}, "float32"),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", partial(dict, capabilities), raising=False)
        assert resolve_precision("auto", "cpu") == expected
        assert encoder("auto")[0].tools["precision:net"].startswith(expected)
        assert resolve_precision("float32", "cpu") == "float32"
    monkeypatch.delattr(torch.cpu, "get_capabilities")  # an older torch
    assert not has_bfloat16("cpu")


@pytest.mark.gpu
def test_cuda_says_whether_it_has_bfloat16() -> None:
    assert resolve_precision("auto", "cuda") == (
        "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    )


def test_the_probe_is_two_different_inputs_and_always_the_same() -> None:
    for stream, shape in ((STREAM, (2, 32, 32, 3)), (FLOW, (2, 6, 32, 32))):
        first, again = probe(stream), probe(stream)
        assert (first.shape, first.dtype) == (shape, np.uint8)
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first[0], first[1])


def test_a_row_of_nothing_deviates_by_nothing() -> None:
    assert deviation(np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)) == 0.0
    assert deviation(np.float32([[3.0, 4.5]]), np.float32([[3.0, 4.0]])) == pytest.approx(0.1)


def test_an_encoder_that_does_not_say_its_precision_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        name, weights_digest = "vgg19-fc6", "0"
        tools: dict[str, str] = {}  # noqa: RUF012

        def encode(self, batch: np.ndarray) -> np.ndarray:
            return np.zeros((len(batch), 4096), np.float32)

    spec = EncoderSpec(
        name="vgg19-fc6",
        version=1,
        sees="pictures",
        feature_shape=(4096,),
        weights_digest=lambda: "0",
        load=lambda _stream, _device: Silent(),
    )
    monkeypatch.setattr(vgg_encoders, "PICTURES", spec)
    load_encoder(StreamOptions(name="a", encoder="vgg19-fc6"), "cpu")
    with pytest.raises(RecipeError, match="does not say in which precision"):
        load_encoder(StreamOptions(name="a", encoder="vgg19-fc6", precision="auto"), "cpu")


def test_another_precision_is_another_stream() -> None:
    from vegas_data.config import digest

    assert len({digest(LITE0), digest(PICTURES)}) == 2
    options = [StreamOptions(name="a", encoder="vgg19-fc6", precision=each) for each in ("float32", "bfloat16", "auto")]
    assert len({digest(each) for each in options}) == 3


@pytest.mark.slow
def test_the_full_networks_in_bfloat16_stay_within_a_few_hundredths() -> None:
    for name, flow in (("vgg19-fc6", None), ("temporal-vgg16-fc6", FlowOptions())):
        window = 10 if flow else 1
        stream = StreamOptions(name="a", encoder=name, flow=flow, window=window, precision="bfloat16")
        said = load_encoder(stream, "cpu", 7).tools[f"precision:{name}"]
        assert float(said.removeprefix("bfloat16, ").removesuffix(" off float32")) < 0.03

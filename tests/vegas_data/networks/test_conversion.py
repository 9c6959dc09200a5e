"""Files of Caffe and torch become safetensors, number by number; files that lie are refused."""

import json
import re
import struct
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from tests.commands import Here
from vegas_data import models
from vegas_data.errors import WeightsInvalid
from vegas_data.networks import conversion
from vegas_data.networks.conversion import NETWORKS, convert
from vegas_data.networks.state import read_state_dict
from vegas_data.networks.vgg import TemporalVgg16Fc6, load_temporal_vgg16_fc6
from vegas_data.weights import load_registry

NARROW = 16
NAME = "temporal-vgg16-fc6"
# Caffe's names of VGG-16's layers, and torchvision's.
NAMES = {
    "conv1_1": "features.0",
    "conv1_2": "features.2",
    "conv2_1": "features.5",
    "conv2_2": "features.7",
    "conv3_1": "features.10",
    "conv3_2": "features.12",
    "conv3_3": "features.14",
    "conv4_1": "features.17",
    "conv4_2": "features.19",
    "conv4_3": "features.21",
    "conv5_1": "features.24",
    "conv5_2": "features.26",
    "conv5_3": "features.28",
    "fc6": "classifier.0",
}


# --- a writer of protocol buffers ---------------------------------------------------------------------------


def varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low]) if not rest else bytes([low | 0x80]) + varint(rest)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def piece(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def blob(array: np.ndarray, *, legacy: bool = False, double: bool = False) -> bytes:
    numbers = piece(8, array.astype("<f8").tobytes()) if double else piece(5, array.astype("<f4").tobytes())
    if legacy:
        axes = (1,) * (4 - array.ndim) + array.shape
        return b"".join(number(field, size) for field, size in enumerate(axes, start=1)) + numbers
    return piece(7, piece(1, b"".join(map(varint, array.shape)))) + numbers


def layer(name: str, *blobs: bytes, v1: bool = False) -> bytes:
    if v1:  # bottom, top, name, type, blobs
        head = piece(2, b"data") + piece(3, name.encode()) + piece(4, name.encode()) + number(5, 4)
        return piece(2, head + b"".join(piece(6, each) for each in blobs))
    return piece(100, piece(1, name.encode()) + piece(2, b"Convolution") + b"".join(piece(7, each) for each in blobs))


def network_of(layers: dict[str, tuple[np.ndarray, ...]], *, v1: bool = False, **kind: bool) -> bytes:
    kind = {"legacy": v1, **kind}
    return piece(1, b"CaffeNet") + b"".join(
        layer(name, *(blob(array, **kind) for array in arrays), v1=v1) for name, arrays in layers.items()
    )


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    """A narrow temporal network's weights, by torchvision's names."""
    rng = np.random.default_rng(0)
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in TemporalVgg16Fc6(width_divisor=NARROW).state_dict().items()}
    return {key: rng.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}


@pytest.fixture
def layers(arrays: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, ...]]:
    """The same as Caffe has them: layers without weights between, fc7 and fc8 at the end."""
    found: dict[str, tuple[np.ndarray, ...]] = {"data": ()}
    for caffe, ours in NAMES.items():
        found[caffe] = (arrays[f"{ours}.weight"], arrays[f"{ours}.bias"])
        found[f"relu_{caffe}"] = ()
    return {**found, "fc7": (np.ones((3, 4)), np.ones(3)), "fc8-1": (np.full((2, 3), np.nan), np.ones(2))}


def converted(folder: Path, content: bytes, *, name: str = NAME) -> bytes:
    (folder / "source").write_bytes(content)
    with (folder / "target").open("wb") as file:
        convert(folder / "source", file, name=name, width_divisor=NARROW)
    return (folder / "target").read_bytes()


# --- what is right ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [{}, {"v1": True}, {"double": True}, {"v1": True, "legacy": False}])
def test_a_caffemodel_becomes_the_same_numbers_under_torchvisions_names(
    tmp_path: Path, arrays: dict[str, np.ndarray], layers: dict[str, tuple[np.ndarray, ...]], kind: dict[str, bool]
) -> None:
    converted(tmp_path, network_of(layers, **kind))
    with safe_open(tmp_path / "target", framework="np") as file:
        assert file.metadata() == {"format": "pt", "network": NAME}
        assert set(file.keys()) == set(arrays)
        for key, array in arrays.items():
            found = file.get_tensor(key)
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, array, strict=True)
    network = load_temporal_vgg16_fc6(tmp_path / "target", width_divisor=NARROW)
    assert torch.equal(network.features[0].weight, torch.from_numpy(arrays["features.0.weight"]))


def test_the_same_numbers_give_the_same_bytes_from_every_kind_of_file(
    tmp_path: Path, arrays: dict[str, np.ndarray], layers: dict[str, tuple[np.ndarray, ...]]
) -> None:
    state = {key: torch.from_numpy(array) for key, array in arrays.items()} | {"classifier.3.bias": torch.ones(3)}
    torch.save(state, tmp_path / "new.pth")
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / "any.safetensors")
    sources = [(tmp_path / name).read_bytes() for name in ("new.pth", "old.pth", "any.safetensors")]
    results = {converted(tmp_path, content) for content in (*sources, network_of(layers), network_of(layers, v1=True))}
    assert len(results) == 1
    assert converted(tmp_path, results.pop()) == converted(tmp_path, network_of(layers))  # and again


def test_half_and_strided_torch_files_are_cast_and_laid_out(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    state = {key: torch.from_numpy(array).to(torch.bfloat16) for key, array in arrays.items()}
    state["features.2.weight"] = state["features.2.weight"].transpose(0, 1).contiguous().transpose(0, 1)
    torch.save(state, tmp_path / "half.pth")
    converted(tmp_path, (tmp_path / "half.pth").read_bytes())
    found = read_state_dict(tmp_path / "target")
    assert all(torch.equal(found[key], value.float()) for key, value in state.items())


def test_only_networks_of_the_registry_are_converted() -> None:
    assert set(NETWORKS) == {entry.name for entry in load_registry().values() if entry.is_converted}


# --- what is wrong ------------------------------------------------------------------------------------------

NUMBERS = struct.pack("<3f", 1, 2, 3)
HOSTILE = {
    "empty": (b"", "0 bytes"),
    "html": (b"<!doctype html><title>404</title>", "read as a .caffemodel"),
    "text": (b'name: "VGG"\nlayer {\n', "read as a .caffemodel"),
    "zeros": (b"\0" * 1000, "number 0"),
    "nothing": (piece(1, b"a net"), "no layer in it holds weights"),
    "a number of 11 bytes": (b"\x80" * 12, "more than 10 bytes"),
    "ends in a number": (piece(1, b"net") + b"\xff\xff", "ends within a number"),
    "a gigabyte": (varint(100 << 3 | 2) + varint(1 << 30) + b"x", "claims 1,073,741,824 bytes, and 1 are left"),
    "eight exabytes": (varint(100 << 3 | 2) + varint((1 << 63) - 1), "claims 9,223,372,036,854,775,807 bytes"),
    "a group": (varint(100 << 3 | 3), "wire type 3"),
    "a layer that is a number": (number(100, 7), "holds no message"),
    "two versions": (layer("fc6", b"x") + layer("fc6", b"x", v1=True), "two versions"),
    "of 2013": (piece(2, piece(1, b"")), "before 2014"),
    "twice": (layer("conv1_1", b"x") + layer("conv1_1", b"x"), "'conv1_1' stands in it 2 times"),
    "a long name": (layer("x" * 5000, b"x"), "a name of 5,000 bytes"),
    "VGG-19": (layer("conv3_4", b"x") + layer("fc6", b"x"), "a layer 'conv3_4', which this network has not"),
    "no fc6": (layer("conv1_1", b"x"), "13 layers are missing: conv1_2, "),
    "blobs": (layer("conv1_1", *[b"x"] * 99), "more than 16 blobs"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_caffemodel_is_refused_by_name_and_reason(tmp_path: Path, what: str) -> None:
    content, reason = HOSTILE[what]
    with pytest.raises(WeightsInvalid, match=re.escape(reason)) as caught:
        converted(tmp_path, content)
    assert str(tmp_path / "source") in str(caught.value)
    assert caught.value.remedy
    assert caught.value.exit_code == 3


BLOBS = {
    "fewer numbers than its shape": (piece(7, piece(1, b"\x05")) + piece(5, NUMBERS), "shape (5,), and holds 3 num"),
    "a shape of exabytes": (piece(7, piece(1, varint((1 << 63) - 1) * 2)) + piece(5, NUMBERS), "claims the shape"),
    "a negative size": (piece(7, number(1, (1 << 64) - 3)) + piece(5, NUMBERS), "claims the shape"),
    "nothing of everything": (piece(7, piece(1, b"\0" + varint(1 << 62))) + piece(5, b""), "claims the shape"),
    "33 axes": (piece(7, piece(1, b"\x01" * 33)) + piece(5, NUMBERS[:4]), "more than 32 numbers"),
    "33 axes, one by one": (piece(7, number(1, 1) * 33) + piece(5, NUMBERS[:4]), "more than 32 axes"),
    "a cut number": (piece(7, piece(1, b"\xff")) + piece(5, NUMBERS), "ends within a number"),
    "broken floats": (piece(7, piece(1, b"\x03")) + piece(5, NUMBERS[:-1]), "holds 2.75 numbers"),
    "floats one by one": (piece(7, piece(1, b"\x01")) + varint(5 << 3 | 5) + NUMBERS[:4], "one packed piece"),
    "numbers twice": (piece(7, piece(1, b"\x03")) + piece(5, NUMBERS) * 2, "one packed piece"),
    "no numbers": (piece(7, piece(1, b"\x03")), "one packed piece"),
    "another shape": (piece(7, piece(1, b"\x03")) + piece(5, NUMBERS), "the shape is (3,) instead of (4, 20, 3, 3)"),
    "not a message": (b"\x0f\xff", "wire type 7"),
}


@pytest.mark.parametrize("what", BLOBS)
def test_a_lying_blob_is_refused(tmp_path: Path, layers: dict[str, tuple[np.ndarray, ...]], what: str) -> None:
    content, reason = BLOBS[what]
    bias = blob(layers.pop("conv1_1")[1])
    with pytest.raises(WeightsInvalid, match=re.escape(reason)) as caught:
        converted(tmp_path, layer("conv1_1", content, bias) + network_of(layers))
    assert "layer 'conv1_1'" in str(caught.value)


def test_a_caffemodel_cut_anywhere_is_refused(tmp_path: Path, layers: dict[str, tuple[np.ndarray, ...]]) -> None:
    content = network_of(layers)
    fc7 = content.index(piece(1, b"fc7"))
    for keep in np.linspace(0, fc7 - 8, 40).astype(int):
        with pytest.raises(WeightsInvalid):
            converted(tmp_path, content[:keep])


def test_a_million_empty_fields_end_soon(tmp_path: Path) -> None:
    with pytest.raises(WeightsInvalid, match="more than 1,000,000 fields"):
        converted(tmp_path, b"\x08\x01" * 1_000_001)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_numbers_that_are_none_are_refused(
    tmp_path: Path, layers: dict[str, tuple[np.ndarray, ...]], value: float
) -> None:
    weight, bias = layers["conv5_2"]
    layers["conv5_2"] = (weight, np.where(np.arange(len(bias)) == 3, value, bias.astype(float)))
    with pytest.raises(WeightsInvalid, match=r"features\.26\.bias: holds numbers that are not finite"):
        converted(tmp_path, network_of(layers, double=True))


def test_caffes_network_for_pictures_is_refused_and_says_why(
    tmp_path: Path, layers: dict[str, tuple[np.ndarray, ...]]
) -> None:
    with pytest.raises(WeightsInvalid, match="another order, range and padding") as caught:
        converted(tmp_path, network_of(layers), name="vgg19-fc6")
    assert caught.value.remedy == "vegas-data weights fetch vgg19-fc6"


def torch_states(state: dict[str, Tensor]) -> Iterator[tuple[str, Any]]:
    yield "missing: classifier.0.bias", {key: value for key, value in state.items() if key != "classifier.0.bias"}
    yield "has 'extra'", state | {"extra": torch.zeros(1)}
    yield "instead of floats (4, 20, 3, 3)", state | {"features.0.weight": torch.zeros(4, 3, 3, 3)}
    yield "instead of floats", state | {"features.0.bias": torch.zeros(4, dtype=torch.int64)}
    yield "instead of floats", state | {"features.0.bias": torch.zeros(4).to_sparse()}
    yield "not finite", state | {"features.0.bias": torch.full((4,), torch.nan)}
    yield "not a flat table", {"state_dict": state}
    yield "not a flat table", state | {"features.0.bias": torch.nested.nested_tensor([torch.zeros(4)])}
    yield "not a flat table", [state]


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_a_torch_file_of_another_network_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    for reason, state in torch_states({key: torch.from_numpy(array) for key, array in arrays.items()}):
        torch.save(state, tmp_path / "other.pth")
        with pytest.raises(WeightsInvalid, match=re.escape(reason)):
            converted(tmp_path, (tmp_path / "other.pth").read_bytes())


def test_numbers_whose_sign_is_kept_beside_them_keep_it(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    state = {key: torch.from_numpy(array) for key, array in arrays.items()}
    torch.save(state, tmp_path / "plain.pth")
    torch.save({key: torch._neg_view(-value) for key, value in state.items()}, tmp_path / "negated.pth")
    plain, negated = (converted(tmp_path, (tmp_path / f"{name}.pth").read_bytes()) for name in ("plain", "negated"))
    assert plain == negated


@pytest.mark.parametrize("keep", [9, 100, 5000, -1])
def test_a_cut_torch_or_safetensors_file_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray], keep: int) -> None:
    state = {key: torch.from_numpy(array) for key, array in arrays.items()}
    torch.save(state, tmp_path / "cut.pth")
    save_file(state, tmp_path / "cut.safetensors")
    for name in ("cut.pth", "cut.safetensors"):
        with pytest.raises(WeightsInvalid):
            converted(tmp_path, (tmp_path / name).read_bytes()[:keep])


def test_conversion_keeps_to_pieces_whatever_the_size(tmp_path: Path) -> None:
    """A network of 480 MB would not fit in what the process may take beyond what it has at the start."""
    script = f"""
        import resource, sys
        from pathlib import Path
        import numpy as np, torch
        from vegas_data.networks.safetensors_file import write_float32
        array = np.lib.format.open_memmap({str(tmp_path / "big.npy")!r}, "w+", "<f4", (64 << 20,))
        del array
        array = np.load({str(tmp_path / "big.npy")!r}, mmap_mode="r")
        def anonymous():
            return int(next(l for l in open("/proc/self/status") if l.startswith("RssAnon")).split()[1])
        before = anonymous()
        peak = 0
        class File:
            def write(self, data):
                global peak
                peak = max(peak, anonymous() - before)
        write_float32(File(), {{"a": array}}, metadata={{}})
        sys.exit(0 if peak < 32 << 10 else peak)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)


# --- the commands -------------------------------------------------------------------------------------------


@pytest.fixture
def weights(capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(capsys, "weights")


@pytest.fixture
def narrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of one's own, and networks small enough for a test."""
    monkeypatch.setenv("VEGAS_DATA_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setitem(
        conversion.NETWORKS,  # type: ignore[arg-type]
        NAME,
        lambda *, width_divisor: TemporalVgg16Fc6(width_divisor=NARROW),
    )
    return tmp_path / "cache"


def test_fetch_takes_a_caffemodel_after_the_licence_and_check_proves_it(
    weights: Here, narrow: Path, tmp_path: Path, layers: dict[str, tuple[np.ndarray, ...]]
) -> None:
    file = tmp_path / "split1.caffemodel"
    file.write_bytes(network_of(layers, v1=True))
    refused = weights("fetch", NAME, "--from", file, "--json")
    assert refused.returncode == 5
    assert "non-commercial" in refused.stderr
    assert not narrow.exists()
    done = weights("fetch", NAME, "--from", file, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["path"] == str(narrow / f"{NAME}.safetensors")
    assert told["origin"] == "file"
    assert told["source"]["name"] == "split1.caffemodel"
    record = json.loads((narrow / f"{NAME}.safetensors.json").read_text())
    assert record == {key: value for key, value in told.items() if key != "path"}
    assert sorted(path.name for path in narrow.iterdir()) == [f"{NAME}.safetensors", f"{NAME}.safetensors.json"]
    (row,) = json.loads(weights("check", NAME, "--json").stdout)
    assert (row["status"], row["sha256"]) == ("ok", told["sha256"])
    listed = json.loads(weights("list", "--json").stdout)
    assert next(row for row in listed if row["name"] == NAME)["status"] == "ok"
    with (narrow / f"{NAME}.safetensors").open("r+b") as kept:
        kept.seek(-1, 2)
        kept.write(b"\x7f")
    assert weights("check", NAME).returncode == 1
    assert weights("fetch", NAME, "--from", file, "--yes").returncode == 0  # made again, the same
    assert weights("check", NAME).returncode == 0


def test_convert_writes_a_file_and_its_record_and_no_other(
    weights: Here, narrow: Path, tmp_path: Path, layers: dict[str, tuple[np.ndarray, ...]]
) -> None:
    file, output = tmp_path / "split1.caffemodel", tmp_path / "out.safetensors"
    file.write_bytes(network_of(layers))
    done = weights("convert", file, "--as", NAME, "--output", output, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["source"]["num_bytes"] == file.stat().st_size
    assert not narrow.exists()
    assert weights("convert", file, "--as", NAME, "--output", output).returncode == 2  # it is there
    installed = weights("convert", output, "--as", NAME, "--yes", "--json")
    assert json.loads(installed.stdout)["sha256"] == json.loads(done.stdout)["sha256"]
    assert (narrow / f"{NAME}.safetensors").read_bytes() == output.read_bytes()


def test_convert_says_what_is_wrong_and_leaves_nothing(weights: Here, narrow: Path, tmp_path: Path) -> None:
    file, output = tmp_path / "broken.caffemodel", tmp_path / "out.safetensors"
    file.write_bytes(b"broken")
    for arguments in (("--output", output), ("--yes",)):
        done = weights("convert", file, "--as", NAME, *arguments)
        assert done.returncode == 3
        assert str(file) in done.stderr
    assert not output.exists()
    assert not narrow.exists() or not list(narrow.iterdir())
    assert weights("convert", file, "--as", "yamnet").returncode == 2
    assert weights("convert", file, "--as", "vgg19-fc7").returncode == 2


def test_the_pin_is_that_of_the_file_as_it_came(weights: Here, narrow: Path, tmp_path: Path) -> None:
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    done = weights("fetch", "vgg19-fc6", "--from", tmp_path / "other.pth")
    assert done.returncode == 5
    assert "expected dcbb9e9d…" in done.stderr
    assert models.load_registry()["vgg19-fc6"].sha256_prefix == "dcbb9e9d"

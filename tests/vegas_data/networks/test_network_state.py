"""Reading weight files: nothing in them is executed, nothing is silently left out."""

import contextlib
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from vegas_data.errors import WeightsMissing
from vegas_data.networks.state import assign_weights, read_state_dict


class Canary:
    """What a hostile pickle looks like: it makes a folder when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_hostile_checkpoint_is_refused_and_not_executed(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    torch.save({"weight": Canary(canary)}, tmp_path / "zip.pth")
    (tmp_path / "raw.pth").write_bytes(pickle.dumps({"weight": Canary(canary)}, protocol=2))
    for name in ("zip.pth", "raw.pth"):
        with pytest.raises(WeightsMissing, match=name):
            read_state_dict(tmp_path / name)
    assert not canary.exists()
    pickle.loads((tmp_path / "raw.pth").read_bytes())
    assert canary.exists()  # it would have worked


def test_safetensors_and_torch_files_are_the_same_state(tmp_path: Path) -> None:
    state = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2, dtype=torch.float16)}
    torch.save(state, tmp_path / "w.pth")
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / "w.safetensors")
    for name in ("w.pth", "old.pth", "w.safetensors"):
        found = read_state_dict(tmp_path / name)
        assert found.keys() == state.keys()
        assert all(torch.equal(found[key], value) and found[key].dtype == value.dtype for key, value in state.items())


def test_files_are_mapped_and_not_read(tmp_path: Path) -> None:
    state = {"weight": torch.ones(1 << 24)}
    torch.save(state, tmp_path / "w.pth")
    save_file(state, tmp_path / "w.safetensors")
    del state
    script = f"""
        from pathlib import Path
        from vegas_data.networks.state import read_state_dict
        def own():  # KiB that are nobody else's
            return int(next(line for line in open("/proc/self/status") if line.startswith("RssAnon")).split()[1])
        for name in ("w.pth", "w.safetensors"):
            before = own()
            weight = read_state_dict(Path({str(tmp_path)!r}) / name)["weight"]
            assert float(weight[::1024].sum()) == 1 << 14
            assert own() - before < 16 << 10, (name, own() - before)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)


HEADERS = {
    "a header beyond the file": (1 << 20).to_bytes(8, "little") + b"{}",
    "no JSON": (8).to_bytes(8, "little") + b"{nonsens",
    "places beyond the file": b'{"w":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}}',
    "a shape that is not its places": b'{"w":{"dtype":"F32","shape":[9],"data_offsets":[0,4]}}',
    "places that overlap": b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],'
    b'"data_offsets":[0,4]}}',
}


@pytest.mark.parametrize("what", HEADERS)
def test_a_lying_safetensors_file_is_refused(tmp_path: Path, what: str) -> None:
    header = HEADERS[what]
    content = header if header[8:9] == b"{" else len(header).to_bytes(8, "little") + header + bytes(4)
    (tmp_path / "lies.safetensors").write_bytes(content)
    with pytest.raises(WeightsMissing, match=r"lies\.safetensors: not a readable checkpoint"):
        read_state_dict(tmp_path / "lies.safetensors")


@pytest.mark.parametrize("value", [[torch.zeros(1)], {"a": [1]}, {1: torch.zeros(1)}, torch.zeros(1)])
def test_only_a_flat_table_of_tensors_is_taken(tmp_path: Path, value: Any) -> None:
    torch.save(value, tmp_path / "weights.pth")
    with pytest.raises(WeightsMissing, match="flat table"):
        read_state_dict(tmp_path / "weights.pth")


@pytest.mark.parametrize("keep", [0, 3, 200, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"weight": torch.zeros(64, 64)}, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsMissing, match=r"weights\.pth"):
        read_state_dict(path)


def test_a_torch_file_changed_in_any_byte_is_read_or_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "new.pth")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    for name in ("new.pth", "old.pth"):
        content = (tmp_path / name).read_bytes()
        for place in range(0, len(content), 11):
            changed = bytearray(content)
            changed[place] ^= 0xFF >> place % 7
            (tmp_path / "changed.pth").write_bytes(changed)
            with contextlib.suppress(WeightsMissing):
                read_state_dict(tmp_path / "changed.pth")


def test_absent_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="no such file"):
        read_state_dict(tmp_path / "absent.pth")
    with pytest.raises(WeightsMissing, match="not a readable"):
        read_state_dict(tmp_path)


def meta_linear() -> nn.Linear:
    with torch.device("meta"):
        return nn.Linear(3, 2)


def test_weights_are_assigned_frozen_and_in_the_modules_type() -> None:
    state = {"weight": torch.ones(2, 3, dtype=torch.float16), "bias": torch.zeros(2), "extra": torch.zeros(9)}
    module = assign_weights(meta_linear(), state, path=Path("w.pth"), ignored=("extra",))
    assert module.weight.dtype == torch.float32
    assert module(torch.ones(1, 3)).tolist() == [[3.0, 3.0]]
    assert not module.training
    assert not module.weight.requires_grad


def test_every_kind_of_misfit_is_named() -> None:
    state = {"weight": torch.ones(3, 2), "gain": torch.zeros(1)}
    with pytest.raises(WeightsMissing) as caught:
        assign_weights(meta_linear(), state, path=Path("w.pth"))
    assert str(caught.value) == (
        "w.pth: not the weights of Linear: 1 missing: bias; 1 unexpected: gain; "
        "1 of another shape: weight (3, 2) instead of (2, 3)"
    )


def test_a_long_list_of_keys_is_cut() -> None:
    state = dict(nn.Linear(3, 2).state_dict()) | {f"k{i}": torch.zeros(1) for i in range(9)}
    with pytest.raises(WeightsMissing, match=r"9 unexpected: k0, k1, k2, k3, k4, k5, …"):
        assign_weights(meta_linear(), state, path=Path("w.pth"))

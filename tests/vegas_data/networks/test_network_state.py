"""Reading weight files: nothing in them is executed, nothing is silently left out."""

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
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

"""Asking for a device that is not there, and for one that always is."""

import subprocess
import sys

import pytest
import torch

from vegas_data import device
from vegas_data.device import confine_torch, require_device
from vegas_data.errors import EXIT_DEPENDENCY, DeviceMissing
from vegas_data.features.device import tools


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_without_a_gpu_is_a_clear_error() -> None:
    with pytest.raises(DeviceMissing, match="GPU") as caught:
        require_device("cuda")
    assert caught.value.exit_code == EXIT_DEPENDENCY
    assert "--gpu" in caught.value.remedy


def test_unknown_device_is_the_callers_fault() -> None:
    with pytest.raises(ValueError, match="abacus"):
        require_device("abacus")


def test_sums_of_a_gpu_are_in_float32_whatever_the_network_computes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_bf16_reduced_precision_reduction
    monkeypatch.setattr(device, "require_device", lambda _: None)
    matmul.allow_bf16_reduced_precision_reduction = True
    try:
        confine_torch("cuda")
        assert not matmul.allow_bf16_reduced_precision_reduction
        assert not matmul.allow_tf32
    finally:
        matmul.allow_bf16_reduced_precision_reduction = before


def test_the_light_part_of_the_room_loads_nothing_heavy() -> None:
    code = (
        "import sys; import vegas_data.features as f; from vegas_data.device import require_device;"
        "require_device('cpu'); f.FeatureOptions;"
        "sys.exit(', '.join({'torch', 'cv2', 'av', 'numpy'} & sys.modules.keys()) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_tools_name_what_bytes_depend_on() -> None:
    named = tools("cpu")
    assert {"av", "cpu", "cv2", "device", "llvmlite", "numba", "numpy", "torch"} == named.keys()
    assert named["device"] == "cpu"
    assert all(named.values())

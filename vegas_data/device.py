"""The device that computes: is it there, what is it called.

Cheap to import, and cheap to ask about ``cpu``: torch is loaded only when somebody wants ``cuda`` or computes.
"""

import ctypes
import platform
import warnings
from pathlib import Path
from typing import Final, Literal, get_args

from vegas_data.errors import DeviceMissing

Device = Literal["cpu", "cuda"]
_CPU_INFO: Final = Path("/proc/cpuinfo")
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of glibc's malloc.h
_KEPT_BYTES: Final = 1 << 30


def require_device(device: str) -> None:
    """Return if ``device`` exists on this machine.

    Raises:
        DeviceMissing: it does not, or torch cannot use it.
    """
    if device not in get_args(Device):
        raise ValueError(f"device must be one of {', '.join(get_args(Device))}, not {device!r}")
    if device == "cpu":
        return
    import torch

    with warnings.catch_warnings(record=True) as caught:  # why a driver does not work is said in a warning
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    if not available:
        because = f": {str(caught[0].message).partition(chr(10))[0]}" if caught else ""
        raise DeviceMissing(
            f"a GPU was asked for, and torch {torch.__version__} finds no CUDA device here{because}",
            remedy="run without --gpu; where there is an NVIDIA GPU, install its driver and the CUDA build of torch",
        )


def confine_torch(device: str) -> None:
    """One thread per process, the same kernels every time, memory kept from batch to batch; for a worker, once.

    Raises:
        DeviceMissing: there is no such device.
    """
    require_device(device)
    import torch

    torch.set_num_threads(1)
    _keep_freed_memory()
    if device == "cuda":
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False  # sums are float32


def _keep_freed_memory() -> None:
    """Let malloc keep what is freed, up to a gigabyte, instead of giving every large array back to the system.

    A network's layers come and go with each batch, and the system has to clear each page anew: a third of the time of
    EfficientNet-Lite0 on a CPU (``python -m benchmarks.featurize``). Other C libraries than glibc do as they do.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def has_bfloat16(device: str) -> bool:
    """Whether a device multiplies bfloat16 by itself, and does not only imitate it.

    A CPU does with AVX-512 BF16 or AMX. A torch that cannot tell (before 2.8) counts as no.
    """
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    tell = getattr(torch.cpu, "get_capabilities", None)
    capabilities: dict[str, object] = tell() if tell is not None else {}
    return any(capabilities.get(name) is True for name in ("avx512_bf16", "amx_bf16"))


def device_tools(device: str) -> dict[str, str]:
    """What sums depend on besides code and inputs: the CPU's kind, the device, the version of torch."""
    import torch

    return {
        "cpu": f"{_cpu_model()} ({torch.backends.cpu.get_cpu_capability()})",
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "torch": torch.__version__,
    }


def _cpu_model() -> str:
    if _CPU_INFO.exists():
        for line in _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.machine()

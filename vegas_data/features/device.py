"""How features are computed on a device: set up to give the same bytes twice, and what those depend on."""

from importlib.metadata import version

from vegas_data.device import confine_torch, device_tools


def confine(device: str) -> None:
    """One thread per process in torch and OpenCV, and the same kernels every time; for a worker, once."""
    import cv2

    cv2.setNumThreads(1)
    confine_torch(device)


def tools(device: str) -> dict[str, str]:
    """What bytes of features depend on besides options, weights and media."""
    import av
    import cv2
    import numpy as np

    compiler = {name: version(name) for name in ("llvmlite", "numba")}
    own = {"av": av.__version__, "cv2": cv2.__version__, "numpy": np.__version__}
    return {**device_tools(device), **own, **compiler}

"""A torch network as an encoder: batch of levels in, float32 rows out, no gradients, channels-last in memory.

Pictures and flow are prepared in float32. The network itself computes in float32 or, where the stream asks for it, in
bfloat16; how far its rows are then from those in float32 is measured when it is loaded, on two fixed inputs, and
stands in ``tools``.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vegas_data.device import has_bfloat16
from vegas_data.features.encoders import precision_key
from vegas_data.features.options import Precision, StreamOptions
from vegas_data.features.pictures import Levels, Pixels

_PROBE_SEED: Final = 0


class TorchEncoder:
    """Shows a network batches, as ``encoders.Encoder`` says.

    Args:
        prepare: uint8 batch, on the device, → what the network wants, float32 [B, C, H, W].
        forward: the network's own way to its features; its ``forward`` unless said otherwise.
        stream: whose precision it computes in; without one it is float32.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str,
        weights_digest: str,
        device: str,
        prepare: Callable[[Tensor], Tensor],
        forward: Callable[[Tensor], Tensor] | None = None,
        stream: StreamOptions | None = None,
    ) -> None:
        self.name = name
        self.weights_digest = weights_digest
        self._device = torch.device(device)
        self._prepare = prepare
        self._dtype = torch.float32
        # Channels-last is the layout that oneDNN and cuDNN convolve fastest; `forward` is bound to the same module.
        network.eval().requires_grad_(False).to(device=self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._forward = forward or network
        said = "float32"
        if stream is not None and resolve_precision(stream.precision, device) == "bfloat16":
            batch = probe(stream)
            exact = self.encode(batch)
            network.to(torch.bfloat16)
            self._dtype = torch.bfloat16
            said = f"bfloat16, {deviation(self.encode(batch), exact):.0e} off float32"
        self.tools = {precision_key(name): said}

    def encode(self, batch: Levels) -> npt.NDArray[np.float32]:
        """See ``encoders.Encoder``."""
        with torch.inference_mode():
            x_bchw = self._prepare(torch.from_numpy(batch).to(self._device))
            features = self._forward(x_bchw.to(self._dtype).contiguous(memory_format=torch.channels_last))
            return np.asarray(features.float().cpu().numpy())


def resolve_precision(precision: Precision, device: str) -> Precision:
    """float32 or bfloat16: ``auto`` takes what the device computes fastest in."""
    if precision == "auto":
        return "bfloat16" if has_bfloat16(device) else "float32"
    return precision


def probe(stream: StreamOptions) -> Pixels:
    """Two fixed inputs: one that is all ramps, and one that is all noise.

    Shape: uint8 [2, S, S, 3], or uint8 [2, 2 · window, S, S] for a stream of flow.
    """
    size = stream.size_px
    ramp = np.arange(size, dtype=np.int64)
    picture = ramp[:, None, None] + 2 * ramp[None, :, None] + 64 * np.arange(3)
    fields = ramp[None, :, None] + 2 * ramp[None, None, :] + 8 * np.arange(2 * stream.window)[:, None, None]
    smooth = (picture if stream.flow is None else fields) % 256
    noise = np.random.default_rng(_PROBE_SEED).integers(0, 256, smooth.shape)
    return np.stack([smooth, noise]).astype(np.uint8)


def deviation(rows: npt.NDArray[np.float32], exact: npt.NDArray[np.float32]) -> float:
    """How far ``rows`` are from ``exact``, over the length of ``exact``."""
    length = float(np.linalg.norm(exact))
    return float(np.linalg.norm(rows - exact)) / length if length else 0.0

"""A torch network as an encoder: uint8 batch in, float32 rows out, no gradients, channels-last in memory."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn


class TorchEncoder:
    """Shows a network batches, as ``encoders.Encoder`` says.

    Args:
        prepare: uint8 batch, on the device, → what the network wants, float32 [B, C, H, W].
        forward: the network's own way to its features; its ``forward`` unless said otherwise.
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
    ) -> None:
        self.name = name
        self.weights_digest = weights_digest
        self._device = torch.device(device)
        self._prepare = prepare
        # Channels-last is the layout that oneDNN and cuDNN convolve fastest; `forward` is bound to the same module.
        network.eval().requires_grad_(False).to(device=self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._forward = forward or network

    def encode(self, batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """See ``encoders.Encoder``."""
        with torch.inference_mode():
            x_bchw = self._prepare(torch.from_numpy(batch).to(self._device))
            features = self._forward(x_bchw.contiguous(memory_format=torch.channels_last))
            return np.asarray(features.float().cpu().numpy())

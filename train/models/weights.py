"""The weights that training begins with, drawn as in the reference code of Mehri et al., "SampleRNN" (ICLR 2017).

torch draws a GRU's weights by the width of its state alone. With thousands of video features at its input that is far
too wide: the gates are saturated from the first step, and conditioning is hardly learned. Here weights are uniform
with variance gain / fan-in (LeCun: gain 1; He, before a ReLU and where a tier expands its samples: gain 2), recurrent
ones are orthogonal, gate by gate, and biases are 0.
"""

import math
from typing import TypeVar

import torch
from torch import nn

L = TypeVar("L", nn.Linear, nn.Conv1d)


def draw_weights(layer: L, *, gain: float) -> L:
    """Draw the layer's weights anew and return it."""
    with torch.no_grad():
        _draw(layer.weight, gain)
        if layer.bias is not None:
            layer.bias.zero_()
    return layer


def draw_gru(rnn: nn.GRU) -> nn.GRU:
    """Draw a one-layer GRU's weights anew and return it."""
    with torch.no_grad():
        for name, weight in rnn.named_parameters():
            if name.startswith("bias"):
                weight.zero_()
                continue
            for gate in weight.chunk(3):
                if name.startswith("weight_hh"):
                    nn.init.orthogonal_(gate)
                else:
                    _draw(gate, gain=1)
    return rnn


def _draw(weight: torch.Tensor, gain: float) -> None:
    bound = math.sqrt(3 * gain / weight[0].numel())
    nn.init.uniform_(weight, -bound, bound)

"""Weights drawn at random, for trying out the way through where the real ones are not at hand.

Enters a module, which may be on the meta device, and a seed; leaves the module with weights that are the same on every
machine and in every process. Each is drawn from a generator of its own, seeded by its name, so that none depends on
the others. Spreads follow He et al. ("Delving Deep into Rectifiers", ICCV 2015), so that numbers neither fade nor grow
from layer to layer. Biases are not 0: a still clip, whose flow is 0 everywhere, has features too.

What such a network says of a picture means nothing.
"""

import hashlib
from typing import Final, TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)
_BIAS: Final = 0.1


def draw_weights(module: M, seed: int) -> M:
    """Give ``module`` weights drawn with ``seed`` and return it frozen, in eval mode."""
    norms = {name for name, part in module.named_modules() if isinstance(part, nn.BatchNorm2d)}
    drawn = {}
    for key, value in module.state_dict().items():
        owner = key.rpartition(".")[0]
        still = owner in norms and not key.endswith("bias")
        drawn[key] = _identity(key, value) if still else _draw(key, value.shape, seed)
    module.load_state_dict(drawn, strict=True, assign=True)
    return module.requires_grad_(False).eval()


def _identity(key: str, value: Tensor) -> Tensor:
    """What a normalisation holds that changes nothing, but for its bias."""
    ones = key.endswith(("weight", "running_var"))
    return torch.full(value.shape, float(ones), dtype=value.dtype)


def _draw(key: str, shape: torch.Size, seed: int) -> Tensor:
    of_key = int.from_bytes(hashlib.sha256(f"{seed}/{key}".encode()).digest()[:8], "big") >> 1
    generator = torch.Generator().manual_seed(of_key)
    # Uniform numbers within ± limit have a variance of limit² / 3; 2 / fan-in is what a layer before a ReLU needs.
    limit = (6 / shape[1:].numel()) ** 0.5 if len(shape) > 1 else _BIAS
    return torch.empty(shape).uniform_(-limit, limit, generator=generator)

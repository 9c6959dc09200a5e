"""The engine *torch*: many pairs at once, on any device; the same definition as OpenCV's, in whole-array steps.

All pairs of a batch go through the pyramid together. Each has a stop test of its own: a pair whose flow has settled
is masked, not taken out, so every array keeps its shape. A batch is always of one size for a size of picture and a
device, filled up with still pairs, because sums may be rounded otherwise in a batch of another size.

Legend: N pairs, H and W pixels, T = 6 planes of state: u1 u2 p11 p12 p21 p22.
"""

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Final, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vegas_data.features.flow.sorting import Sorter
from vegas_data.features.flow.tvl1 import (
    INNER_ITERATIONS,
    LAMBDA,
    OUTER_ITERATIONS,
    SCALE_STEP,
    TAU,
    THETA,
    Flow,
    check_finite,
    check_pair,
    pyramid_shapes,
)
from vegas_data.features.options import FlowOptions
from vegas_data.features.pictures import Pixels

BYTES_PER_PIXEL: Final = 104  # what one iteration, compiled to two kernels, reads and writes
CACHE_BYTES: Final = 2 << 20  # of a device that does not say
MAX_PAIRS: Final = 64
LOOK_EVERY: Final = 5  # iterations between two questions whether any pair still moves: each one waits for the device
MAX_SHAPES: Final = 64  # that are compiled for: five scales for every size of picture
_LEAST_SQUARE: Final = float(np.finfo(np.float32).eps)
_SORTER: Final = Sorter(minimum=torch.minimum, maximum=torch.maximum)

Step = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


class TorchFlow:
    """TV-L1 over batches. Compiled by ``torch.compile`` on CUDA, as it is elsewhere."""

    name = "torch"
    bytes_per_pixel = BYTES_PER_PIXEL

    def __init__(self, options: FlowOptions, device: str = "cpu", *, pairs_at_once: int | None = None) -> None:
        self._options = options
        self._device = torch.device(device)
        self._pairs_at_once = pairs_at_once
        self.num_iterated = 0  # pixels times iterations, masked ones too
        self._iterate: Step = iterate_until_looked_at
        self._median: Callable[[Tensor], Tensor] = median
        if self._device.type == "cuda":
            # beyond this limit, eight by default, torch would go on uncompiled, and round otherwise
            limits = torch._dynamo.config
            limits.recompile_limit = max(limits.recompile_limit, MAX_SHAPES)
            self._iterate = torch.compile(iterate_until_looked_at, dynamic=False)
            self._median = torch.compile(median, dynamic=False)

    def compute_flow(self, previous: Pixels, following: Pixels) -> Flow:
        """See ``FlowEngine``."""
        check_pair(previous, following)
        (flow,) = self.iter_flows(np.stack([previous, following]))
        return flow

    def iter_flows(self, pictures: Pixels) -> Iterator[Flow]:
        """See ``FlowEngine``."""
        if pictures.ndim != 3 or pictures.dtype != np.uint8:
            raise ValueError(f"grey pictures are needed, uint8 [N, H, W], not {pictures.dtype} {pictures.shape}")
        for previous, following in itertools.pairwise(pictures[:2]):
            check_pair(previous, following)
        size = self.batch_size(pictures.shape[1:])
        for first in range(0, len(pictures) - 1, size):
            some = torch.from_numpy(np.ascontiguousarray(pictures[first : first + size + 1])).to(self._device)
            still = some.new_zeros((size + 1 - len(some), *some.shape[1:]))
            pairs = [torch.cat([part, still]).float() for part in (some[:-1], some[1:])]
            moves = (pairs[0] != pairs[1]).flatten(1).any(dim=1)
            flows = self._solve(pairs[0], pairs[1], moves)[: len(some) - 1].cpu().numpy()
            for flow in flows:
                yield check_finite(cast(Flow, flow.copy()))

    def batch_size(self, shape: tuple[int, ...]) -> int:
        """Pairs that are computed together: as many as the device's cache holds."""
        if self._pairs_at_once is not None:
            return self._pairs_at_once
        cache = CACHE_BYTES
        if self._device.type == "cuda":
            cache = torch.cuda.get_device_properties(self._device).L2_cache_size
        return max(1, min(MAX_PAIRS, cache // (BYTES_PER_PIXEL * int(np.prod(shape)))))

    @torch.inference_mode()
    def _solve(self, previous_NHW: Tensor, following_NHW: Tensor, moves_N: Tensor) -> Tensor:
        shapes = pyramid_shapes(previous_NHW.shape[1:])
        pyramids = []
        for pictures in (previous_NHW, following_NHW):
            scales = [pictures]
            for shape in shapes[1:]:
                scales.append(resize(scales[-1], shape, (1 / SCALE_STEP, 1 / SCALE_STEP)))
            pyramids.append(scales)
        u_N2HW = previous_NHW.new_zeros((len(previous_NHW), 2, *shapes[-1]))
        for scale in reversed(range(len(shapes))):
            height, width = shapes[scale]
            if u_N2HW.shape[2:] != (height, width):
                steps = (u_N2HW.shape[2] / height, u_N2HW.shape[3] / width)
                u_N2HW = resize(u_N2HW, (height, width), steps) / SCALE_STEP
            images_N3HW = with_gradient(pyramids[1][scale])
            state_NTHW = torch.cat([u_N2HW, u_N2HW.new_zeros((len(u_N2HW), 4, height, width))], dim=1)
            for _ in range(self._options.num_warps):
                fields_N4HW = linearise(pyramids[0][scale], images_N3HW, state_NTHW[:, :2])
                state_NTHW = self._settle(state_NTHW, fields_N4HW, moves_N)
            u_N2HW = state_NTHW[:, :2]
        return u_N2HW

    def _settle(self, state_NTHW: Tensor, fields_N4HW: Tensor, moves_N: Tensor) -> Tensor:
        """Iterate each pair until its own stop test says so."""
        pixels = state_NTHW[0, 0].numel()
        limit = torch.full((), self._options.epsilon**2 * pixels, dtype=torch.float32, device=self._device)
        active_N = moves_N
        for _ in range(OUTER_ITERATIONS):
            filtered = torch.cat([self._median(state_NTHW[:, :2]), state_NTHW[:, 2:]], dim=1)
            state_NTHW = torch.where(_each(active_N), filtered, state_NTHW)
            for _ in range(INNER_ITERATIONS // LOOK_EVERY):
                state_NTHW, active_N = self._iterate(state_NTHW, fields_N4HW, active_N, limit)
                self.num_iterated += LOOK_EVERY * len(active_N) * pixels
                if not active_N.any():
                    return state_NTHW
        return state_NTHW


def _each(mask_N: Tensor) -> Tensor:
    return mask_N[:, None, None, None]


def iterate(state_NTHW: Tensor, fields_N4HW: Tensor, active_N: Tensor, limit: Tensor) -> tuple[Tensor, Tensor]:
    """One iteration of the active pairs, and which of them changed by more than ``limit``, squared and summed.

    Shape: fields: ix, iy, ρ without the flow, |gradient|²; limit: [].
    """
    u, p = state_NTHW[:, :2], state_NTHW[:, 2:]
    gradient, rest, square = fields_N4HW[:, :2], fields_N4HW[:, 2:3], fields_N4HW[:, 3:]
    rho = rest + (gradient * u).sum(dim=1, keepdim=True)
    bound = LAMBDA * THETA
    step = (-rho / square).clamp(-bound, bound)
    across, down = p[:, 0::2], p[:, 1::2]
    divergence = across - F.pad(across, (1, 0))[..., :-1] + down - F.pad(down, (0, 0, 1, 0))[..., :-1, :]
    after = u + step * gradient + THETA * divergence
    error_N = ((after - u) ** 2).sum(dim=(1, 3)).sum(dim=1)
    right = F.pad(after[..., 1:] - after[..., :-1], (0, 1))
    below = F.pad(after[..., 1:, :] - after[..., :-1, :], (0, 0, 0, 1))
    taut = TAU / THETA
    shrink = 1 / (1 + taut * (right * right + below * below).sqrt())
    across, down = (across + taut * right) * shrink, (down + taut * below) * shrink
    dual = torch.stack([across[:, 0], down[:, 0], across[:, 1], down[:, 1]], dim=1)
    state = torch.where(_each(active_N), torch.cat([after, dual], dim=1), state_NTHW)
    return state, torch.logical_and(active_N, error_N > limit)


def iterate_until_looked_at(
    state_NTHW: Tensor, fields_N4HW: Tensor, active_N: Tensor, limit: Tensor
) -> tuple[Tensor, Tensor]:
    """``LOOK_EVERY`` times ``iterate``, compiled as one: starting a compiled function takes longer than a kernel."""
    for _ in range(LOOK_EVERY):
        state_NTHW, active_N = iterate(state_NTHW, fields_N4HW, active_N, limit)
    return state_NTHW, active_N


def linearise(first_NHW: Tensor, images_N3HW: Tensor, u_N2HW: Tensor) -> Tensor:
    """The second picture and its gradient where the flow says, and what is left of the data term without the flow.

    Bicubic (A = -0.75, as torch's is) at exact fractions, zero outside. Shape: → [N, 4, H, W]: see ``iterate``.
    """
    height, width = u_N2HW.shape[2:]
    x = torch.arange(width, device=u_N2HW.device) + u_N2HW[:, 0]
    y = torch.arange(height, device=u_N2HW.device)[:, None] + u_N2HW[:, 1]
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)
    seen = F.grid_sample(images_N3HW, grid, mode="bicubic", padding_mode="zeros", align_corners=False)
    gradient = seen[:, 1:]
    rest = seen[:, 0] - (gradient * u_N2HW).sum(dim=1) - first_NHW
    square = (gradient * gradient).sum(dim=1).clamp_min(_LEAST_SQUARE)
    return torch.cat([gradient, rest[:, None], square[:, None]], dim=1)


def with_gradient(pictures_NHW: Tensor) -> Tensor:
    """Pictures and their central differences, the border repeated. Shape: [N, H, W] → [N, 3, H, W]."""
    wide = F.pad(pictures_NHW[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    x = 0.5 * (wide[:, 1:-1, 2:] - wide[:, 1:-1, :-2])
    y = 0.5 * (wide[:, 2:, 1:-1] - wide[:, :-2, 1:-1])
    return torch.stack([pictures_NHW, x, y], dim=1)


def median(u_N2HW: Tensor) -> Tensor:
    """The 5 × 5 median, the border repeated."""
    height, width = u_N2HW.shape[2:]
    wide = F.pad(u_N2HW, (2, 2, 2, 2), mode="replicate")
    columns = _SORTER.sort([wide[:, :, row : row + height] for row in range(5)])
    pairs = _SORTER.merge([c[..., :-1] for c in columns], [c[..., 1:] for c in columns])
    return _SORTER.middle(
        [pair[..., :width] for pair in pairs],
        [column[..., 2 : 2 + width] for column in columns],
        [pair[..., 3 : 3 + width] for pair in pairs],
    )


def resize(pictures: Tensor, shape: tuple[int, int], steps: tuple[float, float]) -> Tensor:
    """Linear resampling as OpenCV places it: target pixels are ``steps`` source pixels apart, down and across.

    Shape: [..., h, w] → [..., H, W].
    """
    for dim, size, step in ((-2, shape[0], steps[0]), (-1, shape[1], steps[1])):
        left, right, share = _places(pictures.shape[dim], size, step, pictures.device)
        share = share[:, None] if dim == -2 else share
        here = pictures.index_select(dim, left)
        pictures = here + (pictures.index_select(dim, right) - here) * share
    return pictures


@functools.lru_cache(maxsize=4 * MAX_SHAPES)
def _places(num: int, size: int, step: float, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """The source pixels on either side of every target pixel, and the share of the right one; kept on the device."""
    at = ((torch.arange(size, dtype=torch.float64) + 0.5) * step - 0.5).float()
    first = at.floor()
    share = (at - first).masked_fill((first < 0) | (first >= num - 1), 0)
    left = first.clamp(0, num - 1).long()
    return left.to(device), (left + 1).clamp(max=num - 1).to(device), share.to(device)

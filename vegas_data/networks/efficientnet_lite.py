"""EfficientNet-Lite0: a small picture network, and the demo's encoder for pictures and for optical flow.

Enters: pictures [N, 3, H, W] or flow stacks [N, 20, H, W], normalised by the functions below. Leaves: 1280 pooled
features or 1000 ImageNet logits. The architecture is EfficientNet-B0 (Tan & Le, ICML 2019, table 1) in its *lite*
form (the authors' release of 2020): no squeeze-and-excitation, ReLU6 instead of swish, so that it can be
quantised. The public weights were converted from TensorFlow, which settles three things that a file of weights
does not say: convolutions pad as TensorFlow's SAME (the odd pixel at the bottom and the right), batch
normalisation has ε = 0.001, and pictures are normalised as (x − 127) / 128.

The attribute names are those of the keys in the weight file.

Legend of name suffixes: n pictures, c channels, h and w pixels.
"""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format

from vegas_data.networks.drawn import draw_weights
from vegas_data.networks.state import assign_weights, read_state_dict

INPUT_SIZE_PX: Final = 224
NUM_FEATURES: Final = 1280
NUM_CLASSES: Final = 1000
MEAN_RGB: Final = 127.0
STD_RGB: Final = 128.0
ZERO_FLOW: Final = 128.0
_BATCH_NORM_EPS: Final = 1e-3


class Stage(NamedTuple):
    """A row of table 1: ``repeats`` blocks, of which only the first strides and changes the width."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    width: int


STEM_WIDTH: Final = 32
STAGES: Final = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class SameConv2d(nn.Conv2d):
    """A convolution whose output is ceil(input / stride) wide, padded as TensorFlow's SAME.

    It has no bias until ``fold_batch_norms`` gives it one.
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(c_in, c_out, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, x_nchw: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        (top, bottom), (left, right) = (_same_padding(size, kernel, stride) for size in x_nchw.shape[2:])
        if any((top, bottom, left, right)):
            x_nchw = F.pad(x_nchw, (left, right, top, bottom))
        return F.conv2d(x_nchw, self.weight, self.bias, stride=self.stride, groups=self.groups)


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Pixels before and after, so that ceil(size / stride) kernels fit; the odd one goes after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _batch_norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=_BATCH_NORM_EPS)


class InvertedBottleneck(nn.Module):
    """Widen by 1 × 1, filter each channel by itself, narrow by 1 × 1; add the input where shapes allow it."""

    def __init__(self, c_in: int, c_out: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = c_in * expansion
        self._expands = expansion != 1
        self._skips = stride == 1 and c_in == c_out
        if self._expands:
            self._expand_conv = SameConv2d(c_in, hidden, 1)
            self._bn0 = _batch_norm(hidden)
        self._depthwise_conv = SameConv2d(hidden, hidden, kernel, stride=stride, groups=hidden)
        self._bn1 = _batch_norm(hidden)
        self._project_conv = SameConv2d(hidden, c_out, 1)
        self._bn2 = _batch_norm(c_out)

    def forward(self, x_nchw: Tensor) -> Tensor:
        y = x_nchw
        if self._expands:
            y = F.relu6(self._bn0(self._expand_conv(y)), inplace=True)
        y = F.relu6(self._bn1(self._depthwise_conv(y)), inplace=True)
        y = self._bn2(self._project_conv(y))
        return torch.add(x_nchw, y) if self._skips else y


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 with ``in_channels`` input channels: 3 for pictures, 20 for stacks of 10 flow fields."""

    def __init__(self, *, in_channels: int = 3) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(in_channels, STEM_WIDTH, 3, stride=2)
        self._bn0 = _batch_norm(STEM_WIDTH)
        self._blocks = nn.ModuleList()
        width = STEM_WIDTH
        for stage in STAGES:
            for index in range(stage.repeats):
                stride = stage.stride if index == 0 else 1
                self._blocks.append(
                    InvertedBottleneck(
                        width, stage.width, kernel=stage.kernel, stride=stride, expansion=stage.expansion
                    )
                )
                width = stage.width
        self._conv_head = SameConv2d(width, NUM_FEATURES, 1)
        self._bn1 = _batch_norm(NUM_FEATURES)
        self._fc = nn.Linear(NUM_FEATURES, NUM_CLASSES)

    def feature_map(self, x_nchw: Tensor) -> Tensor:
        """Features before the classifier, place by place.

        Shape: float32 [N, C, H, W], normalised → float32 [N, 1280, ⌈H / 32⌉, ⌈W / 32⌉], 0 to 6.
        """
        y = F.relu6(self._bn0(self._conv_stem(x_nchw)), inplace=True)
        for block in self._blocks:
            y = block(y)
        return F.relu6(self._bn1(self._conv_head(y)), inplace=True)

    def features(self, x_nchw: Tensor) -> Tensor:
        """Features before the classifier, averaged over the picture.

        Shape: float32 [N, C, H, W], normalised → float32 [N, 1280], not negative.
        """
        return torch.mean(self.feature_map(x_nchw), dim=(2, 3))

    def forward(self, x_nchw: Tensor) -> Tensor:
        """ImageNet logits.

        Shape: float32 [N, C, H, W], normalised → float32 [N, 1000].
        """
        logits: Tensor = self._fc(self.features(x_nchw))
        return logits


_FOLDED: Final = (
    ("_conv_stem", "_bn0"),
    ("_expand_conv", "_bn0"),
    ("_depthwise_conv", "_bn1"),
    ("_project_conv", "_bn2"),
    ("_conv_head", "_bn1"),
)


def fold_batch_norms(network: EfficientNetLite0) -> EfficientNetLite0:
    """Fold each batch normalisation into the convolution before it, in place: the same function, in less time.

    At inference a batch normalisation is an affine map per channel; memory traffic is what it costs.
    """
    for module in (network, *network._blocks):
        for conv, norm in _FOLDED:
            if hasattr(module, conv):
                setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm)))
                setattr(module, norm, nn.Identity())
    return network


def load_efficientnet_lite0(path: Path, *, in_channels: int = 3) -> EfficientNetLite0:
    """Build the network and load its weights, ready for inference: batch normalisation folded, channels last.

    With another number of input channels than 3 the first layer is initialised across modalities (Wang et al.,
    "Temporal Segment Networks", ECCV 2016, §3.2): its weights are averaged over colour, and the average is
    repeated for every input channel. Nothing else changes.

    Raises:
        WeightsMissing: the file is not the weights of this network.
    """
    if in_channels < 1:
        raise ValueError(f"in_channels must be positive, not {in_channels}")
    state = read_state_dict(path)
    if in_channels != 3:
        key = "_conv_stem.weight"
        if key in state and state[key].ndim == 4:  # if not, assign_weights says so
            state[key] = state[key].mean(dim=1, keepdim=True).repeat(1, in_channels, 1, 1)
    with torch.device("meta"):
        network = EfficientNetLite0(in_channels=in_channels)
    return _ready(assign_weights(network, state, path=path))


def draw_efficientnet_lite0(seed: int, *, in_channels: int = 3) -> EfficientNetLite0:
    """Build the network with weights drawn at random, ready for inference; its features mean nothing."""
    with torch.device("meta"):
        network = EfficientNetLite0(in_channels=in_channels)
    return _ready(draw_weights(network, seed))


def _ready(network: EfficientNetLite0) -> EfficientNetLite0:
    fold_batch_norms(network)
    convert_conv2d_weight_memory_format(network, torch.channels_last)
    return network


def preprocess_rgb(frames: np.ndarray | Tensor) -> Tensor:
    """Normalise pictures, on the device they are on; the caller has cropped and scaled them.

    Shape: uint8 [N, H, W, 3], RGB → float32 [N, 3, H, W], about −1 to 1, in channels-last memory.
    """
    x_nhwc = torch.as_tensor(frames)
    if x_nhwc.dtype != torch.uint8 or x_nhwc.ndim != 4 or x_nhwc.shape[3] != 3:
        raise ValueError(f"expected uint8 [N, H, W, 3], not {x_nhwc.dtype} {tuple(x_nhwc.shape)}")
    return x_nhwc.permute(0, 3, 1, 2).to(torch.float32).sub_(MEAN_RGB).div_(STD_RGB)


def preprocess_flow(stacks: np.ndarray | Tensor) -> Tensor:
    """Normalise stacks of flow as levels so that no motion (128) is exactly 0.

    Shape: uint8 or float32 [N, C, H, W], channels x1, y1, x2, y2, … → float32 [N, C, H, W], −1 to 1, in channels-last
    memory.
    """
    x_nchw = torch.as_tensor(stacks)
    if x_nchw.dtype not in (torch.uint8, torch.float32) or x_nchw.ndim != 4:
        raise ValueError(f"expected levels [N, C, H, W], not {x_nchw.dtype} {tuple(x_nchw.shape)}")
    x_nchw = x_nchw.to(torch.float32, memory_format=torch.channels_last)
    return (x_nchw - ZERO_FLOW).div_(STD_RGB)

"""VGG up to fc6: V(f), what is seen in a frame, and F(o), how it moves. 4096 numbers each, before the ReLU.

Enters: pictures [N, 3, 224, 224] or stacks of ten flow fields [N, 20, 224, 224], normalised by the functions
below. Leaves: fc6 (Zhou et al. 2018, §4.2). ``Vgg19Fc6`` is configuration E of Simonyan & Zisserman, "Very deep
convolutional networks" (ICLR 2015), trained on ImageNet. ``TemporalVgg16Fc6`` is configuration D with a first layer
of 20 channels, the successor (Wang et al. 2015, "Towards good practices for very deep two-stream ConvNets") of the
temporal ConvNet of Simonyan & Zisserman 2014 that the paper names: a documented deviation.

Only the layers up to fc6 are built. Their names are torchvision's, so that its public files load unchanged.

Legend of name suffixes: n pictures, c channels, h and w pixels.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from vegas_data.networks.state import assign_weights, read_state_dict

INPUT_SIZE_PX: Final = 224
NUM_FEATURES: Final = 4096
FLOW_STACK_FIELDS: Final = 10
FLOW_CHANNELS: Final = 2 * FLOW_STACK_FIELDS
MEAN_RGB: Final = (0.485, 0.456, 0.406)
STD_RGB: Final = (0.229, 0.224, 0.225)
ZERO_FLOW: Final = 128.0

# Rows of convolutions of one width, each row ended by a 2 × 2 maximum: table 1, columns D and E.
CONFIGURATION_D: Final = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
CONFIGURATION_E: Final = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
# The rest of the classifier, fc7 and fc8, which the public files hold and nobody here needs.
IGNORED_KEYS: Final = ("classifier.3.weight", "classifier.3.bias", "classifier.6.weight", "classifier.6.bias")
FC6_KEYS: Final = ("classifier.0.weight", "classifier.0.bias")
_FINAL_CELLS: Final = INPUT_SIZE_PX // 2**5


class VggFc6(nn.Module):
    """A VGG of any configuration that ends at fc6.

    Args:
        width_divisor: makes every layer that many times narrower; for tests, as no such weights exist.
    """

    def __init__(self, rows: Sequence[tuple[int, int]], *, in_channels: int, width_divisor: int = 1) -> None:
        super().__init__()
        self.in_channels = in_channels
        layers: list[nn.Module] = []
        channels = in_channels
        for width, repeats in rows:
            for _ in range(repeats):
                layers += [nn.Conv2d(channels, width // width_divisor, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width // width_divisor
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Linear(channels * _FINAL_CELLS**2, NUM_FEATURES // width_divisor))

    def forward(self, x_nchw: Tensor) -> Tensor:
        """fc6, before the ReLU.

        Shape: float32 [N, C, 224, 224], normalised → float32 [N, 4096].

        Raises:
            ValueError: another size or number of channels; at 224 px the pooled map is 7 × 7, as fc6 needs it.
        """
        wanted = (self.in_channels, INPUT_SIZE_PX, INPUT_SIZE_PX)
        if tuple(x_nchw.shape[1:]) != wanted:
            raise ValueError(f"expected [N, {', '.join(map(str, wanted))}], not {tuple(x_nchw.shape)}")
        # fc6 reads the map in the order c, h, w, whatever order it has in memory.
        fc6: Tensor = self.classifier(self.features(x_nchw).flatten(start_dim=1))
        return fc6


class Vgg19Fc6(VggFc6):
    """VGG-19 up to fc6, for pictures; state-dict keys as in torchvision."""

    def __init__(self, *, width_divisor: int = 1) -> None:
        super().__init__(CONFIGURATION_E, in_channels=3, width_divisor=width_divisor)


class TemporalVgg16Fc6(VggFc6):
    """VGG-16 up to fc6, for stacks of ten flow fields; state-dict keys as in torchvision."""

    def __init__(self, *, width_divisor: int = 1) -> None:
        super().__init__(CONFIGURATION_D, in_channels=FLOW_CHANNELS, width_divisor=width_divisor)


class Vgg19Conv5(nn.Module):
    """VGG-19 up to conv5_4, its last convolution, for pictures: what is seen where; keys as in torchvision."""

    def __init__(self, *, width_divisor: int = 1) -> None:
        super().__init__()
        self.features = Vgg19Fc6(width_divisor=width_divisor).features[:-2]  # without the last ReLU and maximum

    def forward(self, x_nchw: Tensor) -> Tensor:
        """The map, before the ReLU; ``Vgg19Fc6`` goes on from it.

        Shape: float32 [N, 3, H, W], normalised → float32 [N, 512, H / 16, W / 16].
        """
        conv5: Tensor = self.features(x_nchw)
        return conv5


def load_vgg19_fc6(path: Path, *, width_divisor: int = 1) -> Vgg19Fc6:
    """Build VGG-19 up to fc6 with the weights of torchvision's ``vgg19-dcbb9e9d.pth``, ready for inference.

    Raises:
        WeightsMissing: the file lacks a key, holds one that VGG-19 has not, or one of another shape.
    """
    with torch.device("meta"):  # 475 MB of weights exist once: those of the file
        network = Vgg19Fc6(width_divisor=width_divisor)
    return assign_weights(network, read_state_dict(path), path=path, ignored=IGNORED_KEYS)


def load_vgg19_conv5(path: Path, *, width_divisor: int = 1) -> Vgg19Conv5:
    """As ``load_vgg19_fc6``, from the same file, up to conv5_4."""
    with torch.device("meta"):
        network = Vgg19Conv5(width_divisor=width_divisor)
    return assign_weights(network, read_state_dict(path), path=path, ignored=(*FC6_KEYS, *IGNORED_KEYS))


def load_temporal_vgg16_fc6(path: Path, *, width_divisor: int = 1) -> TemporalVgg16Fc6:
    """Build the temporal VGG-16 up to fc6 with the weights of a torch file in torchvision's key style.

    Raises:
        WeightsMissing: the file lacks a key, holds one that VGG-16 has not, or one of another shape.
    """
    with torch.device("meta"):
        network = TemporalVgg16Fc6(width_divisor=width_divisor)
    return assign_weights(network, read_state_dict(path), path=path, ignored=IGNORED_KEYS)


def preprocess_rgb(frames: np.ndarray | Tensor) -> Tensor:
    """Normalise pictures as torchvision does, on the device they are on.

    Shape: uint8 [N, H, W, 3], RGB → float32 [N, 3, H, W], zero mean and unit variance over ImageNet.
    """
    x_nhwc = torch.as_tensor(frames)
    if x_nhwc.dtype != torch.uint8 or x_nhwc.ndim != 4 or x_nhwc.shape[3] != 3:
        raise ValueError(f"expected uint8 [N, H, W, 3], not {x_nhwc.dtype} {tuple(x_nhwc.shape)}")
    mean = torch.tensor(MEAN_RGB, device=x_nhwc.device)
    std = torch.tensor(STD_RGB, device=x_nhwc.device)
    return x_nhwc.to(torch.float32).div_(255.0).sub_(mean).div_(std).permute(0, 3, 1, 2)


def preprocess_flow(stacks: np.ndarray | Tensor) -> Tensor:
    """Take the zero out of the levels of flow, as the public weights were trained: value − 128, not scaled.

    Shape: uint8 or float32 [N, 20, H, W], channels x1, y1, …, x10, y10 → float32 [N, 20, H, W], −128 to 127.
    """
    x_nchw = torch.as_tensor(stacks)
    if x_nchw.dtype not in (torch.uint8, torch.float32) or x_nchw.ndim != 4 or x_nchw.shape[1] != FLOW_CHANNELS:
        raise ValueError(f"expected levels [N, {FLOW_CHANNELS}, H, W], not {x_nchw.dtype} {tuple(x_nchw.shape)}")
    return x_nchw.to(torch.float32) - ZERO_FLOW

"""Weight files of other tools, into the one form that is kept here: safetensors, torchvision's names, up to fc6.

Enters the path of a ``.caffemodel``, a torch state dict or a ``.safetensors``, told apart by their content, and the
name of the network it has to hold. Leaves the bytes of a safetensors file, float32: the same for the same numbers,
whichever of the three they came from. All that follows fc6 is left out, unread.

A Caffe layer is named by its block, torchvision's by its place: conv1_1 → features.0, …, fc6 → classifier.0. Nothing
else changes: both convolve without flipping, both read the last map in the order c, h, w, and the sides 224, 112, …, 7
leave nothing to the different roundings of their pooling.

    temporal-vgg16-fc6  Its authors stack x1, y1, …, x10, y10, in bytes, less a mean of 128, as ``vgg.preprocess_flow``
                        does; the order is that of their VideoTemporalPrediction.m.
    vgg19-fc6           From torch only. Caffe's networks for pictures are shown B, G, R from 0 to 255 less a mean. The
                        scale could go into the first layer; the mean could not, exactly: it is not torchvision's, and
                        beyond the border both see zeros, which are Caffe's mean there and torchvision's here.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy.typing as npt
import torch

from vegas_data.errors import WeightsInvalid, WeightsMissing
from vegas_data.networks import caffe, vgg
from vegas_data.networks.safetensors_file import write_float32
from vegas_data.networks.state import is_safetensors, read_state_dict

Array = npt.NDArray[Any]
Converter = Callable[[Path, BinaryIO], None]
"""Writes what it converted a file to; raises WeightsInvalid, OSError."""

NETWORKS: Final[Mapping[str, type[vgg.Vgg19Fc6] | type[vgg.TemporalVgg16Fc6]]] = {
    "vgg19-fc6": vgg.Vgg19Fc6,
    "temporal-vgg16-fc6": vgg.TemporalVgg16Fc6,
}
_LAST_LAYER: Final = "fc6"
_TORCH_STARTS: Final = (b"PK\x03\x04", b"\x80\x02")  # a zip archive, a pickle
_FLOATS: Final = (torch.float32, torch.float64, torch.float16)
_REMEDY: Final = (
    "see `vegas-data weights list` for the file that belongs here; a download that was broken off has to be repeated"
)


def converter_of(name: str) -> Converter:
    """What converts files to the weights of ``name``, one of ``NETWORKS``."""
    return partial(convert, name=name)


def convert(source: Path, into: BinaryIO, *, name: str, width_divisor: int = 1) -> None:
    """Write the weights of ``name`` that are in ``source``, as safetensors.

    Args:
        width_divisor: as in ``vgg.VggFc6``; for tests.

    Raises:
        OSError: ``source`` cannot be read, or ``into`` not written.
        WeightsInvalid: damaged, or not the weights of this network; the message names file and layer.
    """
    with torch.device("meta"):
        network = NETWORKS[name](width_divisor=width_divisor)
    wanted = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    with source.open("rb") as file:
        start = file.read(9)
    try:
        if is_safetensors(start) or start.startswith(_TORCH_STARTS):
            arrays = _from_torch(source, wanted)
        elif name == "vgg19-fc6":
            raise WeightsInvalid(
                f"{source}: a .caffemodel (or no weights at all); Caffe's VGG-19 sees pictures in another order, range "
                "and padding, and cannot be converted exactly",
                remedy="vegas-data weights fetch vgg19-fc6",
            )
        else:
            arrays = _from_caffe(source, network, wanted)
        write_float32(into, arrays, metadata={"format": "pt", "network": name})
    except ValueError as error:
        raise WeightsInvalid(f"{source}: not the weights of {name}: {error}", remedy=_REMEDY) from None
    except WeightsMissing as error:
        raise WeightsInvalid(str(error), remedy=_REMEDY) from None


def caffe_names(network: vgg.VggFc6) -> dict[str, str]:
    """Caffe's name of each layer → torchvision's: conv1_1 → features.0, …, fc6 → classifier.0."""
    names = {}
    block, number = 1, 1
    for index, module in enumerate(network.features):
        if isinstance(module, torch.nn.Conv2d):
            names[f"conv{block}_{number}"] = f"features.{index}"
            number += 1
        elif isinstance(module, torch.nn.MaxPool2d):
            block, number = block + 1, 1
    return {**names, _LAST_LAYER: "classifier.0"}


def _from_caffe(source: Path, network: vgg.VggFc6, wanted: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    names = caffe_names(network)
    try:
        layers = {layer.name: layer for layer in caffe.read_layers(source)}
    except ValueError as error:
        raise ValueError(f"read as a .caffemodel: {error}") from None
    before = list(layers)[: list(layers).index(_LAST_LAYER)] if _LAST_LAYER in layers else list(layers)
    if unexpected := [name for name in layers if name not in names and (name in before or name.startswith("conv"))]:
        raise ValueError(f"it has a layer {unexpected[0]!r}, which this network has not")
    if missing := [name for name in names if name not in layers]:
        raise ValueError(f"{len(missing)} layers are missing: {', '.join(missing[:6])}")
    arrays = {}
    for name, ours in names.items():
        blobs = layers[name].blobs()
        if len(blobs) != 2:
            raise ValueError(f"layer {name!r}: {len(blobs)} blobs, and not its weights and its bias")
        for key, blob in zip((f"{ours}.weight", f"{ours}.bias"), blobs, strict=True):
            shape = wanted[key]
            # A legacy blob has four axes, with ones in front of what there is: 1, 1, 4096, 25088.
            if (1,) * (blob.ndim - len(shape)) + shape != blob.shape:
                raise ValueError(f"layer {name!r}: the shape is {blob.shape} instead of {shape}")
            arrays[key] = blob.reshape(shape)
    return arrays


def _from_torch(source: Path, wanted: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    state = read_state_dict(source)
    if missing := [key for key in wanted if key not in state]:
        raise ValueError(f"{len(missing)} arrays are missing: {', '.join(missing[:6])}")
    if unexpected := sorted(state.keys() - wanted.keys() - set(vgg.IGNORED_KEYS)):
        raise ValueError(f"it has {unexpected[0]!r}, which this network has not")
    arrays = {}
    for key, shape in wanted.items():
        value = state[key].detach().resolve_neg()
        plain = value.device.type == "cpu" and value.layout == torch.strided and not value.is_quantized
        if tuple(value.shape) != shape or not plain or not value.is_floating_point():
            raise ValueError(f"{key}: {value.dtype} {tuple(value.shape)} instead of floats {shape}")
        arrays[key] = (value if value.dtype in _FLOATS else value.float()).numpy()
    return arrays

"""A ``.caffemodel`` without Caffe: the layers that hold weights, and where their numbers lie in the file.

Enters the path of a file that nobody vouches for; leave layers in the file's order, whose arrays are views of the
mapped file. The numbers of the fields are those of caffe.proto:

    NetParameter      layers = 2 (V1, until 2014), layer = 100
    V1LayerParameter  layer = 1 (V0, until 2013: refused), name = 4, blobs = 6
    LayerParameter    name = 1, blobs = 7
    BlobProto         num, channels, height, width = 1 … 4 (legacy), data = 5, shape = 7 (dim = 1), double_data = 8

What a file may claim and does not hold is refused before anything is allocated: every length is compared with the
bytes that are there, every shape with the numbers that are there.
"""

import math
import mmap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vegas_data.networks.protobuf import BYTES, VARINT, Field, Message

Blob = npt.NDArray[Any]

MAX_FILE_BYTES: Final = 1 << 31  # no protocol buffer is larger
_LAYERS_V1, _LAYERS = 2, 100
_V0_LAYER: Final = 1
_NAME: Final = {_LAYERS_V1: 4, _LAYERS: 1}
_BLOBS: Final = {_LAYERS_V1: 6, _LAYERS: 7}
_LEGACY_AXES: Final = (1, 2, 3, 4)
_DATA, _SHAPE, _DOUBLE_DATA, _DIM = 5, 7, 8, 1
_DTYPES: Final[dict[int, np.dtype[Any]]] = {_DATA: np.dtype("<f4"), _DOUBLE_DATA: np.dtype("<f8")}
_MAX_AXES: Final = 32
_MAX_LAYERS: Final = 10_000
_MAX_BLOBS: Final = 16
_MAX_NAME: Final = 200


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer and where its arrays lie; they are looked at when they are asked for."""

    name: str
    message: Message
    places: tuple[Field, ...]

    def blobs(self) -> list[Blob]:
        """Its arrays, float32 or float64, as views of the file; raises ValueError if one of them is not sound."""
        found = []
        for index, field in enumerate(self.places):
            try:
                found.append(_blob(self.message.inner(field)))
            except ValueError as error:
                raise ValueError(f"layer {self.name!r}, blob {index}: {error}") from None
        return found


def read_layers(path: Path) -> list[Layer]:
    """The layers with weights, in the file's order, each name once.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a ``.caffemodel``, or holds what it must not.
    """
    data = _map(path)
    network = Message(data, 0, len(data))
    layers: list[Layer] = []
    kinds = set()
    for field in network.fields():
        if field.number in (_LAYERS_V1, _LAYERS):
            kinds.add(field.number)
            layer = _layer(network.inner(field), field.number)
            layers += [layer] if layer.places else []
        if len(layers) > _MAX_LAYERS or len(kinds) > 1:
            raise ValueError(f"more than {_MAX_LAYERS:,} layers, or layers of two versions of Caffe")
    if not layers:
        raise ValueError("no layer in it holds weights")
    name, count = Counter(layer.name for layer in layers).most_common(1)[0]
    if count > 1:
        raise ValueError(f"the layer {name!r} stands in it {count} times")
    return layers


def _map(path: Path) -> memoryview:
    with path.open("rb") as file:
        size = path.stat().st_size
        if not 0 < size <= MAX_FILE_BYTES:
            raise ValueError(f"{size:,} bytes; a .caffemodel has some, and at most {MAX_FILE_BYTES:,}")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _layer(message: Message, kind: int) -> Layer:
    name = ""
    blobs = []
    for field in message.fields():
        if field.number == _NAME[kind] and field.wire == BYTES:
            name = _text(message.data[field.start : field.end])
        elif field.number == _BLOBS[kind]:
            blobs.append(field)
        elif kind == _LAYERS_V1 and field.number == _V0_LAYER:
            raise ValueError("a file of Caffe before 2014; Caffe's own upgrade_net_proto_binary makes a newer one")
        if len(blobs) > _MAX_BLOBS:
            raise ValueError(f"layer {name!r}: more than {_MAX_BLOBS} blobs")
    return Layer(name=name, message=message, places=tuple(blobs))


def _text(raw: memoryview) -> str:
    if len(raw) > _MAX_NAME:
        raise ValueError(f"a name of {len(raw):,} bytes")
    return bytes(raw).decode("utf-8", "backslashreplace")


def _blob(message: Message) -> Blob:
    shape: list[int] | None = None
    legacy = dict.fromkeys(_LEGACY_AXES, 0)
    numbers: list[Field] = []
    for field in message.fields():
        if field.number == _SHAPE:
            shape = _dims(message.inner(field))
        elif field.number in legacy and field.wire == VARINT:
            legacy[field.number] = field.value
        elif field.number in _DTYPES:
            numbers.append(field)
    if len(numbers) != 1 or numbers[0].wire != BYTES:
        raise ValueError("its numbers are not in one packed piece, of floats or of doubles")
    if shape is None:
        shape = list(legacy.values())
    dtype = _DTYPES[numbers[0].number]
    start, num_bytes = numbers[0].start, numbers[0].end - numbers[0].start
    if min(shape, default=0) < 1 or math.prod(shape) * dtype.itemsize != num_bytes:
        raise ValueError(f"claims the shape {tuple(shape)}, and holds {num_bytes / dtype.itemsize:,.10g} numbers")
    numbers_of_it: Blob = np.frombuffer(message.data, dtype, num_bytes // dtype.itemsize, start)
    return numbers_of_it.reshape(shape)


def _dims(message: Message) -> list[int]:
    dims: list[int] = []
    for field in message.fields():
        if field.number == _DIM:
            dims += message.varints(field, most=_MAX_AXES)
        if len(dims) > _MAX_AXES:  # the product of a million of them would take an hour
            raise ValueError(f"a shape of more than {_MAX_AXES} axes")
    return dims

"""A worker whose flow and networks are computed by the process of a device."""

import os
import weakref
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from vegas_data.errors import DeviceLost
from vegas_data.features.desk import Computed
from vegas_data.features.device import confine
from vegas_data.features.device_process.shared import Block, Place, arrange
from vegas_data.features.device_process.wire import Answer, Asked, AskedPart, is_ours, new_socket, receive, send
from vegas_data.features.encoders import encoder_of
from vegas_data.features.flow.fields import Flows
from vegas_data.features.inputs import Material, Part
from vegas_data.features.options import FeatureOptions, FlowOptions
from vegas_data.features.pictures import Levels, Pixels


class RemoteComputer:
    """Hands examples over, one at a time. Flow that only a CPU computes is computed here.

    Raises:
        DeviceLost: nobody listens at ``address``.
    """

    def __init__(self, options: FeatureOptions, address: str, device: str) -> None:
        confine("cpu")
        self._feature_shapes = {stream.name: encoder_of(stream).feature_shape for stream in options.streams}
        self._device = device
        self._flows = Flows("cpu")
        self._server = new_socket()
        weakref.finalize(self, self._server.close)
        try:
            self._server.connect(address)
        except OSError as error:
            raise _lost() from error
        if not is_ours(self._server):
            raise _lost()

    def compute(self, material: Material) -> dict[str, Computed]:
        """See ``Computer``."""
        material = self._with_local_flow(material)
        arrays: list[npt.NDArray[Any]] = [*material.sources, *(part.index for part in material.parts)]
        wanted = [(len(part.index), *self._feature_shapes[part.stream]) for part in material.parts]
        places = arrange([*((a.shape, a.dtype.name) for a in arrays), *((shape, "float32") for shape in wanted)])
        num = len(material.sources)
        indices, rows = places[num : len(arrays)], places[len(arrays) :]
        asked = Asked(
            sources=places[:num],
            parts=tuple(
                AskedPart(stream=part.stream, source=part.source, index=index, flow=part.flow, rows=row)
                for part, index, row in zip(material.parts, indices, rows, strict=True)
            ),
        )
        fd = Block.create(places)
        try:
            block = Block(fd)
            for array, place in zip(arrays, places, strict=False):
                np.copyto(block.array(place), array)
            answer = self._ask(asked, fd)
        finally:
            os.close(fd)
        if answer.error is not None:
            raise answer.error
        return {part.stream: _computed(block, part.rows, *answer.about[part.stream]) for part in asked.parts}

    def _ask(self, asked: Asked, fd: int) -> Answer:
        try:
            send(self._server, asked, fd)
            answer, _ = receive(self._server)
        except (EOFError, OSError) as error:
            raise _lost() from error
        assert isinstance(answer, Answer)
        return answer

    def _with_local_flow(self, material: Material) -> Material:
        """Fields instead of grey pictures, for engines that do not compute on the device."""
        sources: dict[tuple[int, FlowOptions | None], Levels] = {}
        parts = []
        for part in material.parts:
            local = part.flow if part.flow is not None and part.flow.engine_on(self._device) != "torch" else None
            known = (part.source, local)
            if known not in sources:
                pictures = material.sources[part.source]
                sources[known] = pictures if local is None else self._flows.fields(cast(Pixels, pictures), local)
            flow = part.flow if local is None else None
            parts.append(Part(stream=part.stream, source=list(sources).index(known), index=part.index, flow=flow))
        return Material(sources=tuple(sources.values()), parts=tuple(parts))


def _computed(block: Block, place: Place, weights: str, tools: dict[str, str]) -> Computed:
    return Computed(rows=block.array(place), weights=weights, tools=tools)


def _lost() -> DeviceLost:
    return DeviceLost(
        "the process that computes on the device has ended",
        remedy="its message stands above; run again: what is done is not done again",
    )

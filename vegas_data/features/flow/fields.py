"""Fields of flow by the engines of one device; an engine, with its memory, is kept for the next example."""

from collections.abc import Callable

import numpy as np
import torch

from vegas_data.errors import DeviceMissing
from vegas_data.features.batches import say
from vegas_data.features.flow.engines import make_flow_engine
from vegas_data.features.flow.pictures import NO_MOTION, quantise, unrounded
from vegas_data.features.flow.tvl1 import FlowEngine
from vegas_data.features.flow.tvl1_torch import TorchFlow
from vegas_data.features.options import FlowOptions
from vegas_data.features.pictures import Levels, Pixels


def compute_fields(greys: Pixels, engine: FlowEngine, options: FlowOptions) -> Levels:
    """Flow from each picture to the next, as levels, and one field of no motion at the end.

    Shape: uint8 [N, S, S] → uint8 [N, 2, S, S], or float32 if it is not quantised.
    """
    to_levels = quantise if options.quantised else unrounded
    fields = np.full((len(greys), 2, *greys.shape[1:]), NO_MOTION, np.uint8 if options.quantised else np.float32)
    for place, flow in enumerate(engine.iter_flows(greys)):
        fields[place] = to_levels(flow, bound_px=options.bound_px)
    return fields


class Flows:
    """Computes flow; an engine that works in batches gets smaller ones when the device has no memory for them.

    Args:
        tell: told once of each engine to which that happens.
    """

    def __init__(self, device: str, *, tell: Callable[[str], None] = say) -> None:
        self._device = device
        self._tell = tell
        self._engines: dict[FlowOptions, FlowEngine] = {}
        self._pairs: dict[FlowOptions, int] = {}

    def fields(self, greys: Pixels, options: FlowOptions) -> Levels:
        """See ``compute_fields``.

        Raises:
            FeatureError: it is not finite. DeviceMissing: the device has no memory for a single pair.
        """
        while True:
            if options not in self._engines:
                self._engines[options] = make_flow_engine(options, self._device)
            try:
                return compute_fields(greys, self._engines[options], options)
            except torch.OutOfMemoryError as error:
                self._halve(options, greys.shape[1:], str(error).partition("\n")[0])

    def notes(self, options: FlowOptions) -> dict[str, str]:
        """Which engine computes, and in which batches if not in its own."""
        notes = {"flow": options.engine_on(self._device)}
        if options in self._pairs:
            notes["flow_batch_size"] = f"{self._pairs[options]}: the device has no memory for more"
        return notes

    def _halve(self, options: FlowOptions, shape: tuple[int, ...], why: str) -> None:
        engine = self._engines[options]
        pairs = engine.batch_size(shape) if isinstance(engine, TorchFlow) else 1
        if pairs == 1:
            raise DeviceMissing(
                f"the device has no memory for the flow of one pair of pictures: {why}",
                remedy="end what else computes on it, or run without --gpu",
            )
        if options not in self._pairs:
            self._tell(f"flow: the device has no memory for {pairs} pairs at once: halved until it fits")
        self._pairs[options] = pairs // 2
        self._engines[options] = TorchFlow(options, self._device, pairs_at_once=pairs // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

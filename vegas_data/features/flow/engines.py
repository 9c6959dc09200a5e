"""From what a recipe says to the engine that computes flow; its own packages are loaded only where it computes."""

from vegas_data.features.flow.tvl1 import FlowEngine
from vegas_data.features.options import FlowOptions


def make_flow_engine(options: FlowOptions, device: str = "cpu") -> FlowEngine:
    """The engine that the options name, or choose for ``device`` (``FlowOptions.engine_on``).

    Only *torch* computes on ``device``; the others, asked for by name, compute on the CPU beside it.
    """
    name = options.engine_on(device)
    if name == "numba":
        from vegas_data.features.flow.tvl1_numba.engine import NumbaFlow

        return NumbaFlow(options)
    if name == "torch":
        from vegas_data.features.flow.tvl1_torch import TorchFlow

        return TorchFlow(options, device)
    from vegas_data.features.flow.tvl1_opencv import OpenCvFlow

    return OpenCvFlow(options)

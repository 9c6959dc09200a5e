"""Who computes a worker's examples: the worker itself, or the process of a device (``client``, ``server``)."""

from typing import Protocol

from vegas_data.features.desk import Computed, Desk
from vegas_data.features.device import confine
from vegas_data.features.inputs import Material
from vegas_data.features.options import FeatureOptions


class Computer(Protocol):
    """Turns what was decoded of an example into features."""

    def compute(self, material: Material) -> dict[str, Computed]:
        """The rows of every stream in ``material``, by its name.

        Raises:
            FeatureError: flow is not finite. DeviceMissing, DeviceLost: the device cannot, or no longer, be used.
        """
        ...


class LocalComputer:
    """This process computes, on one thread, one example at a time."""

    def __init__(self, options: FeatureOptions, device: str) -> None:
        confine(device)
        self._desk = Desk(options, device, is_shared=False)

    def compute(self, material: Material) -> dict[str, Computed]:
        """See ``Computer``."""
        task = self._desk.take(material)
        try:
            while not task.is_done:
                self._desk.step()
        finally:
            self._desk.drop(task)
        if task.error is not None:
            raise task.error
        return task.computed

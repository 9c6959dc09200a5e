"""Options that the three train commands share, and what two of them mean: the device and its threads."""

import functools
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import click

from vegas_data.device import require_device
from vegas_data.errors import DeviceMissing
from vegas_data.trained import model_names

if TYPE_CHECKING:
    import torch

F = TypeVar("F", bound=Callable[..., Any])
DeviceChoice = Literal["auto", "cpu", "cuda"]
_CATEGORY: Final = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


class _Category(click.ParamType[str]):
    name = "NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _CATEGORY.fullmatch(str(value)):
            self.fail(f"{value!r} is not the name of a category, such as drum or water_flowing", param, ctx)
        return str(value)


class FiniteRange(click.FloatRange):
    """A range that NaN is not in: click's own lets it pass."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        converted = super().convert(value, param, ctx)
        if math.isnan(converted):
            self.fail(f"{value} is not a number", param, ctx)
        return converted


_OPTIONS: Final = (
    click.option("--model", type=click.Choice(model_names()), required=True, help="Which model."),
    click.option("--category", type=_Category(), required=True, help="Category of the shards, such as drum."),
    click.option(
        "--workspace",
        "workspace_path",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("vegas-workspace"),
        show_default=True,
        help="Folder that holds everything.",
    ),
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        default="auto",
        show_default=True,
        help="Where to compute; auto takes a CUDA device if there is one.",
    ),
    click.option("--gpu", is_flag=True, help="The same as --device cuda: an error where there is no such device."),
    click.option("--threads", type=click.IntRange(1, 1024), help="Threads of torch. [default: its own choice]"),
    click.option("--json", "as_json", is_flag=True, help="Print progress and results as JSON lines on stdout."),
    click.option("--quiet", is_flag=True, help="No progress."),
)


def train_options(function: F) -> F:
    """``--model --category --workspace --device --gpu --threads --json --quiet``.

    The function gets ``model``, ``category``, ``workspace_path``, ``device`` (``--gpu`` has entered it), ``threads``,
    ``as_json`` and ``quiet``.
    """

    @functools.wraps(function)
    def with_device(*args: Any, device: DeviceChoice, gpu: bool, **others: Any) -> Any:
        if gpu and device == "cpu":
            raise click.UsageError("--gpu and --device cpu contradict each other")
        return function(*args, device="cuda" if gpu else device, **others)

    decorated: Any = with_device
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    wrapped: F = decorated
    return wrapped


def take_device(choice: DeviceChoice, *, threads: int | None = None) -> "torch.device":
    """The device to compute on, with as many threads of torch as asked for.

    Raises:
        DeviceMissing: ``cuda`` was asked for and does not exist here.
    """
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    if choice == "auto":
        try:
            require_device("cuda")
        except DeviceMissing:  # not asked for: the CPU will do
            return torch.device("cpu")
        return torch.device("cuda")
    require_device(choice)
    return torch.device(choice)

"""The seam to pretrained networks: what an encoder is, where it is found, whether it fits a stream.

An encoder turns a batch of pictures or of flow stacks into one row of numbers each. A new one is a file with an
``EncoderSpec`` and a line in ``BUILT_IN`` (or, in another package, in its entry points ``vegas_data.encoders``).
Specs are cheap to import; their ``load`` imports torch.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

from vegas_data.errors import DependencyMissing, RecipeError
from vegas_data.features.options import StreamOptions
from vegas_data.records import RANDOM_WEIGHTS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vegas_data.features.pictures import Levels

ENTRY_POINTS: Final = "vegas_data.encoders"
BUILT_IN: Final = {
    "clip-image": "vegas_data.features.encoders.clip:PICTURES",
    "efficientnet-lite0": "vegas_data.features.encoders.light:PICTURES",
    "efficientnet-lite0-flow": "vegas_data.features.encoders.light:FLOW",
    "efficientnet-lite0-map": "vegas_data.features.encoders.maps:LITE0",
    "temporal-vgg16-fc6": "vegas_data.features.encoders.vgg:FLOW",
    "vgg19-conv5": "vegas_data.features.encoders.maps:CONV5",
    "vgg19-fc6": "vegas_data.features.encoders.vgg:PICTURES",
}


class Encoder(Protocol):
    """A loaded network. A row of its answer depends on that row of the batch, not on its place nor on other rows."""

    name: str
    weights_digest: str
    tools: dict[str, str]
    """What its rows depend on besides the weights, for the side-car: ``precision:<name>`` at least, if the stream asks
    for another than float32."""

    def encode(self, batch: "Levels") -> "npt.NDArray[np.float32]":
        """Features before any ReLU that may follow them.

        Shape: uint8 [B, S, S, 3], RGB, or [B, 2 · window, S, S], levels of flow, x1, y1, x2, y2, …, in uint8 or, where
            the stream's flow is not quantised, float32 → float32 [B, *feature_shape].
        """
        ...


@dataclass(frozen=True, kw_only=True)
class EncoderSpec:
    """What is known of an encoder before it is loaded.

    Args:
        version: raised whenever the same weights would give other numbers.
        sees: pictures or flow.
        weights_digest: of the weights it will load. Raises WeightsMissing.
        load: from the stream's options and a device. Raises WeightsMissing.
        draw: the same with weights drawn at random from a seed, the same ones on every machine; None: not to be had.
        size_px, window: where the network takes only one.
    """

    name: str
    version: int
    sees: Literal["pictures", "flow"]
    feature_shape: tuple[int, ...]
    weights_digest: Callable[[], str]
    load: Callable[[StreamOptions, str], Encoder]
    draw: Callable[[StreamOptions, str, int], Encoder] | None = None
    size_px: int | None = None
    window: int | None = None


def encoder_names() -> tuple[str, ...]:
    """Every encoder that can be named in a recipe here, sorted."""
    from importlib.metadata import entry_points

    return tuple(sorted({*BUILT_IN, *entry_points(group=ENTRY_POINTS).names}))


def find_encoder(name: str) -> EncoderSpec:
    """The encoder of that name; the project's own come before those of installed packages.

    Raises:
        RecipeError: there is none. DependencyMissing: the package that announces it cannot be imported.
    """
    from importlib.metadata import EntryPoint, entry_points

    if name in BUILT_IN:
        entry = EntryPoint(name=name, value=BUILT_IN[name], group=ENTRY_POINTS)
    else:
        announced = sorted(entry_points(group=ENTRY_POINTS, name=name), key=lambda each: each.value)
        if not announced:
            names = encoder_names()
            near = difflib.get_close_matches(name, names, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(names)}"
            raise RecipeError(f"unknown encoder {name!r}", remedy=remedy)
        entry = announced[0]
    try:
        spec = entry.load()
    except (ImportError, AttributeError) as error:
        raise DependencyMissing(
            f"encoder {name!r} is announced as {entry.value} and cannot be loaded: {error}",
            remedy="install what that package needs, or take another encoder",
        ) from error
    if not isinstance(spec, EncoderSpec) or spec.name != name:
        raise DependencyMissing(
            f"encoder {name!r}: {entry.value} is not an EncoderSpec of that name",
            remedy="correct the entry point of the package that announces it",
        )
    return spec


def digest_of_weights(stream: StreamOptions, seed: int | None = None) -> str:
    """What stands for the weights of a stream's encoder in digests and side-cars: a sha256, or ``random-<seed>``.

    Args:
        seed: draw them at random.

    Raises:
        RecipeError: as ``encoder_of``, or they cannot be drawn. WeightsMissing: they are not here.
    """
    spec = encoder_of(stream)
    if seed is None:
        return spec.weights_digest()
    if spec.draw is None:
        raise RecipeError(
            f"stream {stream.name}: the weights of encoder {spec.name} cannot be drawn at random",
            remedy="leave random_weights out, or take another encoder",
        )
    return f"{RANDOM_WEIGHTS}{seed}"


def load_encoder(stream: StreamOptions, device: str, seed: int | None = None) -> Encoder:
    """The encoder of a stream, ready; once per process.

    Args:
        seed: draw its weights at random.

    Raises:
        RecipeError: as ``digest_of_weights``, or it does not compute in the stream's precision.
        WeightsMissing: its weights are not here.
    """
    digest_of_weights(stream, seed)
    spec = encoder_of(stream)
    encoder = spec.load(stream, device) if seed is None or spec.draw is None else spec.draw(stream, device, seed)
    if stream.precision != "float32" and precision_key(spec.name) not in getattr(encoder, "tools", {}):
        raise RecipeError(
            f"stream {stream.name}: encoder {spec.name} does not say in which precision it computes",
            remedy="remove precision from the stream",
        )
    return encoder


def precision_key(name: str) -> str:
    """Under what the precision of the encoder ``name`` stands among the tools."""
    return f"precision:{name}"


def encoder_of(stream: StreamOptions) -> EncoderSpec:
    """The encoder that a stream names, if it fits what the stream shows it.

    Raises:
        RecipeError: unknown, or it needs another input. DependencyMissing: its package cannot be imported.
    """
    spec = find_encoder(stream.encoder)
    what = f"stream {stream.name}: encoder {spec.name}"
    if (spec.sees == "flow") != (stream.flow is not None):
        remedy = "add a flow table to the stream" if spec.sees == "flow" else "remove the stream's flow table"
        raise RecipeError(f"{what} sees {spec.sees}", remedy=remedy)
    if spec.size_px not in (None, stream.size_px):
        raise RecipeError(f"{what} takes {spec.size_px} px, not {stream.size_px}", remedy=f"size_px = {spec.size_px}")
    if spec.window not in (None, stream.window):
        raise RecipeError(f"{what} takes {spec.window} fields, not {stream.window}", remedy=f"window = {spec.window}")
    return spec

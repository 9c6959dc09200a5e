"""Features of a video's frames in, what the sound generator is told of them out: the three models' only difference.

Zhou et al., "Visual to Sound" (CVPR 2018), §3.2 to §3.4:

    frame   V(f_i) of each frame is joined to the coarsest tier's nodes of its 1024 audio samples
    seq     a GRU reads V(f_1) … V(f_F); its last hidden state is the coarsest tier's initial state
    flow    the same over cat[V(f_i), F(o_i)], pictures and optical flow

V and F are whatever streams the shards hold; their widths come from the data. A further model is a ``FeatureEncoder``
and a line in ``BUILT_IN`` (or, in another package, in its entry points ``vegas_data.models``).

Axes: B examples, F video frames, D features of a frame, W width of the coarsest tier.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor, nn

from train.config import ConditioningConfig, DataShape
from train.models.weights import draw_gru
from vegas_data.errors import DependencyMissing
from vegas_data.trained import MODEL_ENTRY_POINTS


@dataclass(frozen=True, kw_only=True)
class Conditioning:
    """All that the sound generator learns of the pictures; empty for one that makes sound from nothing.

    Shape:
        initial_state: float [B, W], of the coarsest tier. frames: float [B, F, D], one row for each video frame.
    """

    initial_state: Tensor | None = None
    frames: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class ConditioningShape:
    """What a generator has to be built for: whether its first state is given, and the width of a frame's features."""

    initial_state: bool = False
    frames_width: int = 0


_LEAST_VARIANCE: Final = 0.1
_EPSILON: Final = 1e-12


class Features(nn.Module):
    """Picks, joins, rectifies and standardises a model's streams.

    Args:
        stream_widths: name and width of each stream, in the order in which they are joined.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, stream_widths: tuple[tuple[str, int], ...], config: ConditioningConfig) -> None:
        super().__init__()
        self.stream_widths = stream_widths
        self.config = config
        self.width = sum(width for _, width in stream_widths)
        if config.standardise:
            self.register_buffer("mean", torch.zeros(self.width))
            self.register_buffer("scale", torch.ones(self.width))

    def forward(self, streams: Mapping[str, Tensor]) -> Tensor:
        """The features of each frame.

        Shape:
            streams: by name float [B, F, D]. Returns float32 [B, F, sum of D].
        """
        x_BFD = self._join(streams)
        return (x_BFD - self.mean) * self.scale if self.config.standardise else x_BFD

    def _join(self, streams: Mapping[str, Tensor]) -> Tensor:
        for name, width in self.stream_widths:
            if name not in streams or streams[name].dim() != 3 or streams[name].shape[-1] != width:
                found = ", ".join(f"{name} {tuple(stream.shape)}" for name, stream in streams.items())
                raise ValueError(f"the encoder reads {name} [B, F, {width}], it got {found or 'nothing'}")
        x_BFD = torch.cat([streams[name].float() for name, _ in self.stream_widths], dim=-1)
        return x_BFD.relu() if self.config.relu else x_BFD

    @torch.no_grad()
    def measure(self, examples: Iterable[Mapping[str, Tensor]]) -> None:
        """Set mean and scale to those of ``examples``, if there is anything to standardise.

        The scale is 1 / √(variance + a tenth of the mean variance of all features), so that one that hardly ever
        moves does not become the loudest.

        Shape:
            examples: of each its streams, by name float [1, F, D].
        """
        if not self.config.standardise:
            return
        count, total, squares = 0, torch.zeros(self.width).double(), torch.zeros(self.width).double()
        for streams in examples:
            x_FD = self._join(streams)[0].double()
            count += len(x_FD)
            total += x_FD.sum(0)
            squares += x_FD.square().sum(0)
        mean = total / count
        variance = (squares / count - mean.square()).clamp(min=0)
        self.mean.copy_(mean)
        self.scale.copy_((variance + _LEAST_VARIANCE * variance.mean()).clamp(min=_EPSILON).rsqrt())


class FeatureEncoder(nn.Module):
    """From streams to a Conditioning: what a model is, but for the generator.

    Args:
        features: picks and joins the streams that it reads; before training it measures their mean and variance.
    """

    def __init__(self, features: Features) -> None:
        super().__init__()
        self.features = features

    @property
    def shape(self) -> ConditioningShape:
        """What a generator has to be built for."""
        raise NotImplementedError

    def forward(self, streams: Mapping[str, Tensor]) -> Conditioning:
        """What the generator is told of a batch.

        Shape:
            streams: by name float [B, F, D].
        """
        raise NotImplementedError


class FrameEncoder(FeatureEncoder):
    """``frame``: the features themselves, frame by frame. Nothing to learn.

    Shape:
        streams: by name float [B, F, D]. Returns ``frames`` float32 [B, F, D].
    """

    @property
    def shape(self) -> ConditioningShape:
        return ConditioningShape(frames_width=self.features.width)

    def forward(self, streams: Mapping[str, Tensor]) -> Conditioning:
        return Conditioning(frames=self.features(streams))


class SequenceEncoder(FeatureEncoder):
    """``seq`` and ``flow``: a one-layer GRU over all frames, whose last hidden state starts the coarsest tier.

    Shape:
        streams: by name float [B, F, D]. Returns ``initial_state`` float32 [B, W].
    """

    def __init__(self, features: Features, *, state_width: int) -> None:
        super().__init__(features)
        self.rnn = draw_gru(nn.GRU(self.features.width, state_width, batch_first=True))

    @property
    def shape(self) -> ConditioningShape:
        return ConditioningShape(initial_state=True)

    def forward(self, streams: Mapping[str, Tensor]) -> Conditioning:
        _, last_1BW = self.rnn(self.features(streams))
        return Conditioning(initial_state=last_1BW[0])


Builder = Callable[[Features, int], FeatureEncoder]
"""From the features, and the width of the generator's coarsest tier."""


def _build_frame(features: Features, state_width: int) -> FeatureEncoder:
    return FrameEncoder(features)


def _build_sequence(features: Features, state_width: int) -> FeatureEncoder:
    return SequenceEncoder(features, state_width=state_width)


BUILT_IN: Final[Mapping[str, Builder]] = MappingProxyType(
    {"frame": _build_frame, "seq": _build_sequence, "flow": _build_sequence}
)


def find_builder(kind: str) -> Builder:
    """Who builds the encoder of a model; the paper's three come before those of installed packages.

    Raises:
        DependencyMissing: the package that announces it cannot be loaded.
    """
    if kind in BUILT_IN:
        return BUILT_IN[kind]
    entry = min(entry_points(group=MODEL_ENTRY_POINTS, name=kind), key=lambda each: each.value)
    try:
        builder: Builder = entry.load()
    except (ImportError, AttributeError) as error:
        raise DependencyMissing(
            f"model {kind!r} is announced as {entry.value} and cannot be loaded: {error}",
            remedy="upgrade or uninstall the package that announces it",
        ) from error
    return builder


def make_encoder(config: ConditioningConfig, data: DataShape, *, state_width: int) -> FeatureEncoder:
    """The encoder of a model of ``config.kind`` for streams as ``data`` describes them.

    Args:
        state_width: width of the generator's coarsest tier.

    Raises:
        ValueError: ``data`` does not describe the streams that ``config`` names.
        DependencyMissing: as ``find_builder``.
    """
    if tuple(name for name, _ in data.stream_widths) != config.streams:
        raise ValueError(f"the model reads {config.streams}, the data describes {data.stream_widths}")
    return find_builder(config.kind)(Features(data.stream_widths, config), state_width)

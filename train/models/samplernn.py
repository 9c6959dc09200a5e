"""Levels of a sound so far in, logits of the next level out: SampleRNN with any number of tiers.

Mehri et al., "SampleRNN" (ICLR 2017), §2, conditioned as in Zhou et al., "Visual to Sound" (CVPR 2018), §3. For
tiers of 8 and 2 audio samples and a look-back of 4, the sample at t is predicted from

    coarsest tier   one GRU step per 8 samples: the 8 before its node, the video frame that the node lies in
         ↓ each node's output becomes 8/2 vectors by a learned upsampling, which are added
    finer tier      one GRU step per 2 samples: the 2 before its node
         ↓ 2 vectors per node, one for each sample
    MLP             for each sample: the 4 before it; 256 logits

A node at t predicts what begins at t and therefore sees only what ends there: ``forward`` shifts, callers do not.
``logits[:, t]`` is about ``levels[:, t]``, and before a sound's first sample there are samples of level 128, silence.

A long sound goes through in pieces: the state that one ``forward`` returns enters the next, and the logits are those of
the whole in one go. Two sounds never share a state.

Axes: B sounds, T audio samples, N nodes of a tier, S audio samples of a node, C audio samples of context, W width,
D features of a video frame, F video frames, X a GRU's input, K look-back, Q levels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear
from torch.nn.utils.parametrizations import weight_norm

from train.config import SampleRnnConfig
from train.models.conditioning import Conditioning, ConditioningShape
from train.models.weights import draw_gru, draw_weights
from train.quantize import NUM_LEVELS, ZERO_LEVEL

INPUT_SCALE: Final = 2.0  # tiers see levels as numbers in [-2, 2), as in the reference code; silence is 0


@dataclass(frozen=True, kw_only=True)
class SampleRnnState:
    """Where a sound stands between two pieces.

    Shape:
        context: int64 [B, C], the last levels. hidden: of each tier float [B, W], coarse to fine.
        position: audio samples that went before.
    """

    context: Tensor
    hidden: tuple[Tensor, ...]
    position: int

    def detach(self) -> "SampleRnnState":
        """The same state, through which no gradient flows back: truncated back-propagation."""
        hidden = tuple(hidden_BW.detach() for hidden_BW in self.hidden)
        return SampleRnnState(context=self.context, hidden=hidden, position=self.position)


class Tier(nn.Module):
    """One recurrent tier: a GRU step for each node, whose output becomes ``ratio`` vectors of the tier below.

    Args:
        frame_size: audio samples of a node. ratio: nodes of the tier below that lie in one of this.
        frames_width: width of the video features joined to the node's samples; 0 for none.
        learned_state: whether the tier has an initial state of its own, or is given one.
        wrap: what is done to each linear layer: weight norm, or nothing.
    """

    def __init__(
        self,
        *,
        frame_size: int,
        ratio: int,
        width: int,
        frames_width: int,
        learned_state: bool,
        wrap: Callable[[nn.Module], nn.Module],
    ) -> None:
        super().__init__()
        self.frame_size = frame_size
        self.ratio = ratio
        self.expand = wrap(draw_weights(nn.Linear(frame_size, frames_width or width), gain=2))
        self.rnn = draw_gru(nn.GRU(2 * frames_width or width, width, batch_first=True))
        self.upsample = wrap(draw_weights(nn.Linear(width, ratio * width), gain=1))
        self.initial_state = nn.Parameter(torch.zeros(width)) if learned_state else None

    def forward(
        self, values_BNS: Tensor, upper_BNW: Tensor | None, frames_BND: Tensor | None, hidden_BW: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Go on by N nodes.

        Shape:
            values_BNS: float, the audio samples *before* each node. upper_BNW: from the tier above, none at the top.
            frames_BND: the video features of each node, at the top only. hidden_BW: where the GRU stands.
            Returns float [B, N * ratio, W] for the tier below, and the GRU's new state [B, W].
        """
        x_BNX: Tensor = self.expand(values_BNS)
        if frames_BND is not None:
            x_BNX = torch.cat([x_BNX, frames_BND], dim=-1)
        if upper_BNW is not None:
            x_BNX = x_BNX + upper_BNW
        y_BNW, hidden_1BW = self.rnn(x_BNX, hidden_BW[None])
        lower: Tensor = self.upsample(y_BNW)
        return lower.reshape(lower.shape[0], -1, y_BNW.shape[-1]), hidden_1BW[0]


class SampleMlp(nn.Module):
    """The tier of single audio samples: the K levels before each sample, and what the tiers above say, to logits."""

    def __init__(self, config: SampleRnnConfig, *, wrap: Callable[[nn.Module], nn.Module]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(NUM_LEVELS, config.embedding)
        # one product over K embeddings, at every sample; the upsampling above already adds a bias
        look_back = nn.Conv1d(config.embedding, config.width, config.look_back, bias=False)
        self.look_back = wrap(draw_weights(look_back, gain=2))
        self.hidden = wrap(draw_weights(nn.Linear(config.width, config.width), gain=2))
        self.output = wrap(draw_weights(nn.Linear(config.width, NUM_LEVELS), gain=1))

    def forward(self, levels: Tensor, upper_BTW: Tensor) -> Tensor:
        """Logits of T samples.

        Shape:
            levels: int64 [B, K + T - 1], from K before the first sample to 1 before the last. upper_BTW: float.
            Returns float [B, T, Q].
        """
        x_BTW = self.hidden((self._seen(levels, upper_BTW.shape[1]) + upper_BTW).relu()).relu()
        logits_BTQ: Tensor = self.output(x_BTW)
        return logits_BTQ

    def _seen(self, levels: Tensor, num_samples: int) -> Tensor:
        """The convolution over the embeddings: float [B, T, W].

        There are 256 levels and K places only, so that a table of all products is made once and rows of it are summed.
        """
        weight_WEK = cast(Tensor, self.look_back.weight)
        if num_samples == 1:  # a table costs more than it saves
            return linear(self.embedding(levels).transpose(1, 2).flatten(1), weight_WEK.flatten(1))[:, None]
        table_KQW = torch.einsum("qe,wek->kqw", self.embedding.weight, weight_WEK)
        seen_BTW = embedding(levels[:, :num_samples], table_KQW[0])
        for k in range(1, len(table_KQW)):
            seen_BTW = seen_BTW + embedding(levels[:, k : k + num_samples], table_KQW[k])
        return seen_BTW


class SampleRnn(nn.Module):
    """The sound generator.

    Args:
        config: its tiers. conditioning: what it will be told. samples_per_frame: audio samples of a video frame.

    Raises:
        ValueError: a video frame is not a whole number of the coarsest tier's nodes.
    """

    def __init__(self, config: SampleRnnConfig, conditioning: ConditioningShape, *, samples_per_frame: int) -> None:
        super().__init__()
        coarsest = config.frame_sizes[0]
        if samples_per_frame % coarsest:
            raise ValueError(f"video frames of {samples_per_frame} samples are not whole nodes of {coarsest}")
        self.config = config
        self.shape = conditioning
        self.samples_per_frame = samples_per_frame
        self.context = max(coarsest, config.look_back)
        wrap = weight_norm if config.weight_norm else _as_it_is
        self.layers = nn.ModuleList()
        for frame_size, below in pairwise((*config.frame_sizes, 1)):
            top = frame_size == coarsest
            tier = Tier(
                frame_size=frame_size,
                ratio=frame_size // below,
                width=config.width,
                frames_width=conditioning.frames_width if top else 0,
                learned_state=not (top and conditioning.initial_state),
                wrap=wrap,
            )
            self.layers.append(tier)
        self.mlp = SampleMlp(config, wrap=wrap)

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """The recurrent tiers, coarse to fine."""
        return tuple(cast(Tier, layer) for layer in self.layers)

    def initial_state(self, batch: int, conditioning: Conditioning) -> SampleRnnState:
        """The state before the first sample of ``batch`` new sounds.

        Raises:
            ValueError: ``conditioning`` is not what the model was built for.
        """
        self._check(batch, conditioning)
        device = self.mlp.embedding.weight.device
        hidden = []
        for tier in self.tiers:
            learned, given = tier.initial_state, conditioning.initial_state
            hidden_BW = given if learned is None else learned.repeat(batch, 1)
            assert hidden_BW is not None  # _check saw it
            hidden.append(hidden_BW)
        context_BC = torch.full((batch, self.context), ZERO_LEVEL, dtype=torch.int64, device=device)
        return SampleRnnState(context=context_BC, hidden=tuple(hidden), position=0)

    def forward(
        self, levels_BT: Tensor, conditioning: Conditioning, state: SampleRnnState
    ) -> tuple[Tensor, SampleRnnState]:
        """Logits of each level given all before it, and the state after the last.

        Shape:
            levels_BT: integers in 0…255; T a multiple of the coarsest tier's node. Returns float [B, T, Q].

        Raises:
            ValueError: T is not such a multiple, or the piece goes beyond the last video frame.
        """
        num_samples = levels_BT.shape[1]
        history = torch.cat([state.context, levels_BT.long()], dim=1)  # starts C before the piece
        values = to_values(history, like=state.hidden[0])
        frames_BND = self.frames_of_nodes(conditioning, start=state.position, num_samples=num_samples)
        upper: Tensor | None = None
        hidden = []
        for tier, hidden_BW in zip(self.tiers, state.hidden, strict=True):
            start = self.context - tier.frame_size  # a node sees the samples before it
            values_BNS = values[:, start : start + num_samples].reshape(len(values), -1, tier.frame_size)
            upper, hidden_BW = tier(values_BNS, upper, frames_BND, hidden_BW)
            hidden.append(hidden_BW)
            frames_BND = None
        logits_BTQ = self.mlp(history[:, self.context - self.config.look_back : -1], upper)
        context_BC = history[:, -self.context :]
        return logits_BTQ, SampleRnnState(
            context=context_BC, hidden=tuple(hidden), position=state.position + num_samples
        )

    def frames_of_nodes(self, conditioning: Conditioning, *, start: int, num_samples: int) -> Tensor | None:
        """The video features of each of the coarsest tier's nodes in a piece: each frame's, ``samples_per_frame`` long.

        Shape:
            returns float [B, N, D], or None for a model that sees no frames.

        Raises:
            ValueError: the piece is not a whole number of nodes, or goes beyond the last frame.
        """
        coarsest = self.config.frame_sizes[0]
        if num_samples < 1 or num_samples % coarsest:
            raise ValueError(f"a piece of {num_samples} audio samples is not a multiple of {coarsest}")
        frames = conditioning.frames
        if frames is None:
            return None
        if start + num_samples > frames.shape[1] * self.samples_per_frame:
            raise ValueError(f"samples up to {start + num_samples} lie beyond the last of {frames.shape[1]} frames")
        node_starts = torch.arange(start, start + num_samples, coarsest, device=frames.device)
        return frames[:, node_starts // self.samples_per_frame]

    def _check(self, batch: int, conditioning: Conditioning) -> None:
        wanted = {
            "initial_state": (batch, self.config.width) if self.shape.initial_state else None,
            "frames": (batch, self.shape.frames_width) if self.shape.frames_width else None,
        }
        state, frames = conditioning.initial_state, conditioning.frames
        found = {
            "initial_state": None if state is None else tuple(state.shape),
            "frames": None if frames is None else (frames.shape[0], frames.shape[2]),
        }
        for name, shape in wanted.items():
            if found[name] != shape:
                raise ValueError(f"the model was built for {name} of [B, width] {shape}, it is given {found[name]}")


def to_values(levels: Tensor, *, like: Tensor) -> Tensor:
    """Levels as the numbers that tiers see: silence is 0, whatever the spacing of the levels.

    Shape:
        levels: integers [*]. Returns numbers [*] of the type of ``like``.
    """
    return (levels - ZERO_LEVEL).to(like.dtype) * (INPUT_SCALE / ZERO_LEVEL)


def _as_it_is(layer: nn.Module) -> nn.Module:
    return layer

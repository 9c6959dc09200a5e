"""What decides a training run: typed views of ``train/experiments/*.toml``. Importing this imports no torch.

Enters the name of a shipped experiment or a path, leaves an Experiment. The numbers are those of Zhou et al., "Visual
to Sound" (CVPR 2018), §3 and §4.1, and of Mehri et al., "SampleRNN" (ICLR 2017). What neither says is a key of its
own, and the class that holds it says "open": change it in a copy of the file.
"""

import dataclasses
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

from vegas_data.config import load_table, read_toml
from vegas_data.errors import RecipeError
from vegas_data.trained import MODELS, model_names

ModelKind = str  # one of ``vegas_data.trained.model_names``
Spacing = Literal["linear", "mu_law"]

MAX_STEPS: Final = 10**18 - 1  # a checkpoint's name has room for so many digits
MAX_SEED: Final = 2**63 - 1  # of torch's generators
EXPERIMENTS: Final = Path(__file__).resolve().parent / "experiments"


@dataclass(frozen=True, kw_only=True)
class ConditioningConfig:
    """What the sound generator is told of the picture.

    Args:
        kind: ``frame`` joins each frame's features to the coarsest tier, ``seq`` starts that tier from a summary of
            all frames, ``flow`` is ``seq`` over pictures and optical flow. Models of other packages do as they say.
        picture_stream, flow_stream: streams of the shards; ``flow_stream`` is read by ``flow`` alone.
        relu: rectify the features, which shards store as they are before the ReLU. Open: the paper says fc6.
        standardise: bring each feature to mean 0 and variance 1 over the training split. Open; not in the paper.
    """

    kind: ModelKind = "frame"
    picture_stream: str = "fc6"
    flow_stream: str = "flow_fc6"
    relu: bool = True
    standardise: bool = False

    def __post_init__(self) -> None:
        if self.kind not in MODELS and self.kind not in (known := model_names()):
            raise ValueError(f"kind {self.kind!r} is not allowed: one of {', '.join(known)}")

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams that this kind of model reads, in the order in which they are joined."""
        return (self.picture_stream, self.flow_stream) if self.kind == "flow" else (self.picture_stream,)


@dataclass(frozen=True, kw_only=True)
class SampleRnnConfig:
    """The tiers of SampleRNN.

    Args:
        frame_sizes: audio samples per node of each recurrent tier, coarse to fine; each divides the one before.
        look_back: audio samples that the MLP sees (k); independent of ``frame_sizes``.
        width: of the GRUs, of the MLP and of the encoder of ``seq`` and ``flow``.
        embedding: numbers that stand for one level where the MLP looks back. Open.
        weight_norm: of the linear layers around the GRUs. Open: SampleRNN's authors use it, and it costs time.
    """

    frame_sizes: tuple[int, ...] = (8, 2)
    look_back: int = 4
    width: int = 1024
    embedding: int = 256
    weight_norm: bool = False

    def __post_init__(self) -> None:
        if not self.frame_sizes or min(self.frame_sizes) < 1:
            raise ValueError("frame_sizes must name at least one tier, of at least one audio sample")
        if any(coarse <= fine or coarse % fine for coarse, fine in pairwise(self.frame_sizes)):
            raise ValueError(f"frame_sizes go coarse to fine, each dividing the one before, not {self.frame_sizes}")
        if min(self.look_back, self.width, self.embedding) < 1:
            raise ValueError("look_back, width and embedding must be positive")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """One of the three models: what it is told, and how it makes sound of it."""

    conditioning: ConditioningConfig = field(default_factory=ConditioningConfig)
    samplernn: SampleRnnConfig = field(default_factory=SampleRnnConfig)


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What becomes of an example between the shard and the model.

    Args:
        num_frames: length to which examples are repeated, in video frames: 156 for 10 s. Longer ones are cut.
        gain: bring each example's peak to full scale. Open: the paper's levels are not known.
        spacing: of the 256 levels.
    """

    num_frames: int = 156
    gain: bool = True
    spacing: Spacing = "linear"

    def __post_init__(self) -> None:
        if self.num_frames < 1:
            raise ValueError(f"num_frames must be positive, not {self.num_frames}")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How the weights are found: Adam.

    Args:
        num_steps: updates in all. Open.
        batch_size: examples in a minibatch, at the most: an epoch's batches are alike in size.
        piece_samples: audio samples between two updates; gradients end at a piece's start, the state goes on. Open:
            SampleRNN's authors use 512.
        clip_element: bound on the absolute value of each gradient's elements; 0 is none. Open: theirs is 1.
        warm_up_steps: updates in which the learning rate grows linearly from 0. Open.
        decay_from, decay_factor: beyond this share of all updates the learning rate is multiplied by this. Open.
        seed: of the initial weights and of the order of examples.
    """

    num_steps: int = 100_000
    learning_rate: float = 0.001
    batch_size: int = 128
    piece_samples: int = 512
    clip_element: float = 1.0
    warm_up_steps: int = 0
    decay_from: float = 1.0
    decay_factor: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.learning_rate <= 0 or self.decay_factor <= 0:
            raise ValueError("learning_rate and decay_factor must be positive")
        if min(self.num_steps, self.batch_size, self.piece_samples) < 1:
            raise ValueError("num_steps, batch_size and piece_samples must be positive")
        if self.num_steps > MAX_STEPS or not 0 <= self.seed <= MAX_SEED:
            raise ValueError(f"num_steps must be at most {MAX_STEPS}, seed in 0…{MAX_SEED}")
        if self.clip_element < 0 or self.warm_up_steps < 0 or not 0 <= self.decay_from <= 1:
            raise ValueError("clip_element and warm_up_steps must not be negative, decay_from must be in [0, 1]")

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of update ``step``, from 0."""
        rate = self.learning_rate * min(1.0, (step + 1) / (self.warm_up_steps + 1))
        return rate * self.decay_factor if step >= self.decay_from * self.num_steps else rate


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A model, its data and its training."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        coarsest = self.model.samplernn.frame_sizes[0]
        if self.train.piece_samples % coarsest:
            raise ValueError(
                f"piece_samples {self.train.piece_samples} is not a multiple of the coarsest tier's {coarsest}"
            )

    def with_kind(self, kind: ModelKind) -> "Experiment":
        """The same experiment with another of the three models."""
        conditioning = dataclasses.replace(self.model.conditioning, kind=kind)
        return dataclasses.replace(self, model=dataclasses.replace(self.model, conditioning=conditioning))


@dataclass(frozen=True, kw_only=True)
class DataShape:
    """What a model must know of the shards it learns from, and nobody types.

    Args:
        stream_widths: name and width of each stream the model reads, in the order in which they are joined.
        samples_per_frame: audio samples that go with one video frame.
    """

    stream_widths: tuple[tuple[str, int], ...]
    samples_per_frame: int


def load_experiment(name: str | Path) -> Experiment:
    """Read a shipped experiment by its name (``frame``, ``seq``, ``flow``, ``demo``), or any by its path.

    Raises:
        RecipeError: there is no such experiment, an unknown key, or a value that makes no sense.
    """
    path = Path(name)
    if path.suffix != ".toml":
        shipped = sorted(file.stem for file in EXPERIMENTS.glob("*.toml"))
        if str(name) not in shipped:
            raise RecipeError(
                f"{name}: no such experiment", remedy=f"one of: {', '.join(shipped)}; or the path of a .toml file"
            )
        path = EXPERIMENTS / f"{name}.toml"
    return load_table(Experiment, read_toml(path), where=path.name)

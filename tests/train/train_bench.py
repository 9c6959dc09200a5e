"""The bench on which the tests of this folder work: tiny models, and shards from the project's own writer."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from train.config import ConditioningConfig, DataShape, ModelConfig, ModelKind, SampleRnnConfig
from train.models.conditioning import Conditioning
from train.models.sound import SoundModel
from vegas_data.config import canonical
from vegas_data.records import Example, Media, Split
from vegas_data.shards import (
    ExampleSource,
    FeatureFile,
    ShardOptions,
    make_shard_writer,
    plan_shards,
    shards_folder,
)
from vegas_data.shards.npy import npy_bytes
from vegas_data.units import Grid
from vegas_data.workspace import Workspace

SAMPLES_PER_FRAME = 64
STREAM_WIDTH = 5
KINDS: tuple[ModelKind, ...] = ("frame", "seq", "flow")
GRID = Grid()


def tiny_model(kind: ModelKind, *, seed: int = 0, **tiers: object) -> SoundModel:
    """A model of width 16 on two streams of width 5, with weights large enough that everything matters."""
    conditioning = ConditioningConfig(kind=kind, picture_stream="lite0", flow_stream="flow_lite0")
    samplernn = SampleRnnConfig(**{"width": 16, "embedding": 8, **tiers})  # type: ignore[arg-type]
    data = DataShape(
        stream_widths=tuple((name, STREAM_WIDTH) for name in conditioning.streams), samples_per_frame=SAMPLES_PER_FRAME
    )
    torch.manual_seed(seed)
    model = SoundModel(ModelConfig(conditioning=conditioning, samplernn=samplernn), data)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return model


def random_streams(batch: int, num_frames: int, *, seed: int = 1) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(seed)
    names = ("lite0", "flow_lite0")
    return {name: torch.randn(batch, num_frames, STREAM_WIDTH, generator=random) for name in names}


def random_levels(batch: int, num_samples: int, *, seed: int = 2) -> Tensor:
    return torch.randint(0, 256, (batch, num_samples), generator=torch.Generator().manual_seed(seed))


def row(conditioning: Conditioning, i: int) -> Conditioning:
    """What one sound of a batch is told."""
    state, frames = conditioning.initial_state, conditioning.frames
    return Conditioning(
        initial_state=None if state is None else state[i : i + 1], frames=None if frames is None else frames[i : i + 1]
    )


def logits_of(model: SoundModel, levels: Tensor, conditioning: Conditioning) -> Tensor:
    """Teacher-forced logits in one go."""
    logits, _ = model(levels, conditioning, model.initial_state(len(levels), conditioning))
    return logits


@dataclass
class ShardBench:
    """Writes shards of clips of 4 s; frame f of clip n has the features 100 n + f, and minus that in the flow."""

    workspace: Workspace
    clip_of: Callable[[int], bytes]
    streams: dict[str, str] = field(default_factory=lambda: {"lite0": "a" * 12, "flow_lite0": "b" * 12})
    width: int = 3
    shapes: Mapping[str, tuple[Fraction, tuple[int, ...]]] = field(default_factory=dict)  # rate and shape of a row

    def source(
        self, number: int, *, end_ms: int = 2000, category: str = "drum", split: Split = "train"
    ) -> ExampleSource:
        video_id, content = f"demo-{number:03d}", self.clip_of(number)
        media_key = f"clips/c/{video_id}_{0:09d}.mp4"
        media = Media(
            clip_id=f"{video_id}_{0:09d}",
            video_id=video_id,
            start_ms=0,
            end_ms=4000,
            duration_ms=4000,
            sha256=hashlib.sha256(content).hexdigest(),
            num_bytes=len(content),
            width=64,
            height=48,
            fps="25/1",
            num_frames=100,
            sample_rate_hz=48_000,
            num_samples=48_000 * 4,
            settings="c" * 12,
        )
        self.workspace.commit_artefact(media_key, content, canonical(media))
        example = Example(category=category, clip_id=media.clip_id, video_id=video_id, start_ms=0, end_ms=end_ms)
        features = tuple(self._feature(name, example, media, number) for name in self.streams)
        return ExampleSource(example=example, split=split, media=media, media_key=media_key, features=features)

    def _feature(self, stream: str, example: Example, media: Media, number: int) -> FeatureFile:
        rate_hz, row = self.shapes.get(stream, (GRID.frame_rate_hz, (self.width,)))
        shape = (int(example.duration_ms * rate_hz / 1000), *row)
        sign = -1 if stream.startswith("flow") else 1
        values = sign * (100 * number + np.arange(shape[0]).reshape(-1, *(1 for _ in row)) + np.zeros(shape))
        content = npy_bytes(values.astype(np.float16))
        key = f"features/{self.streams[stream]}/{example.id}.npy"
        self.workspace.commit_bytes(key, content)
        return FeatureFile(
            key=key,
            stream=stream,
            digest=self.streams[stream],
            weights="d" * 12,
            sha256=hashlib.sha256(content).hexdigest(),
            media_sha256=media.sha256,
            start_ms=0,
            end_ms=example.end_ms,
            rate_hz=rate_hz,
            window=1,
            stride=1,
            shape=shape,
        )

    def write(self, *sources: ExampleSource, max_examples: int = 2) -> None:
        """Write shards of at most two examples each and make them the current ones."""
        options = ShardOptions(max_examples=max_examples)
        write = make_shard_writer(options, self.workspace, GRID)
        for plan in plan_shards(sources, streams=self.streams, options=options, grid=GRID, recipe="e" * 12):
            write(plan)
        folder = shards_folder(options, GRID, self.streams)
        self.workspace.commit_json("tables/shards.json", {"folder": folder, "recipe": "e" * 12})

"""The bench on which the tests of this folder make shards: a workspace, real clips, small feature files."""

import hashlib
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from vegas_data.config import canonical, to_json
from vegas_data.records import Example, Extent, Media, ShardInfo, Split
from vegas_data.shards import (
    ExampleSource,
    FeatureFile,
    Profile,
    ShardOptions,
    ShardPlan,
    ShardReader,
    make_shard_writer,
    plan_shards,
    read_side_car,
)
from vegas_data.shards.npy import npy_bytes
from vegas_data.shards.plan import inputs_digest
from vegas_data.shards.schema import example_json, member_names
from vegas_data.shards.sources import example_digest
from vegas_data.shards.tar import end_of_archive, header, padding
from vegas_data.units import Grid
from vegas_data.workspace import Workspace

CLIP_MS = 4000
KEY = "demo-000_000030000_000032000"
OTHER = "demo-001_000030000_000032000"
MP4 = b"\0\0\0\x18ftypisom" + bytes(100)
MEMBERS = ("json", "lite0.npy", "flow_lite0.npy", "audio.npy")


@dataclass
class Bench:
    """Makes sources, plans and shards in one workspace."""

    workspace: Workspace
    clip: bytes
    grid: Grid = field(default_factory=Grid)
    width: int = 8
    shapes: Mapping[str, tuple[Fraction, tuple[int, ...]]] = field(default_factory=dict)  # rate and shape of a row
    weights: str = "d" * 12
    streams: dict[str, str] = field(default_factory=lambda: {"lite0": "a" * 12, "flow_lite0": "b" * 12})

    def media(self, video_id: str) -> tuple[str, Media]:
        """Commit a clip of ``video_id`` from 30 s on."""
        clip_id = f"{video_id}_{30_000:09d}"
        key = f"clips/c/{clip_id}.mp4"
        media = Media(
            clip_id=clip_id,
            video_id=video_id,
            start_ms=30_000,
            end_ms=30_000 + CLIP_MS,
            duration_ms=CLIP_MS,
            sha256=hashlib.sha256(self.clip).hexdigest(),
            num_bytes=len(self.clip),
            width=64,
            height=48,
            fps="25/1",
            num_frames=100,
            sample_rate_hz=48_000,
            num_samples=48_000 * 4,
            settings="c" * 12,
            tools=(("ffmpeg", "7.0"),),
        )
        if not self.workspace.has_artefact(key):
            self.workspace.commit_artefact(key, self.clip, canonical(media))
        return key, media

    def source(
        self,
        video_id: str = "demo-000",
        *,
        start_ms: int = 30_000,
        end_ms: int = 32_000,
        category: str = "drum",
        split: Split = "train",
    ) -> ExampleSource:
        """An example whose features are drawn by its id."""
        media_key, media = self.media(video_id)
        example = Example(category=category, clip_id=media.clip_id, video_id=video_id, start_ms=start_ms, end_ms=end_ms)
        random = np.random.default_rng(list(example.id.encode()))
        features = []
        for stream, digest in self.streams.items():
            rate_hz, row = self.shapes.get(stream, (self.grid.frame_rate_hz, (self.width,)))
            shape = [int(example.duration_ms * rate_hz / 1000), *row]
            content = npy_bytes(random.normal(size=shape).astype(np.float16))
            key = f"features/{digest}/{example.id}.npy"
            side_car = {
                "schema": 1,
                "stream": stream,
                "digest": digest,
                "weights": self.weights,
                "media_sha256": media.sha256,
                "start_ms": start_ms - media.start_ms,
                "end_ms": end_ms - media.start_ms,
                "rate_hz": str(rate_hz),
                "window": 10 if stream.startswith("flow") else 1,
                "stride": 1,
                "shape": shape,
                "dtype": "float16",
                "sha256": hashlib.sha256(content).hexdigest(),
                "tools": {"torch": "2.13.0"},
            }
            self.workspace.commit_artefact(key, content, side_car)
            features.append(FeatureFile.from_side_car(key, self.workspace.side_car(key)))
        return ExampleSource(
            example=example, split=split, media=media, media_key=media_key, features=tuple(features), licence="CC0-1.0"
        )

    def plan(self, *sources: ExampleSource, max_examples: int = 1000, max_bytes: int = 2**29) -> list[ShardPlan]:
        options = ShardOptions(max_examples=max_examples, max_bytes=max_bytes)
        return plan_shards(sources, streams=self.streams, options=options, grid=self.grid, recipe="e" * 12)

    def write(self, plan: ShardPlan) -> ShardInfo:
        return make_shard_writer(ShardOptions(), self.workspace, self.grid)(plan)

    def shard(self, *sources: ExampleSource) -> Path:
        """Plan and write one shard and return its path."""
        (plan,) = self.plan(*sources)
        self.write(plan)
        return self.workspace.path(plan.key)


def contents_of(tar: Path) -> dict[str, bytes]:
    """Member name → content."""
    with tarfile.open(tar, "r:") as archive:
        return {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]


def member(name: str, content: bytes) -> bytes:
    return header(name, len(content)) + content + bytes(padding(len(content)))


def seal(tar: Path, *blocks: bytes, end: bytes | None = None, **changes: Any) -> None:
    """Write ``blocks`` as a shard with a side-car that agrees with every byte: what a clever stranger does."""
    info = read_side_car(tar)
    offset, extents = 0, []
    for block in blocks:
        extents.append(Extent(offset=offset, num_bytes=len(block), sha256=hashlib.sha256(block).hexdigest()))
        offset += len(block)
    data = b"".join(blocks) + (end_of_archive(offset) if end is None else end)
    tar.write_bytes(data)
    info = replace(
        info, sha256=hashlib.sha256(data).hexdigest(), num_bytes=len(data), extents=tuple(extents), **changes
    )
    write_side_car(tar, to_json(info, indent=2))


def write_side_car(tar: Path, text: str) -> None:
    tar.with_name(tar.name + ".json").write_text(text, encoding="utf-8")


def good(contents: dict[str, bytes], key: str = KEY) -> list[bytes]:
    return [member(f"{key}.{name}", contents[f"{key}.{name}"]) for name in MEMBERS]


def as_profile(tar: Path, profile: Profile, *, but: str = "", video: bytes = MP4) -> None:
    """Rewrite a working shard as one of ``profile``, all digests made to agree; ``but`` leaves a member out."""
    contents, streams = contents_of(tar), [name for name, _ in read_side_car(tar).streams]
    metas = [replace(meta, profile=profile) for meta in ShardReader(tar).metas()]
    blocks = []
    for meta in metas:
        contents |= {f"{meta.key}.json": example_json(meta), f"{meta.key}.mp4": video}
        names = [f"{meta.key}.{name}" for name in member_names(profile, streams) if name != but]
        blocks.append(b"".join(member(name, contents[name]) for name in names))
    seal(tar, *blocks, profile=profile, inputs=inputs_digest(tar.name, map(example_digest, metas)))

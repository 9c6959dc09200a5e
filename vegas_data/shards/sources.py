"""What shards are made from: an example, its clip and its feature files; and the plan of that one example.

Enters what the stages before left (an Example with its Split, the Media, the side-cars of the feature files);
leaves a PlannedExample: the JSON of the example, checked against the schema, but for what only its sound can tell.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any, Final

from vegas_data.config import load_table
from vegas_data.errors import RecipeError, SchemaMismatch, ShardError
from vegas_data.records import Example, Media, Split
from vegas_data.shards.npy import npy_num_bytes
from vegas_data.shards.options import Profile
from vegas_data.shards.schema import (
    MAX_MEMBER_BYTES,
    PENDING_SHA256,
    UNKNOWN_LICENCE,
    ExampleMeta,
    MediaMeta,
    StreamMeta,
    example_json,
    member_names,
    parse_example_json,
    rate_as_float,
)
from vegas_data.shards.side_car import SUFFIX
from vegas_data.shards.tar import MAX_NAME, member_bytes
from vegas_data.units import Grid

_LONGEST_GAIN: Final = len("90.3087") - len("0.0")  # digits that the writer may add to the JSON
_REFEATURIZE: Final = "delete it and its side-car, and run `vegas-data featurize` again"


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureFile:
    """One stream of one example as it lies in the workspace at ``key``: what its side-car says of it.

    Args:
        digest: of the stream's definition; weights: of its encoder's weights. start_ms, end_ms: the span in the
            time of the clip. rate_hz: rows per second; window: pictures or flow fields that one row looks at;
            stride: steps from one of them to the next. shape: [T, …].
    """

    key: str
    stream: str
    digest: str
    weights: str
    sha256: str
    media_sha256: str
    start_ms: int
    end_ms: int
    rate_hz: Fraction
    window: int
    stride: int
    shape: tuple[int, ...]
    tools: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_side_car(cls, key: str, side_car: Mapping[str, Any]) -> "FeatureFile":
        """Read the side-car of the feature file at ``key``.

        Raises:
            SchemaMismatch: it lacks something, holds another type, or the array is not float16.
        """
        names = {field.name for field in fields(cls)} - {"key", "tools"}
        table = {name: value for name, value in side_car.items() if name in names}
        tools = side_car.get("tools", {})
        try:
            if side_car.get("dtype") != "float16" or not isinstance(tools, Mapping):
                raise RecipeError(f"{key}{SUFFIX}: not of a float16 array, or tools is not a table")
            feature = load_table(cls, {**table, "key": key}, where=f"{key}{SUFFIX}")
            return replace(feature, tools=tuple((str(name), str(version)) for name, version in sorted(tools.items())))
        except RecipeError as error:
            raise SchemaMismatch(str(error), remedy=_REFEATURIZE) from None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleSource:
    """An example and what it is packed from; ``features`` in the order of the streams."""

    example: Example
    split: Split
    media: Media
    media_key: str
    features: tuple[FeatureFile, ...]
    licence: str = UNKNOWN_LICENCE


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedExample:
    """An example as the writer gets it: its JSON but for what only the sound can tell, and where things lie.

    Args:
        digest: of all that decides the example's bytes. num_bytes: in the shard, at most.
    """

    meta: ExampleMeta
    digest: str
    num_bytes: int
    media_key: str
    start_in_media_ms: int
    feature_keys: tuple[str, ...]
    tools: tuple[tuple[str, str], ...]


def plan_example(source: ExampleSource, *, streams: Mapping[str, str], profile: Profile, grid: Grid) -> PlannedExample:
    """Say what the members of an example will hold.

    Args:
        streams: name and digest of each, in the order of the members.

    Raises:
        ShardError: the example does not lie in its clip.
        SchemaMismatch: a feature file does not belong to the example, or a member's name is too long.
    """
    example, media = source.example, source.media
    if [feature.stream for feature in source.features] != list(streams) or media.clip_id != example.clip_id:
        raise ValueError(f"{example.id}: these are not its clip and its streams {', '.join(streams)}")
    start_ms, end_ms = example.start_ms - media.start_ms, example.end_ms - media.start_ms
    if start_ms < 0 or end_ms > media.duration_ms:
        raise ShardError(
            f"{example.id}: not within its clip, which has {media.duration_ms} ms from {media.start_ms} ms on",
            remedy="run `vegas-data verify` again: the clip was fetched anew since",
        )
    for member in member_names(profile, streams):
        if len(f"{example.id}.{member}") > MAX_NAME:
            raise SchemaMismatch(
                f"{example.id}.{member}: longer than the {MAX_NAME} characters of a tar member's name",
                remedy="shorten the stream's name or the video id",
            )
    for feature in source.features:
        address = (feature.digest, feature.media_sha256, feature.start_ms, feature.end_ms)
        if address != (streams[feature.stream], media.sha256, start_ms, end_ms):
            raise SchemaMismatch(f"{feature.key}: not of {example.id} as its clip is now", remedy=_REFEATURIZE)
    meta = _meta(source, profile, grid)
    text = example_json(meta)
    try:
        parse_example_json(text)
    except ValueError as error:
        keys = ", ".join(feature.key for feature in source.features)
        raise SchemaMismatch(f"{example.category}: {example.id}: {error} ({keys})", remedy=_REFEATURIZE) from None
    return PlannedExample(
        meta=meta,
        digest=hashlib.sha256(text).hexdigest(),
        num_bytes=_num_bytes(meta, len(text)),
        media_key=source.media_key,
        start_in_media_ms=start_ms,
        feature_keys=tuple(feature.key for feature in source.features),
        tools=(*media.tools, *(tool for feature in source.features for tool in feature.tools)),
    )


def require_room(shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Return if arrays of these shapes, by stream, fit into members of a shard.

    Raises:
        RecipeError: one does not.
    """
    for stream, shape in shapes.items():
        if npy_num_bytes(shape) > MAX_MEMBER_BYTES:
            numbers = " × ".join(map(str, shape))
            raise RecipeError(
                f"stream {stream}: the longest example has {numbers} numbers, and a shard's member holds at most "
                f"{MAX_MEMBER_BYTES} bytes",
                remedy="give the stream a lower rate_hz, or take an encoder that gives fewer numbers",
            )


def example_digest(meta: ExampleMeta) -> str:
    """The digest that a finished example was planned with: of its JSON, but for what its sound told."""
    return hashlib.sha256(example_json(replace(meta, gain_db=0.0, audio_sha256=PENDING_SHA256))).hexdigest()


def _num_bytes(meta: ExampleMeta, json_bytes: int) -> int:
    arrays = [*(stream.shape for stream in meta.streams.values()), (meta.num_samples,)]
    return member_bytes(json_bytes + _LONGEST_GAIN) + sum(member_bytes(npy_num_bytes(shape)) for shape in arrays)


def _meta(source: ExampleSource, profile: Profile, grid: Grid) -> ExampleMeta:
    example, media = source.example, source.media
    return ExampleMeta(
        profile=profile,
        key=example.id,
        category=example.category,
        split=source.split,
        video_id=example.video_id,
        clip_id=example.clip_id,
        start_ms=example.start_ms,
        end_ms=example.end_ms,
        num_frames=grid.num_frames(example.duration_ms),
        num_samples=grid.num_samples(example.duration_ms),
        samples_per_frame=grid.samples_per_frame,
        samples_cut=grid.samples_cut(example.duration_ms),
        sample_rate_hz=rate_as_float(grid.sample_rate_hz),
        frame_rate_hz=float(grid.frame_rate_hz),
        gain_db=0.0,
        audio_sha256=PENDING_SHA256,
        licence=source.licence,
        media=MediaMeta(
            sha256=media.sha256, settings=media.settings, width=media.width, height=media.height, fps=media.fps
        ),
        streams={
            feature.stream: StreamMeta(
                digest=feature.digest,
                weights=feature.weights,
                sha256=feature.sha256,
                rate_hz=rate_as_float(feature.rate_hz),
                window=feature.window,
                stride=feature.stride,
                shape=feature.shape,
            )
            for feature in source.features
        },
    )

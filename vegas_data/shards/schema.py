"""The contract of shards between those who write and those who read them: names, members and the JSON.

    drum-train-000000.tar                        one category, one split; at most ``max_examples`` examples
      {key}.json                                 ExampleMeta, below
      {key}.{stream}.npy  for each stream        float16 [T, …], before the ReLU, at true length and the stream's rate
      {key}.audio.npy                            int16 [1024 F], the sound as it is; not in profile *features*
      {key}.mp4                                  picture and sound of exactly the span; only in profile *media*
    drum-train-000000.tar.json                   records.ShardInfo: the side-car (side_car.py)

The JSON has one schema, so that every tool infers the same columns from any shard: every key always there, no
null, a float always written with a point. ``docs/formats.md`` describes each key; change both, and ``SCHEMA``,
together. Everything read here may come from a stranger.
"""

import dataclasses
import functools
import json
import math
import re
import types
import typing
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NoReturn

from vegas_data.config import to_json
from vegas_data.errors import ManifestError, SchemaMismatch
from vegas_data.records import Split, check_category, check_video_id, span_id
from vegas_data.shards.options import Profile
from vegas_data.shards.sound import MAX_GAIN_DB
from vegas_data.units import Grid

SCHEMA: Final = 1
JSON_MEMBER: Final = "json"
AUDIO_MEMBER: Final = "audio.npy"
VIDEO_MEMBER: Final = "mp4"
PENDING_SHA256: Final = "0" * 64  # until the writer knows the sound
UNKNOWN_LICENCE: Final = "NOASSERTION"  # SPDX's word for it

MAX_JSON_BYTES: Final = 64 * 2**10
MAX_MEMBER_BYTES: Final = 64 * 2**20
MAX_TEXT: Final = 256

SHARD_NAME: Final = re.compile(r"([a-z][a-z0-9_]*)-(train|val|test)-([0-9]{6})\.tar", re.ASCII)
KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}_[0-9]{9}_[0-9]{9}", re.ASCII)
STREAM_NAME: Final = re.compile(r"(?!audio$)[a-z0-9_]{1,32}", re.ASCII)
SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MAX_DENOMINATOR: Final = 1_000_000
_SCALARS: Final = frozenset({int, float, str})
_LAST_MEMBERS: Final[Mapping[Profile, tuple[str, ...]]] = types.MappingProxyType(
    {"train": (AUDIO_MEMBER,), "features": (), "media": (AUDIO_MEMBER, VIDEO_MEMBER)}
)

REMAKE: Final = "delete the shard and its side-car, and run `vegas-data featurize` again"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class MediaMeta:
    """The clip an example was cut from: sha256 of its mp4, digest of the cut's settings, size and source rate."""

    sha256: str
    settings: str
    width: int
    height: int
    fps: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class StreamMeta:
    """One stream of an example.

    Args:
        digest: of the stream's definition; weights: of its encoder's weights; sha256: of the ``.npy`` member.
        rate_hz: rows per second. window: pictures or flow fields that one row looks at; stride: steps from
        one of them to the next. shape: [T, …] with T = floor(d · rate_hz), at least 1.
    """

    digest: str
    weights: str
    sha256: str
    rate_hz: float
    window: int
    stride: int
    shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExampleMeta:
    """The JSON member of an example; field by field what ``docs/formats.md`` says of it.

    Args:
        samples_cut: audio samples between the last whole frame and ``end_ms``, left out.
        gain_db: what brings the sound's peak to full scale; 0.0 for silence. The stored sound is *not* changed.
        audio_sha256: of the audio samples as little-endian int16, without the ``.npy`` header.
        licence: SPDX expression, ``NOASSERTION`` where the source states none.
    """

    schema: int = SCHEMA
    profile: str
    key: str
    category: str
    split: str
    video_id: str
    clip_id: str
    start_ms: int
    end_ms: int
    num_frames: int
    num_samples: int
    samples_per_frame: int
    samples_cut: int
    sample_rate_hz: float
    frame_rate_hz: float
    gain_db: float
    audio_sha256: str
    licence: str
    media: MediaMeta
    streams: Mapping[str, StreamMeta]

    @property
    def grid(self) -> Grid:
        """The grid the example lies on, its rate as the exact fraction."""
        return _grid(self.sample_rate_hz, self.samples_per_frame)


@functools.lru_cache(maxsize=64)
def _grid(sample_rate_hz: float, samples_per_frame: int) -> Grid:
    rate = Fraction(sample_rate_hz).limit_denominator(_MAX_DENOMINATOR)
    return Grid(sample_rate_hz=rate, samples_per_frame=samples_per_frame)


@functools.lru_cache(maxsize=64)
def rate_as_float(rate: Fraction) -> float:
    """``rate`` as the float that stands in the JSON and leads back to exactly this fraction.

    Raises:
        ValueError: no float does (a denominator beyond a million).
    """
    if Fraction(float(rate)).limit_denominator(_MAX_DENOMINATOR) != rate:
        raise ValueError(f"a rate of {rate} Hz cannot be recorded exactly")
    return float(rate)


def member_names(profile: Profile, streams: typing.Iterable[str]) -> tuple[str, ...]:
    """What stands after ``{key}.`` in the members of an example, in their order."""
    return (JSON_MEMBER, *(f"{name}.npy" for name in streams), *_LAST_MEMBERS[profile])


def shard_name(category: str, split: Split, index: int) -> str:
    """``drum-train-000000.tar``."""
    return f"{category}-{split}-{index:06d}.tar"


def example_json(meta: ExampleMeta) -> bytes:
    """The JSON member of an example: canonical, in one line."""
    return to_json(meta).encode()


def refuse(shard: Path, reason: str, *, key: str = "", member: str = "") -> NoReturn:
    """Raise SchemaMismatch, naming shard, key and member."""
    where = "".join(f"{part}: " for part in (key, member) if part)
    raise SchemaMismatch(f"{shard}: {where}{reason}", remedy=REMAKE)


def parse_example_json(data: bytes) -> ExampleMeta:
    """The example that a JSON member describes; raises ValueError if it breaks the schema."""
    require(len(data) <= MAX_JSON_BYTES, f"{len(data)} bytes, more than {MAX_JSON_BYTES}")
    try:
        meta: ExampleMeta = _build(ExampleMeta, _parse(data), "")
        _check_meta(meta)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ManifestError as error:
        raise ValueError(str(error)) from None
    return meta


def validate_example_json(data: bytes, *, shard: Path, key: str) -> ExampleMeta:
    """Parse the JSON member of the example ``key`` of ``shard`` and prove that it follows the schema.

    Raises:
        SchemaMismatch: it does not; the message names shard, key and reason.
    """
    try:
        meta = parse_example_json(data)
    except ValueError as error:
        refuse(shard, str(error), key=key, member=JSON_MEMBER)
    if meta.key != key:
        refuse(shard, f"the JSON is that of {meta.key!r}", key=key, member=JSON_MEMBER)
    name = SHARD_NAME.fullmatch(shard.name)
    if name is None or (meta.category, meta.split) != name.group(1, 2):
        refuse(shard, f"category {meta.category!r} and split {meta.split!r} contradict the file name", key=key)
    return meta


def _parse(data: bytes) -> Any:
    def number(text: str) -> float:
        if "." not in text:
            raise ValueError(f"the float {text} is written without a point")
        return float(text)

    def constant(text: str) -> NoReturn:
        raise ValueError(f"{text} is not a number")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    return json.loads(data.decode("utf-8"), parse_float=number, parse_constant=constant, object_pairs_hook=once)


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _build(kind: Any, value: Any, where: str) -> Any:
    if kind in _SCALARS:
        return _scalar(kind, value, where)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = _hints(kind)
        if not isinstance(value, dict) or value.keys() != hints.keys():
            found = value.keys() if isinstance(value, dict) else set()
            odd = sorted(str(key)[:40] for key in found ^ hints.keys())
            raise ValueError(f"{where or 'the JSON'}: these keys are missing or unknown: {', '.join(odd)}")
        return typing.cast(Any, kind)(
            **{name: _build(hint, value[name], f"{where}{name} ") for name, hint in hints.items()}
        )
    if typing.get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_build(int, item, where) for item in value)
    if typing.get_origin(kind) is Mapping and isinstance(value, dict):
        return {name: _build(StreamMeta, item, f"{where}{name[:40]} ") for name, item in value.items()}
    raise ValueError(f"{where}is {type(value).__name__}, expected {kind}")


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{where}is {type(value).__name__}, expected {kind.__name__}")
    if kind is float and not math.isfinite(value):
        raise ValueError(f"{where}is not finite")
    if kind is str and (len(value) > MAX_TEXT or not value.isprintable()):
        raise ValueError(f"{where}is longer than {MAX_TEXT} characters or not printable")
    return value


def require(holds: bool, what: str) -> None:
    """Raise ValueError(what) unless ``holds``: the caller adds where."""
    if not holds:
        raise ValueError(what)


def _check_meta(meta: ExampleMeta) -> None:
    require(meta.schema == SCHEMA, f"schema {meta.schema}; this version reads {SCHEMA}")
    check_video_id(meta.video_id)
    check_category(meta.category)
    require(meta.key == span_id(meta.video_id, meta.start_ms, meta.end_ms), "key is not that of video_id and span")
    require(meta.clip_id.startswith(f"{meta.video_id}_"), "clip_id is not of video_id")
    require(0 <= meta.start_ms < meta.end_ms, "start_ms and end_ms are not a span")
    grid, duration_ms = meta.grid, meta.end_ms - meta.start_ms
    require(meta.frame_rate_hz == float(grid.frame_rate_hz), "frame_rate_hz contradicts sample_rate_hz")
    require(meta.num_frames == grid.num_frames(duration_ms) >= 1, "num_frames contradicts the span")
    require(meta.num_samples == grid.num_samples(duration_ms), "num_samples contradicts the span")
    require(meta.samples_cut == grid.samples_cut(duration_ms), "samples_cut contradicts the span")
    require(0 <= meta.gain_db <= MAX_GAIN_DB, "gain_db is out of range")
    require(meta.licence != "", f"licence is empty; unknown is {UNKNOWN_LICENCE}")
    for digest in (meta.audio_sha256, meta.media.sha256, *(stream.sha256 for stream in meta.streams.values())):
        require(SHA256.fullmatch(digest) is not None, "a sha256 is not 64 hex digits")
    require(meta.media.width > 0 and meta.media.height > 0, "media: width and height are not positive")
    for name, stream in meta.streams.items():
        require(STREAM_NAME.fullmatch(name) is not None, f"invalid stream name {name[:40]!r}")
        positive = stream.rate_hz > 0 and stream.window > 0 and stream.stride > 0 and min(stream.shape, default=0) > 0
        require(positive, f"stream {name}: rate_hz, window, stride or shape is not positive")
        rows = _num_rows(stream.rate_hz, duration_ms)
        require(
            stream.shape[0] == rows, f"stream {name}: shape contradicts the span: {rows} rows at {stream.rate_hz} Hz"
        )


def _num_rows(rate_hz: float, duration_ms: int) -> int:
    """floor(d · rate), at least one row; at the frame rate ``num_frames``."""
    return max(1, int(duration_ms * Fraction(rate_hz).limit_denominator(_MAX_DENOMINATOR) / 1000))

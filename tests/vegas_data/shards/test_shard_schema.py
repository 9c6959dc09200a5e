"""The JSON member has one schema; every way to break it is refused with shard, key and reason."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vegas_data.errors import SchemaMismatch
from vegas_data.shards.schema import (
    ExampleMeta,
    MediaMeta,
    StreamMeta,
    example_json,
    member_names,
    parse_example_json,
    rate_as_float,
    validate_example_json,
)
from vegas_data.units import Grid

SHARD = Path("drum-train-000000.tar")
KEY = "-PJHxphWEs0_000030000_000034500"
META = ExampleMeta(
    profile="train",
    key=KEY,
    category="drum",
    split="train",
    video_id="-PJHxphWEs0",
    clip_id="-PJHxphWEs0_000030000",
    start_ms=30_000,
    end_ms=34_500,
    num_frames=70,
    num_samples=71_680,
    samples_per_frame=1024,
    samples_cut=320,
    sample_rate_hz=16_000.0,
    frame_rate_hz=15.625,
    gain_db=3.0,
    audio_sha256="0" * 64,
    licence="NOASSERTION",
    media=MediaMeta(sha256="1" * 64, settings="c" * 12, width=64, height=48, fps="30000/1001"),
    streams={
        "fc6": StreamMeta(
            digest="a" * 12, weights="b" * 12, sha256="2" * 64, rate_hz=15.625, window=1, stride=1, shape=(70, 4096)
        )
    },
)


def changed(change: Callable[[dict[str, Any]], Any]) -> bytes:
    data = json.loads(example_json(META))
    change(data)
    return json.dumps(data).encode()


def test_what_is_written_is_read_back() -> None:
    assert validate_example_json(example_json(META), shard=SHARD, key=KEY) == META


@pytest.mark.parametrize(("rate_hz", "rows"), [(8.0, 36), (1 / 3, 1), (0.1, 1), (30_000 / 1001, 134), (120.0, 540)])
def test_a_stream_may_have_a_rate_and_a_shape_of_its_own(rate_hz: float, rows: int) -> None:
    stream = replace(META.streams["fc6"], rate_hz=rate_hz, shape=(rows, 14, 14, 512))
    meta = replace(META, streams={**META.streams, "conv5": stream})
    assert validate_example_json(example_json(meta), shard=SHARD, key=KEY) == meta


def test_no_null_every_key_and_floats_with_a_point() -> None:
    text = example_json(META).decode()
    assert "null" not in text
    assert '"sample_rate_hz":16000.0' in text
    assert '"gain_db":3.0' in text
    assert sorted(json.loads(text)) == list(json.loads(text))


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "missing key": (lambda d: d.pop("licence"), "missing or unknown: licence"),
    "extra key": (lambda d: d.update(title="x"), "missing or unknown: title"),
    "missing key of a stream": (lambda d: d["streams"]["fc6"].pop("window"), "window"),
    "null": (lambda d: d.update(licence=None), "licence is NoneType, expected str"),
    "float without a point": (lambda d: d.update(gain_db=3), "gain_db is int, expected float"),
    "int with a point": (lambda d: d.update(num_frames=70.0), "num_frames is float, expected int"),
    "bool for int": (lambda d: d["media"].update(width=True), "media width is bool"),
    "list for table": (lambda d: d.update(media=[]), "media"),
    "streams as a list": (lambda d: d.update(streams=[]), "streams is list"),
    "shape of floats": (lambda d: d["streams"]["fc6"].update(shape=[70.0, 2]), "is float, expected int"),
    "control character": (lambda d: d.update(licence="a\nb"), "not printable"),
    "long text": (lambda d: d.update(licence="a" * 257), "longer than"),
    "later schema": (lambda d: d.update(schema=2), "schema 2; this version reads 1"),
    "path as id": (lambda d: d.update(video_id="../../etc/passwd"), "invalid video id"),
    "key of another span": (lambda d: d.update(end_ms=34_499), "key is not that of"),
    "clip of another video": (lambda d: d.update(clip_id="x_000030000"), "clip_id"),
    "wrong frames": (lambda d: d.update(num_frames=71), "num_frames contradicts"),
    "wrong samples": (lambda d: d.update(num_samples=71_681), "num_samples contradicts"),
    "wrong cut": (lambda d: d.update(samples_cut=0), "samples_cut contradicts"),
    "wrong frame rate": (lambda d: d.update(frame_rate_hz=15.6), "frame_rate_hz contradicts"),
    "rate of nearly zero": (lambda d: d.update(sample_rate_hz=1.5e-9), "must be positive"),
    "negative gain": (lambda d: d.update(gain_db=-0.1), "gain_db"),
    "no licence": (lambda d: d.update(licence=""), "NOASSERTION"),
    "sha256 of 63 digits": (lambda d: d.update(audio_sha256="0" * 63), "64 hex"),
    "sha256 of a stream": (lambda d: d["streams"]["fc6"].update(sha256="Z" * 64), "64 hex"),
    "size of zero": (lambda d: d["media"].update(height=0), "not positive"),
    "stream called audio": (lambda d: d["streams"].update(audio=d["streams"].pop("fc6")), "stream name"),
    "stream with a dot": (lambda d: d["streams"].update({"a.b": d["streams"].pop("fc6")}), "stream name"),
    "empty shape": (lambda d: d["streams"]["fc6"].update(shape=[]), "shape is not positive"),
    "row missing": (lambda d: d["streams"]["fc6"].update(shape=[69, 4096]), "70 rows at 15.625 Hz"),
    "rows of another rate": (lambda d: d["streams"]["fc6"].update(rate_hz=8.0), "36 rows at 8.0 Hz"),
    "no row at a low rate": (lambda d: d["streams"]["fc6"].update(rate_hz=0.1), "1 rows at 0.1 Hz"),
    "other key": (
        lambda d: d.update(start_ms=0, end_ms=4500, key=f"{KEY[:11]}_000000000_000004500"),
        "JSON is that of",
    ),
    "other category": (lambda d: d.update(category="dog"), "contradict the file name"),
    "other split": (lambda d: d.update(split="test"), "contradict the file name"),
}


@pytest.mark.parametrize(("change", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_schema_is_named(change: Callable[[dict[str, Any]], Any], reason: str) -> None:
    with pytest.raises(SchemaMismatch, match=reason) as caught:
        validate_example_json(changed(change), shard=SHARD, key=KEY)
    assert str(caught.value).startswith(f"{SHARD}: {KEY}: ")
    assert "featurize" in caught.value.remedy


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "Expecting value"),
        (b"\xff{}", "codec"),
        (b"[" * 60_000, "nested too deeply"),
        (b'{"a":' * 10_000, "nested too deeply"),
        (b" " * 70_000, "more than 65536"),
        (b"[]", "missing or unknown"),
        (example_json(META).replace(b":3.0", b":NaN"), "NaN is not a number"),
        (example_json(META).replace(b":3.0", b":3e0"), "without a point"),
        (example_json(META).replace(b":3.0", b":1.0e999"), "not finite"),
        (example_json(META).replace(b'"schema":1', b'"schema":1,"schema":1'), "stands twice"),
        (example_json(META).replace(b":71680", b":" + b"9" * 5000), "digits"),
    ],
)
def test_what_is_no_such_json_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_example_json(data)


def test_the_grid_comes_back_exactly() -> None:
    literal = Grid(sample_rate_hz=Fraction(79_872, 5))
    assert META.grid == Grid()
    assert Fraction(rate_as_float(literal.sample_rate_hz)).limit_denominator(1_000_000) == literal.sample_rate_hz
    with pytest.raises(ValueError, match="exactly"):
        rate_as_float(Fraction(10**7 + 1, 10**7 + 3))


def test_members_come_in_one_order() -> None:
    assert member_names("train", ["fc6", "flow_fc6"]) == ("json", "fc6.npy", "flow_fc6.npy", "audio.npy")

"""Same input, same bytes; nothing is packed that is not what was planned; strangers' tools read the result."""

import dataclasses
import gc
import hashlib
import json
import math
import os
import tarfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from shard_bench import Bench

from vegas_data.config import to_json
from vegas_data.errors import ChecksumMismatch, NoAudio, SchemaMismatch, ShardError
from vegas_data.media.decode import read_audio
from vegas_data.media.mux import write_mp4
from vegas_data.shards import ShardOptions, make_shard_writer, read_shard, read_side_car
from vegas_data.shards.npy import npy_bytes
from vegas_data.shards.sound import audio_sha256, gain_db, to_int16
from vegas_data.store import sha256_of
from vegas_data.units import Grid


def files_of(bench: Bench) -> list[str]:
    return sorted(path.name for path in bench.workspace.root.rglob("*") if path.is_file())


def test_same_input_same_bytes(make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    sha256s, side_cars = set(), set()
    for number, umask in enumerate((0o022, 0o077, 0o000)):
        bench = make_bench(f"w{number}")
        sources = [bench.source(f"demo-{i:03d}") for i in range(3)]
        monkeypatch.setattr("time.time", lambda number=number: 1e9 * number)
        before = os.umask(umask)
        try:
            tar = bench.shard(*sources[number:], *sources[:number])
        finally:
            os.umask(before)
        sha256s.add(sha256_of(tar))
        side_cars.add(tar.with_name(tar.name + ".json").read_bytes())
        assert tar.stat().st_mode & 0o777 == 0o644
    assert len(sha256s) == len(side_cars) == 1


def test_the_side_car_says_what_the_shard_is(bench: Bench) -> None:
    (plan,) = bench.plan(bench.source("demo-001"), bench.source("demo-000"))
    info = bench.write(plan)
    tar = bench.workspace.path(plan.key)
    assert read_side_car(tar) == info
    assert (info.sha256, info.num_bytes) == (sha256_of(tar), tar.stat().st_size)
    assert info.keys == ("demo-000_000030000_000032000", "demo-001_000030000_000032000")
    assert (info.recipe, info.inputs, info.num_examples) == ("e" * 12, plan.inputs, 2)
    assert info.streams == (("lite0", "a" * 12), ("flow_lite0", "b" * 12))
    assert dict(info.weights) == {"lite0": "d" * 12, "flow_lite0": "d" * 12}
    assert {"av", "libavcodec", "torch", "ffmpeg", "vegas-data"} <= dict(info.tools).keys()
    content = tar.read_bytes()
    for extent in info.extents:
        piece = content[extent.offset : extent.offset + extent.num_bytes]
        assert hashlib.sha256(piece).hexdigest() == extent.sha256


def test_features_are_packed_byte_for_byte_and_the_sound_as_it_is(bench: Bench) -> None:
    source = bench.source()
    tar = bench.shard(source)
    (example,) = read_shard(tar)
    for feature in source.features:
        stored = np.load(bench.workspace.path(feature.key))
        np.testing.assert_array_equal(example.streams[feature.stream], stored)
    wave = read_audio(
        bench.workspace.path(source.media_key), sample_rate_hz=Fraction(16_000), start_ms=0, num_samples=31 * 1024
    )
    assert example.audio.shape == (31 * 1024,)
    assert np.abs(example.audio / 32767 - wave).max() <= 0.5 / 32767 + 1e-6
    peak = np.abs(example.audio.astype(int)).max()
    assert 20 * math.log10(32767 / peak) == pytest.approx(example.meta.gain_db, abs=1e-4)
    assert example.meta.audio_sha256 == hashlib.sha256(example.audio.tobytes()).hexdigest()
    assert example.meta.licence == "CC0-1.0"


def test_the_second_half_of_a_clip_is_cut_where_it_lies(bench: Bench) -> None:
    tar = bench.shard(bench.source(), bench.source(start_ms=32_000, end_ms=34_000))
    tone, silence = read_shard(tar)
    assert np.abs(tone.audio).max() > 10_000
    assert np.abs(silence.audio[2000:]).max() < 10  # beyond the codec's ringing at the seam


def test_the_papers_literal_grid_can_be_packed(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(grid=Grid(sample_rate_hz=Fraction(79_872, 5)))
    (example,) = read_shard(bench.shard(bench.source(end_ms=34_000)))
    assert (example.meta.num_frames, example.audio.size) == (62, 62 * 1024)
    assert example.meta.grid == bench.grid


def test_gain_is_symmetric_and_leaves_silence_alone() -> None:
    assert gain_db(np.zeros(8, dtype=np.int16)) == 0.0
    assert gain_db(np.zeros(0, dtype=np.int16)) == 0.0
    assert gain_db(np.array([0, 32767], dtype=np.int16)) == 0.0
    assert gain_db(np.array([-32768], dtype=np.int16)) == 0.0
    assert gain_db(np.array([0, -16384, 5], dtype=np.int16)) == 6.0203
    assert to_int16(np.array([-2, -1, 0, 1, 2], dtype=np.float32)).tolist() == [-32767, -32767, 0, 32767, 32767]
    assert audio_sha256(np.array([1, -2], dtype=">i2")) == hashlib.sha256(b"\x01\x00\xfe\xff").hexdigest()


def test_tarfile_reads_the_shard(bench: Bench) -> None:
    tar = bench.shard(bench.source("demo-000"), bench.source("demo-001"))
    members = ["json", "lite0.npy", "flow_lite0.npy", "audio.npy"]
    with tarfile.open(tar, "r:") as archive:
        assert archive.getnames() == [f"demo-00{i}_000030000_000032000.{member}" for i in (0, 1) for member in members]
        first = archive.extractfile(archive.getmembers()[0])
        assert first is not None
        assert json.load(first)["category"] == "drum"


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # webdataset's own
def test_webdataset_reads_the_shard(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WDS_SECURE", "1")
    import webdataset

    tar = bench.shard(bench.source("demo-000"), bench.source("demo-001"))
    samples = list(webdataset.WebDataset(str(tar), shardshuffle=False))
    gc.collect()
    assert [sample["__key__"] for sample in samples] == list(read_side_car(tar).keys)
    for sample, example in zip(samples, read_shard(tar), strict=True):
        assert {"json", "lite0.npy", "flow_lite0.npy", "audio.npy"} <= sample.keys()
        assert sample["audio.npy"] == npy_bytes(example.audio)
        assert json.loads(sample["json"]) == json.loads(to_json(example.meta))


def test_a_rewritten_shard_replaces_the_old_one(bench: Bench) -> None:
    first = bench.shard(bench.source("demo-000"), bench.source("demo-001"))
    before = sha256_of(first)
    assert bench.shard(bench.source("demo-000")) == first
    assert sha256_of(first) != before
    assert [example.meta.video_id for example in read_shard(first)] == ["demo-000"]


def test_features_that_changed_on_disk_are_not_packed(bench: Bench) -> None:
    source = bench.source()
    (plan,) = bench.plan(source)
    path = bench.workspace.path(source.features[1].key)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    before = files_of(bench)
    with pytest.raises(ChecksumMismatch, match=path.name) as caught:
        bench.write(plan)
    assert "featurize" in caught.value.remedy
    assert files_of(bench) == before


def test_a_clip_that_changed_on_disk_is_not_packed(bench: Bench) -> None:
    source = bench.source()
    (plan,) = bench.plan(source)
    path = bench.workspace.path(source.media_key)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ChecksumMismatch, match=path.name) as caught:
        bench.write(plan)
    assert "fetch" in caught.value.remedy


@pytest.mark.parametrize("which", ["feature", "media"])
def test_a_missing_file_is_named(bench: Bench, which: str) -> None:
    source = bench.source()
    (plan,) = bench.plan(source)
    key = source.media_key if which == "media" else source.features[0].key
    bench.workspace.path(key).unlink()
    with pytest.raises(ShardError, match="missing") as caught:
        bench.write(plan)
    assert key in str(caught.value)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.full((31, 8), np.nan, dtype=np.float16), "NaN"),
        (np.zeros((8, 31), dtype=np.float16), r"\(8, 31\)"),
        (np.zeros((31, 8), dtype=np.int16), "type is"),
    ],
)
def test_arrays_that_are_not_what_their_side_car_says_are_not_packed(
    bench: Bench, array: np.ndarray, reason: str
) -> None:
    source = bench.source()
    content = npy_bytes(array)
    bench.workspace.path(source.features[0].key).write_bytes(content)
    forged = dataclasses.replace(source.features[0], sha256=hashlib.sha256(content).hexdigest())
    (plan,) = bench.plan(dataclasses.replace(source, features=(forged, source.features[1])))
    with pytest.raises(SchemaMismatch, match=reason):
        bench.write(plan)


def test_a_clip_without_sound_is_an_error_not_a_shard(make_bench: Callable[..., Bench], tmp_path: Path) -> None:
    mute = tmp_path / "mute.mp4"
    pictures = (np.zeros((48, 64, 3), dtype=np.uint8) for _ in range(100))
    write_mp4(mute, pictures, size=(64, 48), fps=Fraction(25), audio=None)
    bench = make_bench(clip=mute.read_bytes())
    (plan,) = bench.plan(bench.source())
    with pytest.raises(
        ShardError, match=r"the sound of demo-000_000030000_000032000 is lost: .*no sound track"
    ) as caught:
        bench.write(plan)
    assert isinstance(caught.value.__cause__, NoAudio)
    assert not bench.workspace.has_artefact(plan.key)
    assert not any("drum-train" in name for name in files_of(bench))


def test_a_plan_of_another_profile_is_the_callers_mistake(bench: Bench) -> None:
    (plan,) = bench.plan(bench.source())
    other = dataclasses.replace(plan, profile="media")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="profile media"):
        make_shard_writer(ShardOptions(), bench.workspace, bench.grid)(other)

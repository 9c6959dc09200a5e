"""``check`` proves shards: whatever is changed, added or taken away is found, and the example named."""

import dataclasses
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from shard_bench import KEY, OTHER, Bench, contents_of, good, seal

from vegas_data.config import to_json
from vegas_data.shards import Finding, check_together, list_shards, prove_folder, prove_shard, read_side_car
from vegas_data.shards.npy import npy_bytes
from vegas_data.shards.plan import inputs_digest
from vegas_data.units import Grid
from vegas_data.workspace import Workspace


def check_folder(folder: Path) -> list[Finding]:
    return prove_folder(folder)[1]


def check_shards(workspace: Workspace) -> list[Finding]:
    paths, findings = list_shards(workspace)
    proven = [prove_shard(path) for path in paths]
    return [
        *findings,
        *(finding for _, found in proven for finding in found),
        *check_together(shard for shard, _ in proven),
    ]


def codes(bench: Bench) -> list[tuple[str, str, str]]:
    return [(finding.code, Path(finding.file).name, finding.key) for finding in check_shards(bench.workspace)]


def side_car_of(tar: Path) -> Path:
    return tar.with_name(tar.name + ".json")


@pytest.fixture
def tar(bench: Bench) -> Path:
    return bench.shard(bench.source("demo-000"), bench.source("demo-001"))


@pytest.fixture
def small_tar(make_bench: Callable[..., Bench]) -> Path:
    """A shard of about 10 kB: 31 frames of 4 audio samples."""
    bench = make_bench(grid=Grid(sample_rate_hz=Fraction(125, 2), samples_per_frame=4), width=1)
    return bench.shard(bench.source("demo-000"), bench.source("demo-001"))


def test_whole_shards_give_no_finding(bench: Bench) -> None:
    assert check_shards(bench.workspace) == []
    sources = [bench.source(f"demo-{i:03d}", split=split) for i, split in enumerate(("train", "val", "test", "train"))]
    for plan in bench.plan(*sources, max_examples=1):
        bench.write(plan)
    assert check_shards(bench.workspace) == []


def flip_and_check(tar: Path, position: int) -> list[Finding]:
    data = tar.read_bytes()
    damaged = bytearray(data)
    damaged[position] ^= 1 << position % 8
    tar.write_bytes(damaged)
    findings = check_folder(tar.parent)
    tar.write_bytes(data)
    return findings


def assert_flips_are_found(tar: Path, positions: list[int]) -> None:
    info = read_side_car(tar)
    for position in positions:
        hit = [k for k, e in zip(info.keys, info.extents, strict=True) if 0 <= position - e.offset < e.num_bytes]
        findings = flip_and_check(tar, position)
        assert [finding.key for finding in findings] == (hit or [""]), position
        assert all(finding.file == str(tar) and finding.remedy for finding in findings)
    assert check_folder(tar.parent) == []


def test_flipped_bytes_are_found_and_the_example_named(small_tar: Path) -> None:
    size = small_tar.stat().st_size
    positions = np.random.default_rng(3).choice(size, 400, replace=False).tolist()
    assert_flips_are_found(small_tar, sorted({0, 511, 512, size - 1, *positions}))


@pytest.mark.slow
def test_every_flipped_byte_is_found_and_the_example_named(small_tar: Path) -> None:
    assert_flips_are_found(small_tar, list(range(small_tar.stat().st_size)))


def test_the_member_that_was_hit_is_named(tar: Path) -> None:
    data = tar.read_bytes()
    for member, text in (
        ("lite0.npy", "lite0.npy is not what the JSON says"),
        ("flow_lite0.npy", "flow_lite0.npy is not what the JSON says"),
        ("audio.npy", "audio.npy is not what the JSON says"),
    ):
        start = data.index(f"{OTHER}.{member}".encode()) + 512 + 140
        (finding,) = flip_and_check(tar, start)
        assert (finding.code, finding.key) == ("checksum_mismatch", OTHER)
        assert text in finding.message
    (finding,) = flip_and_check(tar, data.index(b'"licence":"CC0') + 12)
    assert "json" in finding.message


@pytest.mark.parametrize("keep", [0, 1000, 80_000, -10, -600])
def test_a_truncated_tar_is_found(bench: Bench, tar: Path, keep: int) -> None:
    tar.write_bytes(tar.read_bytes()[:keep])
    findings = check_shards(bench.workspace)
    assert findings
    assert {finding.file for finding in findings} == {str(tar)}
    if keep == 80_000:
        assert OTHER in {finding.key for finding in findings}
        assert KEY not in {finding.key for finding in findings}


def test_appended_bytes_are_found(bench: Bench, tar: Path) -> None:
    with tar.open("ab") as file:
        file.write(bytes(10_240))
    assert codes(bench) == [("schema_mismatch", tar.name, "")]


def test_side_car_and_tar_must_both_be_there(bench: Bench, tar: Path) -> None:
    side_car = side_car_of(tar)
    text = side_car.read_bytes()
    side_car.unlink()
    assert codes(bench) == [("no_side_car", tar.name, "")]
    side_car.write_bytes(text)
    tar.unlink()
    assert codes(bench) == [("no_tar", side_car.name, "")]


def test_a_foreign_or_temporary_file_is_found(bench: Bench, tar: Path) -> None:
    (tar.parent / "tmpabc123").write_bytes(b"")
    (tar.parent / "drum-train-000000.tar.part").write_bytes(b"")
    (tar.parent / "drum-test-000000.tar").symlink_to(tar)
    (tar.parent / "below").mkdir()
    os.mkfifo(tar.parent / "drum-val-000000.tar")
    (tar.parent.parent / "loose.tar").write_bytes(b"")
    found = codes(bench)
    assert {code for code, _, _ in found} == {"foreign_file"}
    assert {name for _, name, _ in found} == {
        "tmpabc123", "drum-train-000000.tar.part", "drum-test-000000.tar", "below", "drum-val-000000.tar", "loose.tar"
    }  # fmt: skip


@pytest.mark.parametrize("field", ["sha256", "inputs", "name", "num_bytes", "keys", "extents", "category"])
def test_an_edited_side_car_is_found(bench: Bench, tar: Path, field: str) -> None:
    info = read_side_car(tar)
    value = getattr(info, field)
    edited = {
        "sha256": "0" * 64,
        "inputs": "0" * 12,
        "name": "drum-train-000001.tar",
        "num_bytes": info.num_bytes + 10_240,
        "keys": (KEY, OTHER[:-1] + "1"),
        "extents": (dataclasses.replace(info.extents[0], sha256="0" * 64), info.extents[1]),
        "category": "dog",
    }[field]
    assert edited != value
    side_car_of(tar).write_text(to_json(dataclasses.replace(info, **{field: edited}), indent=2))
    assert check_shards(bench.workspace)


def test_a_side_car_in_another_form_is_found(bench: Bench, tar: Path) -> None:
    side_car_of(tar).write_text(to_json(read_side_car(tar)))
    assert codes(bench) == [("checksum_mismatch", side_car_of(tar).name, "")]


def test_a_missing_number_is_found(bench: Bench) -> None:
    plans = bench.plan(*(bench.source(f"demo-{i:03d}") for i in range(3)), max_examples=1)
    for plan in plans:
        bench.write(plan)
    bench.workspace.remove_artefact(plans[1].key)
    assert codes(bench) == [("missing_shard", plans[1].name, "")]


def copy_as(bench: Bench, source_tar: Path, sources: list[object], name: str) -> None:
    """Write another plan's shard beside ``source_tar`` under ``name``, as a buggy tool would."""
    (plan,) = bench.plan(*sources)  # type: ignore[arg-type]
    plan = dataclasses.replace(plan, key=f"shards/{source_tar.parent.name}/{name}")
    bench.write(dataclasses.replace(plan, inputs=inputs_digest(name, (e.digest for e in plan.examples))))


def test_an_example_in_two_shards_is_found(bench: Bench, tar: Path) -> None:
    copy_as(bench, tar, [bench.source("demo-001")], "drum-train-000001.tar")
    assert codes(bench) == [("duplicate_key", "drum-train-000001.tar", OTHER)]


def test_a_video_in_two_splits_is_found_across_categories(bench: Bench, tar: Path) -> None:
    leaked = bench.source("demo-001", start_ms=32_000, end_ms=34_000, category="dog", split="test")
    copy_as(bench, tar, [leaked], "dog-test-000000.tar")
    assert [code for code, _, _ in codes(bench)] == ["split_leak"]


def test_the_same_example_in_two_categories_is_no_finding(bench: Bench, tar: Path) -> None:
    copy_as(bench, tar, [bench.source("demo-001", category="dog")], "dog-train-000000.tar")
    assert check_shards(bench.workspace) == []


def test_what_a_resealed_shard_contradicts_is_found(bench: Bench, tar: Path) -> None:
    """Consistent checksums around an example that is not what its JSON says."""
    contents = contents_of(tar)
    features = np.zeros((31, 8), dtype=np.float16)
    features[3, 3] = np.nan
    for name, content, reason in (
        ("lite0.npy", npy_bytes(features), "sha256 that the JSON records"),
        ("audio.npy", npy_bytes(np.ones(31 * 1024, dtype=np.int16)), "sha256 that the JSON records"),
        ("json", contents[f"{KEY}.json"].replace(b'"gain_db":', b'"gain_db":1'), "gain_db does not bring"),
        ("json", contents[f"{KEY}.json"].replace(b"CC0-1.0", b"CC0-1.1"), "inputs is not the digest"),
    ):
        forged = {**contents, f"{KEY}.{name}": content}
        seal(tar, b"".join(good(forged)), b"".join(good(forged, OTHER)))
        (finding,) = check_shards(bench.workspace)
        assert reason in finding.message


def test_an_unreadable_file_is_a_finding(bench: Bench, tar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("vegas_data.shards.check.read_extent", fail)
    (finding,) = check_shards(bench.workspace)
    assert (finding.code, finding.file) == ("unreadable", str(tar))
    assert "Input/output error" in finding.message

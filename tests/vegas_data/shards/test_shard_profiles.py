"""The three profiles: which members a shard has, and that a folder holds one profile only."""

from pathlib import Path

import pytest
from shard_bench import MP4, as_profile

from vegas_data.errors import SchemaMismatch
from vegas_data.shards import Profile, ShardReader, prove_folder, read_shard
from vegas_data.shards.schema import member_names


def test_members_of_each_profile() -> None:
    assert member_names("train", ["a"]) == ("json", "a.npy", "audio.npy")
    assert member_names("features", ["a"]) == ("json", "a.npy")
    assert member_names("media", ["a"]) == ("json", "a.npy", "audio.npy", "mp4")


@pytest.mark.parametrize("profile", ["train", "features", "media"])
def test_each_profile_reads_back_and_is_proven(tar: Path, profile: Profile) -> None:
    sounds = [example.audio for example in read_shard(tar)]
    if profile != "train":
        as_profile(tar, profile)
    shards, findings = prove_folder(tar.parent, profile=profile)
    assert findings == []
    assert [example.meta.profile for example in shards[0].examples] == [profile] * 2
    assert all(bool(example.video_sha256) == (profile == "media") for example in shards[0].examples)
    for example, sound in zip(read_shard(tar), sounds, strict=True):
        assert example.streams.keys() == {"lite0", "flow_lite0"}
        assert example.audio is None if profile == "features" else (example.audio == sound).all()
        assert example.video is None if profile != "media" else bytes(example.video) == MP4


def test_a_folder_holds_one_profile(tar: Path) -> None:
    as_profile(tar, "features")
    (finding,) = prove_folder(tar.parent)[1]
    assert (finding.code, finding.message) == (
        "schema_mismatch",
        "a shard of profile features, train belongs here",
    )


@pytest.mark.parametrize("missing", ["audio.npy", "mp4", "flow_lite0.npy"])
def test_a_profile_without_one_of_its_members_is_refused(tar: Path, missing: str) -> None:
    as_profile(tar, "media", but=missing)
    with pytest.raises(SchemaMismatch, match=missing):
        list(read_shard(tar))


def test_an_mp4_that_is_none_is_refused(tar: Path) -> None:
    as_profile(tar, "media", video=b"\x80\x04pickle" * 9)
    with pytest.raises(SchemaMismatch, match="not an mp4"):
        list(read_shard(tar))


def test_the_json_alone_can_be_read(tar: Path) -> None:
    metas = [example.meta for example in read_shard(tar)]
    assert list(ShardReader(tar, verify=False).metas()) == metas
    data = bytearray(tar.read_bytes())
    data[0] ^= 1
    tar.write_bytes(data)
    with pytest.raises(SchemaMismatch, match="json"):
        list(ShardReader(tar, verify=False).metas())

"""Building: the same bytes for the same workspace, whole or not at all, and nothing that may not be passed on."""

import errno
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from release_bench import CREDIT, CUT, UNLICENSED, WHOLE, all_bytes, make_source, sum_again

from vegas_data.errors import ChecksumMismatch, ReleaseError, WorkspaceLocked
from vegas_data.media.readback import read_back
from vegas_data.release import (
    ReleaseOptions,
    ReleaseSource,
    build,
    build_release,
    check_release,
    check_version,
    preview_release,
)
from vegas_data.release.place import filling
from vegas_data.shards import read_shard, read_side_car

MEDIA = ReleaseOptions(profile="media", skip_unlicensed=True)


def examples_of(folder: Path) -> dict[tuple[str, str], Any]:
    tars = sorted((folder / "shards").glob("*.tar"))
    return {(example.meta.category, example.key): example for tar in tars for example in read_shard(tar)}


def test_a_release_of_each_profile_holds_what_it_says(
    source: ReleaseSource, features_release: Path, media_release: Path
) -> None:
    shards = [read_shard(source.workspace.path(key)) for key in source.shards]
    working = {(example.meta.category, example.key): example for shard in shards for example in shard}
    features, media = examples_of(features_release), examples_of(media_release)
    assert features.keys() == working.keys()
    assert media.keys() == working.keys() - {("drum", UNLICENSED)}
    for released, profile in ((features, "features"), (media, "media")):
        for key, example in released.items():
            assert example.meta == replace(working[key].meta, profile=profile)
            for name, stream in working[key].streams.items():
                assert (example.streams[name] == stream).all()
    assert all(example.audio is None and example.video is None for example in features.values())
    assert all((media[key].audio == working[key].audio).all() for key in media)


def test_a_whole_clip_is_copied_and_a_piece_is_cut(source: ReleaseSource, media_release: Path, tmp_path: Path) -> None:
    media = examples_of(media_release)
    _, key = source.media["demo-000_000030000"]
    assert bytes(media["drum", WHOLE].video) == source.workspace.path(key).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(media["drum", CUT].video)
    found = read_back(tmp_path / "cut.mp4")
    assert (found.num_frames, found.num_samples) == (50, 96_000)


def test_the_same_workspace_gives_the_same_bytes(
    source: ReleaseSource, media_release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copytree(source.workspace.root, tmp_path / "elsewhere"))
    elsewhere = replace(source, workspace=type(source.workspace)(copy))
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    mask = os.umask(0o077)
    try:
        build_release(elsewhere, MEDIA, tmp_path / "another name")
    finally:
        os.umask(mask)
    assert all_bytes(tmp_path / "another name") == all_bytes(media_release)
    assert {p.stat().st_mode & 0o777 for p in (tmp_path / "another name").rglob("*") if p.is_file()} == {0o644}
    text = b"".join(content for name, content in all_bytes(media_release).items() if not name.endswith(".tar"))
    for word in (str(source.workspace.root), os.uname().nodename):
        assert word.encode() not in text


def test_an_identical_release_is_left_alone_and_another_is_refused(source: ReleaseSource, release: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in release.rglob("*")}
    assert build_release(source, ReleaseOptions(), release).outcome == build.NOTHING
    assert {path: path.stat().st_mtime_ns for path in release.rglob("*")} == before
    for options in (ReleaseOptions(version="0.2.0"), ReleaseOptions(profile="media", skip_unlicensed=True)):
        with pytest.raises(ReleaseError, match="another release"):
            build_release(source, options, release)
    (release / "vegas.csv").write_text("mine")
    with pytest.raises(ReleaseError, match="damaged"):
        build_release(source, ReleaseOptions(), release)
    assert (release / "vegas.csv").read_text() == "mine"
    assert sorted(path.name for path in release.parent.iterdir()) == ["release"]


def test_foreign_folders_and_files_are_refused_at_once(source: ReleaseSource, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name in ("mine", "file", "link"):
        for act in (build_release, preview_release):
            with pytest.raises(ReleaseError, match=name) as caught:
                act(source, ReleaseOptions(), tmp_path / name)
            assert caught.value.remedy
    (tmp_path / "empty").mkdir()
    assert build_release(source, ReleaseOptions(), tmp_path / "empty").outcome == "built"


def test_media_is_refused_where_a_licence_forbids_it(source: ReleaseSource, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=rf"1 of 5 .* drum {UNLICENSED} \(NOASSERTION\)") as caught:
        build_release(source, ReleaseOptions(profile="media"), tmp_path / "r")
    assert "--skip-unlicensed" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_media_names_the_authors_and_brings_the_licences(source: ReleaseSource, media_release: Path) -> None:
    rows = pq.read_table(media_release / "manifest" / "examples.parquet").to_pylist()
    assert {row["credit"] for row in rows if row["video_id"] == "demo-003"} == {CREDIT}
    assert CREDIT in (media_release / "vegas.csv").read_text(encoding="utf-8")
    assert {p.name: p.read_bytes() for p in (media_release / "LICENSES").iterdir()} == {"CC-BY-3.0.txt": b"You may.\n"}
    assert "LICENSES/CC-BY-3.0.txt" in (media_release / "README.md").read_text(encoding="utf-8")


def test_media_whose_author_is_not_known_is_refused(source: ReleaseSource, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"3 of 5 .*CC-BY-3\.0, author not known"):
        build_release(replace(source, credits={}), ReleaseOptions(profile="media"), tmp_path / "r")
    assert build_release(replace(source, credits={}), MEDIA, tmp_path / "r").left_out == {"licence": 3}


@pytest.mark.parametrize("place", ["", "shards/mine", "tmp/r", "clips", "releases", "shards/../tables/r"])
def test_the_workspace_s_own_folders_hold_no_release(source: ReleaseSource, place: str) -> None:
    before = sorted(source.workspace.root.rglob("*"))
    for act in (build_release, preview_release):
        with pytest.raises(ReleaseError, match="within the workspace"):
            act(source, ReleaseOptions(), source.workspace.root / place)
    assert sorted(source.workspace.root.rglob("*")) == before


@pytest.mark.parametrize("place", [".", "new/.."])
def test_a_folder_without_a_name_is_refused(
    source: ReleaseSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ReleaseError, match="no name of a folder"):
        build_release(source, ReleaseOptions(), Path(place))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_names_the_release(source: ReleaseSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(build, "pack_shard", full)
    with pytest.raises(ReleaseError, match=r"r: No space left") as caught:
        build_release(source, ReleaseOptions(), tmp_path / "r")
    assert caught.value.remedy == "make room, and run it again"
    assert list(tmp_path.iterdir()) == []


def test_what_is_left_out_is_said(source: ReleaseSource, media_release: Path) -> None:
    summary = preview_release(source, MEDIA, media_release)
    assert (summary.shards, summary.examples, summary.left_out) == (3, 4, {"licence": 1})
    card = (media_release / "README.md").read_text(encoding="utf-8")
    assert "1 of 5 examples are in the table of examples, but in no shard" in card
    assert "(`licence`) | 1 |" in card
    assert f"{UNLICENSED},drum,test," in (media_release / "vegas.csv").read_text(encoding="utf-8")


def test_a_shard_that_becomes_empty_leaves_no_gap(source: ReleaseSource, tmp_path: Path) -> None:
    clip = source.workspace.path(source.media["demo-000_000030000"][1]).read_bytes()
    sparse = make_source(tmp_path / "w", clip, unlicensed="demo-000", max_examples=1)
    names = [Path(key).name for key in sparse.shards]
    assert names[2:4] == ["drum-train-000000.tar", "drum-train-000001.tar"]
    build_release(sparse, MEDIA, tmp_path / "r")
    packed = {tar.name: read_side_car(tar).keys for tar in sorted((tmp_path / "r" / "shards").glob("drum-train-*.tar"))}
    assert packed == {"drum-train-000000.tar": (CUT,)}
    assert check_release(tmp_path / "r")[1] == []


def test_an_example_without_features_is_listed_and_in_no_shard(source: ReleaseSource, tmp_path: Path) -> None:
    without = replace(source, shards=tuple(key for key in source.shards if "/dog-" not in key))
    summary = build_release(without, ReleaseOptions(), tmp_path / "r")
    assert summary.left_out == {"no_features": 1}
    assert "its features could not be computed" in (tmp_path / "r" / "README.md").read_text(encoding="utf-8")
    with pytest.raises(ReleaseError, match="no example would be in a shard"):
        build_release(replace(source, shards=()), ReleaseOptions(), tmp_path / "s")


def test_the_preview_knows_the_size(source: ReleaseSource, features_release: Path, media_release: Path) -> None:
    for options, folder in ((ReleaseOptions(), features_release), (MEDIA, media_release)):
        actual = sum(path.stat().st_size for path in (folder / "shards").glob("*.tar"))
        planned = preview_release(source, options, folder).num_bytes
        assert abs(planned - actual) <= 10_240 * 3
        if options.profile == "features":
            assert planned == actual


@pytest.mark.parametrize("version", ["", "1", "1.0", "01.0.0", "1.0.0-rc1", "v1.0.0", "1.0.0\n", "1.0.0/.."])
def test_versions_that_are_none(version: str) -> None:
    with pytest.raises(ReleaseError, match="not a version"):
        check_version(version)


def test_a_damaged_working_shard_or_clip_is_not_released(source: ReleaseSource, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(source.workspace.root, tmp_path / "w"))
    elsewhere = replace(source, workspace=type(source.workspace)(copy))
    tar = elsewhere.workspace.path(source.shards[0])
    data = bytearray(tar.read_bytes())
    data[-20_000] ^= 1
    tar.write_bytes(data)
    with pytest.raises(ChecksumMismatch):
        build_release(elsewhere, ReleaseOptions(), tmp_path / "r")
    shutil.copy(source.workspace.path(source.shards[0]), tar)
    elsewhere.workspace.path(source.media["demo-000_000030000"][1]).write_bytes(b"other")
    with pytest.raises(ChecksumMismatch, match="its clip is not the one"):
        build_release(elsewhere, MEDIA, tmp_path / "r")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w"]


def test_tools_name_what_cut_the_mp4(source: ReleaseSource, media_release: Path) -> None:
    tools = dict(read_side_car(media_release / "shards" / "drum-train-000000.tar").tools)
    assert tools.keys() >= {"ffmpeg", "vegas-data", "av", "torch"}


KILLED = """
import os, pickle, signal, sys
from pathlib import Path
from vegas_data.release import ReleaseOptions, build, build_release
source, target, moment = pickle.load(open(sys.argv[1], "rb")), Path(sys.argv[2]), sys.argv[3]
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if moment == "shard":
    tell = lambda done, total: die() if done == 1 else None
else:
    tell = lambda done, total: None
    setattr(build, moment, die)
build_release(source, ReleaseOptions(), target, tell=tell)
"""


@pytest.mark.parametrize("moment", ["shard", "_write_tables", "put_in_place"])
def test_a_killed_build_leaves_nothing_half(
    source: ReleaseSource, features_release: Path, tmp_path: Path, moment: str
) -> None:
    (tmp_path / "source").write_bytes(pickle.dumps(source))
    target = tmp_path / "out" / "release"
    command = [sys.executable, "-c", KILLED, str(tmp_path / "source"), str(target), moment]
    assert subprocess.run(command, check=False, timeout=60).returncode == -9
    assert not target.exists()
    assert build_release(source, ReleaseOptions(), target).outcome == "built"
    assert all_bytes(target) == all_bytes(features_release)
    assert [path.name for path in target.parent.iterdir()] == ["release"]


def test_two_builds_at_once_do_not_meet(source: ReleaseSource, tmp_path: Path) -> None:
    with filling(tmp_path / "r"), pytest.raises(WorkspaceLocked):
        build_release(source, ReleaseOptions(), tmp_path / "r")


def test_a_release_of_random_features_says_so_and_cannot_be_made_to_hide_it(
    source: ReleaseSource, features_release: Path, tmp_path: Path
) -> None:
    _, key = next(iter(source.media.values()))
    clip = source.workspace.path(key).read_bytes()
    build_release(make_source(tmp_path / "workspace", clip, weights="random-7"), ReleaseOptions(), tmp_path / "release")
    assert check_release(tmp_path / "release")[1] == []
    assert "mean nothing" not in (features_release / "README.md").read_text(encoding="utf-8")
    for name in ("README.md", "shards/README.md"):
        card = tmp_path / "release" / name
        text = card.read_text(encoding="utf-8")
        said = [line for line in text.splitlines(keepends=True) if "mean nothing" in line]
        assert len(said) == 1
        assert "`flow_lite0`, `lite0`" in said[0]
        card.write_text(text.replace(said[0], ""), encoding="utf-8")
        sum_again(tmp_path / "release")
        assert {finding.code for finding in check_release(tmp_path / "release")[1]} == {"card_mismatch"}
        card.write_text(text, encoding="utf-8")
    assert "`random-7`" in (tmp_path / "release" / "README.md").read_text(encoding="utf-8")
    for tar in (tmp_path / "release" / "shards").glob("*.tar"):
        assert dict(read_side_car(tar).weights) == {"lite0": "random-7", "flow_lite0": "random-7"}

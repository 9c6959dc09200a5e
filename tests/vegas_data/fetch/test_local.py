"""Videos that somebody already has: found by every name in use, nothing outside the folder, no guesses."""

import os
import pickle
from pathlib import Path

import pytest

from vegas_data.errors import RecipeError, VideoUnavailable
from vegas_data.fetch.local import MAX_DEPTH, LocalSource, NotHere, make_local
from vegas_data.fetch.options import SourceOptions
from vegas_data.records import Clip

YOUTUBE = "--PJHxphWEs"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "unrelated.mp4").touch()
    return folder


def local(folder: Path) -> LocalSource:
    return make_local(SourceOptions(name="youtube", kind="local", folder=str(folder)))


def clip(video_id: str = YOUTUBE, start_ms: int = 30_000, end_ms: int = 40_000) -> Clip:
    return Clip(video_id=video_id, start_ms=start_ms, end_ms=end_ms, categories=("drum",))


def found(folder: Path, wanted: Clip) -> tuple[str, int]:
    into = folder.parent / "in"
    into.mkdir(exist_ok=True)
    source = local(folder)
    source.look(wanted)
    got = source.fetch(wanted, into)
    assert got.picture == got.sound
    assert not list(into.iterdir()), "nothing is copied"
    assert got.num_bytes == 0
    assert got.origin == ("local clip" if got.start_ms else "local whole")
    return str(got.picture.path.relative_to(folder)), got.start_ms


@pytest.mark.parametrize("name", [f"{YOUTUBE}.mp4", f"a/b/{YOUTUBE}.webm", f"{YOUTUBE}.MKV", f"{YOUTUBE}.ts"])
def test_a_whole_video_begins_at_its_beginning(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()
    assert found(folder, clip()) == (name, 0)


@pytest.mark.parametrize(
    "name",
    [
        "_30.000_40.000",
        "_30_40",
        "_30.0_40.0",
        "_30.00_40.00",
        "_30-40",
        "_30.0-40.0",
        "_30000_40000",
        "_30000-40000",
        "_000030000",
        "_000030000_000040000",
        "_000030",
    ],
)
@pytest.mark.parametrize("video_id", [YOUTUBE, "_aBcDeFgH-1"])
def test_a_clip_by_any_name_begins_where_the_clip_does(folder: Path, name: str, video_id: str) -> None:
    (folder / f"{video_id}{name}.mp4").touch()
    assert found(folder, clip(video_id)) == (f"{video_id}{name}.mp4", 30_000)


def test_times_with_fractions_have_their_names(folder: Path) -> None:
    (folder / f"{YOUTUBE}_30.250_40.000.mp4").touch()
    assert found(folder, clip(start_ms=30_250))[1] == 30_250
    with pytest.raises(NotHere):
        found(folder, clip(start_ms=30_000))


@pytest.mark.parametrize(
    "name",
    [
        "_30.000_39.000.mp4",
        "_30_41.mp4",
        "_31_40.mp4",
        "_30.mp4",
        "_30000.mp4",
        "_30_40.wav",
        "_30_40.mp4.part",
        "_30_40",
        "_30_40.mp3",
        " _30_40.mp4",
    ],
)
def test_what_may_be_another_span_is_not_taken_for_the_clip(folder: Path, name: str) -> None:
    (folder / f"{YOUTUBE}{name}").touch()
    with pytest.raises(NotHere):
        found(folder, clip())


def test_seconds_are_not_taken_for_milliseconds(folder: Path) -> None:
    (folder / f"{YOUTUBE}_30_40.mp4").touch()
    with pytest.raises(NotHere):
        found(folder, clip(start_ms=30, end_ms=40))


def test_ids_differ_by_case_and_do_not_end_early(folder: Path) -> None:
    for name in (YOUTUBE.lower(), YOUTUBE[:-1], f"{YOUTUBE}x", f"x{YOUTUBE}"):
        (folder / f"{name}.mp4").touch()
    with pytest.raises(NotHere):
        found(folder, clip())


@pytest.mark.parametrize("name", ["holiday2019", "local-holiday2019"])
def test_other_sources_have_both_their_names(folder: Path, name: str) -> None:
    (folder / f"{name}_30_40.mp4").touch()
    assert found(folder, clip("local-holiday2019")) == (f"{name}_30_40.mp4", 30_000)


def test_the_whole_video_is_preferred_and_the_choice_is_always_the_same(folder: Path) -> None:
    (folder / "deep").mkdir()
    for name in (f"{YOUTUBE}_30_40.mp4", f"{YOUTUBE}.webm", f"{YOUTUBE}.mkv", f"deep/{YOUTUBE}.mp4"):
        (folder / name).touch()
    assert found(folder, clip()) == (f"{YOUTUBE}.mkv", 0)


def test_nothing_outside_the_folder_is_reached(folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / f"{YOUTUBE}.mp4").touch()
    (folder / f"{YOUTUBE}.mp4").symlink_to(outside / f"{YOUTUBE}.mp4")
    (folder / "linked").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    (folder / f"{YOUTUBE}.mkv").symlink_to("nowhere")
    os.mkfifo(folder / f"{YOUTUBE}.webm")
    (folder / f"{YOUTUBE}.mov").mkdir()
    with pytest.raises(NotHere):
        found(folder, clip())
    (folder / "real.mp4").touch()
    (folder / f"{YOUTUBE}.m4v").symlink_to("real.mp4")
    assert found(folder, clip()) == (f"{YOUTUBE}.m4v", 0)


def test_not_here_is_told_apart_from_gone(folder: Path) -> None:
    with pytest.raises(NotHere, match=f"^{YOUTUBE}_000030000: not in {folder}$") as caught:
        local(folder).look(clip())
    assert isinstance(caught.value, VideoUnavailable)
    assert caught.value.code == "not_here"
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again), again.code) == (NotHere, str(caught.value), "not_here")


def test_a_folder_that_is_not_there_is_not_a_folder_without_videos(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for name in ("missing", "empty", "file"):
        with pytest.raises(RecipeError, match=name):
            local(tmp_path / name)


def test_folders_in_folders_end_somewhere(folder: Path) -> None:
    deep = folder.joinpath(*(MAX_DEPTH + 2) * ["d"])
    deep.mkdir(parents=True)
    (deep / f"{YOUTUBE}.mp4").touch()
    with pytest.raises(RecipeError, match="folders in one another"):
        local(folder)

"""A film that was uploaded again is found by sound and picture together, and dropped once per category."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from verify_cases import FAKES, FINE, YES, clip_scores, hits, photograph, write_clip

from tests.commands import vegas_json
from vegas_data.media.cut import CutOptions, cut_clip
from vegas_data.media.fingerprint import sound_from_text, sound_to_text, sound_words
from vegas_data.media.picture_hash import pictures_to_text
from vegas_data.media.readback import read_back
from vegas_data.media.section import Section
from vegas_data.records import Clip, Media
from vegas_data.verify import judge
from vegas_data.verify.duplicates import KEY, dropped_copies, find_duplicates, known_duplicates
from vegas_data.verify.triage import path_of, triage
from vegas_data.workspace import Workspace

POORER = CutOptions(max_height_px=128, crf=32, audio_kbps=48)


@dataclass(frozen=True)
class Films:
    """Source videos of 8 s."""

    drums: Path
    other_pictures: Path
    other_sound: Path
    mute: Path


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    folder = tmp_path_factory.mktemp("films")
    shown = [photograph("drum", 0), photograph("wrong", 0), photograph("drum", 1), photograph("dog", 0)]
    others = [photograph("water_flowing", which) for which in range(4)]
    sounds = [hits("drum", seconds=8, gap_s=0.37)]
    write_clip(folder / "drums.mp4", shown, sounds)
    write_clip(folder / "other_pictures.mp4", others, sounds)
    write_clip(folder / "other_sound.mp4", shown, [hits("dog", seconds=8, gap_s=0.9)])
    write_clip(folder / "mute.mp4", shown, [np.zeros_like(sounds[0])])
    return Films(*(folder / f"{name}.mp4" for name in ("drums", "other_pictures", "other_sound", "mute")))


def fetched(video_id: str, film: Path, folder: Path, *, start_ms: int = 0, options: CutOptions | None = None) -> Media:
    """The clip of the film's next 6 s, as fetch would leave it."""
    end_ms, options = start_ms + 6000, options or CutOptions()
    cut_clip(Section(path=film), folder / "clip.mp4", start_ms=start_ms, end_ms=end_ms, options=options)
    found = read_back(folder / "clip.mp4")
    return Media(
        clip_id=f"{video_id}_{start_ms:09d}",
        video_id=video_id,
        start_ms=start_ms,
        end_ms=end_ms,
        duration_ms=6000,
        sha256="0" * 64,
        num_bytes=1,
        width=found.width,
        height=found.height,
        fps="25/1",
        num_frames=found.num_frames,
        sample_rate_hz=44_100,
        num_samples=found.num_samples,
        settings="s",
        sound_fingerprint=sound_to_text(found.sound_fingerprint),
        picture_hashes=pictures_to_text(found.picture_hashes),
    )


def test_only_the_same_sound_with_the_same_pictures_at_the_same_time_is_a_copy(films: Films, tmp_path: Path) -> None:
    first = fetched("test-a", films.drums, tmp_path)
    again = fetched("test-b", films.drums, tmp_path, start_ms=1_400, options=POORER)
    assert find_duplicates([again, first]) == {again.clip_id: (first.clip_id,)}, "other edges, size and quality"
    strangers = [
        fetched("test-c", films.other_pictures, tmp_path),
        fetched("test-d", films.other_sound, tmp_path),
        fetched("test-e", films.mute, tmp_path),
        fetched("test-f", films.mute, tmp_path),
    ]
    assert find_duplicates([first, *strangers]) == {}
    shuffled = replace(first, clip_id="test-g_000000000", video_id="test-g", picture_hashes=_late(first.picture_hashes))
    assert find_duplicates([first, shuffled]) == {}, "its pictures come two seconds later than its sound"
    excerpt = fetched("test-h", films.drums, tmp_path, start_ms=1_400)
    short = replace(excerpt, duration_ms=2_900)
    assert find_duplicates([first, excerpt])
    assert find_duplicates([first, short]) == {}, "less than three seconds in common"
    same_video = replace(again, video_id=first.video_id)
    assert find_duplicates([first, same_video]) == {}, "its span says where it overlaps"
    assert find_duplicates([first, replace(again, sound_fingerprint="")]) == {}, "fetched before there were any"


def _late(text: str) -> str:
    from vegas_data.media.picture_hash import HASH_BYTES, pictures_from_text

    hashes = pictures_from_text(text)
    return pictures_to_text(hashes[-2 * HASH_BYTES :] + hashes[: -2 * HASH_BYTES])


def test_of_a_film_that_is_there_often_the_first_is_found_behind_likelier_copies(films: Films, tmp_path: Path) -> None:
    first = fetched("test-a", films.drums, tmp_path)
    random = np.random.default_rng(7)
    good = sound_words(sound_from_text(first.sound_fingerprint))
    poor = _mistaken(good, 0.12, random)
    again = [
        replace(
            first,
            clip_id=f"test-b{index:02d}_000000000",
            video_id=f"test-b{index:02d}",
            sound_fingerprint=sound_to_text(_mistaken(poor, 0.02, random).astype(">u4").tobytes()),
        )
        for index in range(60)
    ]
    clips = [Clip(video_id=one.video_id, start_ms=0, end_ms=6000, categories=("drum",)) for one in [first, *again]]
    found = find_duplicates([first, *again])
    assert sorted(dropped_copies(clips, found)) == [one.clip_id for one in again]


def _mistaken(words: NDArray[np.uint32], share: float, random: np.random.Generator) -> NDArray[np.uint32]:
    """The words of a sound with so many bits turned."""
    turned = (random.random((words.size, 31)) < share) @ (np.uint32(1) << np.arange(31, dtype=np.uint32))
    return np.where(words, words ^ turned.astype(np.uint32), words).astype(np.uint32)


def test_what_was_found_is_kept_until_the_clips_are_others(films: Films, tmp_path: Path, workspace: Workspace) -> None:
    first = fetched("test-a", films.drums, tmp_path)
    again = replace(first, clip_id="test-b_000000000", video_id="test-b")
    found = {again.clip_id: (first.clip_id,)}
    assert known_duplicates(workspace, [first, again]) == found
    data = workspace.read_json(KEY)
    workspace.commit_json(KEY, {**data, "duplicates": {}})
    assert known_duplicates(workspace, [again, first]) == {}, "the same clips are not compared again"
    third = replace(first, clip_id="test-c_000000000", video_id="test-c")
    assert known_duplicates(workspace, [first, again, third]) == {
        **found,
        third.clip_id: (first.clip_id, again.clip_id),
    }


def clip(name: str, *categories: str) -> Clip:
    return Clip(video_id=f"test-{name}", start_ms=0, end_ms=10_000, categories=categories)


def test_of_a_row_of_copies_the_first_stays_and_whatever_is_like_none_that_stays() -> None:
    a, b, c = clip("a", "drum"), clip("b", "drum", "dog"), clip("c", "dog", "drum")
    pairs = {b.id: (a.id,), c.id: (b.id,)}
    assert dropped_copies([c, b, a], pairs) == {b.id: {"drum"}, c.id: {"dog"}}, "drum of c is like nothing that stays"
    assert dropped_copies([b, c], pairs) == {c.id: {"drum", "dog"}}, "the original is not here"


def test_every_window_of_a_copy_is_rejected_in_the_category_where_the_original_stays() -> None:
    scores = clip_scores([(YES, YES, FINE), (YES, YES, replace(FINE, rms_dbfs=-90.0))])
    said = judge(scores, FAKES, ["drum"])
    verdicts = triage(said, scores, FAKES, ["drum"], copy_in={"drum"})
    assert [(v.decision, v.reason, path_of(v)) for v in verdicts] == [
        ("rejected", "duplicate", "signal"),
        ("rejected", "silent", "signal"),
    ]
    assert [v.decision for v in triage(said, scores, FAKES, ["drum"], copy_in={"dog"})] == ["accepted", "rejected"]


RECIPE = """
name = "two"
schema = 1
title = "Two copies"

[[sources]]
name = "mine"
kind = "local"
folder = "{folder}"

[verify]
duplicates = "{duplicates}"

[[verify.scorers]]
name = "yamnet"
side = "heard"
accept = 0.08
reject = 0.08

[[verify.scorers]]
name = "efficientnet-lite0"
side = "seen"
accept = 0.0
reject = 0.0

[[features.streams]]
name = "lite0"
encoder = "efficientnet-lite0"
size_px = 64
"""


def test_the_command_drops_the_second_copy_and_keeps_it_where_the_recipe_says_so(films: Films, tmp_path: Path) -> None:
    videos, workspace = tmp_path / "videos", tmp_path / "w"
    videos.mkdir()
    cut_clip(Section(path=films.drums), videos / "b.mp4", start_ms=400, end_ms=7_400, options=POORER)
    (videos / "a.mp4").write_bytes(films.drums.read_bytes())
    (tmp_path / "m.csv").write_text("video_id,start_ms,end_ms,category\nmine-a,0,6000,drum\nmine-b,0,6000,drum\n")
    reasons = {}
    for duplicates in ("reject", "keep"):
        recipe = tmp_path / f"{duplicates}.toml"
        recipe.write_text(RECIPE.format(folder=videos, duplicates=duplicates))
        if duplicates == "reject":
            vegas_json("fetch", "--workspace", workspace, "--recipe", recipe, "--manifest", tmp_path / "m.csv")
        vegas_json("verify", "--workspace", workspace, "--recipe", recipe)
        reasons[duplicates] = vegas_json("status", "--workspace", workspace, "--recipe", recipe)["verify"]["reasons"]
    assert reasons["reject"].get("duplicate") == 3, reasons
    assert "duplicate" not in reasons["keep"]

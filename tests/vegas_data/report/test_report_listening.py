"""Which generated sounds can be heard on the page, and whether they are what was generated, in their place in time."""

import base64
import dataclasses
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from report_records import make_clip, make_example, make_media
from trained_records import NEWEST, RATE_HZ, clicks, make_model, make_sounds, make_wav

from vegas_data.errors import ChecksumMismatch, DecodeFailed
from vegas_data.media.decode import iter_frames_at, read_audio
from vegas_data.report import ReportData, TrainedModel
from vegas_data.report.films import film_rate, read_wav, to_full_scale
from vegas_data.report.listening import Listening, build, choose, sound_todos
from vegas_data.store import sha256_of

ONSETS = (400, 1400, 2900, 8000)  # the example of demo-drum-whole begins at 400 ms and ends at 6400


@pytest.fixture
def generated(planted: ReportData, tmp_path: Path) -> ReportData:
    """Sounds of frame and seq for the example of 6 s."""
    sounds = make_sounds(planted.examples[:1], tmp_path)
    models = tuple(
        make_model(planted.shards[0], name, sounds=sounds, sounds_folder=tmp_path) for name in ("frame", "seq")
    )
    video_id = planted.examples[0].video_id
    return dataclasses.replace(planted, trained=models, onsets={video_id: ONSETS})


def listen(data: ReportData, media_path: Callable[[str], Path], tmp_path: Path) -> Listening:
    (candidate,) = choose(data)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    heard = build(data, candidate, media_path, scratch)
    assert list(scratch.iterdir()) == []
    return heard


def with_sound(data: ReportData, **changes: object) -> ReportData:
    """The same, with all sounds of all models changed."""
    models = []
    for model in data.trained:
        assert model.sounds is not None
        sounds = tuple(dataclasses.replace(sound, **changes) for sound in model.sounds.sounds)
        models.append(dataclasses.replace(model, sounds=dataclasses.replace(model.sounds, sounds=sounds)))
    return dataclasses.replace(data, trained=tuple(models))


# --- which --------------------------------------------------------------------------------------------------


def many(num_categories: int, tmp_path: Path) -> ReportData:
    """Per category five examples with 0, 3, 1, 4 and 1 onsets, and sounds for all."""
    counts = (0, 3, 1, 4, 1)
    clips, models, onsets = [], [], {}
    for category in [f"c{index}" for index in range(num_categories)]:
        own = [make_clip(f"{category}-{index}", category) for index in range(5)]
        for clip, count in zip(own, counts, strict=True):
            onsets[clip.video_id] = tuple(500 + 100 * index for index in range(count))
        sounds = make_sounds([make_example(clip, category, 0, 2) for clip in own], tmp_path)
        models.append(
            TrainedModel(category=category, model="frame", checkpoint=NEWEST, sounds=sounds, sounds_folder=tmp_path)
        )
        clips += own
    return ReportData(
        recipe_name="x",
        clips=tuple(clips),
        media={clip.id: make_media(clip) for clip in clips},
        trained=tuple(models),
        onsets=onsets,
    )


@pytest.mark.parametrize(("num_categories", "shown"), [(1, 3), (2, 4), (3, 3), (8, 6)])
def test_examples_with_most_onsets_are_shown_and_no_more_than_six(
    num_categories: int, shown: int, tmp_path: Path
) -> None:
    data = many(num_categories, tmp_path)
    chosen = choose(data)
    assert len(chosen) == shown
    assert chosen[0].sound.example_id.startswith("demo-c0-3_"), "four onsets"
    backwards = dataclasses.replace(data, trained=data.trained[::-1])
    assert choose(backwards) == chosen


def test_what_most_models_made_a_sound_for_goes_first(tmp_path: Path) -> None:
    data = many(1, tmp_path)
    whole = data.trained[0]
    assert whole.sounds is not None
    few = dataclasses.replace(whole.sounds, sounds=whole.sounds.sounds[:2])  # of the example without an onset
    both = dataclasses.replace(data, trained=(whole, dataclasses.replace(whole, model="seq", sounds=few)))
    assert [len(candidate.takes) for candidate in choose(both)] == [2, 1, 1]
    assert choose(both)[0].sound.example_id.startswith("demo-c0-0_")


def test_the_first_draw_is_heard(generated: ReportData) -> None:
    (candidate,) = choose(generated)
    assert [(take.model, take.sound.draw) for take in candidate.takes] == [("frame", 0), ("seq", 0)]


def test_sounds_of_clips_that_are_gone_are_not_shown(generated: ReportData) -> None:
    assert choose(dataclasses.replace(generated, media={})) == ()
    assert choose(with_sound(generated, clip_id="demo-other_000000400")) == ()
    assert choose(with_sound(generated, start_ms=6400)) == (), "an empty span"


# --- what ---------------------------------------------------------------------------------------------------


def test_pictures_and_waveforms_share_an_axis(
    generated: ReportData, media_path: Callable[[str], Path], tmp_path: Path
) -> None:
    heard = listen(generated, media_path, tmp_path)
    assert heard.trouble == ""
    assert heard.scene is not None
    assert [row.name for row in heard.scene.rows] == ["original", "frame", "seq"]
    assert heard.onsets_ms == (0, 1000, 2500), "one lies behind the example"
    assert heard.scene.step_ms * len(heard.scene.pictures) == heard.duration_ms == 6000
    for row in heard.scene.rows:
        assert row.trouble == ""
        assert row.drawing is not None
        assert row.drawing.count('class="onset"') == 3
    assert heard.split == "test"


def test_a_film_holds_the_pictures_and_the_sound_in_time(
    generated: ReportData, media_path: Callable[[str], Path], tmp_path: Path
) -> None:
    """The square jumps at every second; so the clicks of the sound must stand there, whatever AAC puts before it."""
    heard = listen(generated, media_path, tmp_path)
    assert heard.scene is not None
    uri = heard.scene.rows[1].film
    assert uri.startswith("data:video/mp4;base64,")
    path = tmp_path / "film.mp4"
    path.write_bytes(base64.b64decode(uri.partition(",")[2]))
    sound = read_audio(path, sample_rate_hz=Fraction(RATE_HZ), start_ms=0, num_samples=6 * RATE_HZ)
    expected = np.zeros(6 * RATE_HZ, dtype=np.float32)
    expected[: 6 * RATE_HZ - 700] = clicks(6 * RATE_HZ - 700)
    lags = range(-400, 401, 8)
    fit = [float(np.dot(sound[1000:-1000], np.roll(expected, lag)[1000:-1000])) for lag in lags]
    assert abs(lags[int(np.argmax(fit))]) <= 40, "2.5 ms"
    before, after = iter_frames_at(path, [Fraction(98, 100), Fraction(104, 100)])
    edges = [int(np.flatnonzero(picture[24, :, 0] > 130)[0]) for picture in (before, after)]
    assert edges[1] - edges[0] == pytest.approx(6, abs=1), "the square jumps by 6 pixels"


def test_the_original_is_brought_to_full_scale_and_the_others_are_not(
    generated: ReportData, media_path: Callable[[str], Path], tmp_path: Path
) -> None:
    heard = listen(generated, media_path, tmp_path)
    assert heard.scene is not None
    original, frame, _ = (row.drawing or "" for row in heard.scene.rows)
    assert " 2L" in original, "reaches the top of the drawing"
    assert " 2L" not in frame
    assert " 11.6" in frame, "0.8 of full scale"


def test_full_scale_leaves_silence_and_zero_alone() -> None:
    silence = np.zeros(5, dtype=np.float32)
    assert to_full_scale(silence).tolist() == silence.tolist()
    assert to_full_scale(np.array([0.0, -0.5, 0.25], dtype=np.float32)).tolist() == [0.0, -1.0, 0.5]


def test_the_rate_of_a_film_divides_a_fast_clip_s() -> None:
    media = make_media(make_clip("fast", "drum"))
    rates = {fps: film_rate(dataclasses.replace(media, fps=fps)) for fps in ("25/1", "30000/1001", "60/1", "120/1")}
    assert list(rates.values()) == [25, Fraction(30000, 1001), 30, 30]


# --- trouble ------------------------------------------------------------------------------------------------


def test_a_wav_that_is_not_what_was_recorded_leaves_a_word_in_its_row(
    generated: ReportData, media_path: Callable[[str], Path], tmp_path: Path
) -> None:
    wav = tmp_path / f"{generated.examples[0].id}-0.wav"
    wav.write_bytes(wav.read_bytes()[:-2])
    heard = listen(generated, media_path, tmp_path)
    assert heard.scene is not None
    assert [bool(row.film) for row in heard.scene.rows] == [True, False, False]
    assert "sha256 is" in heard.scene.rows[1].trouble


def test_a_missing_wav_leaves_a_word_in_its_row(
    generated: ReportData, media_path: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / f"{generated.examples[0].id}-0.wav").unlink()
    heard = listen(generated, media_path, tmp_path)
    assert heard.scene is not None
    assert "No such file" in heard.scene.rows[1].trouble


def test_an_example_that_its_clip_does_not_hold_is_not_shown(
    generated: ReportData, media_path: Callable[[str], Path], tmp_path: Path
) -> None:
    heard = listen(with_sound(generated, start_ms=0, end_ms=6000), media_path, tmp_path)
    assert heard.scene is None
    assert "does not hold" in heard.trouble


def test_a_clip_that_cannot_be_decoded_leaves_a_word(generated: ReportData, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a film")
    heard = listen(generated, lambda _: broken, tmp_path)
    assert heard.scene is None
    assert "broken.mp4" in heard.trouble


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a wav file"),
        (b"RIFF\x04\x00\x00\x00WAVE", "not a wav file"),
        (make_wav(clicks(400), rate_hz=8000), "at 8000 Hz"),
        (make_wav(clicks(400), channels=2), "2 channels"),
    ],
    ids=["empty", "header only", "rate", "stereo"],
)
def test_only_a_plain_wav_is_read(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(DecodeFailed, match=said):
        read_wav(path, sample_rate_hz=RATE_HZ, num_samples=400, sha256=sha256_of(path))
    with pytest.raises(ChecksumMismatch):
        read_wav(path, sample_rate_hz=RATE_HZ, num_samples=400, sha256="0" * 64)


def test_a_wav_is_cut_or_followed_by_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(make_wav(np.full(100, 0.5, dtype=np.float32)))
    longer, shorter = (
        read_wav(path, sample_rate_hz=RATE_HZ, num_samples=number, sha256=sha256_of(path)) for number in (130, 70)
    )
    assert longer[:100].tolist() == pytest.approx([0.5] * 100, abs=1e-4)
    assert longer[100:].tolist() == [0.0] * 30
    assert shorter.size == 70


def test_missing_and_old_sounds_have_a_command(generated: ReportData, planted: ReportData) -> None:
    assert sound_todos(generated) == ()
    old = tuple(dataclasses.replace(model, checkpoint=(500, "bb" * 32)) for model in generated.trained)
    (todo,) = sound_todos(dataclasses.replace(generated, trained=old))
    assert todo.what == "Drum, frame and seq: sounds made before the newest checkpoint."
    (todo,) = sound_todos(dataclasses.replace(planted, trained=(make_model(planted.shards[0]),)))
    assert (todo.what, todo.command.split(" --")[0]) == ("Drum, frame: no sounds yet.", "python -m train.generate")

"""One pass over our own clip: its counts, and the same fingerprints that its parts have on their own."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from vegas_data.demo.assets import read_picture
from vegas_data.errors import DecodeFailed, Unsupported
from vegas_data.media.cut import CutOptions, cut_clip
from vegas_data.media.decode import iter_frames_at, read_audio
from vegas_data.media.fingerprint import distance, fingerprint_sound, is_same_sound, is_silent
from vegas_data.media.mux import write_mp4
from vegas_data.media.picture_hash import HASH_BYTES, are_same_pictures, hash_picture, pictures_distance
from vegas_data.media.readback import read_back
from vegas_data.media.section import Section


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """5.2 s at 25 fps: a second of each of five photographs, and two seconds and a bit of bursts of noise."""
    folder = tmp_path_factory.mktemp("film")
    names = ["dog_husky", "drum_kit", "water_amagase", "wrong_macaw", "dog_shepherd"]
    shots = [cv2.resize(read_picture(name), (320, 240), interpolation=cv2.INTER_AREA) for name in names]
    rng = np.random.default_rng(0)
    sound = (0.2 * rng.standard_normal(int(5.2 * 48_000)) * (np.arange(int(5.2 * 48_000)) // 12_000 % 2)).astype("f4")
    frames = (shots[min(i // 25, 4)] for i in range(130))
    write_mp4(folder / "film.mp4", frames, size=(320, 240), fps=Fraction(25), audio=sound, sample_rate_hz=48_000)
    return folder / "film.mp4"


def test_counts_hashes_and_fingerprint_of_a_clip(film: Path) -> None:
    found = read_back(film)
    assert (found.width, found.height, found.num_frames, found.num_samples) == (320, 240, 130, 249_600)
    times = [Fraction(1, 2) + second for second in range(5)]
    apart = b"".join(hash_picture(frame) for frame in iter_frames_at(film, times))
    assert len(found.picture_hashes) == 5 * HASH_BYTES, "5.2 s have no picture at 5.5 s"
    match = pictures_distance(apart, found.picture_hashes)
    assert match.error_rate < 0.05, "averaged down by another program"
    assert match.offset_ms == 0
    sound = read_audio(film, sample_rate_hz=Fraction(16_000), start_ms=0, num_samples=83_200)
    assert len(found.sound_fingerprint) == len(fingerprint_sound(sound))
    alike = distance(fingerprint_sound(sound), found.sound_fingerprint)
    assert alike.error_rate < 0.05
    assert alike.offset_ms == 0
    assert read_back(film) == found


def test_a_copy_cut_elsewhere_is_recognised_by_both(film: Path, tmp_path: Path) -> None:
    options = CutOptions(max_height_px=128, audio_kbps=32, crf=30)
    cut_clip(Section(path=film), tmp_path / "copy.mp4", start_ms=1_000, end_ms=5_000, options=options)
    known, copy = read_back(film), read_back(tmp_path / "copy.mp4")
    assert is_same_sound(known.sound_fingerprint, copy.sound_fingerprint)
    assert are_same_pictures(known.picture_hashes, copy.picture_hashes)
    assert distance(known.sound_fingerprint, copy.sound_fingerprint).offset_ms == 1_000
    assert pictures_distance(known.picture_hashes, copy.picture_hashes).offset_ms == 1_000


def test_muting_and_blackening_are_seen(film: Path, tmp_path: Path) -> None:
    frames = [np.zeros((240, 320, 3), dtype=np.uint8)] * 125
    silence = np.zeros(5 * 48_000, dtype=np.float32)
    write_mp4(tmp_path / "m.mp4", frames, size=(320, 240), fps=Fraction(25), audio=silence, sample_rate_hz=48_000)
    muted, known = read_back(tmp_path / "m.mp4"), read_back(film)
    assert is_silent(muted.sound_fingerprint)
    assert muted.picture_hashes == bytes(5 * HASH_BYTES)
    assert not is_same_sound(known.sound_fingerprint, muted.sound_fingerprint)
    assert not are_same_pictures(known.picture_hashes, muted.picture_hashes)


@pytest.mark.parametrize("rate", [44_100, 16_000])
def test_other_sample_rates_are_counted_in_their_own_samples(tmp_path: Path, rate: int) -> None:
    tone = (0.3 * np.sin(np.arange(3 * rate) * (2 * np.pi * 900 / rate))).astype(np.float32)
    frames = [np.zeros((32, 32, 3), dtype=np.uint8)] * 24
    write_mp4(tmp_path / "t.mp4", frames, size=(32, 32), fps=Fraction(8), audio=tone, sample_rate_hz=rate)
    found = read_back(tmp_path / "t.mp4")
    assert found.num_samples == 3 * rate
    assert len(found.sound_fingerprint) == 4 * (1 + (3 * 16_000 - 4_096) // 640)


def test_damage_a_missing_track_and_no_media_are_named(film: Path, tmp_path: Path) -> None:
    frames = [np.zeros((32, 32, 3), dtype=np.uint8)] * 10
    write_mp4(tmp_path / "mute.mp4", frames, size=(32, 32), fps=Fraction(10), audio=None)
    with pytest.raises(DecodeFailed, match=r"mute\.mp4: a track is missing"):
        read_back(tmp_path / "mute.mp4")
    data = film.read_bytes()
    (tmp_path / "torn.mp4").write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(DecodeFailed, match=r"torn\.mp4"):
        read_back(tmp_path / "torn.mp4")
    (tmp_path / "page.mp4").write_bytes(b"<!doctype html>")
    with pytest.raises(Unsupported, match=r"page\.mp4"):
        read_back(tmp_path / "page.mp4")

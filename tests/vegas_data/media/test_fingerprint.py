"""Fingerprints of real recordings that went through codecs, and what must never be taken for a copy."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vegas_data.demo.assets import SOUND_RATE_HZ, read_picture, read_sound
from vegas_data.demo.corpus import CleanCounts, CorpusOptions, FaultCounts, plan_corpus
from vegas_data.demo.soundtrack import render_sound
from vegas_data.errors import MediaError
from vegas_data.media import fingerprint as sounds
from vegas_data.media import picture_hash as pictures
from vegas_data.media.fingerprint import HOP_MS, distance, fingerprint_sound, is_same_sound, is_silent
from vegas_data.media.picture_hash import HASH_BYTES, are_same_pictures, hash_picture, pictures_distance
from vegas_data.media.sandbox import run_ffmpeg
from vegas_data.media.sound_index import SoundIndex

Wave = npt.NDArray[np.float32]
CODECS = {"mp3": "libmp3lame", "opus": "libopus", "ogg": "libvorbis", "m4a": "aac"}


@pytest.fixture(scope="module")
def clips() -> dict[str, Wave]:
    """8 s of each category of the embedded corpus, at 16 kHz."""
    counts = CleanCounts(drum=2, dog=2, water_flowing=1)
    options = CorpusOptions(
        clip_ms=8_000, clips=counts, faults=FaultCounts(**dict.fromkeys(FaultCounts.__dataclass_fields__, 0))
    )
    return {planned.id: resample(render_sound(planned))[: 8 * 16_000] for planned in plan_corpus(options)}


def resample(wave: Wave) -> Wave:
    assert SOUND_RATE_HZ == 32_000
    return np.ascontiguousarray(
        cv2.resize(wave[None, : wave.size // 2 * 2], (wave.size // 2, 1), interpolation=cv2.INTER_AREA)[0]
    )


def recode(wave: Wave, folder: Path, suffix: str, kbps: int, rate_hz: int) -> Wave:
    raw, coded, back = folder / "raw.pcm", folder / f"coded.{suffix}", folder / "back.pcm"
    raw.write_bytes(wave.astype("<f4").tobytes())
    pcm = ["-f", "f32le", "-ar", "16000", "-ac", "1"]
    how = ["-c:a", CODECS[suffix], "-b:a", f"{kbps}k", "-ar", str(rate_hz)]
    run_ffmpeg([*pcm, "-i", str(raw), *how, str(coded)], what="copy")
    run_ffmpeg(["-i", str(coded), *pcm, str(back)], what="copy")
    return np.frombuffer(back.read_bytes(), dtype="<f4").astype(np.float32)


def test_ten_seconds_have_less_than_a_kilobyte() -> None:
    assert 900 < len(fingerprint_sound(np.zeros(160_000, dtype=np.float32))) <= 1_000


@pytest.mark.parametrize(
    ("suffix", "kbps", "rate_hz"), [("mp3", 32, 22_050), ("opus", 32, 16_000), ("ogg", 64, 44_100), ("m4a", 64, 16_000)]
)
def test_a_copy_is_the_same_and_a_stranger_is_not(
    clips: dict[str, Wave], tmp_path: Path, suffix: str, kbps: int, rate_hz: int
) -> None:
    shift = 16_000 // 2 + 317
    copies = {name: recode(0.5 * wave[shift:-8_000], tmp_path, suffix, kbps, rate_hz) for name, wave in clips.items()}
    known = {name: fingerprint_sound(wave) for name, wave in clips.items()}
    for name, copy in copies.items():
        found = fingerprint_sound(copy)
        match = distance(known[name], found)
        assert match.error_rate < 0.25, name
        assert abs(match.offset_ms - shift / 16) <= HOP_MS + 60, "a codec may begin a block late"
        for other, original in known.items():
            if other[:8] != name[:8]:
                assert not is_same_sound(original, found), (name, other)
            elif other != name:
                assert distance(original, found).error_rate > match.error_rate + 0.05, "they share recorded hits"


def test_a_real_recording_survives_and_its_own_later_part_is_another(shared_data: Path, tmp_path: Path) -> None:
    back = tmp_path / "snare.pcm"
    path = shared_data / "media" / "gcompris_snare_drum.ogg"
    run_ffmpeg(["-i", str(path), "-f", "f32le", "-ar", "16000", "-ac", "1", str(back)], what="snare")
    wave = np.frombuffer(back.read_bytes(), dtype="<f4").astype(np.float32)
    whole, half = fingerprint_sound(wave), wave.size // 2
    copy = fingerprint_sound(recode(wave[: half + 8_000], tmp_path, "mp3", 48, 22_050))
    assert is_same_sound(whole, copy)
    assert not is_same_sound(fingerprint_sound(wave[:half]), fingerprint_sound(wave[half:]))


def test_a_muted_sound_is_silent_and_the_same_as_nothing(clips: dict[str, Wave]) -> None:
    known = fingerprint_sound(clips["demo-dog_000"])
    hiss = np.random.default_rng(0).standard_normal(128_000).astype(np.float32) * np.float32(10 ** (-66 / 20))
    for muted in (np.zeros(128_000, dtype=np.float32), hiss):
        found = fingerprint_sound(muted)
        assert is_silent(found)
        assert not is_same_sound(known, found)
        assert not is_same_sound(found, found)
        assert distance(known, found).error_rate == 0.5
    assert not is_silent(known)


def test_a_replaced_sound_is_not_silent_and_not_the_same(clips: dict[str, Wave]) -> None:
    known = fingerprint_sound(clips["demo-drum_000"])
    replaced = fingerprint_sound(np.tile(resample(read_sound("wrong_choir")), 6)[:128_000])
    assert not is_silent(replaced)
    assert not is_same_sound(known, replaced)


def test_a_sound_that_is_muted_for_the_most_part_is_not_the_same(clips: dict[str, Wave]) -> None:
    wave = clips["demo-water_flowing_000"].copy()
    wave[2 * 16_000 :] = 0
    assert not is_same_sound(fingerprint_sound(clips["demo-water_flowing_000"]), fingerprint_sound(wave))


def test_half_a_second_in_common_names_nothing(clips: dict[str, Wave]) -> None:
    quiet = np.zeros(64_000, dtype=np.float32)
    quiet[32_000:33_000] = clips["demo-drum_000"][:1_000] + 0.1
    found = fingerprint_sound(quiet)
    assert not is_silent(found)
    assert distance(found, found).num_compared == 0


waves = st.builds(
    lambda seed, size, gain: np.random.default_rng(seed).standard_normal(size).astype(np.float32) * np.float32(gain),
    st.integers(0, 2**32),
    st.integers(32_000, 64_000),
    st.sampled_from([0.01, 0.1, 0.3]),
)


@settings(max_examples=15, deadline=None)
@given(waves, st.integers(0, 12), st.floats(0.3, 3.0))
def test_the_offset_is_found_whatever_the_gain(wave: Wave, hops: int, gain: float) -> None:
    a, b = fingerprint_sound(wave), fingerprint_sound(np.float32(gain) * wave[hops * sounds.HOP :])
    match = distance(a, b)
    assert match.offset_ms == hops * HOP_MS
    assert match.error_rate < 0.15, "the first words know less of the past"
    assert distance(b, a).offset_ms == -match.offset_ms
    assert fingerprint_sound(wave) == a


@settings(max_examples=15, deadline=None)
@given(waves, waves)
def test_two_noises_are_strangers_in_either_order(a: Wave, b: Wave) -> None:
    x, y = fingerprint_sound(a), fingerprint_sound(b)
    if not np.array_equal(a[:16_000], b[:16_000]) and not np.allclose(a[0] * b[1], a[1] * b[0]):
        assert not is_same_sound(x, y)
    assert distance(x, y).error_rate == distance(y, x).error_rate


@pytest.mark.parametrize("size", [0, 1, 4_095, 4_096, 4_097])
def test_short_sounds_have_a_word(size: int) -> None:
    assert len(fingerprint_sound(np.full(size, 0.5, dtype=np.float32))) == 4


@pytest.mark.parametrize("wrong", [b"", b"abc", bytes(5)])
def test_what_is_no_fingerprint_is_the_callers_fault(wrong: bytes) -> None:
    for ask in (is_silent, lambda data: is_same_sound(data, bytes(4)), lambda data: SoundIndex([data])):
        with pytest.raises(ValueError, match="4 bytes a word"):
            ask(wrong)
    with pytest.raises(ValueError, match="8 bytes a picture"):
        are_same_pictures(bytes(8), wrong)
    with pytest.raises(ValueError, match="mono"):
        fingerprint_sound(np.zeros((2, 9), dtype=np.float32))
    with pytest.raises(ValueError, match=r"\[H, W, 3\]"):
        hash_picture(np.zeros((9, 9), dtype=np.uint8))


@given(st.lists(st.binary(min_size=8, max_size=8), min_size=1).map(b"".join))
def test_text_and_bytes_are_one_another(data: bytes) -> None:
    assert sounds.sound_from_text(sounds.sound_to_text(data)) == data
    assert pictures.pictures_from_text(pictures.pictures_to_text(data)) == data


@pytest.mark.parametrize("text", ["", "s1:", "AAAAAA==", "s1:AAAA", "s1:AAA\u00e4AA==", "s2:AAAAAA==", "p1:AAAAAA=="])
def test_a_text_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(MediaError, match="is no fingerprint"):
        sounds.sound_from_text(text)
    with pytest.raises(MediaError, match="is no fingerprint"):
        pictures.pictures_from_text(text)


def test_the_index_names_copies_and_no_stranger(clips: dict[str, Wave], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = list(clips)
    noises = [fingerprint_sound(rng.standard_normal(128_000).astype(np.float32)) for _ in range(20)]
    silence = fingerprint_sound(np.zeros(128_000, dtype=np.float32))
    index = SoundIndex([*noises[:10], *(fingerprint_sound(clips[name]) for name in names), silence])
    for place, name in enumerate(names):
        named = index.find(fingerprint_sound(recode(clips[name][8_000:], tmp_path, "mp3", 48, 22_050)))
        assert named is not None, name
        assert named.index == 10 + place
        assert abs(named.match.offset_ms - 500) <= 120
    assert all(index.find(stranger) is None for stranger in [*noises[10:], silence])
    assert SoundIndex([]).find(noises[0]) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda p: cv2.resize(p, (298, 224), interpolation=cv2.INTER_AREA),
        lambda p: cv2.resize(p, (128, 128), interpolation=cv2.INTER_AREA),
        lambda p: np.clip(p * 1.1 + 20, 0, 255).astype(np.uint8),
        lambda p: p[p.shape[0] // 40 : -p.shape[0] // 40, p.shape[1] // 40 : -p.shape[1] // 40],
        lambda p: cv2.imdecode(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, 20])[1], cv2.IMREAD_COLOR),
    ],
    ids=["224 px", "square", "brighter", "cropped", "jpeg"],
)
def test_a_changed_picture_is_the_same_and_another_is_not(
    change: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]],
) -> None:
    names = ["dog_husky", "drum_kit", "water_amagase", "wrong_macaw"]
    originals = {name: hash_picture(read_picture(name)) for name in names}
    for name in names:
        changed = hash_picture(np.ascontiguousarray(change(read_picture(name))))
        assert [other for other in names if are_same_pictures(originals[other], changed)] == [name]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 255), st.integers(0, 2**32), st.sampled_from([(36, 64), (240, 320)]))
def test_black_and_flat_pictures_are_the_same_as_nothing(level: int, seed: int, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(seed).integers(-2, 3, (*size, 3))
    flat = hash_picture(np.clip(level + noise, 0, 255).astype(np.uint8))
    assert flat == bytes(HASH_BYTES)
    assert not are_same_pictures(flat, flat)
    assert pictures_distance(flat, hash_picture(read_picture("dog_husky"))).error_rate == 0.5


def test_pictures_are_found_where_they_are() -> None:
    shots = [hash_picture(read_picture(name)) for name in ("dog_husky", "drum_kit", "water_amagase", "wrong_macaw")]
    black = bytes(HASH_BYTES)
    match = pictures_distance(b"".join(shots), b"".join([*shots[2:], black]))
    assert (match.error_rate, match.offset_ms, match.num_compared) == (0.0, 2_000, 2)

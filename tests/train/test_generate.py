"""``train.generate``: a sound for every example, whatever it was batched with and however often it was interrupted."""

import dataclasses
import hashlib
import json
import wave
from fractions import Fraction
from pathlib import Path

import click
import numpy as np
import pytest
import torch
from sound_bench import NUM_FRAMES, SoundBench, contents
from train_bench import SAMPLES_PER_FRAME, random_streams, row, tiny_model

from train import drawing
from train.sampler.reference import generate
from train.sounds import read_pcm, read_wav, wav_bytes
from vegas_data.errors import (
    CheckpointCorrupt,
    ChecksumMismatch,
    DeviceMissing,
    ShardError,
    TrainError,
    WorkspaceLocked,
)
from vegas_data.media.decode import iter_frames_at, open_media, read_audio

NAMES = [f"demo-{number:03d}_000000000_{end:09d}" for number, end in ((4, 2000), (5, 65), (6, 2000))]
NUM_SAMPLES = [NUM_FRAMES * 1024, 1024, NUM_FRAMES * 1024]


def test_every_example_gets_its_draws(trained: SoundBench) -> None:
    trained.generate("--draws", "2")
    made = trained.sounds
    assert [(sound.example_id, sound.draw) for sound in made.sounds] == [(name, d) for name in NAMES for d in (0, 1)]
    assert (made.split, made.seed, made.temperature, made.step, made.sample_rate_hz) == ("test", 0, 1.0, 2, 16_000)
    files = [f"{name}-{draw}.wav" for name in NAMES for draw in (0, 1)] + [f"{name}-0.mp4" for name in NAMES]
    assert sorted(contents(trained.folder)) == sorted(files + [f"{file}.json" for file in files])
    for sound, num_samples in zip(made.sounds, [n for n in NUM_SAMPLES for _ in (0, 1)], strict=True):
        path = trained.folder / sound.wav
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sound.sha256
        assert sound.mp4 == ("" if sound.draw else f"{sound.example_id}-0.mp4")
        with wave.open(str(path), "rb") as file:
            form = (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes())
        assert form == (1, 2, 16_000, num_samples)
    assert len({sound.sha256 for sound in made.sounds}) == 6


def test_a_sound_has_the_levels_that_its_own_generator_draws(trained: SoundBench) -> None:
    """And stays at full scale: 127 levels above zero, 128 below."""
    trained.generate()
    pcm = read_pcm(trained.store, f"{trained.sounds.folder}/{NAMES[1]}-0.wav")
    levels = np.rint(pcm.astype(float) * 128 / 32767)
    assert (np.abs(pcm - levels * 32767 / 128) <= 0.5).all()
    assert levels.min() >= -128
    assert levels.max() <= 127
    assert len(set(levels)) > 20


def test_what_else_is_in_the_batch_does_not_matter(trained: SoundBench, tmp_path: Path) -> None:
    other = trained.copy(tmp_path / "other")
    trained.generate("--draws", "3", "--no-video", "--batch-size", "5")
    other.generate("--draws", "3", "--no-video", "--batch-size", "5", "--limit", "1")
    few, all_of_them = contents(other.folder), contents(trained.folder)
    assert len(few) == 6, "three sounds with their side-cars"
    assert few.items() <= all_of_them.items()
    other.generate("--draws", "3", "--no-video", "--batch-size", "5")
    assert contents(other.folder) == all_of_them


def test_rows_that_fill_a_batch_up_leave_no_trace() -> None:
    model = tiny_model("seq")
    conditioning = model.encode(random_streams(6, 2))
    generators = [torch.Generator().manual_seed(seed) for seed in range(6)]
    full = generate(model.generator, conditioning, num_samples=SAMPLES_PER_FRAME, generators=generators)
    for i in (0, 5):
        filled = dataclasses.replace(conditioning, initial_state=row(conditioning, i).initial_state.repeat(6, 1))
        generators = [torch.Generator().manual_seed(i) for _ in range(6)]
        again = generate(model.generator, filled, num_samples=SAMPLES_PER_FRAME, generators=generators)
        assert torch.equal(again[0], full[i])


def test_seed_temperature_and_number_of_draws_make_other_sets(trained: SoundBench) -> None:
    folders = []
    for more in ([], ["--seed", "1"], ["--temperature", "0.5"], ["--draws", "2"], ["--split", "val"]):
        trained.generate("--no-video", *more)
        folders.append(trained.folder)
    assert len(set(folders)) == 5
    first = {name: content for name, content in contents(folders[0]).items() if name.endswith("-0.wav")}
    assert first != contents(folders[1])
    assert first.items() <= contents(folders[3]).items()  # a draw does not depend on how many follow


def test_what_is_there_is_not_made_again(trained: SoundBench, monkeypatch: pytest.MonkeyPatch) -> None:
    trained.generate()
    record = trained.store.path("sounds.json").read_bytes()
    monkeypatch.setattr(drawing, "draw_batch", None)
    trained.generate()
    assert trained.store.path("sounds.json").read_bytes() == record


def test_a_damaged_sound_is_made_again(trained: SoundBench) -> None:
    trained.generate("--no-video")
    before = contents(trained.folder)
    flipped = trained.folder / f"{NAMES[0]}-0.wav"
    data = bytearray(flipped.read_bytes())
    data[100] ^= 1
    flipped.write_bytes(data)
    (trained.folder / f"{NAMES[1]}-0.wav").unlink()
    trained.generate("--no-video")
    assert contents(trained.folder) == before


def test_killed_and_started_again_it_makes_the_same_bytes(trained: SoundBench, tmp_path: Path) -> None:
    other = trained.copy(tmp_path / "other")
    arguments = ["--draws", "2", "--batch-size", "1"]
    trained.generate(*arguments)
    other.kill_after_the_first_wav(*arguments)
    assert not other.store.exists("sounds.json")
    there = [path.with_suffix("") for path in other.store.root.glob("sounds/*/*.wav.json")]
    assert 0 < len(there) < 6
    times = {path: path.stat().st_mtime_ns for path in there}
    code, lines, _ = other.finish("train.generate", *arguments)
    assert code == 0
    assert contents(other.folder) == contents(trained.folder)
    assert other.sounds == trained.sounds
    assert times == {path: path.stat().st_mtime_ns for path in there}
    assert lines[-1]["done"]["sounds"] == 6
    progress = [line["progress"] for line in lines if "progress" in line]
    assert all(done <= total for done, total in progress)


def test_the_video_shows_the_example_and_plays_the_sound(trained: SoundBench) -> None:
    trained.generate()
    sound = trained.sounds.sounds[0]
    path = trained.folder / sound.mp4
    made = read_wav(trained.store, f"{trained.sounds.folder}/{sound.wav}", sha256=sound.sha256)
    played = read_audio(path, sample_rate_hz=Fraction(16_000), start_ms=0, num_samples=made.size)
    assert np.corrcoef(made, played)[0, 1] > 0.9
    with open_media(path) as container:
        seconds = [float(stream.duration * stream.time_base) for stream in container.streams]
    assert seconds == pytest.approx([NUM_SAMPLES[0] / 16_000] * 2, abs=0.04)  # the last picture is 40 ms long
    times = [Fraction(i, 25) for i in range(4)]
    clip = next((trained.root / "clips").rglob("demo-004_000000000.mp4"))
    for shown, original in zip(iter_frames_at(path, times), iter_frames_at(clip, times), strict=True):
        assert np.abs(shown.astype(int) - original).mean() < 3


def test_without_the_clip_there_is_a_wav_and_a_word(trained: SoundBench, capsys: pytest.CaptureFixture[str]) -> None:
    clips = sorted((trained.root / "clips").rglob("demo-00[456]*.mp4"))
    clips[0].unlink()
    side_car = clips[1].with_name(clips[1].name + ".json")
    side_car.write_text(json.dumps({**json.loads(side_car.read_text()), "sha256": "0" * 64}))
    clips[2].write_bytes(clips[2].read_bytes()[:1000])
    trained.generate(quiet=False)
    assert [sound.mp4 for sound in trained.sounds.sounds] == ["", "", ""]
    said = capsys.readouterr().err
    assert f"{NAMES[0]}-0: no video, for the clip it was cut from is not in" in said
    assert f"{NAMES[1]}-0: no video, for the clip it was cut from is not in" in said
    assert f"{NAMES[2]}-0: no video: demo-006" in said


def test_the_same_samples_are_the_same_bytes() -> None:
    pcm = np.array([0, 1, -1, 32767, -32767], dtype=np.int16)
    data = wav_bytes(pcm, sample_rate_hz=16_000)
    assert data == wav_bytes(pcm, sample_rate_hz=16_000)
    assert data[:4] + data[8:16] == b"RIFFWAVEfmt "
    assert data[44:] == pcm.tobytes()


def test_a_sound_that_changed_is_not_read(trained: SoundBench) -> None:
    trained.generate("--no-video")
    key = f"{trained.sounds.folder}/{NAMES[0]}-0.wav"
    with pytest.raises(ChecksumMismatch, match=NAMES[0]):
        read_wav(trained.store, key, sha256="0" * 64)
    trained.store.path(key).unlink()
    with pytest.raises(TrainError, match="is missing"):
        read_wav(trained.store, key, sha256="0" * 64)


def test_damage_is_seen_whatever_the_latest_set_is(trained: SoundBench) -> None:
    trained.generate()
    before = contents(trained.folder)
    for name in (f"{NAMES[0]}-0.wav", f"{NAMES[2]}-0.mp4"):
        path = trained.folder / name
        path.write_bytes(b"JUNK" + path.read_bytes()[4:])
    first = trained.folder
    trained.generate("--seed", "1", "--no-video")
    assert contents(first) != before
    trained.generate()
    assert contents(trained.folder) == before


@pytest.mark.parametrize("temperature", ["nan", "0", "1e-300", "101"])
def test_temperatures_at_which_there_are_no_probabilities_are_refused(trained: SoundBench, temperature: str) -> None:
    for command in (trained.generate, trained.evaluate):
        with pytest.raises(click.UsageError) as caught:
            command("--temperature", temperature)
        assert "--temperature" in caught.value.format_message()


def test_no_run_no_checkpoint_no_shards(trained: SoundBench) -> None:
    with pytest.raises(TrainError, match="no run of drum, seq") as caught:
        trained.generate("--model", "seq")
    assert "python -m train.run --model seq --category drum" in caught.value.remedy
    checkpoint = next(trained.store.root.glob("checkpoints/*.safetensors"))
    data = bytearray(checkpoint.read_bytes())
    data[-1] ^= 1
    checkpoint.write_bytes(data)
    with pytest.raises(CheckpointCorrupt, match=checkpoint.name) as corrupt:
        trained.generate()
    assert corrupt.value.exit_code == 3
    for path in trained.store.root.glob("checkpoints/*"):
        path.unlink()
    with pytest.raises(TrainError, match="no checkpoint yet") as caught:
        trained.generate()
    assert "train.run" in caught.value.remedy


def test_a_split_without_shards_and_one_that_does_not_exist(trained: SoundBench) -> None:
    for path in (trained.root / "shards").rglob("drum-val-*"):
        path.unlink()
    with pytest.raises(ShardError, match="no shard of drum, val"):
        trained.generate("--split", "val")
    with pytest.raises(click.BadParameter, match="'train', 'val', 'test'"):
        trained.generate("--split", "verification")


def test_shards_of_other_widths_are_refused(trained: SoundBench) -> None:
    bench = trained.shard_bench(width=4)
    bench.write(bench.source(4, split="test"))
    with pytest.raises(TrainError, match="the model learned from"):
        trained.generate()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_exit_code_5(trained: SoundBench) -> None:
    for call in (trained.generate, trained.evaluate):
        with pytest.raises(DeviceMissing) as caught:
            call("--gpu")
        assert caught.value.exit_code == 5


def test_two_at_once_are_not_allowed(trained: SoundBench) -> None:
    with trained.store.lock(), pytest.raises(WorkspaceLocked):
        trained.generate()

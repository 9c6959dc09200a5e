"""``train.evaluate``: what is written about a run, and what is said."""

import dataclasses
import json

import numpy as np
import pytest
from sound_bench import NUM_FRAMES, SoundBench

from train import drawing
from train.config import DataConfig
from train.data import Examples, find_shards
from train.metrics import hearing
from train.metrics.hearing import hear
from train.quantize import dequantize
from train.sounds import wav_bytes
from vegas_data.errors import ShardError, TrainError, WorkspaceError
from vegas_data.onsets import write_onsets
from vegas_data.shards.sound import to_int16
from vegas_data.store import Store, sha256_of
from vegas_data.trained import EVALUATION, Evaluation, Sound, SoundSet, read_record

SAMPLES = 1024 * NUM_FRAMES


def evaluation_of(trained: SoundBench) -> Evaluation:
    found = read_record(trained.store, EVALUATION, Evaluation)
    assert found is not None
    return found


def test_losses_of_all_splits_and_a_score(trained: SoundBench, capsys: pytest.CaptureFixture[str]) -> None:
    trained.evaluate("--draws", "2")
    found = evaluation_of(trained)
    assert (found.category, found.model, found.step) == ("drum", "frame", 2)
    assert [(loss.split, loss.num_examples, loss.num_samples) for loss in found.losses] == [
        ("train", 2, 2 * SAMPLES),
        ("val", 1, SAMPLES),
        ("test", 3, 2 * SAMPLES + 1024),
    ]
    assert all(0 < loss.true < 8 for loss in found.losses)
    test = found.loss("test")
    assert test is not None
    assert test.true != test.repeated
    assert found.onsets is not None
    assert (found.onsets.reference, found.onsets.num_examples, found.onsets.num_draws) == ("detected", 3, 2)
    said = capsys.readouterr().out
    assert "2.6143" in said
    assert "2.7061" in said
    assert f"test          3  {test.true:.3f} (" in said
    assert "5.545 (8.000)" in said


def test_again_it_says_the_same(trained: SoundBench) -> None:
    trained.evaluate()
    before = trained.store.path(EVALUATION).read_bytes()
    trained.evaluate()
    assert trained.store.path(EVALUATION).read_bytes() == before


def test_it_takes_the_sounds_that_are_there(trained: SoundBench, monkeypatch: pytest.MonkeyPatch) -> None:
    trained.generate("--draws", "2", "--seed", "3", "--temperature", "0.9")
    record = trained.sounds
    monkeypatch.setattr(drawing, "draw_batch", None)
    trained.evaluate()
    assert trained.sounds == record  # with their videos
    found = evaluation_of(trained)
    assert found.onsets is not None
    assert found.onsets.num_draws == 2


@pytest.mark.parametrize(("key", "value"), [("temperature", -1.0), ("draw", -7), ("draw", 10**9)])
def test_a_record_of_impossible_sounds_is_refused(trained: SoundBench, key: str, value: float) -> None:
    trained.generate("--no-video")
    path = trained.store.path("sounds.json")
    record = json.loads(path.read_text())
    for table in record["sounds"] if key == "draw" else [record]:
        table[key] = value
    path.write_text(json.dumps(record))
    with pytest.raises(WorkspaceError, match=r"sounds\.json"):
        trained.evaluate()


def test_it_completes_a_set_that_lacks_examples(trained: SoundBench) -> None:
    trained.generate("--limit", "1", "--no-video")
    trained.evaluate()
    assert len(trained.sounds.sounds) == 3


def test_without_sound_there_are_losses_only(trained: SoundBench) -> None:
    trained.evaluate("--no-sound")
    assert evaluation_of(trained).onsets is None
    assert not trained.store.exists("sounds.json")


def test_one_source_video_is_not_scored_and_it_says_so(trained: SoundBench, capsys: pytest.CaptureFixture[str]) -> None:
    write_onsets(trained.workspace, [("demo-004", 50)])
    trained.evaluate()
    assert evaluation_of(trained).onsets is None
    said = capsys.readouterr().out
    assert "2 test examples not scored" in said
    assert "at least two source videos" in said


def test_missing_splits_and_other_shards_are_said(trained: SoundBench, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (trained.root / "shards").rglob("drum-val-*"):
        path.unlink()
    bench = trained.shard_bench(width=3)
    bench.write(bench.source(0), bench.source(4, split="test"))
    trained.evaluate("--no-sound")
    said = capsys.readouterr().out
    assert "there are no shards of drum, val" in said
    assert "learned from other shards" in said
    assert [loss.split for loss in evaluation_of(trained).losses] == ["train", "test"]


def test_without_any_shards_there_is_nothing_to_measure(trained: SoundBench) -> None:
    for path in (trained.root / "shards").rglob("drum-*"):
        path.unlink()
    with pytest.raises(ShardError, match="no shard of drum"):
        trained.evaluate()


def test_as_a_process_it_prints_lines_of_json(trained: SoundBench) -> None:
    code, lines, err = trained.finish("train.evaluate", "--no-sound")
    assert (code, err) == (0, "")
    assert lines[-1]["done"]["losses"] == json.loads(trained.store.path(EVALUATION).read_text())["losses"]
    assert lines[-2]["progress"] == [6 * NUM_FRAMES, 6 * NUM_FRAMES]


# --- what is heard ------------------------------------------------------------------------------------------------


@pytest.fixture
def examples(trained: SoundBench) -> Examples:
    return Examples(
        find_shards(trained.workspace, "drum", "test"), streams=("lite0",), config=DataConfig(num_frames=31)
    )


def put_true_sounds(store: Store, examples: Examples) -> SoundSet:
    """A perfect model: one that makes the examples' own sounds."""
    sounds = []
    for index in range(len(examples)):
        example, meta = examples[index], examples.meta(index)
        pcm = to_int16(dequantize(example.levels[: example.num_samples]))
        key = f"sounds/{'a' * 12}/{meta.key}-0.wav"
        store.commit_bytes(key, wav_bytes(pcm, sample_rate_hz=16_000))
        sounds.append(
            Sound(
                example_id=meta.key,
                clip_id=meta.clip_id,
                start_ms=meta.start_ms,
                end_ms=meta.end_ms,
                draw=0,
                wav=f"{meta.key}-0.wav",
                sha256=sha256_of(store.path(key)),
            )
        )
    return SoundSet(
        folder=f"sounds/{'a' * 12}",
        step=0,
        checkpoint="0" * 64,
        split="test",
        seed=0,
        temperature=1.0,
        sample_rate_hz=16_000,
        sounds=tuple(sounds),
    )


def test_planted_onsets_are_put_into_the_time_of_the_example(
    trained: SoundBench, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds = put_true_sounds(trained.store, examples)
    real = examples.meta
    later = {"start_ms": 1000, "end_ms": 3000}
    monkeypatch.setattr(Examples, "meta", lambda self, index: dataclasses.replace(real(index), **later))
    table = {"demo-004": (999, 1010, 1100, 2900, 2980, 3100), "demo-006": (500,), "demo-000": (1500,)}
    heard = hear(trained.store, sounds, examples, table)
    assert heard.reference == "planted"
    assert heard.num_unknown == 1  # demo-005: it is not in the table
    assert [(one.video_id, list(one.reference)) for one in heard.examples] == [
        ("demo-004", [100, 1900]),
        ("demo-006", []),
    ]


def test_without_a_table_the_true_sound_is_the_reference(
    trained: SoundBench, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "detect_onsets", lambda wave, **_: np.array([wave.size // 100]))
    sounds = put_true_sounds(trained.store, examples)
    for table in (None, {}, {"demo-077": (5,)}):
        heard = hear(trained.store, sounds, examples, table)
        assert (heard.reference, heard.num_unknown) == ("detected", 0)
        for one, index in zip(heard.examples, range(3), strict=True):
            assert list(one.reference) == list(one.true) == [examples[index].num_samples // 100]
            assert [list(draw) for draw in one.draws] == [list(one.true)]  # through the wav and back
            assert one.duration_ms == examples[index].num_samples / 16


def test_a_set_that_lacks_a_sound_is_refused(trained: SoundBench, examples: Examples) -> None:
    sounds = put_true_sounds(trained.store, examples)
    trained.store.path(f"{sounds.folder}/{sounds.sounds[0].wav}").unlink()
    with pytest.raises(TrainError, match="is missing"):
        hear(trained.store, sounds, examples, None)

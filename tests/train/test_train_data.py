"""Shards to batches: which shards, in which order, repeated how."""

import pickle
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from train_bench import GRID, ShardBench

from tests.vegas_data.shards.shard_bench import as_profile
from train.config import DataConfig
from train.data import (
    Examples,
    TrainingExample,
    batch_sizes,
    batches,
    collate,
    epoch_order,
    find_shards,
    repeat_example,
)
from train.quantize import quantize, to_wave
from vegas_data.errors import ChecksumMismatch, SchemaMismatch, ShardError, TrainError, WorkspaceError
from vegas_data.shards import Profile, read_shard

SHORT, LONG = GRID.num_frames(2000), GRID.num_frames(4000)
CONFIG = DataConfig(num_frames=70)
STREAMS = ("lite0", "flow_lite0")


@pytest.fixture
def drums(bench: ShardBench) -> ShardBench:
    """Three examples of drums to train on, the second 4 s long, in two shards; one to test on; one of dogs."""
    bench.write(
        bench.source(0),
        bench.source(1, end_ms=4000),
        bench.source(2),
        bench.source(3, split="test"),
        bench.source(4, category="dog"),
    )
    return bench


@pytest.fixture
def examples(drums: ShardBench) -> Examples:
    return Examples(find_shards(drums.workspace, "drum", "train"), streams=STREAMS, config=CONFIG)


def counting_example(num_frames: int, samples_per_frame: int = 4) -> TrainingExample:
    """Frame f has the features f and the levels f."""
    frames = np.arange(num_frames)
    return TrainingExample(
        key="drum/demo",
        levels=np.repeat(frames, samples_per_frame).astype(np.uint8),
        streams={"lite0": frames[:, None].astype(np.float16)},
        num_frames=num_frames,
        num_samples=num_frames * samples_per_frame,
    )


# --- repetition ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("true_frames", [1, 2, 31, 62, 155, 156])
def test_features_and_sound_are_repeated_together(true_frames: int) -> None:
    whole = repeat_example(counting_example(true_frames), 156)
    frames = whole.streams["lite0"][:, 0]
    assert frames.tolist() == [f % true_frames for f in range(156)]
    assert (whole.levels.reshape(156, 4) == frames[:, None]).all()  # across every seam
    assert (whole.num_frames, whole.num_samples) == (true_frames, 4 * true_frames)


def test_what_is_longer_is_cut_and_true_to_its_end() -> None:
    cut = repeat_example(counting_example(5), 3)
    assert cut.streams["lite0"][:, 0].tolist() == [0, 1, 2]
    assert cut.levels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert (cut.num_frames, cut.num_samples) == (3, 12)


# --- which shards -------------------------------------------------------------------------------------------------


def test_shards_of_a_category_and_split_in_order(drums: ShardBench) -> None:
    names = [path.name for path in find_shards(drums.workspace, "drum", "train")]
    assert names == ["drum-train-000000.tar", "drum-train-000001.tar"]
    assert [path.name for path in find_shards(drums.workspace, "drum", "test")] == ["drum-test-000000.tar"]


def test_only_the_current_folder_counts(drums: ShardBench) -> None:
    before = find_shards(drums.workspace, "drum", "train")
    drums.streams = {"lite0": "f" * 12}
    drums.write(drums.source(0))
    after = find_shards(drums.workspace, "drum", "train")
    assert len(after) == 1
    assert after[0].parent != before[0].parent
    assert before[0].exists()


def test_a_workspace_without_shards_says_what_to_do(bench: ShardBench) -> None:
    with pytest.raises(WorkspaceError, match="holds no shards yet") as caught:
        find_shards(bench.workspace, "drum", "train")
    assert "featurize" in caught.value.remedy


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"folder": 3}', '{"folder": "../elsewhere"}'])
def test_a_damaged_pointer_is_refused(drums: ShardBench, content: str) -> None:
    drums.workspace.path("tables/shards.json").write_text(content)
    with pytest.raises(WorkspaceError, match=r"shards\.json"):
        find_shards(drums.workspace, "drum", "train")


def test_absent_and_missing_shards_are_named(drums: ShardBench) -> None:
    with pytest.raises(ShardError, match="no shard of printer, train"):
        find_shards(drums.workspace, "printer", "train")
    first, _ = find_shards(drums.workspace, "drum", "train")
    first.with_name(first.name + ".json").unlink()
    with pytest.raises(ShardError, match="shard 000000 is missing"):
        find_shards(drums.workspace, "drum", "train")


# --- examples -----------------------------------------------------------------------------------------------------


def test_examples_are_those_of_the_shards_quantised_and_repeated(drums: ShardBench, examples: Examples) -> None:
    stored = [example for path in find_shards(drums.workspace, "drum", "train") for example in read_shard(path)]
    assert len(examples) == len(stored) == 3
    for i, source in enumerate(stored):
        example = examples[i]
        assert example.key == examples.keys[i] == f"drum/{source.key}"
        assert (example.num_frames, example.num_samples) == (source.meta.num_frames, source.meta.num_samples)
        levels = quantize(to_wave(source.audio, gain_db=source.meta.gain_db))
        assert example.levels.shape == (70 * 1024,)
        assert (example.levels == np.resize(levels, 70 * 1024)).all()
        for name, stream in source.streams.items():
            assert example.streams[name].shape == (70, 3)
            assert (example.streams[name] == stream[np.arange(70) % len(stream)]).all()
    assert [example.num_frames for example in examples] == [SHORT, LONG, SHORT]


def test_the_gain_is_applied_unless_told_otherwise(drums: ShardBench, examples: Examples) -> None:
    assert np.abs(examples[0].levels - 128.0).max() >= 127
    shards = find_shards(drums.workspace, "drum", "train")
    quiet = Examples(shards, streams=STREAMS, config=replace(CONFIG, gain=False))
    assert 150 < quiet[0].levels.max() < 185  # a third of full scale, through a lossy codec
    bent = Examples(shards, streams=STREAMS, config=replace(CONFIG, gain=False, spacing="mu_law"))
    assert bent[0].levels.max() > 220


def test_a_silent_example_is_level_128_throughout(examples: Examples) -> None:
    assert (examples[1].levels == 128).all()


def test_the_data_says_how_wide_a_model_must_be(drums: ShardBench, examples: Examples) -> None:
    assert examples.shape.stream_widths == (("lite0", 3), ("flow_lite0", 3))
    assert examples.shape.samples_per_frame == 1024
    shards = find_shards(drums.workspace, "drum", "train")
    assert Examples(shards, streams=("flow_lite0",), config=CONFIG).shape.stream_widths == (("flow_lite0", 3),)


def test_a_stream_that_is_not_there_is_named_with_those_that_are(drums: ShardBench) -> None:
    with pytest.raises(TrainError, match="no stream 'fc6', it holds lite0, flow_lite0"):
        Examples(find_shards(drums.workspace, "drum", "train"), streams=("fc6",), config=CONFIG)


def test_a_stream_off_the_grid_is_refused(bench: ShardBench) -> None:
    bench.streams |= {"clip": "c" * 12, "conv5": "d" * 12}
    bench.shapes = {"clip": (Fraction(8), (3,)), "conv5": (GRID.frame_rate_hz, (2, 2, 3))}
    bench.write(bench.source(0))
    shards = find_shards(bench.workspace, "drum", "train")
    assert next(read_shard(shards[0])).streams["conv5"].shape == (31, 2, 2, 3)
    with pytest.raises(TrainError, match=r"'clip' of shape \(16, 3\) at 8\.0 Hz is not one row .* 31 video frames"):
        Examples(shards, streams=("lite0", "clip"), config=CONFIG)
    with pytest.raises(TrainError, match=r"'conv5' of shape \(31, 2, 2, 3\)") as caught:
        Examples(shards, streams=("conv5",), config=CONFIG)
    assert "[model.conditioning]" in caught.value.remedy


def test_a_stream_that_no_model_asks_for_disturbs_none(bench: ShardBench) -> None:
    bench.write(bench.source(0))
    (plain,) = Examples(find_shards(bench.workspace, "drum", "train"), streams=STREAMS, config=CONFIG)
    bench.streams |= {"clip": "c" * 12}
    bench.shapes = {"clip": (Fraction(8), (2, 2))}
    bench.write(bench.source(0))
    (beside,) = Examples(find_shards(bench.workspace, "drum", "train"), streams=STREAMS, config=CONFIG)
    assert beside.streams.keys() == plain.streams.keys() == set(STREAMS)
    assert all((beside.streams[name] == plain.streams[name]).all() for name in STREAMS)
    assert (beside.levels == plain.levels).all()


def test_examples_of_another_width_are_refused(bench: ShardBench) -> None:
    first = bench.source(0)
    bench.width = 4
    bench.write(first, bench.source(2))
    examples = Examples(find_shards(bench.workspace, "drum", "train"), streams=STREAMS, config=CONFIG)
    examples[0]
    with pytest.raises(SchemaMismatch, match="demo-002"):
        examples[1]


def test_a_damaged_shard_is_refused_on_opening(drums: ShardBench) -> None:
    shards = find_shards(drums.workspace, "drum", "train")
    data = bytearray(shards[1].read_bytes())
    data[2000] ^= 1
    shards[1].write_bytes(data)
    with pytest.raises(ChecksumMismatch, match="demo-002"):
        Examples(shards, streams=STREAMS, config=CONFIG)


def test_a_shard_that_changes_under_us_is_refused(drums: ShardBench, examples: Examples) -> None:
    shard = find_shards(drums.workspace, "drum", "train")[0]
    shard.write_bytes(shard.read_bytes()[:5000])
    with pytest.raises(SchemaMismatch, match="demo-000"):
        examples[0]


def test_worker_processes_can_have_a_copy(examples: Examples) -> None:
    copy = pickle.loads(pickle.dumps(examples))
    assert (copy[1].levels == examples[1].levels).all()


# --- batches ------------------------------------------------------------------------------------------------------


def test_the_order_belongs_to_seed_and_epoch() -> None:
    keys = [f"drum/{i}" for i in range(20)]
    order = epoch_order(keys, seed=0, epoch=0)
    assert sorted(order) == list(range(20))
    assert order == epoch_order(keys, seed=0, epoch=0)
    assert order != epoch_order(keys, seed=1, epoch=0)
    assert order != epoch_order(keys, seed=0, epoch=1)
    assert epoch_order(keys[:4], seed=0, epoch=0) == [3, 2, 1, 0]  # on every machine


def test_an_epoch_has_every_example_once(examples: Examples) -> None:
    epoch = list(batches(examples, batch_size=2, seed=0, epoch=0))
    assert [len(batch.keys) for batch in epoch] == [2, 1]
    order = epoch_order(examples.keys, seed=0, epoch=0)
    assert [key for batch in epoch for key in batch.keys] == [examples.keys[i] for i in order]
    assert [batch.keys for batch in batches(examples, batch_size=2, seed=0, epoch=0, start=1)] == [epoch[1].keys]


def test_a_row_is_one_example_and_pieces_are_its_parts(examples: Examples) -> None:
    (batch,) = batches(examples, batch_size=3, seed=0, epoch=0)
    for r, i in enumerate(epoch_order(examples.keys, seed=0, epoch=0)):
        example = examples[i]
        assert batch.keys[r] == example.key
        assert batch.num_samples[r] == example.num_samples
        assert (batch.levels[r].numpy() == example.levels).all()
        for name in STREAMS:
            assert (batch.streams[name][r].numpy() == example.streams[name]).all()
    pieces = list(batch.pieces(3000))
    assert [piece.shape[1] for piece in pieces] == [3000] * 23 + [70 * 1024 - 69_000]
    assert torch.equal(torch.cat(pieces, dim=1), batch.levels)


def test_examples_of_one_batch_are_equally_long() -> None:
    with pytest.raises(ValueError, match="same shape"):
        collate([counting_example(3), counting_example(4)])


def test_no_shards_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="no shards"):
        Examples([], streams=STREAMS, config=CONFIG)


@pytest.mark.parametrize("profile", ["features", "media"])
def test_a_shard_of_a_release_is_refused(drums: ShardBench, profile: Profile) -> None:
    shards = find_shards(drums.workspace, "drum", "train")
    as_profile(shards[0], profile)
    assert [example.meta.profile for example in read_shard(shards[0])][:1] == [profile]
    with pytest.raises(TrainError, match=f"profile {profile}") as caught:
        Examples(shards, streams=STREAMS, config=CONFIG)
    assert "vegas-data featurize" in caught.value.remedy


@pytest.mark.parametrize(("num_examples", "batch_size"), [(26, 24), (5, 5), (1, 128), (7, 3), (129, 128), (8, 1)])
def test_batches_are_as_few_as_may_be_and_alike_in_size(num_examples: int, batch_size: int) -> None:
    sizes = batch_sizes(num_examples, batch_size)
    assert sum(sizes) == num_examples
    assert sizes[0] == max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    assert (len(sizes) - 1) * batch_size < num_examples

"""Streams of every rate and shape, through plan, shard, reader and check."""

from fractions import Fraction

import numpy as np
import pytest
from shard_bench import Bench

from vegas_data.errors import RecipeError
from vegas_data.features import FeatureOptions, StreamOptions, stream_shapes
from vegas_data.shards import ShardOptions, prove_folder, read_shard, require_room
from vegas_data.units import Grid

CONV5 = (14, 14, 512)


@pytest.fixture
def mapped(make_bench) -> Bench:  # type: ignore[no-untyped-def]
    """Streams as of fc6, of a map on the grid, and of CLIP at 8 rows per second."""
    bench: Bench = make_bench(streams={"fc6": "a" * 12, "conv5": "b" * 12, "clip": "c" * 12})
    bench.shapes = {"conv5": (bench.grid.frame_rate_hz, CONV5), "clip": (Fraction(8), (512,))}
    return bench


def test_a_map_and_a_rate_of_its_own_go_through_a_shard(mapped: Bench) -> None:
    source = mapped.source()
    shard = mapped.shard(source)
    (example,) = read_shard(shard)
    shapes = {name: stream.shape for name, stream in example.streams.items()}
    assert shapes == {"fc6": (31, 8), "conv5": (31, *CONV5), "clip": (16, 512)}
    assert [stream.rate_hz for stream in example.meta.streams.values()] == [8.0, 15.625, 15.625]
    for feature in source.features:
        stored = np.load(mapped.workspace.path(feature.key), allow_pickle=False)
        assert (example.streams[feature.stream] == stored).all()
    assert prove_folder(shard.parent)[1] == []


def test_maps_are_counted_when_examples_are_cut_into_shards(mapped: Bench) -> None:
    sources = [mapped.source(f"demo-{number:03d}") for number in range(3)]
    plans = mapped.plan(*sources, max_bytes=15 * 2**20)  # one map of 2 s is 6.2 MB
    assert [len(plan.examples) for plan in plans] == [2, 1]
    assert mapped.write(plans[0]).num_bytes <= 15 * 2**20


def test_an_array_that_no_member_holds_is_refused_before_it_is_computed() -> None:
    maps = StreamOptions(name="conv5", encoder="vgg19-conv5")
    often = StreamOptions(name="often", encoder="vgg19-conv5", rate_hz=Fraction(50))
    shapes = stream_shapes(FeatureOptions(streams=(maps, often)), Grid(), 10_000)
    assert shapes == {"conv5": (156, *CONV5), "often": (500, *CONV5)}
    require_room({"conv5": shapes["conv5"]})
    with pytest.raises(RecipeError, match="stream often: the longest example has 500 × 14 × 14 × 512") as caught:
        require_room(shapes)
    assert "rate_hz" in caught.value.remedy
    assert ShardOptions().max_bytes > 16 * 2 * 156 * 14 * 14 * 512, "16 examples of 10 s to a shard"

"""What a recipe may say about features, and what it may not."""

from fractions import Fraction
from typing import Any

import pytest

from vegas_data.config import load_table
from vegas_data.errors import RecipeError
from vegas_data.features import FeatureOptions, FlowOptions, StreamOptions


def test_reads_from_a_table() -> None:
    table = {
        "batch_size": 8,
        "streams": [
            {"name": "fc6", "encoder": "vgg19-fc6", "crop_fraction": 0.875},
            {"name": "clip", "encoder": "clip-image", "rate_hz": "30000/1001"},
            {"name": "flow_fc6", "encoder": "temporal-vgg16-fc6", "window": 10, "flow": {"rate_hz": 25}},
        ],
    }
    options = load_table(FeatureOptions, table, where="test [features]")
    assert options.streams[0] == StreamOptions(name="fc6", encoder="vgg19-fc6", crop_fraction=0.875)
    assert options.streams[1].rate_hz == Fraction(30_000, 1001)
    assert options.streams[2].flow == FlowOptions(rate_hz=Fraction(25))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "fc.6"},
        {"name": "Fc6"},
        {"name": ""},
        {"name": "audio"},
        {"name": "flow"},
        {"name": "pictures"},
        {"size_px": 8},
        {"crop_fraction": 0.0},
        {"crop_fraction": 1.1},
        {"crop": "squash", "crop_fraction": 0.5},
        {"crop": "middle"},
        {"window": 10},
        {"stride": 0},
        {"rate_hz": 0},
        {"rate_hz": -1},
        {"rate_hz": 121},
        {"rate_hz": "1/1000001"},
        {"rate_hz": "8 Hz"},
        {"rate_hz": "1e99999999999"},
        {"rate_hz": "1/1e99999999999"},
        {"rate_hz": "1" * 100_000},
        {"flow": {"bound_px": 0.0}},
        {"flow": {"rate_hz": 0}},
        {"flow": {"epsilon": 0.0}},
        {"flow": {"num_warps": 0}},
        {"flow": {"num_warps": 101}},
        {"flow": {"engine": "magic"}},
    ],
)
def test_refuses_a_stream_that_means_nothing(change: dict[str, Any]) -> None:
    table = {"streams": [{"name": "fc6", "encoder": "vgg19-fc6", **change}]}
    with pytest.raises(RecipeError, match="streams"):
        load_table(FeatureOptions, table, where="test [features]")


def test_refuses_two_streams_of_one_name() -> None:
    stream = StreamOptions(name="fc6", encoder="vgg19-fc6")
    with pytest.raises(ValueError, match="once"):
        FeatureOptions(streams=(stream, stream))
    with pytest.raises(ValueError, match="1 to 32 streams"):
        FeatureOptions(streams=())
    many = tuple(StreamOptions(name=f"s{number}", encoder="vgg19-fc6") for number in range(33))
    with pytest.raises(ValueError, match="1 to 32 streams"):
        FeatureOptions(streams=many)  # more than a shard has
    assert len(FeatureOptions(streams=many[1:]).streams) == 32

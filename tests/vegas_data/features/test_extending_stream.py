"""The streams in docs/extending.md: its own encoder, installed and run; what it says of those that ship."""

import io
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from feature_cases import make_job

from tests.extending_page import installed, section, tables_of
from vegas_data.config import load_table
from vegas_data.features import FeatureOptions, StreamOptions, make_extractor, stream_shapes
from vegas_data.features.encoders import BUILT_IN, encoder_of, find_encoder
from vegas_data.features.inputs import Series, Span, read_series
from vegas_data.units import Grid
from vegas_data.workspace import Workspace

GRID = Grid()
SHIPPED, OWN = (
    tuple(load_table(StreamOptions, row, where="docs/extending.md") for row in table["features"]["streams"])
    for table in tables_of("A stream", "features")
)


@pytest.fixture
def colours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StreamOptions]:
    with installed("A stream", tmp_path, monkeypatch):
        yield OWN[0]


def test_the_page_builds_an_encoder_whose_stream_is_written(
    colours: StreamOptions, workspace: Workspace, moving_clip: Path
) -> None:
    options = FeatureOptions(streams=OWN)
    job = make_job(workspace, moving_clip, start_ms=500, end_ms=2500)
    ((name, key),) = make_extractor(options, GRID, workspace)(job).keys
    rows, side_car = np.load(io.BytesIO(workspace.path(key).read_bytes())), workspace.side_car(key)
    assert (name, rows.shape, rows.dtype) == ("colours", (8, 3, 8), np.float16)
    assert (side_car["rate_hz"], side_car["shape"], side_car["weights"]) == ("4", [8, 3, 8], "none")
    assert side_car["tools"]["numpy"] == np.__version__
    series = Series.of(colours, Span(start_ms=500, end_ms=2500), GRID)
    assert [time_s - Fraction(1, 2) for time_s in series.times_s] == [Fraction(i, 4) for i in range(8)]
    (pictures,) = read_series(moving_clip, [series]).values()
    expected = [[np.histogram(picture[..., c], bins=8, range=(0, 256))[0] for c in range(3)] for picture in pictures]
    np.testing.assert_allclose(rows, np.float32(expected) / 64**2, rtol=1e-3, atol=1e-6)


def test_the_streams_of_the_page_fit_their_encoders() -> None:
    assert [stream.name for stream in SHIPPED] == ["conv5", "clip"]
    assert [encoder_of(stream).feature_shape for stream in SHIPPED] == [(14, 14, 512), (512,)]
    shapes = stream_shapes(FeatureOptions(streams=SHIPPED), GRID, 10_000)
    assert shapes == {"conv5": (156, 14, 14, 512), "clip": (80, 512)}


def test_the_page_lists_the_encoders_that_ship_and_their_rows() -> None:
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| \[([0-9, ]+)\] \|", section("A stream"), flags=re.MULTILINE))
    assert rows.keys() == BUILT_IN.keys()
    for name, numbers in rows.items():
        assert find_encoder(name).feature_shape == tuple(map(int, numbers.split(", ")))


def test_the_sizes_that_the_page_gives_are_so() -> None:
    row = 2 * 14 * 14 * 512
    assert f"{row:,} bytes a row" in section("A stream")
    rows = 55.1 * 3600 * GRID.frame_rate_hz
    assert [round(row * 156 / 1e6), round(rows * row / 1e9), round(rows * 2 * 4096 / 1e9)] == [31, 622, 25]

"""``bench flow`` measures something, and says what it cannot."""

import itertools
import json

from tests.commands import vegas
from vegas_data.features.flow.bench import moving_pictures


def test_says_how_fast_flow_is() -> None:
    done = vegas("bench", "flow", "--size", "32", "--seconds", "0", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["engine"] == "numba"
    assert told["pairs"] == 16
    assert told["pairs_per_s"] > 0
    assert told["iterations"] > 5
    assert told["share"] == told["traffic_gb_s"] / told["triad_gb_s"]


def test_refuses_an_engine_that_does_not_compute_there() -> None:
    done = vegas("bench", "flow", "--device", "cuda", "--engine", "numba")
    assert done.returncode == 2
    assert "torch" in done.stderr


def test_pictures_move() -> None:
    pictures = moving_pictures(32)
    assert pictures.shape == (17, 32, 32)
    assert all((one != other).any() for one, other in itertools.pairwise(pictures))

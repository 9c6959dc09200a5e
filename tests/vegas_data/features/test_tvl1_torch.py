"""The parts of the torch engine, and that a pair's flow depends on that pair alone."""

import cv2
import numpy as np
import pytest
import torch
from feature_cases import texture

from vegas_data.features.flow.engines import make_flow_engine
from vegas_data.features.flow.tvl1 import INNER_ITERATIONS
from vegas_data.features.flow.tvl1_torch import (
    LOOK_EVERY,
    TorchFlow,
    iterate_until_looked_at,
    median,
    resize,
    with_gradient,
)
from vegas_data.features.options import FlowOptions

torch.set_num_threads(1)


def test_median_is_opencvs() -> None:
    planes = torch.randn(2, 2, 23, 31, generator=torch.Generator().manual_seed(0))
    for plane, filtered in zip(planes.flatten(0, 1), median(planes).flatten(0, 1), strict=True):
        np.testing.assert_array_equal(filtered.numpy(), cv2.medianBlur(plane.numpy(), 5))


@pytest.mark.parametrize("size", [(37, 45), (112, 56)])
def test_resize_is_opencvs(size: tuple[int, int]) -> None:
    picture = texture(*size).astype(np.float32)
    wanted = cv2.resize(picture, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_LINEAR)
    found = resize(torch.from_numpy(picture)[None], wanted.shape, (1.25, 1.25))[0]
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-3)


def test_gradients_are_central_differences() -> None:
    picture = texture(9, 11).astype(np.float32)
    _, x, y = with_gradient(torch.from_numpy(picture)[None])[0].numpy()
    wide = np.pad(picture, 1, mode="edge")
    np.testing.assert_array_equal(x, (wide[1:-1, 2:] - wide[1:-1, :-2]) / 2)
    np.testing.assert_array_equal(y, (wide[2:, 1:-1] - wide[:-2, 1:-1]) / 2)


def test_each_pair_stops_by_its_own_test() -> None:
    ground = texture(32, 60, seed=6)
    pictures = np.stack([ground[:, x : x + 32] for x in (0, 1, 4, 4, 12, 13)])
    flows = list(TorchFlow(FlowOptions(epsilon=0.05, num_warps=2), pairs_at_once=4).iter_flows(pictures))
    alone = TorchFlow(FlowOptions(epsilon=0.05, num_warps=2), pairs_at_once=4)
    for flow, previous, following in zip(flows, pictures, pictures[1:], strict=False):
        np.testing.assert_array_equal(flow, alone.compute_flow(previous, following))


def test_a_batch_fits_the_cache() -> None:
    engine = TorchFlow(FlowOptions())
    assert engine.batch_size((1024, 1024)) == 1
    assert engine.batch_size((64, 64)) > engine.batch_size((128, 128)) >= 1


def test_looking_seldom_divides_the_inner_iterations() -> None:
    assert INNER_ITERATIONS % LOOK_EVERY == 0


@pytest.mark.slow
def test_what_a_gpu_runs_compiles_whole() -> None:
    """With the backend that only traces: one graph each, nothing left to Python between its kernels."""
    generator = torch.Generator().manual_seed(0)
    state, fields = (torch.rand(2, planes, 20, 24, generator=generator) + 0.5 for planes in (6, 4))
    active, limit = torch.tensor([True, False]), torch.tensor(0.1)
    traced = torch.compile(iterate_until_looked_at, dynamic=False, fullgraph=True, backend="eager")
    for one, other in zip(
        traced(state, fields, active, limit), iterate_until_looked_at(state, fields, active, limit), strict=True
    ):
        assert torch.equal(one, other)
    traced = torch.compile(median, dynamic=False, fullgraph=True, backend="eager")
    assert torch.equal(traced(state[:, :2]), median(state[:, :2]))


@pytest.mark.gpu
@pytest.mark.parametrize("size", [(120, 120), (64, 90), (33, 50)])
def test_a_gpu_computes_the_same_flow(size: tuple[int, int]) -> None:
    height, width = size
    ground = texture(height + 20, width + 40, seed=7)
    pictures = np.stack([ground[x : x + height, 2 * x : 2 * x + width] for x in (0, 1, 2, 2, 5)])
    host = list(make_flow_engine(FlowOptions(engine="torch"), "cpu").iter_flows(pictures))
    engine = make_flow_engine(FlowOptions(), "cuda")
    assert engine.name == "torch"
    device = list(engine.iter_flows(pictures))
    for one, other in zip(host, device, strict=True):
        assert np.hypot(*(one - other)).mean() <= 0.03
        assert np.median(np.hypot(*(one - other))) <= 0.02
    assert not device[2].any()
    for flow, again in zip(device, engine.iter_flows(pictures), strict=True):
        np.testing.assert_array_equal(flow, again)
    np.testing.assert_array_equal(device[0], engine.compute_flow(*pictures[:2]))

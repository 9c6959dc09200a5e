"""Batches of one size: padding, halving where a device has no memory, and whether a row knows its neighbours."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from feature_cases import FLOW, PICTURES, texture

from vegas_data.errors import EXIT_DEPENDENCY, DependencyMissing, DeviceMissing, FeatureError
from vegas_data.features import FeatureOptions, FlowOptions, StreamOptions, desk
from vegas_data.features.batches import Batches
from vegas_data.features.desk import Desk
from vegas_data.features.flow.fields import Flows
from vegas_data.features.flow.tvl1_torch import TorchFlow
from vegas_data.features.inputs import Material, Part

Answer = Callable[[np.ndarray], np.ndarray]


def means(batch: np.ndarray) -> np.ndarray:
    return batch.reshape(len(batch), -1).mean(axis=1, dtype=np.float32)[:, None]


class FakeEncoder:
    """Answers with each row's mean, remembers what it was shown, and has memory for ``most`` rows."""

    name, weights_digest = "fake", "f" * 64

    def __init__(self, answer: Answer = means, most: int = 1000) -> None:
        self._answer = answer
        self._most = most
        self.batches: list[np.ndarray] = []
        self.tools: dict[str, str] = {}

    def encode(self, batch: np.ndarray) -> np.ndarray:
        if len(batch) > self._most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nand much more about it")
        self.batches.append(batch)
        return self._answer(batch)


def numbered(count: int, first: int = 1) -> np.ndarray:
    """Pictures of one pixel that show their number. Shape: uint8 [count, 1, 1, 3]."""
    return np.arange(first, first + count, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)


def shown(encoder: FakeEncoder) -> list[list[int]]:
    return [batch[:, 0, 0, 0].tolist() for batch in encoder.batches]


def test_batches_have_one_size_and_padding_is_not_kept() -> None:
    encoder = FakeEncoder()
    batches = Batches(encoder, PICTURES, 8)
    assert batches.encode(numbered(10)).ravel().tolist() == list(range(1, 11))
    assert shown(encoder) == [[1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 0, 0, 0, 0, 0, 0]]
    assert batches.notes == {}


def test_no_memory_halves_the_batch_is_said_once_and_noted() -> None:
    encoder, told = FakeEncoder(most=3), []
    batches = Batches(encoder, PICTURES, 16, tell=told.append)
    assert batches.encode(numbered(5)).ravel().tolist() == [1, 2, 3, 4, 5]
    assert shown(encoder) == [[1, 2], [3, 4], [5, 0]]
    assert batches.size == 2
    assert len(told) == 1
    assert "tiny" in told[0]
    assert "16" in told[0]
    assert batches.notes["batch_size:tiny"].startswith("2, not 16")


def test_no_memory_for_one_row_is_a_missing_device() -> None:
    with pytest.raises(DeviceMissing, match=r"one row: CUDA out of memory. Tried to allocate 2 GiB$") as caught:
        Batches(FakeEncoder(most=0), PICTURES, 4, tell=lambda _: None).encode(numbered(3))
    assert caught.value.exit_code == EXIT_DEPENDENCY


def by_place(batch: np.ndarray) -> np.ndarray:
    features = means(batch)
    features[-1] = np.nextafter(features[-1], np.float32(np.inf))
    return features


def by_companions(batch: np.ndarray) -> np.ndarray:
    return means(batch) + np.float32(1e-6) * batch.mean(dtype=np.float32)


@pytest.mark.parametrize(("answer", "mixes"), [(means, True), (by_place, False), (by_companions, False)])
@pytest.mark.parametrize("stream", [PICTURES, FLOW])
def test_a_device_that_rounds_by_place_or_companions_is_found_out(
    answer: Answer, mixes: bool, stream: StreamOptions
) -> None:
    batches = Batches(FakeEncoder(answer), stream, 5)
    batches.probe()
    assert batches.mixes is mixes
    assert (f"batches:{stream.name}" in batches.notes) is not mixes


def test_probing_goes_on_with_the_batch_that_fits() -> None:
    encoder = FakeEncoder(most=2)
    batches = Batches(encoder, PICTURES, 8, tell=lambda _: None)
    batches.probe()
    assert (batches.size, batches.mixes) == (2, True)
    assert {len(batch) for batch in encoder.batches} == {2}


def make_desk(monkeypatch: pytest.MonkeyPatch, encoder: FakeEncoder, *, is_shared: bool = True) -> Desk:
    """A desk with a stream ``tiny`` of batches of 8, its probe not remembered."""

    monkeypatch.setattr(desk, "load_encoder", lambda *_: encoder)
    monkeypatch.setattr(desk, "encoder_of", lambda _: SimpleNamespace(feature_shape=(1,)))
    made = Desk(FeatureOptions(streams=(PICTURES,), batch_size=8), "cpu", is_shared=is_shared)
    encoder.batches.clear()
    return made


def pictures(count: int, first: int) -> Material:
    part = Part(stream="tiny", source=0, index=np.arange(count), flow=None)
    return Material(sources=(numbered(count, first),), parts=(part,))


def test_batches_are_filled_across_examples_and_the_oldest_is_done_first(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = FakeEncoder()
    counter = make_desk(monkeypatch, encoder)
    tasks = [counter.take(pictures(5, first)) for first in (1, 11, 21)]
    done = [counter.step(), counter.step()]
    assert not counter.has_work
    assert done == [tasks[:1], tasks[1:]]
    assert shown(encoder) == [[1, 2, 3, 4, 5, 11, 12, 13], [14, 15, 21, 22, 23, 24, 25, 0]]
    for task, first in zip(tasks, (1, 11, 21), strict=True):
        assert task.computed["tiny"].rows.ravel().tolist() == list(range(first, first + 5))
        assert task.computed["tiny"].weights == "f" * 64


def test_a_device_that_mixes_up_rows_gets_batches_of_one_example(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = FakeEncoder(by_place)
    counter = make_desk(monkeypatch, encoder)
    task, _ = counter.take(pictures(9, 1)), counter.take(pictures(2, 11))
    while counter.has_work:
        counter.step()
    assert shown(encoder) == [[*range(1, 9)], [9, *[0] * 7], [11, 12, *[0] * 6]]
    assert "batches:tiny" in task.computed["tiny"].tools


def test_a_device_that_mixes_up_rows_only_in_small_batches_is_found_out_on_the_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = FakeEncoder(lambda batch: means(batch) if len(batch) == 8 else by_place(batch))
    counter = make_desk(monkeypatch, encoder)
    tasks = [counter.take(pictures(3, first)) for first in (1, 11)]
    encoder._most = 4
    while counter.has_work:
        counter.step()
    assert shown(encoder)[-2:] == [[1, 2, 3, 0], [11, 12, 13, 0]]
    for task, first in zip(tasks, (1, 11), strict=True):
        assert task.computed["tiny"].rows.ravel().tolist() == [first, first + 1, first + 2]
        assert task.computed["tiny"].tools.keys() > {"batch_size:tiny", "batches:tiny"}


@pytest.mark.parametrize("answer", [lambda batch: means(batch).repeat(2, axis=1), lambda batch: means(batch)[:, 0]])
def test_an_encoder_that_answers_in_another_shape_than_it_announces_is_named(
    monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    counter = make_desk(monkeypatch, FakeEncoder(answer))
    task = counter.take(pictures(8, 1))
    assert counter.step() == [task]
    assert isinstance(task.error, DependencyMissing)
    assert "encoder tiny" in str(task.error)


def test_no_memory_for_the_network_is_a_missing_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object) -> FakeEncoder:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nand much more about it")

    monkeypatch.setattr(desk, "load_encoder", load)
    monkeypatch.setattr(desk, "encoder_of", lambda _: SimpleNamespace(feature_shape=(1,)))
    with pytest.raises(DeviceMissing, match=r"the network: CUDA out of memory. Tried to allocate 2 GiB$"):
        Desk(FeatureOptions(streams=(PICTURES,)), "cpu", is_shared=False)


def test_dropped_work_is_not_done_and_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = FakeEncoder()
    counter = make_desk(monkeypatch, encoder)
    first, second = counter.take(pictures(9, 1)), counter.take(pictures(9, 11))
    assert counter.step() == []
    counter.drop(first)
    assert counter.step() == []
    assert counter.step() == [second]
    assert shown(encoder)[1:] == [[*range(11, 19)], [19, *[0] * 7]]
    assert not counter.has_work
    assert not first.is_done


def test_dropped_flow_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flows, "fields", lambda *_: pytest.fail("nobody wants it any more"))
    counter = make_desk(monkeypatch, FakeEncoder())
    part = Part(stream="tiny", source=0, index=np.zeros((2, 4), dtype=np.intp), flow=FlowOptions())
    counter.drop(counter.take(Material(sources=(numbered(3),), parts=(part,))))
    assert not counter.has_work


def test_an_error_is_that_of_the_examples_it_befell(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(batch: np.ndarray) -> np.ndarray:
        if batch.shape[1] == 1 and (batch == 11).any():
            raise FeatureError("eleven")
        return means(batch)

    counter = make_desk(monkeypatch, FakeEncoder(refuse))
    first, second, third = (counter.take(pictures(8, number)) for number in (1, 11, 21))
    assert [counter.step() for _ in range(3)] == [[first], [second], [third]]
    assert (first.error, third.error) == (None, None)
    assert str(second.error) == "eleven"


def test_flow_without_memory_goes_on_with_fewer_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    options, told = FlowOptions(engine="torch", epsilon=0.1, num_warps=1), []
    greys = np.stack([texture(16, 16, seed=seed) for seed in range(6)])
    expected = Flows("cpu").fields(greys, options)
    solve, sizes = TorchFlow._solve, []

    def scarce(self: TorchFlow, previous: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        sizes.append(len(previous))
        if len(previous) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return solve(self, previous, *others)

    monkeypatch.setattr(TorchFlow, "_solve", scarce)
    flows = Flows("cpu", tell=told.append)
    assert np.abs(flows.fields(greys, options).astype(int) - expected).max() <= 1
    assert len(told) == 1
    assert sizes[-2] == sizes[-1] <= 3 < sizes[0]
    assert flows.notes(options) == {
        "flow": "torch",
        "flow_batch_size": f"{sizes[-1]}: the device has no memory for more",
    }
    monkeypatch.setattr(TorchFlow, "batch_size", lambda *_: 1)
    monkeypatch.setattr(TorchFlow, "_solve", lambda *_: scarce(flows, np.zeros(9)))
    with pytest.raises(DeviceMissing, match="one pair"):
        flows.fields(greys, options)

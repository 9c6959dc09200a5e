"""What each of the three models tells its generator."""

import pytest
import torch
from train_bench import random_streams

from train.config import ConditioningConfig, DataShape, ModelKind
from train.models.conditioning import ConditioningShape, FrameEncoder, SequenceEncoder, make_encoder

LITE = (("lite0", 5),)
BOTH = (("lite0", 5), ("flow_lite0", 5))


def make(kind: ModelKind, *, relu: bool = True) -> FrameEncoder | SequenceEncoder:
    config = ConditioningConfig(kind=kind, picture_stream="lite0", flow_stream="flow_lite0", relu=relu)
    data = DataShape(stream_widths=BOTH if kind == "flow" else LITE, samples_per_frame=1024)
    torch.manual_seed(0)
    return make_encoder(config, data, state_width=7)


def test_frame_passes_the_rectified_features_on() -> None:
    streams = random_streams(2, 3)
    encoder = make("frame")
    told = encoder(streams)
    assert told.initial_state is None
    assert torch.equal(told.frames, streams["lite0"].clamp(min=0))
    assert encoder.shape == ConditioningShape(frames_width=5)
    assert not list(encoder.parameters())


def test_without_relu_the_features_pass_as_they_are() -> None:
    streams = random_streams(2, 3)
    assert torch.equal(make("frame", relu=False)(streams).frames, streams["lite0"])


def test_half_precision_features_become_single() -> None:
    streams = {name: stream.half() for name, stream in random_streams(2, 3).items()}
    assert make("frame")(streams).frames.dtype == torch.float32
    assert make("flow")(streams).initial_state.dtype == torch.float32


@pytest.mark.parametrize("kind", ["seq", "flow"])
def test_seq_and_flow_give_the_last_hidden_state_of_a_gru(kind: ModelKind) -> None:
    streams = random_streams(2, 3)
    encoder = make(kind)
    told = encoder(streams)
    assert told.frames is None
    assert told.initial_state.shape == (2, 7)
    assert encoder.shape == ConditioningShape(initial_state=True)
    x = streams["lite0"] if kind == "seq" else torch.cat([streams["lite0"], streams["flow_lite0"]], dim=-1)
    outputs, _ = encoder.rnn(x.relu())
    assert torch.allclose(told.initial_state, outputs[:, -1], atol=1e-6)


def test_seq_reads_the_frames_in_order_and_all_of_them() -> None:
    streams = random_streams(1, 4)
    encoder = make("seq")
    told = encoder(streams).initial_state
    backwards = encoder({"lite0": streams["lite0"].flip(1)}).initial_state
    assert not torch.allclose(told, backwards)
    for frame in range(4):
        changed = streams["lite0"].clone()
        changed[:, frame] += 1
        assert not torch.equal(encoder({"lite0": changed}).initial_state, told)


def test_seq_does_not_look_at_the_flow_and_flow_does() -> None:
    streams = random_streams(1, 4)
    other = {**streams, "flow_lite0": streams["flow_lite0"] + 1}
    assert torch.equal(make("seq")(streams).initial_state, make("seq")(other).initial_state)
    assert not torch.allclose(make("flow")(streams).initial_state, make("flow")(other).initial_state)


def test_streams_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"reads lite0 \[B, F, 5\], it got flow_lite0"):
        make("frame")({"flow_lite0": torch.zeros(1, 2, 5)})
    with pytest.raises(ValueError, match=r"it got lite0 \(1, 2, 6\)"):
        make("seq")({"lite0": torch.zeros(1, 2, 6)})
    with pytest.raises(ValueError, match="the data describes"):
        make_encoder(ConditioningConfig(), DataShape(stream_widths=LITE, samples_per_frame=1024), state_width=7)


def test_standardised_features_have_mean_0_and_variance_near_1() -> None:
    torch.manual_seed(0)
    config = ConditioningConfig(kind="frame", picture_stream="lite0", standardise=True)
    encoder = make_encoder(config, DataShape(stream_widths=(("lite0", 3),), samples_per_frame=64), state_width=8)
    spread, middle = torch.tensor([0.1, 10.0, 10.0]), torch.tensor([50.0, 100.0, 200.0])
    x_BFD = torch.randn(40, 50, 3) * spread + middle
    encoder.features.measure({"lite0": x_FD[None].half().float()} for x_FD in x_BFD)
    y_BFD = encoder({"lite0": x_BFD}).frames
    assert y_BFD is not None
    assert y_BFD.mean((0, 1)).abs().max() < 0.01
    assert y_BFD.std((0, 1))[1:].sub(1).abs().max() < 0.05
    assert y_BFD.std((0, 1))[0] < 0.1, "what hardly moves stays small"
    assert {"encoder.features.mean", "encoder.features.scale"} <= {f"encoder.{n}" for n in encoder.state_dict()}


def test_features_that_never_move_are_left_finite() -> None:
    config = ConditioningConfig(kind="seq", picture_stream="lite0", standardise=True)
    encoder = make_encoder(config, DataShape(stream_widths=(("lite0", 3),), samples_per_frame=64), state_width=8)
    encoder.features.measure([{"lite0": torch.ones(1, 5, 3)}])
    assert encoder.features({"lite0": torch.ones(1, 5, 3)}).abs().max() == 0

"""The weights that training begins with: their variances, their orthogonal parts, their zeros."""

import pytest
import torch
from torch import nn

from train.config import ConditioningConfig, DataShape, ModelConfig, SampleRnnConfig
from train.models.sound import SoundModel
from train.models.weights import draw_gru, draw_weights


@pytest.mark.parametrize(("gain", "fan_in"), [(1, 400), (2, 400), (1, 2000)])
def test_the_variance_is_gain_over_fan_in(gain: float, fan_in: int) -> None:
    torch.manual_seed(0)
    layer = draw_weights(nn.Linear(fan_in, 500), gain=gain)
    assert layer.weight.var().item() == pytest.approx(gain / fan_in, rel=0.02)
    assert not layer.bias.any()
    conv = draw_weights(nn.Conv1d(fan_in // 4, 500, 4, bias=False), gain=gain)
    assert conv.weight.var().item() == pytest.approx(gain / fan_in, rel=0.02)


def test_the_gates_of_a_gru_are_drawn_one_by_one() -> None:
    torch.manual_seed(0)
    rnn = draw_gru(nn.GRU(1000, 64))
    for gate in rnn.weight_hh_l0.detach().chunk(3):
        torch.testing.assert_close(gate @ gate.T, torch.eye(64), atol=1e-5, rtol=0)
    for gate in rnn.weight_ih_l0.detach().chunk(3):
        assert gate.var().item() == pytest.approx(1 / 1000, rel=0.03)
    assert not rnn.bias_ih_l0.any()
    assert not rnn.bias_hh_l0.any()


@pytest.mark.parametrize("weight_norm", [False, True])
def test_no_gate_is_saturated_by_wide_features(weight_norm: bool) -> None:
    """What the top tier's GRU is given of 4096 features as large as VGG's leaves its gates room to move."""
    torch.manual_seed(0)
    config = ModelConfig(
        conditioning=ConditioningConfig(picture_stream="fc6"),
        samplernn=SampleRnnConfig(frame_sizes=(8, 2), width=32, embedding=8, weight_norm=weight_norm),
    )
    model = SoundModel(config, DataShape(stream_widths=(("fc6", 4096),), samples_per_frame=64))
    top = model.generator.tiers[0]
    features = torch.randn(100, 4096).relu()
    seen = torch.cat([top.expand(torch.zeros(100, 8)), features], dim=-1) @ top.rnn.weight_ih_l0.T
    assert 0.1 < seen.std().item() < 1

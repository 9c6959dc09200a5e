"""The shipped experiments, and what a configuration refuses."""

import subprocess
import sys
from pathlib import Path

import pytest

from train.config import EXPERIMENTS, DataConfig, Experiment, SampleRnnConfig, TrainConfig, load_experiment
from vegas_data.config import digest
from vegas_data.errors import RecipeError


@pytest.mark.parametrize("kind", ["frame", "seq", "flow"])
def test_the_three_experiments_hold_the_papers_values(kind: str) -> None:
    experiment = load_experiment(kind)
    assert experiment.model.conditioning.kind == kind
    assert experiment.model.samplernn.frame_sizes == (8, 2)
    assert experiment.model.samplernn.look_back == 4
    assert experiment.model.samplernn.width == 1024
    assert (experiment.train.learning_rate, experiment.train.batch_size) == (0.001, 128)
    assert experiment.data == DataConfig(num_frames=156, gain=True, spacing="linear")


def test_streams_follow_the_kind() -> None:
    demo = load_experiment("demo")
    assert demo.model.conditioning.streams == ("lite0",)
    assert demo.with_kind("seq").model.conditioning.streams == ("lite0",)
    assert demo.with_kind("flow").model.conditioning.streams == ("lite0", "flow_lite0")
    assert load_experiment("flow").model.conditioning.streams == ("fc6", "flow_fc6")


def test_another_kind_changes_nothing_else_and_another_digest() -> None:
    frame = load_experiment("frame")
    assert frame.with_kind("seq") == load_experiment("seq")
    assert digest(frame) != digest(frame.with_kind("seq"))


def test_every_experiment_loads_by_name_and_by_path() -> None:
    names = sorted(path.stem for path in EXPERIMENTS.glob("*.toml"))
    assert names == ["demo", "flow", "frame", "seq"]
    for name in names:
        assert load_experiment(name) == load_experiment(EXPERIMENTS / f"{name}.toml")


def test_an_unknown_experiment_is_answered_with_the_known() -> None:
    with pytest.raises(RecipeError, match="no such experiment") as caught:
        load_experiment("attention")
    assert "demo, flow, frame, seq" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[model.samplernn]\nframe_size = [8, 2]", "frame_size"),
        ("[model.samplernn]\nframe_sizes = [2, 8]", "coarse to fine"),
        ("[model.samplernn]\nframe_sizes = [8, 3]", "coarse to fine"),
        ("[model.samplernn]\nframe_sizes = []", "at least one tier"),
        ("[model.samplernn]\nlook_back = 0", "positive"),
        ("[model.conditioning]\nkind = 'sequence'", "not allowed"),
        ("[data]\nnum_frames = 0", "positive"),
        ("[train]\npiece_samples = 500", "multiple"),
        ("[train]\nlearning_rate = 0", "positive"),
        ("[train]\nclip_element = -1.0", "negative"),
        ("[train]\nseed = 9223372036854775808", "seed in"),
        ("[train]\nseed = -1", "seed in"),
        ("[train]\nnum_steps = 1000000000000000000", "at most"),
    ],
)
def test_nonsense_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=message):
        load_experiment(path)


@pytest.mark.parametrize("frame_sizes", [(8, 2), (16, 4), (64, 16, 4), (4,), (8, 1)])
def test_look_back_is_independent_of_the_tiers(frame_sizes: tuple[int, ...]) -> None:
    for look_back in (1, 4, 100):
        SampleRnnConfig(frame_sizes=frame_sizes, look_back=look_back)


def test_the_learning_rate_is_constant_unless_told_otherwise() -> None:
    assert {TrainConfig().learning_rate_at(step) for step in range(10)} == {0.001}


def test_the_learning_rate_warms_up_and_decays() -> None:
    config = TrainConfig(num_steps=10, learning_rate=1.0, warm_up_steps=4, decay_from=0.8, decay_factor=0.1)
    rates = [config.learning_rate_at(step) for step in range(10)]
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 0.1, 0.1])


def test_reading_an_experiment_imports_no_torch() -> None:
    code = "import sys, train.config as c; c.load_experiment('demo'); assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_defaults_are_an_experiment() -> None:
    assert Experiment() == load_experiment("frame")

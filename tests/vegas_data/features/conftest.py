"""A small clip that moves at a known speed, a workspace, and two tiny encoders of a foreign package."""

import importlib
import textwrap
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from feature_cases import SPEED_PX, texture

from vegas_data.media.mux import write_mp4
from vegas_data.workspace import Workspace

TINY_ENCODERS = '''
    """Convolutions with random but fixed weights, as another package would announce them."""

    from functools import partial

    from vegas_data.features.encoders import EncoderSpec


    def _load(channels, stream, device):
        import torch
        from vegas_data.features.encoders.torch_encoder import TorchEncoder

        torch.manual_seed(0)
        network = torch.nn.Sequential(
            torch.nn.Conv2d(channels, 8, 5, stride=4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(6)
        )

        def prepare(batch):
            x = batch.permute(0, 3, 1, 2) if channels == 3 else batch
            return (x.float() - 128) / 128

        network(torch.zeros(1, channels, stream.size_px, stream.size_px))
        return TorchEncoder(network, name=stream.encoder, weights_digest="0" * 64, device=device, prepare=prepare)


    def _spec(name, sees, channels):
        return EncoderSpec(
            name=name, version=1, sees=sees, feature_shape=(6,), weights_digest=lambda: "0" * 64,
            load=partial(_load, channels), window=None if sees == "pictures" else 4,
        )


    PICTURES = _spec("tiny", "pictures", 3)
    FLOW = _spec("tiny-flow", "flow", 8)
    NOT_A_SPEC = "tiny-wrong"
'''


@pytest.fixture
def tiny_encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package that announces encoders by entry points: what an extension does."""
    site = tmp_path / "site"
    info = site / "tiny_encoders-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "tiny_vegas_encoders.py").write_text(textwrap.dedent(TINY_ENCODERS), encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-encoders\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        "[vegas_data.encoders]\n"
        "tiny = tiny_vegas_encoders:PICTURES\n"
        "tiny-flow = tiny_vegas_encoders:FLOW\n"
        "tiny-wrong = tiny_vegas_encoders:NOT_A_SPEC\n"
        "tiny-absent = no_such_module_of_tiny:X\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()


@pytest.fixture(scope="session")
def moving_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s at 25 fps, 96 × 64, a texture that moves to the right by 2 px per picture."""
    path = tmp_path_factory.mktemp("clip") / "moving.mp4"
    ground = texture(64, 96 + 100 * SPEED_PX)
    offsets = [SPEED_PX * (100 - number) for number in range(100)]
    frames = (np.repeat(ground[:, left : left + 96, None], 3, axis=2) for left in offsets)
    write_mp4(path, frames, size=(96, 64), fps=Fraction(25), audio=None)
    return path


@pytest.fixture(scope="session")
def numbered_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s at 25 fps, 128 × 64, whose picture n shows n in binary: 8 bars, white for 1, the highest bit first."""
    path = tmp_path_factory.mktemp("clip") / "numbered.mp4"

    def picture(number: int) -> np.ndarray:
        bits = np.unpackbits(np.uint8([number]))
        return np.broadcast_to(np.repeat(bits * np.uint8(255), 16)[None, :, None], (64, 128, 3))

    write_mp4(path, map(picture, range(100)), size=(128, 64), fps=Fraction(25), audio=None)
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    return Workspace.create(tmp_path / "workspace", "")

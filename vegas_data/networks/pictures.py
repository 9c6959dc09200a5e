"""Pictures as the networks of ``transformers`` want them, without the imaging libraries that their processors need.

Enters: pictures, and what a snapshot's ``preprocessor_config.json`` says. They are resized (all of it to the network's
size, or its shorter side and then the centre cut out), rounded to 8 bits as the processors do, and normalised.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.nn import functional

from vegas_data.errors import WeightsMissing
from vegas_data.networks.pretrained import PREPROCESSOR, read_settings
from vegas_data.networks.snapshot import remedy_for

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_INTERPOLATIONS: Final = {2: "bilinear", 3: "bicubic"}  # PIL's numbers, which preprocessor_config.json uses


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What of ``preprocessor_config.json`` decides the numbers.

    Args:
        height, width: of what the network sees. shorter_px: of the resized picture, of which the centre is then cut
            out; 0: the whole picture is squeezed into the network's size.
        resample: PIL's number of the interpolation. mean, std: of red, green and blue, from 0 to 1.
    """

    height: int
    width: int
    shorter_px: int = 0
    resample: int = 2
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)

    def __post_init__(self) -> None:
        if self.resample not in _INTERPOLATIONS or len(self.mean) != 3 or len(self.std) != 3:
            raise ValueError("unknown interpolation or not three colours")
        if min(self.height, self.width) < 1:
            raise ValueError(f"pictures of {self.height} × {self.width} pixels")
        if min(self.std) <= 0:
            raise ValueError("std must be positive")
        if 0 < self.shorter_px < max(self.height, self.width):
            raise ValueError("a crop that is larger than the resized picture")


def prepare_pictures(frames: "NDArray[np.uint8]", preparation: Preparation, device: str = "cpu") -> torch.Tensor:
    """Pictures as the network wants them.

    Shape:
        uint8 [T, H, W, 3], RGB → float32 [T, 3, height, width].
    """
    x_tchw = torch.as_tensor(frames).to(device).permute(0, 3, 1, 2).to(torch.float32)
    height, width = x_tchw.shape[2:]
    size = (preparation.height, preparation.width)
    if preparation.shorter_px:
        shorter = min(height, width)
        size = (preparation.shorter_px * height // shorter, preparation.shorter_px * width // shorter)
    x_tchw = functional.interpolate(x_tchw, size=size, mode=_INTERPOLATIONS[preparation.resample], antialias=True)
    top, left = (size[0] - preparation.height) // 2, (size[1] - preparation.width) // 2
    x_tchw = x_tchw[:, :, top : top + preparation.height, left : left + preparation.width]
    return normalise(x_tchw.round().clamp(0, 255), preparation)


def normalise(x_tchw: torch.Tensor, preparation: Preparation) -> torch.Tensor:
    """Levels from 0 to 255 as the network wants them; the picture has its size already.

    Shape:
        [T, 3, H, W] → float32 [T, 3, H, W].
    """
    colours = (preparation.mean, preparation.std)
    mean, std = (torch.tensor(values, device=x_tchw.device).view(1, 3, 1, 1) for values in colours)
    return (x_tchw.to(torch.float32).div(255) - mean) / std


def require_size(name: str, folder: Path, preparation: Preparation, network: Any) -> None:
    """Return if prepared pictures have the size that the network was made for; raises WeightsMissing otherwise."""
    wanted = network.config.vision_config.image_size
    if (preparation.height, preparation.width) != (wanted, wanted):
        raise WeightsMissing(
            f"{folder / PREPROCESSOR}: pictures of {preparation.height} × {preparation.width} pixels, and the network "
            f"sees {wanted} × {wanted}",
            remedy=remedy_for(name),
        )


def read_preparation(name: str, folder: Path) -> Preparation:
    """What ``preprocessor_config.json`` says about size, interpolation, crop and normalisation.

    Raises:
        WeightsMissing: missing, damaged, or of a kind that is not known here.
    """
    return read_settings(name, folder, Preparation, _pick)


def _pick(config: Mapping[str, Any]) -> Mapping[str, Any]:
    size = config["size"]
    colours = {"resample": config.get("resample", 2), "mean": config["image_mean"], "std": config["image_std"]}
    if isinstance(size, Mapping) and "height" in size:
        return {"height": size["height"], "width": size["width"], **colours}
    shorter = size["shortest_edge"] if isinstance(size, Mapping) else size  # a bare number in old files
    crop = config["crop_size"]
    height, width = (crop["height"], crop["width"]) if isinstance(crop, Mapping) else (crop, crop)
    return {"height": height, "width": width, "shorter_px": shorter, **colours}

"""The corpus's raw material: photographs and recordings of free licence, listed in ``assets/assets.toml``.

Enters: the table and its files. Leaves: pixels and samples, whose sha256 is checked at every first use. Sounds are
16-bit mono WAV, which the standard library reads; pictures are WebP, whose decoding is exact by specification.
"""

import functools
import hashlib
import io
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from vegas_data.config import digest, load_table, read_toml
from vegas_data.errors import ChecksumMismatch, DependencyMissing

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FOLDER: Final = Path(__file__).resolve().parent / "assets"
TABLE: Final = FOLDER / "assets.toml"
SOUND_RATE_HZ: Final = 32_000
WRONG: Final = "wrong"
_REINSTALL: Final = "reinstall the package: pip install --force-reinstall --no-deps vegas-data"


@dataclass(frozen=True, kw_only=True)
class Asset:
    """One file of the corpus.

    Args:
        file: relative to ``assets/``. role: the category it shows or sounds like, or ``wrong``.
        origin: where it was found. spdx: its licence. changes: what was done to the original.
        texture: a continuous sound, to be looped; other sounds are single hits.
        water: box x0, y0, x1, y1 in fractions of a picture whose content flows.
    """

    file: str
    kind: Literal["picture", "sound"]
    role: str
    title: str
    author: str
    origin: str
    spdx: str
    sha256: str
    changes: str
    texture: bool = False
    water: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """File name without folder and ending: how a plan names it."""
        return PurePosixPath(self.file).stem


@dataclass(frozen=True, kw_only=True)
class _Table:
    asset: tuple[Asset, ...]


@functools.cache
def load_assets() -> Mapping[str, Asset]:
    """All assets by name, in the table's order."""
    table = load_table(_Table, read_toml(TABLE), where=TABLE.name)
    assets = {asset.name: asset for asset in table.asset}
    assert len(assets) == len(table.asset), "two assets of one name"
    return MappingProxyType(assets)


def select_assets(kind: str, role: str) -> tuple[Asset, ...]:
    """The assets of one kind (``picture``, ``sound``) and role, in the table's order."""
    return tuple(asset for asset in load_assets().values() if asset.kind == kind and asset.role == role)


def licence_texts() -> dict[str, bytes]:
    """The texts of the assets' licences, by SPDX id."""
    return {path.stem: path.read_bytes() for path in sorted((FOLDER / "LICENSES").glob("*.txt"))}


def assets_digest() -> str:
    """Digest of the whole table, which holds every file's sha256: names what is rendered from them."""
    return digest("demo.assets", list(load_assets().values()))


def read_bytes(asset: Asset) -> bytes:
    """The verified bytes of an asset.

    Raises:
        DependencyMissing: the file is not there. ChecksumMismatch: it is not the recorded one.
    """
    path = FOLDER / asset.file
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DependencyMissing(f"{path}: cannot be read: {error.strerror}", remedy=_REINSTALL) from None
    found = hashlib.sha256(data).hexdigest()
    if found != asset.sha256:
        raise ChecksumMismatch(
            f"{path}: sha256 {found[:12]}… is not the recorded {asset.sha256[:12]}…", remedy=_REINSTALL
        )
    return data


@functools.cache
def read_picture(name: str) -> "npt.NDArray[np.uint8]":
    """Pixels of the picture ``name``; not to be written to.

    Shape:
        uint8 [H, W, 3], RGB.

    Raises:
        DependencyMissing, ChecksumMismatch: see ``read_bytes``.
    """
    import cv2
    import numpy as np

    encoded = np.frombuffer(read_bytes(load_assets()[name]), dtype=np.uint8)
    bgr = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert bgr is not None, f"{name}: its sha256 is right, so it can be decoded"
    picture = np.ascontiguousarray(bgr[:, :, ::-1], dtype=np.uint8)
    picture.flags.writeable = False
    return picture


@functools.cache
def read_sound(name: str) -> "npt.NDArray[np.float32]":
    """Samples of the sound ``name`` at ``SOUND_RATE_HZ``; not to be written to.

    Shape:
        float32 [S], in [-1, 1].

    Raises:
        DependencyMissing, ChecksumMismatch: see ``read_bytes``.
    """
    import numpy as np

    with wave.open(io.BytesIO(read_bytes(load_assets()[name]))) as file:
        form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        assert form == (1, 2, SOUND_RATE_HZ), f"{name}: its sha256 is right, so it is 16-bit mono: {form}"
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float32) / 32768.0
    samples.flags.writeable = False
    return samples

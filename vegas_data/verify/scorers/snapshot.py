"""Where the snapshot of a ``transformers`` model lies on this machine, and the digest of what it holds.

Apart from the scorer that loads it, because every command asks for the digest and none should import torch for it.
"""

import functools
from pathlib import Path
from typing import Final

from vegas_data.config import digest
from vegas_data.errors import ScorerMissing, WeightsMissing
from vegas_data.models import load_registry, select_model
from vegas_data.store import sha256_of

DEFAULT_MODEL: Final = "siglip2"
SNAPSHOT_FILES: Final = ("*.json", "*.model", "*.safetensors")
REMEDY: Final = "name another folder or hub id as `model` of the scorer siglip2, or download the snapshot again"


def find_snapshot(model: str = "") -> Path:
    """Folder of the weights: ``model`` itself if it is one, else the snapshot of that id in the hub's local cache.

    Nothing is downloaded here: every command asks for the digest, and none of them should bring gigabytes unasked.

    Raises:
        ScorerMissing: ``transformers`` is not installed. WeightsMissing: the snapshot is not on this machine.
    """
    if model and Path(model).is_dir():
        return Path(model)
    repository = model or select_model(load_registry(), DEFAULT_MODEL).repository
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    except ImportError:
        raise ScorerMissing("scorer siglip2 needs transformers", remedy="pip install 'vegas-data[scorers]'") from None
    try:
        folder = Path(snapshot_download(repository, allow_patterns=list(SNAPSHOT_FILES), local_files_only=True))
    except HFValidationError:
        raise WeightsMissing(f"siglip2: {repository!r} is neither a folder nor a hub id", remedy=REMEDY) from None
    except LocalEntryNotFoundError:
        folder = Path()
    if not any(folder.glob("*.safetensors")):  # also a download that was broken off
        raise WeightsMissing(
            f"siglip2: the weights of {repository} are not on this machine", remedy=f"hf download {repository}"
        )
    return folder


def snapshot_digest(model: str = "") -> str:
    """Digest of every file of a snapshot that can change a score.

    Raises:
        ScorerMissing, WeightsMissing: as ``find_snapshot``.
    """
    return _digest_of_folder(find_snapshot(model).resolve())


@functools.cache
def _digest_of_folder(folder: Path) -> str:
    files = sorted({file for pattern in SNAPSHOT_FILES for file in folder.glob(pattern)})
    return digest("snapshot", {file.name: sha256_of(file) for file in files})

"""Where the snapshot of a ``transformers`` model lies on this machine, and the digest of what it holds.

Apart from the modules that load it, because every command asks for the digest and none should import torch for it.
"""

import functools
from pathlib import Path
from typing import Final

from vegas_data.config import digest
from vegas_data.errors import DependencyMissing, WeightsMissing
from vegas_data.models import load_registry, select_model
from vegas_data.store import sha256_of

SNAPSHOT_FILES: Final = ("*.json", "*.model", "merges.txt", "*.safetensors")


def remedy_for(name: str) -> str:
    """What to do about a snapshot that is not what is needed."""
    return f"download the snapshot of {name} again; for a scorer, another folder or hub id can be its `model`"


def no_transformers(name: str) -> DependencyMissing:
    """The error for a machine without the extra."""
    return DependencyMissing(f"{name} needs transformers", remedy="pip install 'vegas-data[scorers]'")


def find_snapshot(name: str, model: str = "") -> Path:
    """Folder of a network's weights: ``model`` itself if it is one, else the snapshot of that id in the hub's cache.

    Nothing is downloaded here: every command asks for the digest, and none of them should bring gigabytes unasked.

    Args:
        name: of its row in ``manifests/models.toml``, which knows the default id.

    Raises:
        DependencyMissing: ``transformers`` is not installed. WeightsMissing: the snapshot is not on this machine.
    """
    if model and Path(model).is_dir():
        return Path(model)
    repository = model or select_model(load_registry(), name).repository
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    except ImportError:
        raise no_transformers(name) from None
    try:
        folder = Path(snapshot_download(repository, allow_patterns=list(SNAPSHOT_FILES), local_files_only=True))
    except HFValidationError:
        raise WeightsMissing(
            f"{name}: {repository!r} is neither a folder nor a hub id", remedy=remedy_for(name)
        ) from None
    except LocalEntryNotFoundError:
        folder = Path()
    if not any(folder.glob("*.safetensors")):  # also a download that was broken off
        raise WeightsMissing(
            f"{name}: the weights of {repository} are not on this machine, or not as safetensors",
            remedy=f"hf download {repository}",
        )
    return folder


def snapshot_digest(name: str, model: str = "") -> str:
    """Digest of every file of a snapshot that can change a number.

    Raises:
        DependencyMissing, WeightsMissing: as ``find_snapshot``.
    """
    return _digest_of_folder(find_snapshot(name, model).resolve())


@functools.cache
def _digest_of_folder(folder: Path) -> str:
    files = sorted({file for pattern in SNAPSHOT_FILES for file in folder.glob(pattern) if file.is_file()})
    return digest("snapshot", {file.name: sha256_of(file) for file in files})

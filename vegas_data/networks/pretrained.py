"""A ``transformers`` snapshot on this machine into a network, a tokenizer or a table of settings.

From local files only, safetensors only, every key of the weights accounted for; code that a snapshot may bring is never
run. What does not fit is named with its folder, and with the remedy.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import torch

from vegas_data.config import load_table
from vegas_data.device import confine_torch
from vegas_data.errors import RecipeError, WeightsMissing
from vegas_data.networks.snapshot import no_transformers, remedy_for

T = TypeVar("T")
PREPROCESSOR: Final = "preprocessor_config.json"
_UNUSABLE: Final = (OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError)


def load_network(name: str, folder: Path, architecture: str, device: str = "cpu") -> Any:
    """The network in a snapshot, frozen, in float32, on its device, for one thread.

    Args:
        name: of its row in ``manifests/models.toml``. architecture: the name of its class in ``transformers``.

    Raises:
        DependencyMissing: ``transformers`` is not installed. WeightsMissing: no snapshot of this network.
        DeviceMissing: there is no such device.
    """
    confine_torch(device)
    try:
        import transformers
        from transformers.utils.logging import disable_progress_bar
    except ImportError:
        raise no_transformers(name) from None
    disable_progress_bar()  # one from each worker process would scribble over ours
    with opening(name, folder, architecture):
        network, info = getattr(transformers, architecture).from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True, dtype=torch.float32
        )
    unloaded = sorted({*info["missing_keys"], *info["unexpected_keys"]}) + [str(k) for k in info["mismatched_keys"]]
    if unloaded:
        raise WeightsMissing(
            f"{folder}: weights that do not fit the network: {', '.join(unloaded[:4])}", remedy=remedy_for(name)
        )
    return network.requires_grad_(False).eval().to(device)


def load_tokenizer(name: str, folder: Path) -> Any:
    """The tokenizer in a snapshot; raises WeightsMissing where there is none."""
    from transformers import AutoTokenizer

    with opening(name, folder, "tokenizer"):
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def read_settings(name: str, folder: Path, cls: type[T], pick: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> T:
    """What a snapshot's ``preprocessor_config.json`` says, as a dataclass that refuses what it does not know.

    Args:
        pick: from the file's table to that of ``cls``.

    Raises:
        WeightsMissing: missing, damaged, or of a kind that is not known here.
    """
    path = folder / PREPROCESSOR
    try:
        return load_table(cls, pick(json.loads(path.read_text(encoding="utf-8"))), where=path.name)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecipeError) as error:
        raise WeightsMissing(f"{path}: cannot be used: {error}", remedy=remedy_for(name)) from None


@contextmanager
def opening(name: str, folder: Path, what: str) -> Iterator[None]:
    """Whatever the libraries raise inside the block, because a file is cut short or damaged, becomes WeightsMissing."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    try:
        yield
    except (*_UNUSABLE, SafetensorError, StrictDataclassError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise WeightsMissing(
            f"{folder}: not a snapshot of {name} ({what}): {reason}", remedy=remedy_for(name)
        ) from None

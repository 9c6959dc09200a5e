"""A weight file into a torch module, with every key accounted for.

Enters: the path of a state dict, ``.safetensors`` or torch's own, that ``vegas_data.weights`` has verified. Leaves:
the module, frozen and in eval mode. A checkpoint is never executed: it is read with ``weights_only=True``, and what it
holds is checked by name and shape before a single tensor is assigned, because weights that are silently not loaded are
the classic fault of this field.

Files are mapped, not read: the tensors are pages of the file, and all processes of a machine share them. With the
temporal network in float32 four processes hold 353 MB each (Pss), one alone 718 (docs/decisions/0018-precision.md).
Only torch files of before 2020 (as torchvision's of VGG-19) cannot be mapped, which is one reason to convert them.
"""

import pickle
import struct
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from vegas_data.errors import WeightsMissing

M = TypeVar("M", bound=nn.Module)
_SHOWN_KEYS: Final = 6
_ZIP: Final = b"PK\x03\x04"
_MAX_HEADER_BYTES: Final = 100_000_000
# What torch's reader falls over where bytes were changed; it asserts, too.
_TORCH_ERRORS: Final = (
    *(OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, ImportError),
    *(ArithmeticError, AssertionError, MemoryError, struct.error, pickle.UnpicklingError),
)
_REMEDY: Final = "see `vegas-data weights list` for the file that belongs here, and fetch it again"


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a state dict, by mapping the file where it allows that, without executing anything in it.

    Raises:
        WeightsMissing: the file is absent, is no checkpoint, or is not a flat table of tensors.
    """
    try:
        with path.open("rb") as file:
            start = file.read(9)
        if is_safetensors(start):
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols: what cannot be read is refused
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=start.startswith(_ZIP))
    except FileNotFoundError:
        raise WeightsMissing(f"{path}: no such file", remedy=_REMEDY) from None
    except (SafetensorError, *_TORCH_ERRORS) as error:
        reason = str(error).partition("\n")[0]
        raise WeightsMissing(f"{path}: not a readable checkpoint: {reason}", remedy=_REMEDY) from None
    if not isinstance(state, Mapping) or not all(
        isinstance(key, str) and isinstance(value, Tensor) and not value.is_nested for key, value in state.items()
    ):
        raise WeightsMissing(f"{path}: not a flat table of named tensors", remedy=_REMEDY)
    return dict(state)


def is_safetensors(start: bytes) -> bool:
    """Whether a file that starts with these 9 bytes is in safetensors: the length of a header, and its first brace."""
    return len(start) == 9 and start[8:] == b"{" and int.from_bytes(start[:8], "little") <= _MAX_HEADER_BYTES


def assign_weights(module: M, state: Mapping[str, Tensor], *, path: Path, ignored: Iterable[str] = ()) -> M:
    """Assign ``state`` to ``module`` (which may be on the meta device) and return it frozen, in eval mode.

    Args:
        ignored: keys that may stand in the file although the module has no place for them.

    Raises:
        WeightsMissing: a key is missing, unexpected, or of another shape; the message names file and keys.
    """
    wanted = module.state_dict()
    unused = set(ignored)
    complaints = {
        "missing": [key for key in wanted if key not in state],
        "unexpected": [key for key in state if key not in wanted and key not in unused],
        "of another shape": [
            f"{key} {tuple(state[key].shape)} instead of {tuple(value.shape)}"
            for key, value in wanted.items()
            if key in state and state[key].shape != value.shape
        ],
    }
    found = "; ".join(f"{len(keys)} {what}: {_list(keys)}" for what, keys in complaints.items() if keys)
    if found:
        raise WeightsMissing(f"{path}: not the weights of {type(module).__name__}: {found}", remedy=_REMEDY)
    cast = {key: state[key].to(value.dtype) for key, value in wanted.items()}
    module.load_state_dict(cast, strict=True, assign=True)
    return module.requires_grad_(False).eval()


def _list(keys: list[str]) -> str:
    shown = ", ".join(keys[:_SHOWN_KEYS])
    return shown if len(keys) <= _SHOWN_KEYS else f"{shown}, …"

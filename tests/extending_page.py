"""The blocks of docs/extending.md by section, and its packages installed as pip would."""

import importlib
import re
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "extending.md"
SECTIONS = ("A category", "A source", "A scorer", "A stream", "A model")
_METADATA = "Metadata-Version: 2.1\nName: {}\nVersion: 1.0\n"


def section(title: str) -> str:
    """What stands under a heading of the page, up to the next of its rank."""
    return re.split(r"^## (.+)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:][
        2 * SECTIONS.index(title) + 1
    ]


def code_of(title: str) -> str:
    """The section's one block of Python."""
    (code,) = re.findall(r"```python\n(.*?)```", section(title), flags=re.DOTALL)
    return str(code)


def toml_of(title: str) -> list[str]:
    """The section's blocks of TOML."""
    return re.findall(r"```toml\n(.*?)```", section(title), flags=re.DOTALL)


def tables_of(title: str, key: str) -> list[dict[str, Any]]:
    """Those that hold ``key``, parsed."""
    return [table for block in toml_of(title) if key in (table := tomllib.loads(block))]


@contextmanager
def installed(title: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The section's package is installed for the time of the block; its entry points, name to value."""
    (project,) = tables_of(title, "project")
    ((group, points),) = project["project"]["entry-points"].items()
    module = next(iter(points.values())).partition(":")[0]
    site = folder / "site"
    info = site / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (site / f"{module}.py").write_text(code_of(title), encoding="utf-8")
    (info / "METADATA").write_text(_METADATA.format(module), encoding="utf-8")
    lines = [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    try:
        yield points
    finally:
        sys.modules.pop(module, None)

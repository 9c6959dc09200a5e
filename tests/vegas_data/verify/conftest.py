"""A workspace, and the shipped table of categories."""

from pathlib import Path

import pytest

from vegas_data.categories import load_categories
from vegas_data.records import Category
from vegas_data.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    return Workspace.create(tmp_path / "workspace", "")


@pytest.fixture(scope="session")
def categories() -> dict[str, Category]:
    """The shipped categories by name."""
    return load_categories()

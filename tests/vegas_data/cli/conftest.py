"""What the tests of the commands share: a workspace of the smoke recipe, made by the command itself."""

import shutil
from pathlib import Path

import pytest

from tests.commands import vegas_json


@pytest.fixture(scope="session")
def fetched_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five clips are here, one is gone. Not to be changed."""
    workspace = tmp_path_factory.mktemp("fetched") / "w"
    vegas_json("fetch", "--workspace", workspace, "--recipe", "smoke", "--workers", "2")
    return workspace


@pytest.fixture
def fetched(fetched_once: Path, tmp_path: Path) -> Path:
    """A copy of that, to do anything with."""
    shutil.copytree(fetched_once, tmp_path / "w")
    return tmp_path / "w"


@pytest.fixture
def rendered(fetched: Path) -> Path:
    """The corpus is rendered; no clip is here, and nobody has asked for one."""
    shutil.rmtree(fetched / "clips")
    (fetched / "ledger.sqlite").unlink()
    return fetched

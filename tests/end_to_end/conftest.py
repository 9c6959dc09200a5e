"""A finished workspace, made once."""

from pathlib import Path

import pytest

from tests.commands import vegas_json


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished workspace of the smoke recipe; tests that change something take a copy."""
    workspace = tmp_path_factory.mktemp("smoke") / "w"
    fetched = vegas_json("fetch", "--workspace", workspace, "--recipe", "smoke", "--workers", "2")
    assert {stage["stage"]: stage["outcomes"] for stage in fetched["stages"]} == {
        "corpus": {"done": 5},
        "fetch": {"done": 5, "rejected": 1},
    }
    vegas_json("verify", "--workspace", workspace)
    vegas_json("featurize", "--workspace", workspace)
    return workspace

"""Which folder of shards is the latest: ``tables/shards.json``, written by *featurize*, read by whoever uses shards."""

import re
from typing import Final

from vegas_data.errors import WorkspaceError
from vegas_data.workspace import Workspace

CURRENT: Final = "tables/shards.json"
_FOLDER: Final = re.compile(r"shards/[0-9a-f]+", re.ASCII)


def set_current_folder(workspace: Workspace, folder: str, *, recipe: str) -> None:
    """Say that ``folder`` holds the latest shards, made with the recipe of that digest."""
    workspace.commit_json(CURRENT, {"folder": folder, "recipe": recipe})


def current_folder(workspace: Workspace) -> str | None:
    """Key of the folder that holds the latest shards; None if there are none yet.

    Raises:
        WorkspaceError: the file that says so is damaged.
    """
    if not workspace.exists(CURRENT):
        return None
    current = workspace.read_json(CURRENT)
    folder = current.get("folder") if isinstance(current, dict) else None
    if not isinstance(folder, str) or not _FOLDER.fullmatch(folder):
        raise WorkspaceError(
            f"{workspace.path(CURRENT)}: names no folder of shards", remedy="run `vegas-data featurize` again"
        )
    return folder

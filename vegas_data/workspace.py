"""The folder that holds all of one data set: a ``Store`` with a recipe and a lock.

workspace/
  workspace.json  recipe.toml   which recipe this workspace was made with
  ledger.sqlite                 attempts (can be rebuilt)
  judgments.sqlite              what people said (cannot be rebuilt)
  manifest/  corpus/  clips/  scores/  features/  shards/  tables/
  calibration/  audit/          windows drawn for people; thresholds from what they said
  train/                        runs of the train commands, each a store of its own
  releases/                     what ``vegas-data release build`` made
  report.html  summary.json
  tmp/                          empty whenever no command runs
"""

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vegas_data.config import to_json
from vegas_data.errors import WorkspaceError
from vegas_data.store import LOCK, Store, place_bytes

SCHEMA: Final = 1
DESCRIPTION: Final = "workspace.json"
RECIPE: Final = "recipe.toml"


class Workspace(Store):
    """One data set, with the recipe that says how it is made.

    Raises:
        WorkspaceError: the folder is not a workspace of this version.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        try:
            description = json.loads((root / DESCRIPTION).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise WorkspaceError(
                f"{root}: not a vegas-data workspace", remedy=f"run `vegas-data fetch --workspace {root}` first"
            ) from None
        except (OSError, ValueError) as error:
            raise WorkspaceError(
                f"{root / DESCRIPTION}: unreadable: {error}", remedy="restore the file or start a new workspace"
            ) from None
        if not isinstance(description, dict) or description.get("schema") != SCHEMA:
            raise WorkspaceError(
                f"{root / DESCRIPTION}: this version reads workspaces of schema {SCHEMA} only",
                remedy="use the version that made it, or start a new workspace",
            )

    @classmethod
    def create(cls, root: Path, recipe_toml: str) -> "Workspace":
        """Open the workspace at ``root``, making it with this recipe if the folder holds none.

        Raises:
            WorkspaceError: the folder cannot be written, or is not empty and is no workspace.
        """
        if not (root / DESCRIPTION).exists():
            try:
                root.mkdir(parents=True, exist_ok=True)
                strangers = {path.name for path in root.iterdir()} - {RECIPE, "tmp", LOCK}
                if strangers:
                    raise WorkspaceError(
                        f"{root}: holds other files ({', '.join(sorted(strangers)[:3])}) and is not a workspace",
                        remedy="give --workspace an empty or new folder",
                    )
                place_bytes(root / RECIPE, recipe_toml.encode(), tmp=root / "tmp")
                place_bytes(root / DESCRIPTION, to_json({"schema": SCHEMA}, indent=2).encode(), tmp=root / "tmp")
            except OSError as error:
                raise WorkspaceError(
                    f"{root}: cannot be written: {error.strerror}", remedy="give --workspace a writable folder"
                ) from error
        return cls(root)

    def abandon(self, *, ledger: str, keep_folder: bool) -> None:
        """Remove a workspace in which nothing has been put yet; one that holds anything stays.

        Args:
            ledger: name of a file that may also stand there. keep_folder: leave the empty folder.
        """
        names = {path.name for path in self.root.iterdir()} - {"tmp"}
        if names <= {DESCRIPTION, RECIPE, LOCK, ledger}:
            shutil.rmtree(self.root / "tmp", ignore_errors=True)
            for name in names:
                (self.root / name).unlink()
            if not keep_folder:
                self.root.rmdir()

    @property
    def recipe_path(self) -> Path:
        """The recipe this workspace was made with."""
        return self.root / RECIPE

    # --- the lock ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def lock(self, *, part: tuple[int, int] | None = None) -> Iterator[None]:
        """Hold the workspace for a command that writes: alone, or as one part of a job array that shares it.

        Raises:
            WorkspaceLocked: another command holds it.
        """
        if part is None:
            with super().lock():
                yield
            return
        with self.flock(LOCK, fcntl.LOCK_SH), self.flock(f"lock-{part[0]}-of-{part[1]}", fcntl.LOCK_EX):
            yield

"""From a verb's options to a ``Run``: which workspace, which recipe, the lock, the ledger, the executor."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import click

from vegas_data.categories import load_categories, select_categories
from vegas_data.cli.console import Bars
from vegas_data.context import Run, Selection
from vegas_data.errors import EXIT_OK
from vegas_data.ledger import open_ledger
from vegas_data.recipe import DEFAULT, Recipe, find_recipe, load_recipe
from vegas_data.run.driver import Summary
from vegas_data.run.executors import Executor, PoolExecutor, SerialExecutor
from vegas_data.workspace import DESCRIPTION, RECIPE, Workspace

LEDGER: Final = "ledger.sqlite"
CATEGORIES: Final = "categories.toml"


@dataclass(frozen=True, kw_only=True)
class Place:
    """The options that every verb on a workspace has."""

    workspace_path: Path
    recipe_name: str | None
    categories_file: Path | None
    as_json: bool

    @classmethod
    def take(cls, options: dict[str, Any]) -> "Place":
        """Take these options out of a command's keyword arguments."""
        return cls(**{name: options.pop(name) for name in cls.__dataclass_fields__})

    def find_categories(self) -> Path | None:
        """The table asked for, else the workspace's own, else None for the shipped one."""
        remembered = self.workspace_path / CATEGORIES
        return self.categories_file or (remembered if remembered.is_file() else None)

    def find_recipe(self) -> tuple[Path, Recipe]:
        """The recipe asked for, else the workspace's own, else the default one."""
        remembered = self.workspace_path / RECIPE
        if self.recipe_name is not None:
            path = find_recipe(self.recipe_name)
        elif (self.workspace_path / DESCRIPTION).is_file():
            path = remembered
        else:
            path = find_recipe(DEFAULT)
        return path, load_recipe(path)


def make_executor(workers: int | None) -> Executor:
    """``--workers``: 0 is this process, absent is one process per available core."""
    if workers == 0:
        return SerialExecutor()
    return PoolExecutor(workers or default_workers())


def default_workers() -> int:
    """One for each core that we may use."""
    return len(os.sched_getaffinity(0))


def take_selection(options: dict[str, Any]) -> Selection:
    """Take ``--category``, ``--part``, ``--limit`` and ``--again`` out of a command's keyword arguments."""
    return Selection(
        categories=tuple(options.pop("category_names", ())),
        part=options.pop("part", None),
        limit=options.pop("limit", None),
        again=options.pop("again", False),
    )


@contextmanager
def writing(place: Place, selection: Selection, workers: int | None = None) -> Iterator[Run]:
    """A run that may change the workspace: made if need be, locked.

    The recipe and the table of categories are remembered once the command has not been refused.

    Raises:
        RecipeError, WorkspaceError, WorkspaceLocked.
    """
    path, recipe = place.find_recipe()
    table = place.find_categories()
    categories = load_categories(table)
    select_categories(categories, selection.categories)  # an unknown one is refused before anything is done
    files = {RECIPE: path.read_bytes()} | ({CATEGORIES: table.read_bytes()} if table else {})
    workspace = Workspace.create(place.workspace_path, files[RECIPE].decode())
    with workspace.lock(part=selection.part), open_ledger(workspace.path(LEDGER)) as ledger:
        yield Run(
            workspace=workspace,
            recipe=recipe,
            categories=categories,
            ledger=ledger,
            executor=make_executor(workers),
            progress=Bars(quiet=place.as_json),
            selection=selection,
        )
        for key, content in files.items():
            if not workspace.exists(key) or workspace.path(key).read_bytes() != content:
                workspace.commit_bytes(key, content)
                click.echo(f"{workspace.root} now remembers this {key} ({recipe.name})", err=True)


@contextmanager
def reading(place: Place, selection: Selection | None = None) -> Iterator[Run]:
    """A run that only looks; it takes no lock and writes nothing.

    Raises:
        RecipeError. WorkspaceError: there is no workspace.
    """
    workspace = Workspace(place.workspace_path)
    _, recipe = place.find_recipe()
    categories = load_categories(place.find_categories())
    selection = selection or Selection()
    select_categories(categories, selection.categories)
    with open_ledger(workspace.path(LEDGER), read_only=True) as ledger:
        yield Run(
            workspace=workspace,
            recipe=recipe,
            categories=categories,
            ledger=ledger,
            executor=SerialExecutor(),
            progress=Bars(quiet=True),
            selection=selection,
        )


@contextmanager
def previewing(place: Place, selection: Selection) -> Iterator[Run]:
    """``reading``, and where there is no workspace yet an empty one that nobody will see."""
    if (place.workspace_path / DESCRIPTION).is_file():
        with reading(place, selection) as run:
            yield run
        return
    path, _ = place.find_recipe()
    with tempfile.TemporaryDirectory() as folder:
        Workspace.create(Path(folder), path.read_text(encoding="utf-8"))
        with reading(replace(place, workspace_path=Path(folder)), selection) as run:
            yield run


def worst(summaries: list[Summary]) -> int:
    """The exit code of several stages: the first that is not 0, the latest stage first."""
    return next((summary.exit_code for summary in reversed(summaries) if summary.exit_code), EXIT_OK)

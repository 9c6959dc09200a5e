"""From a verb's options to a ``Run``: which workspace, which recipe, the lock, the ledger, the executor."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from vegas_data.categories import load_categories
from vegas_data.cli.console import Bars
from vegas_data.errors import EXIT_OK
from vegas_data.ledger import open_ledger
from vegas_data.pipeline import Run, Selection
from vegas_data.recipe import DEFAULT, Recipe, find_recipe, load_recipe
from vegas_data.run.driver import Summary
from vegas_data.run.executors import Executor, PoolExecutor, SerialExecutor
from vegas_data.workspace import RECIPE, Workspace

LEDGER = "ledger.sqlite"


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

    def find_recipe(self) -> tuple[Path, Recipe]:
        """The recipe asked for, else the workspace's own, else the default one."""
        remembered = self.workspace_path / RECIPE
        if self.recipe_name is not None:
            path = find_recipe(self.recipe_name)
        else:
            path = remembered if remembered.is_file() else find_recipe(DEFAULT)
        return path, load_recipe(path)


def make_executor(workers: int | None) -> Executor:
    """``--workers``: 0 is this process, absent is one process per available core."""
    if workers == 0:
        return SerialExecutor()
    return PoolExecutor(workers or len(os.sched_getaffinity(0)))


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
    """A run that may change the workspace: made if need be, locked, its recipe remembered.

    Raises:
        RecipeError, WorkspaceError, WorkspaceLocked.
    """
    path, recipe = place.find_recipe()
    categories = load_categories(place.categories_file)
    text = path.read_text(encoding="utf-8")
    workspace = Workspace.create(place.workspace_path, text)
    with workspace.lock(part=selection.part), open_ledger(workspace.path(LEDGER)) as ledger:
        if workspace.recipe_path.read_text(encoding="utf-8") != text:
            workspace.commit_bytes(RECIPE, text.encode())
            click.echo(f"{workspace.root} now remembers the recipe {recipe.name}", err=True)
        run = Run(
            workspace=workspace,
            recipe=recipe,
            categories=categories,
            ledger=ledger,
            executor=make_executor(workers),
            progress=Bars(quiet=place.as_json),
            selection=selection,
        )
        run.wanted  # noqa: B018 - an unknown category is refused before anything is done
        yield run


@contextmanager
def reading(place: Place, selection: Selection | None = None) -> Iterator[Run]:
    """A run that only looks.

    Raises:
        WorkspaceError: there is no workspace.
    """
    workspace = Workspace(place.workspace_path)
    _, recipe = place.find_recipe()
    with open_ledger(workspace.path(LEDGER)) as ledger:
        run = Run(
            workspace=workspace,
            recipe=recipe,
            categories=load_categories(place.categories_file),
            ledger=ledger,
            executor=SerialExecutor(),
            progress=Bars(quiet=True),
            selection=selection or Selection(),
        )
        run.wanted  # noqa: B018
        yield run


def worst(summaries: list[Summary]) -> int:
    """The exit code of several stages: the first that is not 0, the latest stage first."""
    return next((summary.exit_code for summary in reversed(summaries) if summary.exit_code), EXIT_OK)

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
from vegas_data.cli.progress import Bars
from vegas_data.config import read_text
from vegas_data.context import Run, Selection
from vegas_data.errors import EXIT_DEPENDENCY, EXIT_LATER, EXIT_OK, Interrupted
from vegas_data.fetch import Access
from vegas_data.fetch.cookies import read_cookies
from vegas_data.ledger import open_ledger
from vegas_data.recipe import AS_IT_STANDS, DEFAULT, Recipe, RecipeChanges, find_recipe, parse_recipe
from vegas_data.run.executors import Executor, PoolExecutor, SerialExecutor
from vegas_data.run.summary import Summary
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
    changes: RecipeChanges = AS_IT_STANDS

    @classmethod
    def take(cls, options: dict[str, Any], changes: RecipeChanges = AS_IT_STANDS) -> "Place":
        """Take these options out of a command's keyword arguments.

        Args:
            changes: what other options of the command change in the recipe.
        """
        given = {name: options.pop(name) for name in cls.__dataclass_fields__ if name != "changes"}
        return cls(**given, changes=changes)

    def find_categories(self) -> Path | None:
        """The table asked for, else the workspace's own, else None for the shipped one."""
        remembered = self.workspace_path / CATEGORIES
        return self.categories_file or (remembered if remembered.is_file() else None)

    def find_recipe(self) -> tuple[str, Recipe]:
        """The recipe asked for, else the workspace's own, else the default one: its text, with the changes, and itself.

        Raises:
            RecipeError: it cannot be read, or is not valid with or without the changes.
        """
        remembered = self.workspace_path / RECIPE
        if self.recipe_name is not None:
            path = find_recipe(self.recipe_name)
        elif (self.workspace_path / DESCRIPTION).is_file():
            path = remembered
        else:
            path = find_recipe(DEFAULT)
        text = read_text(path)
        recipe = parse_recipe(text, where=path.name)
        if self.changes == AS_IT_STANDS:
            return text, recipe
        text = self.changes.apply(text)
        return text, parse_recipe(text, where=path.name)


def make_executor(workers: int | None) -> Executor:
    """``--workers``: 0 is this process, absent is one process per available core."""
    if workers == 0:
        return SerialExecutor()
    return PoolExecutor(workers or default_workers())


def count_workers(workers: int | None) -> int:
    """How many units ``--workers`` works on at a time."""
    return 1 if workers == 0 else workers or default_workers()


def default_workers() -> int:
    """One for each core that we may use."""
    return len(os.sched_getaffinity(0))


def take_selection(options: dict[str, Any]) -> Selection:
    """Take the options that select units out of a command's keyword arguments."""
    return Selection(
        categories=tuple(options.pop("category_names", ())),
        part=options.pop("part", None),
        limit=options.pop("limit", None),
        again=options.pop("again", False),
        retry=tuple(options.pop("retry", ())),
    )


def take_access(options: dict[str, Any]) -> Access:
    """Take ``--cookies``, ``--proxy`` and ``--allow-private`` out of a command's keyword arguments.

    Raises:
        RecipeError: the cookies file cannot be used; said before anything is done.
    """
    access = Access(**{name: options.pop(name) for name in Access.__dataclass_fields__})
    if access.cookies is not None:
        read_cookies(access.cookies)
    return access


@contextmanager
def writing(place: Place, selection: Selection, workers: int | None = None) -> Iterator[Run]:
    """A run that may change the workspace: made if need be, locked.

    The recipe and the table of categories are remembered once the command has not been refused.

    Raises:
        RecipeError, WorkspaceError, WorkspaceLocked.
    """
    text, recipe = place.find_recipe()
    table = place.find_categories()
    categories = load_categories(table)
    select_categories(categories, selection.categories)  # an unknown one is refused before anything is done
    files = {RECIPE: text.encode()} | ({CATEGORIES: table.read_bytes()} if table else {})
    with (
        _made_if_need_be(place.workspace_path, text, part=selection.part) as workspace,
        open_ledger(workspace.path(LEDGER)) as ledger,
    ):
        try:
            yield Run(
                workspace=workspace,
                recipe=recipe,
                categories=categories,
                ledger=ledger,
                executor=make_executor(workers),
                progress=Bars(quiet=place.as_json),
                selection=selection,
            )
        except Interrupted:  # it was not refused
            _remember(workspace, files, recipe)
            raise
        _remember(workspace, files, recipe)


def _remember(workspace: Workspace, files: dict[str, bytes], recipe: Recipe) -> None:
    for key, content in files.items():
        if not workspace.exists(key) or workspace.path(key).read_bytes() != content:
            workspace.commit_bytes(key, content)
            click.echo(f"{workspace.root} now remembers this {key} ({recipe.name})", err=True)


@contextmanager
def _made_if_need_be(root: Path, recipe: str, *, part: tuple[int, int] | None) -> Iterator[Workspace]:
    """A locked workspace. One that was made for a command that then failed, and holds nothing yet, is removed again."""
    before = (root / DESCRIPTION).is_file(), root.is_dir()
    workspace = Workspace.create(root, recipe)
    with workspace.lock(part=part):
        try:
            yield workspace
        except BaseException:
            if not before[0] and part is None:  # another part may be at work in it
                workspace.abandon(keep_folder=before[1], ledger=LEDGER)
            raise


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
    text, _ = place.find_recipe()
    with tempfile.TemporaryDirectory() as folder:
        Workspace.create(Path(folder), text)
        with reading(replace(place, workspace_path=Path(folder)), selection) as run:
            yield run


def worst(summaries: list[Summary]) -> int:
    """The exit code of several stages: 5, then 75, whichever stage met it; else the latest that is not 0."""
    codes = [summary.exit_code for summary in summaries if summary.exit_code]
    return next((code for code in (EXIT_DEPENDENCY, EXIT_LATER) if code in codes), codes[-1] if codes else EXIT_OK)

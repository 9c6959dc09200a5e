"""The stages in order: the file to read first.

    fetch       Clip ─→ Media        an mp4 of exactly the clip's span
    verify      Media ─→ scores ─→ Judgments ─→ Verdicts ─→ Examples
    featurize   Examples ─split─→ features ─→ Shards

Stage packages give worker factories and know nothing of how they are run; here each is bound to its units, its
digest and its place in the workspace, and handed to the driver. Every command of the CLI is one call from here.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from vegas_data import demo, features, fetch, shards, verify
from vegas_data.categories import select_categories
from vegas_data.config import OPERATIONAL, digest
from vegas_data.errors import ManifestError, RecipeError
from vegas_data.ledger import Ledger
from vegas_data.manifest import CLIPS, read_clips, write_manifest
from vegas_data.records import Category, Clip, Example, Media, Split
from vegas_data.recipe import Recipe
from vegas_data.run.driver import Progress, Summary, in_part, run_stage
from vegas_data.run.executors import Executor
from vegas_data.run.stage import Stage
from vegas_data.split import split_examples
from vegas_data.workspace import Workspace

CORPUS, FETCH, VERIFY, FEATURIZE, SHARDS = "corpus", "fetch", "verify", "featurize", "shards"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which units a command works on: categories by name (none: all), a part I of N, at most ``limit``."""

    categories: tuple[str, ...] = ()
    part: tuple[int, int] | None = None
    limit: int | None = None
    again: bool = False


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything a stage is bound to."""

    workspace: Workspace
    recipe: Recipe
    categories: dict[str, Category]
    ledger: Ledger
    executor: Executor
    progress: Progress
    selection: Selection = Selection()

    @property
    def wanted(self) -> tuple[Category, ...]:
        """The categories that this command is about."""
        return select_categories(self.categories, self.selection.categories)

    def clips(self) -> tuple[Clip, ...]:
        """The manifest's clips in the wanted categories, in the selected part, up to the limit."""
        names = {category.name for category in self.wanted}
        clips = read_clips(self.workspace, self.categories)
        chosen = [c for c in clips if names.intersection(c.categories) and in_part(c.id, self.selection.part)]
        return tuple(chosen[: self.selection.limit])

"""What a command works on: the workspace, the recipe, a selection, and who runs and remembers the stages."""

from dataclasses import dataclass

from vegas_data.categories import select_categories
from vegas_data.ledger import Ledger
from vegas_data.manifest import read_clips
from vegas_data.recipe import Recipe
from vegas_data.records import Category, Clip
from vegas_data.run.driver import Progress, Work, in_part, preview, run_stage
from vegas_data.run.executors import Executor
from vegas_data.run.summary import Summary
from vegas_data.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which units a command works on: categories by name (none: all), a part I of N, at most ``limit``.

    Args:
        again: also those that were refused for good.
        retry: only those whose last attempt ended in one of these classes.
    """

    categories: tuple[str, ...] = ()
    part: tuple[int, int] | None = None
    limit: int | None = None
    again: bool = False
    retry: tuple[str, ...] = ()

    @property
    def asks_again(self) -> bool:
        """Whether units that are settled may be tried once more."""
        return self.again or bool(self.retry)


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything a stage is bound to.

    Args:
        listed: clips instead of the workspace's own manifest, for a preview of another one.
    """

    workspace: Workspace
    recipe: Recipe
    categories: dict[str, Category]
    ledger: Ledger
    executor: Executor
    progress: Progress
    selection: Selection = Selection()
    listed: tuple[Clip, ...] | None = None

    @property
    def wanted(self) -> tuple[Category, ...]:
        """The categories that this command is about."""
        return select_categories(self.categories, self.selection.categories)

    def manifest(self) -> tuple[Clip, ...]:
        """All clips that are listed.

        Raises:
            ManifestError: the workspace has no manifest yet, or a bad one.
        """
        return read_clips(self.workspace, self.categories) if self.listed is None else self.listed

    def clips(self) -> tuple[Clip, ...]:
        """The listed clips in the wanted categories and in the selected part; a video's clips are all in one part."""
        names = {category.name for category in self.wanted}
        part = self.selection.part
        return tuple(c for c in self.manifest() if names.intersection(c.categories) and in_part(c.video_id, part))

    def do(self, work: Work) -> Summary:
        """Run the stage that a command is about: ``--limit`` and ``--again`` hold for its units."""
        again, limit = self.selection.asks_again, self.selection.limit
        return run_stage(
            work, ledger=self.ledger, executor=self.executor, progress=self.progress, again=again, limit=limit
        )

    def do_all(self, work: Work) -> Summary:
        """Run a stage that another one needs, or that follows from it, on all its units."""
        return run_stage(work, ledger=self.ledger, executor=self.executor, progress=self.progress)

    def preview(self, work: Work) -> Summary:
        """Say what ``do`` would find, and do nothing."""
        return preview(work, self.ledger, again=self.selection.asks_again, limit=self.selection.limit)

"""What the page needs to know, as plain frozen records: the one thing that ``pipeline`` fills in.

In: records of the stages, read from tables and side-cars by the caller. Out: nothing; every part may be
empty, for a page can be asked of a workspace at any moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from vegas_data.records import Category, Clip, Example, Media, ShardInfo, Side, Split, Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A clip that a stage gave up: the code of the error, and what it said (written by strangers)."""

    clip_id: str
    code: str
    message: str
    stage: str = "fetch"


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowScores:
    """What was measured of one window, whatever was decided.

    Args:
        start_ms: of the window in the source video, as in ``Verdict``.
        signals: measured by signal checks, by name. scores: scorer → category → score in [0, 1].
    """

    clip_id: str
    start_ms: int
    end_ms: int
    signals: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """Limits of the recipe: what a scorer's score says about one side.

    Args:
        accept: a score of at least this says yes. reject: one below this says no; between them is unsure.
        category: the category it holds for; empty for all. calibrated: chosen on labelled windows.
    """

    scorer: str
    side: Side
    accept: float
    reject: float
    category: str = ""
    calibrated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """What was planted in one clip of an embedded corpus.

    Args:
        fault: what was planted; empty for a clean clip. expected: how the clip must end: ``accepted``,
            ``rejected:<reason>`` or ``failed:<class>`` (see ``report.truth``).
        window_truth: is the target both heard and seen, per window from the clip's start; empty if it must fail.
        onsets_ms: when the planted sounds begin, from the clip's start.
    """

    clip_id: str
    category: str
    fault: str
    expected: str
    window_truth: tuple[bool, ...] = ()
    onsets_ms: tuple[int, ...] = ()
    licence: str = ""


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """Everything the page and ``summary.json`` are made from.

    Args:
        categories: in the order of the page; a category that only clips name is added behind.
        digests: (name, digest) of whatever names this workspace's folders: recipe, clips, scores, ….
        media: by clip id. splits: by source video id.
        scores: of every window. thresholds: of the recipe. window_ms: length of a window.
        seconds: (stage, wall-clock seconds) in the order of the stages. tools: (name, version).
        truth: of an embedded corpus; empty for real data.
        command_options: stands behind every command that the page names, as in ``--workspace demo-workspace``.
        reproduce: commands that make this workspace anew; empty for the four user commands.
    """

    recipe_name: str
    digests: tuple[tuple[str, str], ...] = ()
    categories: tuple[Category, ...] = ()
    clips: tuple[Clip, ...] = ()
    media: Mapping[str, Media] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    scores: tuple[WindowScores, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    examples: tuple[Example, ...] = ()
    splits: Mapping[str, Split] = field(default_factory=dict)
    shards: tuple[ShardInfo, ...] = ()
    seconds: tuple[tuple[str, float], ...] = ()
    truth: tuple[Truth, ...] = ()
    tools: tuple[tuple[str, str], ...] = ()
    window_ms: int = 2000
    command_options: str = ""
    reproduce: tuple[str, ...] = ()

    @cached_property
    def category_names(self) -> tuple[str, ...]:
        """Names of all categories that the recipe, a clip or an example knows, each once."""
        known = [category.name for category in self.categories]
        named = {name for clip in self.clips for name in clip.categories}
        named |= {example.category for example in self.examples}
        return (*known, *sorted(named.difference(known)))

    def title(self, category: str) -> str:
        """How a category is written for people."""
        for known in self.categories:
            if known.name == category:
                return known.title
        return category.replace("_", " ")

    def command(self, verb: str) -> str:
        """The shell command that runs one verb on this workspace."""
        return f"vegas-data {verb} {self.command_options}".rstrip()

    def failures_of(self, stage: str) -> dict[str, Failure]:
        """The failures of one stage by clip id."""
        return {failure.clip_id: failure for failure in self.failures if failure.stage == stage}

"""What the page needs to know, as plain frozen records: the one thing that ``pipeline`` fills in.

In: records of the stages, read from tables and side-cars by the caller. Out: nothing; every part may be
empty, for a page can be asked of a workspace at any moment.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from vegas_data.records import Category, Clip, Example, Media, ShardInfo, Side, Split, Verdict
from vegas_data.trained import Evaluation, LogEntry, RunInfo, SoundSet

TrainVerb = Literal["run", "generate", "evaluate"]


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
        sides: the same of each side by itself; a side that is not in it is not known.
        onsets_ms: when the planted sounds begin, from the clip's start.
    """

    clip_id: str
    category: str
    fault: str
    expected: str
    window_truth: tuple[bool, ...] = ()
    sides: Mapping[Side, tuple[bool, ...]] = field(default_factory=dict)
    onsets_ms: tuple[int, ...] = ()
    licence: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedModel:
    """The latest run of a category's model, as far as it has come; what is None or empty is not there.

    Args:
        checkpoint: updates made and sha256 of the newest one. sounds_folder: where the files of ``sounds`` lie.
        troubles: what lies there and cannot be read, each with its remedy.
    """

    category: str
    model: str
    info: RunInfo | None = None
    log: tuple[LogEntry, ...] = ()
    checkpoint: tuple[int, str] | None = None
    sounds: SoundSet | None = None
    sounds_folder: Path | None = None
    evaluation: Evaluation | None = None
    troubles: tuple[str, ...] = ()

    @property
    def steps(self) -> int:
        """Updates made by the evaluated checkpoint; before an evaluation, up to the last line of the log."""
        if self.evaluation is not None:
            return self.evaluation.step
        return self.log[-1].step if self.log else 0

    @property
    def is_finished(self) -> bool:
        """Whether the newest checkpoint is the run's last."""
        return self.info is not None and self.checkpoint is not None and self.checkpoint[0] >= self.info.num_steps

    def is_of_older_checkpoint(self, made: SoundSet | Evaluation) -> bool:
        """Whether sounds or an evaluation come from another checkpoint than the newest one."""
        return self.checkpoint is not None and (made.step, made.checkpoint) != self.checkpoint


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
        trained: by category, then in the order of ``trained.model_names``.
        onsets: when the target sounds, by source video and in its time, where somebody knows.
        experiment: what models of this workspace learn by; empty for the experiment of a model's own name.
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
    trained: tuple[TrainedModel, ...] = ()
    onsets: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    experiment: str = ""
    tools: tuple[tuple[str, str], ...] = ()
    window_ms: int = 2000
    command_options: str = ""
    reproduce: tuple[str, ...] = ()

    @cached_property
    def category_names(self) -> tuple[str, ...]:
        """Names of all categories that the recipe, a clip, an example or a model knows, each once."""
        known = [category.name for category in self.categories]
        named = {name for clip in self.clips for name in clip.categories}
        named |= {example.category for example in self.examples}
        named |= {model.category for model in self.trained}
        return (*known, *sorted(named.difference(known)))

    @cached_property
    def random_streams(self) -> tuple[str, ...]:
        """Streams in the shards whose encoder's weights were drawn at random, each once."""
        return tuple(sorted({name for shard in self.shards for name in shard.random_streams}))

    def title(self, category: str) -> str:
        """How a category is written for people."""
        for known in self.categories:
            if known.name == category:
                return known.title
        return category.replace("_", " ")

    def command(self, verb: str) -> str:
        """The shell command that runs one verb on this workspace."""
        return f"vegas-data {verb} {self.command_options}".rstrip()

    def train_command(self, verb: TrainVerb, category: str, model: str) -> str:
        """The shell command that runs, generates with or evaluates a category's model; a run that is there goes on."""
        words = ["python -m", f"train.{verb}", "--model", model, "--category", category]
        if verb == "run":
            info = next((known.info for known in self.models_of(category) if known.model == model), None)
            experiment = info.experiment if info else self.experiment
            words += ["--experiment", shlex.quote(experiment)] if experiment not in ("", model) else []
            words += ["--steps", str(info.num_steps), "--seed", str(info.seed)] if info else []
        return " ".join([*words, self.command_options]).rstrip()

    def models_of(self, category: str) -> tuple[TrainedModel, ...]:
        """The trained models of one category."""
        return tuple(model for model in self.trained if model.category == category)

    def is_stale(self, trained: TrainedModel) -> bool:
        """Whether a run learned from other shards than those that are here now."""
        here = {(s.name, s.sha256) for s in self.shards if (s.category, s.split) == (trained.category, "train")}
        return trained.info is not None and set(trained.info.shards) != here

    def failures_of(self, stage: str) -> dict[str, Failure]:
        """The failures of one stage by clip id."""
        return {failure.clip_id: failure for failure in self.failures if failure.stage == stage}

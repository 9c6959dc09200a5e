"""What stands in "Training", "Table 1" and "Onsets": records of trained models in, rows and drawings out.

Whatever is missing or out of date becomes a ``Todo``: what is the matter, and the command that mends it.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from vegas_data.report import paper
from vegas_data.report.curves import Chart, Curve, loss_chart, score_bar
from vegas_data.report.data import ReportData, TrainedModel, TrainVerb
from vegas_data.report.numerals import listing, plural, thousands
from vegas_data.trained import MODELS, LogEntry, OnsetScore, SplitLoss

BITS_PER_NAT: Final = 1 / math.log(2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Todo:
    """What is the matter, and what to type; ``command`` is empty where the words say it."""

    what: str
    command: str = ""


def todos(data: ReportData, verb: TrainVerb, what: str, wanted: Callable[[TrainedModel], object]) -> Iterator[Todo]:
    """One per category that has such models, with the command for the first of them."""
    for category in data.category_names:
        names = [model.model for model in data.models_of(category) if wanted(model)]
        if names:
            command = data.train_command(verb, category, names[0])
            yield Todo(what=f"{data.title(category)}, {listing(names)}: {what}", command=command)


# --- training -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRow:
    """One run. ``last`` is the last line of its log, ``val_nats`` the last measured loss of validation."""

    title: str
    trained: TrainedModel
    last: LogEntry | None
    val_nats: float | None
    flags: tuple[str, ...]


def run_rows(data: ReportData) -> tuple[RunRow, ...]:
    """A row for every run that has begun."""
    return tuple(
        RunRow(
            title=data.title(model.category),
            trained=model,
            last=model.log[-1] if model.log else None,
            val_nats=next((e.val_nats for e in reversed(model.log) if e.val_nats is not None), None),
            flags=tuple(_flags(data, model)),
        )
        for model in _by_category(data)
        if model.info is not None
    )


def _flags(data: ReportData, model: TrainedModel) -> Iterator[str]:
    if data.is_stale(model):
        yield "other shards"
    if not model.is_finished:
        yield "not finished"


def _by_category(data: ReportData) -> list[TrainedModel]:
    return [model for category in data.category_names for model in data.models_of(category)]


def training_todos(data: ReportData) -> tuple[Todo, ...]:
    """What keeps the models of the workspace from being trained on what is there now."""
    learnable = [shard for shard in data.shards if shard.split == "train"]
    if not data.trained and not learnable:
        return (Todo(what="No model yet: models learn from shards.", command=data.command("featurize")),)
    if not data.trained:
        examples = {name: sum(s.num_examples for s in learnable if s.category == name) for name in data.category_names}
        largest = max(examples, key=lambda name: examples[name])
        return (Todo(what="No model yet.", command=data.train_command("run", largest, MODELS[0])),)
    return (
        *(Todo(what=trouble) for model in data.trained for trouble in model.troubles),
        *todos(data, "run", "trained on other shards than those of now.", data.is_stale),
        *todos(
            data, "run", "training is not finished.", lambda model: not model.is_finished and not data.is_stale(model)
        ),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class LossPanel:
    """Losses of one category's models."""

    title: str
    chart: Chart


def loss_panels(data: ReportData) -> tuple[LossPanel, ...]:
    """A chart for every category whose models have logged anything."""
    panels = []
    for category in data.category_names:
        curves = [_curve(model) for model in data.models_of(category) if model.log]
        if curves:
            ends = [f"{c.name} {c.training[-1][1]:.2f} nats after {thousands(c.training[-1][0])}" for c in curves]
            title = f"Loss over updates, {data.title(category)}: {listing(ends)}. The table below holds the numbers."
            panels.append(LossPanel(title=data.title(category), chart=loss_chart(curves, title=title)))
    return tuple(panels)


def _curve(model: TrainedModel) -> Curve:
    by_step = {entry.step: entry for entry in model.log}  # the later line of a step that was done twice
    entries = [by_step[step] for step in sorted(by_step)]
    return Curve(
        name=model.model,
        training=tuple((entry.step, entry.nats) for entry in entries),
        validation=tuple((entry.step, entry.val_nats) for entry in entries if entry.val_nats is not None),
    )


# --- Table 1 ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class LossRow:
    """Cross-entropies of one evaluated model, and the paper's (train, test)."""

    title: str
    model: str
    train: SplitLoss | None
    test: SplitLoss | None
    paper: tuple[float, float] | None
    is_older: bool


def loss_rows(data: ReportData) -> tuple[LossRow, ...]:
    """A row for every evaluated model."""
    return tuple(
        LossRow(
            title=data.title(model.category),
            model=model.model,
            train=model.evaluation.loss("train"),
            test=model.evaluation.loss("test"),
            paper=paper.TABLE_1.get(model.model),
            is_older=model.is_of_older_checkpoint(model.evaluation),
        )
        for model in _by_category(data)
        if model.evaluation is not None
    )


def loss_counts(rows: Sequence[LossRow]) -> str:
    """Over how many examples the losses are means, if it is the same for all rows."""
    said = {
        " and ".join(f"{thousands(loss.num_examples)} {loss.split}" for loss in (row.train, row.test) if loss)
        for row in rows
    }
    return f"{said.pop()} examples" if len(said) == 1 else ""


def evaluation_todos(data: ReportData) -> tuple[Todo, ...]:
    """What keeps the table from standing for the models that are there now."""
    return (
        *todos(data, "evaluate", "not evaluated yet.", lambda model: model.evaluation is None),
        *todos(
            data,
            "evaluate",
            "evaluated before the newest checkpoint.",
            lambda model: model.evaluation and model.is_of_older_checkpoint(model.evaluation),
        ),
    )


# --- onsets -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class OnsetRow:
    """The onset score of one model. ``in_time``: the whole interval lies above what chance reaches."""

    model: str
    score: OnsetScore
    in_time: bool
    is_older: bool
    drawing: Markup


@dataclass(frozen=True, kw_only=True, slots=True)
class OnsetPanel:
    """Onset scores of one category's models, and in words what they were held against."""

    title: str
    against: str
    rows: tuple[OnsetRow, ...]


def onset_panels(data: ReportData) -> tuple[OnsetPanel, ...]:
    """A panel for every category with onset scores."""
    panels = []
    for category in data.category_names:
        rows = tuple(
            _onset_row(model.model, model.evaluation.onsets, model.is_of_older_checkpoint(model.evaluation))
            for model in data.models_of(category)
            if model.evaluation and model.evaluation.onsets
        )
        if rows:
            against = _against([row.score for row in rows], "planted" if data.truth else "known")
            panels.append(OnsetPanel(title=data.title(category), against=against, rows=rows))
    return tuple(panels)


def _onset_row(model: str, score: OnsetScore, is_older: bool) -> OnsetRow:
    low, high = score.f1_interval
    return OnsetRow(
        model=model,
        score=score,
        in_time=low > score.f1_shuffled,
        is_older=is_older,
        drawing=score_bar(
            model,
            score.f1,
            score.f1_interval,
            chance=score.f1_shuffled,
            ceiling=score.f1_ceiling,
            title=f"{model}: onset F1 {score.f1:.2f}, interval {low:.2f} to {high:.2f}, "
            f"shuffled {score.f1_shuffled:.2f}, ceiling {score.f1_ceiling:.2f}",
        ),
    )


def _against(scores: Sequence[OnsetScore], known: str) -> str:
    """What the sounds were held against; said once if it is the same for all models."""
    said = []
    for score in scores:
        adjective = known if score.reference == "planted" else "detected"
        onsets = plural(score.num_onsets, f"{adjective} onset")
        draws = f", {plural(score.num_draws, 'sound')} each" if score.num_draws > 1 else ""
        said.append(f"{onsets} of {plural(score.num_examples, 'example')}{draws}; within ± {score.tolerance_ms} ms")
    return " / ".join(dict.fromkeys(said))


def onset_todos(data: ReportData) -> tuple[Todo, ...]:
    """Evaluated models whose sounds were not there to be scored; those without evaluation are told of elsewhere."""
    return (
        *todos(
            data,
            "generate",
            "no sounds to score yet; generate, then evaluate.",
            lambda m: m.evaluation and not m.sounds,
        ),
        *todos(
            data,
            "evaluate",
            "evaluated without onsets.",
            lambda m: m.evaluation and m.sounds and not m.evaluation.onsets,
        ),
    )

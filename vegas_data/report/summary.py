"""``summary.json``: the numbers of a workspace for machines; each later issue adds keys, none goes away."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from vegas_data.records import Split
from vegas_data.report.data import ReportData, TrainedModel
from vegas_data.report.truth import Confusion, by_side, confusion
from vegas_data.verify import basis_of

SCHEMA: Final = 1
MS_PER_HOUR: Final = 3_600_000


def summary(data: ReportData) -> dict[str, Any]:
    """The content of ``summary.json``; ``verify.truth`` stands only where a truth was planted.

    Under ``verify.truth`` precision and recall are of verdicts; ``heard`` and ``seen`` are each side by itself.

    ``clips.failed`` counts clips that fetching gave up, by the code of the error, and ``verify.basis`` windows by what
    their verdicts rest on. Precision and recall are null while no window decides them. ``random_streams`` names the
    streams whose features mean nothing, as weights were drawn at random. ``train`` and ``evaluate`` are empty until a
    model was trained and evaluated.
    """
    listed = {clip.id for clip in data.clips}
    fetched = listed.intersection(data.media)
    missing = listed - fetched
    failed = Counter(failure.code for clip_id, failure in data.failures_of("fetch").items() if clip_id in missing)
    decided = Counter(verdict.decision for verdict in data.verdicts)
    verify: dict[str, Any] = {
        "windows": len(data.verdicts),
        "accepted": decided["accepted"],
        "rejected": decided["rejected"],
        "undecided": decided["undecided"],
        "basis": dict(sorted(Counter(map(basis_of, data.verdicts)).items())),
    }
    if data.truth:
        verify["truth"] = {
            **_shares(data, None),
            "by_category": {name: _shares(data, name) for name in data.category_names if confusion(data, name).count},
        }
    by_category = Counter(example.category for example in data.examples)
    return {
        "schema": SCHEMA,
        "clips": {"listed": len(listed), "fetched": len(fetched), "failed": dict(sorted(failed.items()))},
        "verify": verify,
        "examples": {
            "count": len(data.examples),
            "hours": sum(example.duration_ms for example in data.examples) / MS_PER_HOUR,
            "by_category": {name: by_category[name] for name in data.category_names},
        },
        "shards": [
            {"name": shard.name, "sha256": shard.sha256, "examples": shard.num_examples}
            for shard in sorted(data.shards, key=lambda shard: shard.name)
        ],
        "random_streams": list(data.random_streams),
        "train": _by_model(data, lambda model: _training(data, model)),
        "evaluate": _by_model(data, _onsets),
        "seconds": {**dict(data.seconds), "total": sum(seconds for _, seconds in data.seconds)},
    }


def _shares(data: ReportData, category: str | None) -> dict[str, Any]:
    sides = {side: _share(found) for side, found in by_side(data, category).items()}
    return {**_share(confusion(data, category)), **sides}


def _share(found: Confusion) -> dict[str, Any]:
    return {
        "windows": found.count,
        "precision": found.precision,
        "precision_interval": found.precision_interval and list(found.precision_interval),
        "recall": found.recall,
        "recall_interval": found.recall_interval and list(found.recall_interval),
    }


def _by_model(data: ReportData, tell: Callable[[TrainedModel], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Category → model → what ``tell`` says; where it says nothing there is no key."""
    told: dict[str, dict[str, Any]] = {}
    for model in data.trained:
        if content := tell(model):
            told.setdefault(model.category, {})[model.model] = content
    return told


def _training(data: ReportData, model: TrainedModel) -> dict[str, Any]:
    """Losses are of the true part, in nats, and null until they are evaluated."""

    def nats(split: Split) -> float | None:
        loss = model.evaluation.loss(split) if model.evaluation else None
        return loss.true if loss else None

    return {
        "steps": model.steps,
        "train_nats": nats("train"),
        "test_nats": nats("test"),
        "stale": data.is_stale(model),
    }


def _onsets(model: TrainedModel) -> dict[str, Any]:
    score = model.evaluation.onsets if model.evaluation else None
    if score is None:
        return {}
    return {
        "onset_f1": score.f1,
        "onset_f1_interval": list(score.f1_interval),
        "onset_f1_shuffled": score.f1_shuffled,
        "onset_f1_ceiling": score.f1_ceiling,
        "onset_precision": score.precision,
        "onset_recall": score.recall,
        "onsets": score.num_onsets,
        "onsets_detected": score.num_detected,
        "examples": score.num_examples,
        "draws": score.num_draws,
        "tolerance_ms": score.tolerance_ms,
        "reference": score.reference,
    }

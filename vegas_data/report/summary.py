"""``summary.json``: the numbers of a workspace for machines; each later issue adds keys, none goes away."""

from collections import Counter
from typing import Any, Final

from vegas_data.report.data import ReportData
from vegas_data.report.truth import confusion

SCHEMA: Final = 1
MS_PER_HOUR: Final = 3_600_000


def summary(data: ReportData) -> dict[str, Any]:
    """The content of ``summary.json``; ``verify.truth`` stands only where a truth was planted.

    ``clips.failed`` counts clips that fetching gave up, by the code of the error. Precision and recall are null
    while no window decides them.
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
    }
    if data.truth:
        found = confusion(data)
        verify["truth"] = {"precision": found.precision, "recall": found.recall}
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
        "seconds": {**dict(data.seconds), "total": sum(seconds for _, seconds in data.seconds)},
    }

"""What scores and verdicts depend on, as digests: what need not be computed again keeps its name.

The digest of scores covers the options that are not ``VERDICT_ONLY``, the weights and code of every scorer, and of
each category exactly the fields that some scorer reads. The digest of verdicts covers that digest, all options, and
the evidence: calibrations and people's answers. Where there is none, it is what it was before there could be any.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from vegas_data.config import digest
from vegas_data.records import Category
from vegas_data.verify.evidence import NO_EVIDENCE, Evidence
from vegas_data.verify.options import VerifyOptions
from vegas_data.verify.scorers import Registry, find_scorer, load_registry
from vegas_data.verify.triage_options import TriageOptions

SCORES_VERSION: Final = 2
VERDICTS_VERSION: Final = 1


def scorer_digests(options: VerifyOptions, registry: Registry | None = None) -> dict[str, str]:
    """Digest of every scorer that ``options`` name: its weights and the version of its code.

    Raises:
        ScorerMissing, WeightsMissing: a scorer or its weights are not on this machine.
    """
    registry = load_registry() if registry is None else registry
    found = {}
    for scorer in options.scorers:
        entry = find_scorer(scorer.name, registry)
        found[scorer.name] = digest(scorer.name, entry.version, entry.digest(scorer))
    return found


def fields_read(options: VerifyOptions, registry: Registry | None = None) -> tuple[str, ...]:
    """The fields of a category that some scorer of ``options`` reads, sorted.

    Raises:
        ScorerMissing: a scorer is not on this machine.
    """
    registry = load_registry() if registry is None else registry
    entries = [find_scorer(scorer.name, registry) for scorer in options.scorers]
    return tuple(sorted({name for entry in entries for name in (*entry.reads, *entry.also_reads)}))


def scores_digest(
    options: VerifyOptions, categories: Iterable[Category], scorers: Mapping[str, str], reads: Iterable[str]
) -> str:
    """Digest of everything that scores depend on: names the folder ``scores/<digest>``.

    Args:
        categories: all of the table, for all of them are scored.
        scorers: what ``scorer_digests`` gave. reads: what ``fields_read`` gave.
    """
    names = tuple(reads)
    asked = {category.name: {name: getattr(category, name) for name in names} for category in categories}
    panel = replace(options, scorers=tuple(sorted(options.scorers, key=lambda scorer: scorer.name)))
    return digest("verify.scores", SCORES_VERSION, _scoring_part(panel), scorers, asked)


def measured_digest(options: VerifyOptions, category: Category) -> str:
    """Digest of what scorers are given of windows of one category: a calibration is for these and no others.

    Raises:
        ScorerMissing: a scorer is not on this machine.
    """
    asked = {name: getattr(category, name) for name in fields_read(options)}
    sampled = {name: value for name, value in _scoring_part(options).items() if name != "scorers"}
    return digest("verify.measured", SCORES_VERSION, sampled, asked)


def verdict_digest(options: VerifyOptions, scores: str, evidence: Evidence = NO_EVIDENCE) -> str:
    """Digest of everything that verdicts depend on: the digest of scores, thresholds, rule, triage and evidence."""
    parts: list[object] = [] if options.triage == TriageOptions() else [options.triage]
    if options.advisers:
        parts.append(options.advisers)
    return digest("verify.verdicts", VERDICTS_VERSION, scores, options, *parts, *evidence.digests)


def _scoring_part(value: Any) -> Any:
    """``value`` without operational and verdict-only fields; a new field changes scores unless it is marked."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = (f for f in dataclasses.fields(value) if not f.metadata.keys() & {"operational", "verdict_only"})
        return {f.name: _scoring_part(getattr(value, f.name)) for f in kept}
    return [_scoring_part(item) for item in value] if isinstance(value, tuple) else value

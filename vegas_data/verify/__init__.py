"""Is this target seen and heard, every 2 seconds? Clips in; scores, judgments, verdicts and examples out.

    options    what a recipe says
    digests    what scores, and what verdicts, depend on
    coverage   has each side of each category somebody to judge it?
    windows    a clip into windows of 2 seconds
    sampling   decode a clip once: sound, pictures, signals
    signals    silence and still pictures, without weights
    scorers/   models that judge one side each: yamnet, efficientnet-lite0, siglip2
    worker     the stage: one clip's windows through all scorers
    scores     what was measured of a clip, one JSON file
    aggregate  scores → judgments → verdicts → examples, pure
    tables     the same as Parquet

Importing this package loads neither numpy nor any network.
"""

from vegas_data.verify.aggregate import decide, judge, merge_examples
from vegas_data.verify.coverage import check_coverage
from vegas_data.verify.digests import fields_read, scorer_digests, scores_digest, verdict_digest
from vegas_data.verify.options import ScorerOptions, SignalOptions, VerifyOptions
from vegas_data.verify.scorers import Scorer, ScorerEntry, WindowMedia, find_scorer, load_registry
from vegas_data.verify.scores import ClipScores, is_scored, read_scores, scores_key
from vegas_data.verify.tables import (
    TableCounts,
    read_examples,
    read_judgments,
    read_table,
    read_verdicts,
    table_key,
    tables_made_with,
    write_tables,
)
from vegas_data.verify.windows import split_windows
from vegas_data.verify.worker import VerifyJob, make_verifier

__all__ = [
    "ClipScores",
    "Scorer",
    "ScorerEntry",
    "ScorerOptions",
    "SignalOptions",
    "TableCounts",
    "VerifyJob",
    "VerifyOptions",
    "WindowMedia",
    "check_coverage",
    "decide",
    "fields_read",
    "find_scorer",
    "is_scored",
    "judge",
    "load_registry",
    "make_verifier",
    "merge_examples",
    "read_examples",
    "read_judgments",
    "read_scores",
    "read_table",
    "read_verdicts",
    "scorer_digests",
    "scores_digest",
    "scores_key",
    "split_windows",
    "table_key",
    "tables_made_with",
    "verdict_digest",
    "write_tables",
]

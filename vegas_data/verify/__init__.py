"""Is this target seen and heard, every 2 seconds? Clips in; scores, judgments, verdicts and examples out.

    options    what a recipe says
    digests    what scores, and what verdicts, depend on
    coverage   has each side of each category somebody to judge it?
    windows    a clip into windows of 2 seconds
    sampling   decode a clip once: sound, pictures, signals
    signals    silence, black and still pictures, damage, without weights
    flaws      which signals drop a window, in which order
    duplicates clips that are copies of others, without weights
    scorers/   what judges one side each: networks, onsets against motion, strong labels (docs/scorers.md)
    worker     the stage: one clip's windows through all scorers
    scores     what was measured of a clip, one JSON file
    aggregate  scores → judgments → verdicts → examples, pure
    tables     the same as Parquet
    intervals  exact binomial bounds
    logistic   scores → probability, monotone
    thresholds a fixed sequence of tests
    calibration  people's answers on a draw → thresholds with a promise
    crowd      several people's answers → one; how far they agree
    triage     signals, people, calibration, thresholds: the first that applies decides
    evidence   what verdicts rest on besides scores: calibrations, people's answers
    audit      which windows people judge; what an audit says
    draws      drawn windows as tables

Importing this package loads neither numpy nor any network.
"""

from vegas_data.verify.aggregate import judge, merge_examples, side_answer
from vegas_data.verify.audit import (
    AUDIT_CONFIDENCE,
    PAPER_KEPT,
    Attrition,
    AuditItem,
    CategoryReport,
    StratumReport,
    draw_audit,
    draw_calibration,
    is_present,
)
from vegas_data.verify.calibration import (
    Calibration,
    CalibrationItem,
    PoolWindow,
    calibrate,
)
from vegas_data.verify.coverage import check_coverage
from vegas_data.verify.crowd import (
    HumanAnswer,
    Question,
    gold_accuracy,
    informedness,
    krippendorff_alpha,
    needs_more,
    settle,
)
from vegas_data.verify.digests import fields_read, measured_digest, scorer_digests, scores_digest, verdict_digest
from vegas_data.verify.draws import (
    DRAWN_BY,
    Draw,
    DrawName,
    commit_draw,
    draw_key,
    drawn_videos,
    read_draws,
    settled_sides,
)
from vegas_data.verify.duplicates import dropped_copies, known_duplicates
from vegas_data.verify.evidence import Evidence, calibration_key, commit_calibration, read_calibrations
from vegas_data.verify.options import REQUIRED_SIDES, ScorerOptions, SignalOptions, VerifyOptions
from vegas_data.verify.scorers import Scorer, ScorerEntry, WindowMedia, find_scorer, load_registry
from vegas_data.verify.scores import ClipScores, covering, is_scored, read_scores, scores_key
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
from vegas_data.verify.thresholds import Cut
from vegas_data.verify.triage import BETWEEN, CALIBRATED, basis_of, path_of
from vegas_data.verify.triage_options import TriageOptions
from vegas_data.verify.windows import split_windows
from vegas_data.verify.worker import VerifyJob, make_verifier

__all__ = [
    "AUDIT_CONFIDENCE",
    "BETWEEN",
    "CALIBRATED",
    "DRAWN_BY",
    "PAPER_KEPT",
    "REQUIRED_SIDES",
    "Attrition",
    "AuditItem",
    "Calibration",
    "CalibrationItem",
    "CategoryReport",
    "ClipScores",
    "Cut",
    "Draw",
    "DrawName",
    "Evidence",
    "HumanAnswer",
    "PoolWindow",
    "Question",
    "Scorer",
    "ScorerEntry",
    "ScorerOptions",
    "SignalOptions",
    "StratumReport",
    "TableCounts",
    "TriageOptions",
    "VerifyJob",
    "VerifyOptions",
    "WindowMedia",
    "basis_of",
    "calibrate",
    "calibration_key",
    "check_coverage",
    "commit_calibration",
    "commit_draw",
    "covering",
    "draw_audit",
    "draw_calibration",
    "draw_key",
    "drawn_videos",
    "dropped_copies",
    "fields_read",
    "find_scorer",
    "gold_accuracy",
    "informedness",
    "is_present",
    "is_scored",
    "judge",
    "known_duplicates",
    "krippendorff_alpha",
    "load_registry",
    "make_verifier",
    "measured_digest",
    "merge_examples",
    "needs_more",
    "path_of",
    "read_calibrations",
    "read_draws",
    "read_examples",
    "read_judgments",
    "read_scores",
    "read_table",
    "read_verdicts",
    "scorer_digests",
    "scores_digest",
    "scores_key",
    "settle",
    "settled_sides",
    "side_answer",
    "split_windows",
    "table_key",
    "tables_made_with",
    "verdict_digest",
    "write_tables",
]

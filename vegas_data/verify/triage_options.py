"""What a recipe says about triage: ``[verify.triage]``. How sure, how many to judge, and how people's answers count."""

from dataclasses import dataclass
from typing import Literal

from vegas_data.verify.intervals import items_needed

TieRule = Literal["sort_of", "no", "unsure"]
Aggregation = Literal["majority", "dawid_skene"]


@dataclass(frozen=True, kw_only=True)
class TriageOptions:
    """The promise of automatic verdicts, and the rules for people's answers.

    Args:
        target: share of automatically accepted windows that are truly seen and heard, at least.
        target_reject: share of automatically rejected windows that truly are not, at least: bounds what is thrown away.
        confidence: of each of the two promises.
        fit_share: share of the judged draw that the probability is fitted on; the rest tests the thresholds.
        grid: thresholds in each sequence of tests, at most.
        calibration_windows: to draw in each category, one per source video.
        calibration_judgments: people who judge each window of that draw, before a tie-breaker; a wrong answer here
            costs more than elsewhere.
        audit_windows: to draw in each category and decision path.
        judgments_per_window: people who judge each side of an undecided window; one more on disagreement.
        seed: of the draws.
        tie: what a side is that as many people find there as not: the middle answer, *no*, or still undecided.
        aggregation: how answers become one; ``dawid_skene`` needs the extra ``crowd``.
    """

    target: float = 0.95
    target_reject: float = 0.9
    confidence: float = 0.95
    fit_share: float = 0.2
    grid: int = 20
    calibration_windows: int = 400
    calibration_judgments: int = 3
    audit_windows: int = 60
    judgments_per_window: int = 2
    seed: int = 2018
    tie: TieRule = "sort_of"
    aggregation: Aggregation = "majority"

    def __post_init__(self) -> None:
        for name in ("target", "target_reject", "confidence", "fit_share"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must lie between 0 and 1, not {getattr(self, name)}")
        for name in (
            "grid",
            "calibration_windows",
            "calibration_judgments",
            "audit_windows",
            "judgments_per_window",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")

    @property
    def least_accepted(self) -> int:
        """Accepted windows without one error that it takes at least to show ``target``."""
        return items_needed(self.target, self.confidence)

    @property
    def least_rejected(self) -> int:
        """Rejected windows without one error that it takes at least to show ``target_reject``."""
        return items_needed(self.target_reject, self.confidence)

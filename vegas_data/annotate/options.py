"""How a panel is run: what decides who is asked what, and when an answer counts."""

from dataclasses import dataclass
from typing import Final

MAX_GOLD_SHARE: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class ReviewOptions:
    """Options of one panel.

    Args:
        lease_s: a person silent for so long loses the clips that were set aside for them.
        gold_share: share of clips with known answers, if there are any: one in each round(1 / share).
        judgments_per_side: people asked about every side of every window; one more on a tie.
        min_played: share of a window that must have played before its answer counts.
        ahead: clips set aside for a person at once, so that the next ones are there before they are wanted.
        clips_per_person: after so many for one purpose a person is done; 0 for no such end.
        same_clip_again: let a clip come back to the same person for another category or purpose, or other windows.
        seed: of the order of tasks and the places of gold.
        completion_code, completion_url: shown to a person who is done.
        parameters: names of the URL parameters that say who, which study and which session.
    """

    lease_s: float = 900.0
    gold_share: float = 0.07
    judgments_per_side: int = 2
    min_played: float = 0.9
    ahead: int = 3
    clips_per_person: int = 0
    same_clip_again: bool = False
    seed: int = 2018
    completion_code: str = ""
    completion_url: str = ""
    parameters: tuple[str, str, str] = ("PROLIFIC_PID", "STUDY_ID", "SESSION_ID")

    def __post_init__(self) -> None:
        if self.lease_s <= 0 or self.ahead < 1 or self.clips_per_person < 0:
            raise ValueError("lease_s and ahead are positive, clips_per_person is not negative")
        if self.judgments_per_side < 1:
            raise ValueError(f"judgments_per_side is {self.judgments_per_side}, at least one person must be asked")
        if not 0 <= self.gold_share <= MAX_GOLD_SHARE or not 0 <= self.min_played <= 1:
            raise ValueError(f"gold_share lies in 0–{MAX_GOLD_SHARE}, min_played in 0–1")
        if len(set(self.parameters)) != 3:
            raise ValueError("the three URL parameters have three names")
        if self.completion_url and not self.completion_url.startswith("https://"):
            raise ValueError(f"completion_url is {self.completion_url!r}, which is not https")

    @property
    def gold_every(self) -> int:
        """One clip in so many is gold; 0 for none."""
        return round(1 / self.gold_share) if self.gold_share else 0

"""What people are asked, and what they said: the records at both ends of the page.

A task is one clip and one category; its questions are its windows, each for each side. Times are those of the source
video, as everywhere; the clip's own start stands in its id.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from vegas_data.config import digest
from vegas_data.records import Side, check_category, check_video_id

Purpose = Literal["review", "calibration", "audit"]
HumanAnswer = Literal["yes", "sort_of", "no"]

PURPOSES: Final[tuple[Purpose, ...]] = ("review", "calibration", "audit")
SIDES: Final[tuple[Side, ...]] = ("heard", "seen", "pair")
ANSWERS: Final[tuple[HumanAnswer, ...]] = ("yes", "sort_of", "no")
PRESENT: Final = frozenset({"yes", "sort_of"})
MAX_WINDOWS: Final = 10  # the longest clip in windows of a second


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Question:
    """Is the category heard, or seen, in this window?"""

    start_ms: int
    end_ms: int
    side: Side


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One clip to be judged for one category: each window on each side, side after side.

    Args:
        media_key: where the clip's mp4 lies in the workspace.
        windows: (start_ms, end_ms) of one to ten windows, in order.
        sides: in the order in which a person is asked.
    """

    purpose: Purpose
    category: str
    clip_id: str
    video_id: str
    media_key: str
    windows: tuple[tuple[int, int], ...]
    sides: tuple[Side, ...]

    def __post_init__(self) -> None:
        check_category(self.category)
        check_video_id(self.video_id)
        start = clip_start_ms(self.clip_id)
        if not 1 <= len(self.windows) <= MAX_WINDOWS or not self.sides:
            raise ValueError(f"{self.clip_id}: a task has 1 to {MAX_WINDOWS} windows and at least one side")
        if any(not start <= first < end for first, end in self.windows) or list(self.windows) != sorted(self.windows):
            raise ValueError(f"{self.clip_id}: windows are in order and inside the clip, not {self.windows}")

    @property
    def id(self) -> str:
        return digest("task", self.purpose, self.category, self.clip_id, self.windows, self.sides)

    @property
    def questions(self) -> tuple[Question, ...]:
        return tuple(self._questions())

    def _questions(self) -> Iterator[Question]:
        for side in self.sides:
            for start, end in self.windows:
                yield Question(start_ms=start, end_ms=end, side=side)


@dataclass(frozen=True, kw_only=True, slots=True)
class Gold:
    """A task whose answers are known, mixed in to see who pays attention.

    Args:
        answers: of all questions of the task, in its order.
    """

    task: Task
    answers: tuple[HumanAnswer, ...]

    def __post_init__(self) -> None:
        if len(self.answers) != len(self.task.questions):
            raise ValueError(f"{self.task.clip_id}: {len(self.task.questions)} questions, {len(self.answers)} answers")


@dataclass(frozen=True, kw_only=True, slots=True)
class HumanJudgment:
    """What one person said about one side of one window, and did not take back.

    Args:
        annotator: a pseudonym. at_ms: when it was committed, in milliseconds since 1970.
        is_gold: whether the answer was known before.
    """

    purpose: Purpose
    category: str
    clip_id: str
    video_id: str
    start_ms: int
    end_ms: int
    side: Side
    annotator: str
    answer: HumanAnswer
    at_ms: int
    is_gold: bool


def clip_start_ms(clip_id: str) -> int:
    """Where a clip starts in its video, as its id says; raises ValueError for what is no clip id."""
    video_id, _, start = clip_id.rpartition("_")
    if not video_id or len(start) != 9 or not (start.isascii() and start.isdigit()):
        raise ValueError(f"not a clip id: {clip_id!r}")
    return int(start)

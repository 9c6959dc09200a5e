"""Everything that can happen on the page, as it stands in the log. Nothing in the log ever changes.

    Lease       these questions were set aside for this person
    Renewal     … and are now these: what was given to others meanwhile is gone (none left: the clip was skipped)
    Answered    one of them was answered
    Undo        an answer was taken back, and its question is open again
    Completion  a person was done, in one session

``seq`` is the place in the log, 0 before it has one. ``key`` is the sender's own name for what it sends, so that the
same thing sent twice counts once.
"""

from dataclasses import dataclass

from vegas_data.annotate.tasks import HumanAnswer, Purpose, Question


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """Args: scope: what never comes to this person again: the clip, or clip, category and purpose."""

    at_ms: int
    annotator: str
    scope: str
    task: str
    purpose: Purpose
    category: str
    clip_id: str
    video_id: str
    is_gold: bool
    questions: tuple[Question, ...]
    seq: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewal:
    at_ms: int
    annotator: str
    lease: int
    questions: tuple[Question, ...]
    seq: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """Args: revision: how often this question's answer had been taken back before. played_ms: as the page says."""

    at_ms: int
    annotator: str
    lease: int
    key: str
    question: Question
    answer: HumanAnswer
    revision: int
    played_ms: int
    seq: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Undo:
    """Args: undoes: ``seq`` of the answer that is taken back."""

    at_ms: int
    annotator: str
    lease: int
    key: str
    undoes: int
    seq: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    at_ms: int
    annotator: str
    scope: str
    seq: int = 0


Event = Lease | Renewal | Answered | Undo | Completion

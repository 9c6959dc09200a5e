"""What the log adds up to: who holds what, what has been said, what is still asked for. A fold, without a clock.

Enters: the tasks, then every event in the order of the log. A restarted server reads the log and stands where the
killed one stood. Questions are counted by (purpose, category, clip, window, side), whatever task brought them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from vegas_data.annotate.events import Answered, Completion, Event, Lease, Renewal, Undo
from vegas_data.annotate.tasks import PRESENT, Gold, HumanAnswer, Question, Task

Asked = tuple[str, str, str, Question]
"""Purpose, category, clip and question: what judgments are counted by."""

PACE_CAP_MS: Final = 6_000
_LONGEST_GAP_MS: Final = 30_000
_GAP_WEIGHT: Final = 0.1


@dataclass(kw_only=True, slots=True)
class Held:
    """A clip that was given to a person: which questions are open, and what was said."""

    lease: Lease
    open: list[Question]
    last_ms: int
    answered: dict[Question, Answered] = field(default_factory=dict)
    revisions: Counter[Question] = field(default_factory=Counter)

    def asked(self, question: Question) -> Asked:
        return self.lease.purpose, self.lease.category, self.lease.clip_id, question


@dataclass(kw_only=True, slots=True)
class Person:
    """One annotator: leases in their order, valid answers in theirs, and how fast they come.

    Args:
        asked: every question that was ever set aside for them, or that they answered elsewhere.
        credit_ms: playing time that has passed and no answer has used yet. gap_ms: usual time between two answers.
    """

    leases: list[int] = field(default_factory=list)
    scopes: set[str] = field(default_factory=set)
    asked: set[Asked] = field(default_factory=set)
    history: list[Answered] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    credit_ms: float = 0.0
    seen_ms: int = 0
    gap_ms: float = 0.0

    def credit_at(self, now_ms: int, needed_ms: float) -> float:
        """Playing time this person can have had since the last answer, up to a small store of it."""
        return min(max(PACE_CAP_MS, needed_ms), self.credit_ms + max(0, now_ms - self.seen_ms))


class State:
    """The sum of the log, for a fixed list of tasks.

    Args:
        tasks: in the order in which they are given out. base: people asked about each question.
    """

    def __init__(
        self, tasks: Iterable[Task] = (), gold: Iterable[Gold] = (), *, base: int = 2, min_played: float = 0.9
    ) -> None:
        self.tasks: Final = tuple(tasks)
        self.gold: Final = {one.task.id: one for one in gold}
        self.by_id: Final[Mapping[str, Task]] = {task.id: task for task in self.tasks} | {
            name: one.task for name, one in self.gold.items()
        }
        self._places: Final = {task.id: place for place, task in enumerate(self.tasks)}
        self.questions_per_task: Final = sum(len(task.questions) for task in self.tasks) / max(1, len(self.tasks))
        if len(self.by_id) != len(self.tasks) + len(self.gold):
            raise ValueError("a task stands twice in the list, or is gold too")
        self.held: Final[dict[int, Held]] = {}
        self.people: Final[defaultdict[str, Person]] = defaultdict(Person)
        self.keys: Final[dict[str, Answered | Undo]] = {}
        self._base = base
        self._min_played = min_played
        self._said: Final[defaultdict[Asked, dict[int, HumanAnswer]]] = defaultdict(dict)
        self._reserved: Final[defaultdict[Asked, set[int]]] = defaultdict(set)
        self._askers: Final[defaultdict[Asked, list[int]]] = defaultdict(list)
        for place, task in enumerate(self.tasks):
            for question in task.questions:
                self._askers[task.purpose, task.category, task.clip_id, question].append(place)
        self.unfinished: Final = set(range(len(self.tasks)))
        self._purposes: Final = {task.purpose for task in self.tasks}
        self.last_ms = 0

    # --- what is asked for --------------------------------------------------------------------------------------

    def wanted(self, asked: Asked) -> int:
        """How many judgments a question needs: the base, and one more while present and absent are level."""
        answers = self._said[asked].values()
        is_tie = 2 * sum(answer in PRESENT for answer in answers) == len(answers)
        return len(answers) + 1 if len(answers) >= self._base and is_tie else self._base

    def is_settled(self, asked: Asked) -> bool:
        return len(self._said[asked]) >= self.wanted(asked)

    def is_unfinished(self, task: str) -> bool:
        """Whether a task of the list, by id, still wants judgments."""
        return self._places.get(task) in self.unfinished

    def is_free(self, asked: Asked, now_ms: int, lease_ms: float) -> bool:
        """Whether one more person is wanted for a question, besides those who hold it now."""
        busy = sum(is_active(self.held[lease], now_ms, lease_ms) for lease in self._reserved[asked])
        return len(self._said[asked]) + busy < self.wanted(asked)

    def work_of(self, annotator: str) -> list[Held]:
        """The clips that were given to a person here: not what was imported, nor for other purposes."""
        mine = (self.held[seq] for seq in self.people[annotator].leases)
        return [
            held
            for held in mine
            if held.lease.task in self.gold or (held.lease.task and held.lease.purpose in self._purposes)
        ]

    def needed_ms(self, question: Question) -> float:
        """Playing time that an answer to a question takes at least."""
        return self._min_played * (question.end_ms - question.start_ms)

    # --- the fold -----------------------------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """Take one event of the log into account."""
        self.last_ms = max(self.last_ms, event.at_ms)
        match event:
            case Lease():
                self._lease(event)
            case Renewal():
                held = self.held[event.lease]
                self._reopen(held, list(event.questions))
                held.last_ms = event.at_ms
            case Answered():
                self._answer(event)
            case Undo():
                self._undo(event)
            case Completion():
                self.people[event.annotator].sessions.add(event.scope)

    def _lease(self, event: Lease) -> None:
        person = self.people[event.annotator]
        if not person.leases:
            person.seen_ms = event.at_ms
        person.leases.append(event.seq)
        person.scopes.add(event.scope)
        held = self.held[event.seq] = Held(lease=event, open=[], last_ms=event.at_ms)
        person.asked.update(map(held.asked, event.questions))
        self._reopen(held, list(event.questions))

    def _reopen(self, held: Held, questions: list[Question]) -> None:
        for question in held.open:
            self._reserved[held.asked(question)].discard(held.lease.seq)
        held.open = questions
        if not held.lease.is_gold:
            for question in questions:
                self._reserved[held.asked(question)].add(held.lease.seq)

    def _answer(self, event: Answered) -> None:
        held, person = self.held[event.lease], self.people[event.annotator]
        self._reopen(held, [question for question in held.open if question != event.question])
        held.answered[event.question] = event
        held.last_ms = event.at_ms
        gap = min(max(0, event.at_ms - person.seen_ms), _LONGEST_GAP_MS)
        person.gap_ms += (gap - person.gap_ms) * (_GAP_WEIGHT if person.history else 1.0)
        needed = self.needed_ms(event.question)
        person.credit_ms = max(0.0, person.credit_at(event.at_ms, needed) - needed)
        person.asked.add(held.asked(event.question))
        person.seen_ms = event.at_ms
        person.history.append(event)
        self.keys[event.key] = event
        self._count(held, event.question, event.answer)

    def _undo(self, event: Undo) -> None:
        held, person = self.held[event.lease], self.people[event.annotator]
        taken = person.history.pop()
        assert taken.seq == event.undoes, "only the last answer can be taken back"
        del held.answered[taken.question]
        held.revisions[taken.question] += 1
        held.last_ms = event.at_ms
        self._reopen(held, [taken.question, *held.open])
        self.keys[event.key] = event
        self._count(held, taken.question, None)

    def _count(self, held: Held, question: Question, answer: HumanAnswer | None) -> None:
        if held.lease.is_gold:
            return
        asked = held.asked(question)
        if answer is None:
            del self._said[asked][held.lease.seq]
        else:
            self._said[asked][held.lease.seq] = answer
        for place in self._askers.get(asked, ()):
            task = self.tasks[place]
            if all(self.is_settled((task.purpose, task.category, task.clip_id, other)) for other in task.questions):
                self.unfinished.discard(place)
            else:
                self.unfinished.add(place)


def is_active(held: Held, now_ms: int, lease_ms: float) -> bool:
    """Whether a lease still holds its clip: something happened to it not too long ago."""
    return 0 <= now_ms - held.last_ms < lease_ms

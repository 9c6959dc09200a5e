"""One panel at work: the log, what it adds up to, and the rules between them, under one lock.

Every change goes the same way: the rules make an event out of a request, the event goes to disk, and only then into
the state and back to whoever asked. Threads may call at once; one process holds a panel (``server`` takes a lock).
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from vegas_data.annotate import assignment
from vegas_data.annotate.assignment import Progress, Refusal, Submission
from vegas_data.annotate.events import Answered, Completion, Undo
from vegas_data.annotate.options import ReviewOptions
from vegas_data.annotate.state import Held, State
from vegas_data.annotate.store import JudgmentStore
from vegas_data.annotate.tasks import Gold, Question, Task

Clock = Callable[[], int]
E = TypeVar("E", Answered, Undo)


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """A clip that a person holds: what is open, with revisions, and what of it has been said."""

    lease: int
    task: Task
    open: tuple[tuple[Question, int], ...]
    answered: tuple[Question, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What a person has to do now.

    Args:
        last_key: key of the answer that an undo would take back, empty if there is none or its clip is not asked about.
        is_done: nothing is left for them to do, and they have done something.
    """

    assignments: tuple[Assignment, ...]
    progress: Progress
    last_key: str
    is_done: bool


class Panel:
    """The tasks of a run of the page, and everything that has been said before and during it.

    Args:
        clock: milliseconds since 1970.

    Raises:
        AnnotationError: see ``JudgmentStore``.
    """

    def __init__(
        self,
        store: JudgmentStore,
        tasks: Iterable[Task],
        options: ReviewOptions,
        *,
        gold: Iterable[Gold] = (),
        clock: Clock | None = None,
    ) -> None:
        self.options: Final = options
        self.store: Final = store
        self._clock = clock or steady_clock()
        self._lock = threading.Lock()
        self.state: Final = State(
            assignment.order_tasks(tasks, options.seed),
            gold,
            base=options.judgments_per_side,
            min_played=options.min_played,
        )
        for event in store.events():
            self.state.apply(event)
        # A clock that was set back since the log was written goes on from there: time never runs backwards in a log.
        self._behind_ms = max(0, self.state.last_ms - self._clock())

    def work(self, annotator: str) -> Work:
        """What a person holds, with new clips set aside for them if they hold too few."""
        with self._lock:
            now = self._now()
            for event in self.store.append_all(list(assignment.renewals(self.state, self.options, annotator, now))):
                self.state.apply(event)
            while len(assignment.open_leases(self.state, annotator)) < self.options.ahead:
                lease = assignment.next_lease(self.state, self.options, annotator, now)
                if lease is None:
                    break
                self.state.apply(self.store.append(lease))
            return self._work(annotator)

    def answer(self, annotator: str, sent: Submission) -> Answered | Refusal:
        """Take an answer. When this returns an event, it is on disk; a repeated one is the event it was."""
        with self._lock:
            event = assignment.take_answer(self.state, self.options, annotator, sent, self._now())
            return self._commit(event) if isinstance(event, Answered) else event

    def undo(self, annotator: str, *, key: str, answer_key: str) -> Undo | Refusal:
        """Take back a person's last answer, if it is the one they mean."""
        with self._lock:
            event = assignment.take_undo(
                self.state, self.options, annotator, key=key, answer_key=answer_key, now_ms=self._now()
            )
            return self._commit(event) if isinstance(event, Undo) else event

    def skip(self, annotator: str, lease: int) -> Refusal | None:
        """Give back what is left of a clip; it never comes to this person again."""
        with self._lock:
            event = assignment.take_skip(self.state, annotator, lease, self._now())
            if isinstance(event, Refusal):
                return event
            self.state.apply(self.store.append(event))
            return None

    def finish(self, annotator: str, session: str) -> Refusal | None:
        """Note that a person is done; refused while there is something left for them."""
        with self._lock:
            if session in self.state.people[annotator].sessions:
                return None
            if not self._work(annotator).is_done:
                return Refusal(reason="not_done")
            self.state.apply(self.store.append(Completion(at_ms=self._now(), annotator=annotator, scope=session)))
            return None

    def is_complete(self, annotator: str, session: str) -> bool:
        """Whether ``finish`` was noted."""
        with self._lock:
            return session in self.state.people[annotator].sessions

    def progress(self, annotator: str) -> Progress:
        """How far a person is."""
        with self._lock:
            return assignment.progress(self.state, self.options, annotator)

    def _now(self) -> int:
        return self._clock() + self._behind_ms

    def _commit(self, event: E) -> E:
        if event.seq:  # sent before
            return event
        placed = self.store.append(event)
        self.state.apply(placed)
        return placed

    def _work(self, annotator: str) -> Work:
        held = assignment.open_leases(self.state, annotator)
        history = self.state.people[annotator].history
        is_done = not held and any(one.answered for one in self.state.work_of(annotator))
        if is_done:
            is_done = assignment.next_lease(self.state, self.options, annotator, self._now()) is None
        return Work(
            assignments=tuple(self._assignment(one) for one in held),
            progress=assignment.progress(self.state, self.options, annotator),
            last_key=history[-1].key if history and self._is_here(history[-1]) else "",
            is_done=is_done,
        )

    def _is_here(self, said: Answered) -> bool:
        return self.state.held[said.lease].lease.task in self.state.by_id

    def _assignment(self, held: Held) -> Assignment:
        return Assignment(
            lease=held.lease.seq,
            task=self.state.by_id[held.lease.task],
            open=tuple((question, held.revisions[question]) for question in held.open),
            answered=tuple(held.answered),
        )


def steady_clock() -> Clock:
    """Milliseconds since 1970 by a clock that never leaps: set once, then counted by the machine."""
    start = time.time_ns() - time.monotonic_ns()
    return lambda: (start + time.monotonic_ns()) // 1_000_000

"""Who gets what next, and which answers count: rules over the state, without a clock, a file or a lock.

- A clip comes to a person once, for one category (``same_clip_again`` lets it come back for what they were not asked).
- A question goes to ``judgments_per_side`` people, and to one more while present and absent are level.
- What is given out is set aside until the person has been silent for ``lease_s``.
- One clip in ``gold_every`` is gold, at a place that its person cannot know.
- An answer counts once, for the question as it was when it was given out, and not before enough has played.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from vegas_data.annotate.events import Answered, Lease, Renewal, Undo
from vegas_data.annotate.options import ReviewOptions
from vegas_data.annotate.state import Asked, Held, Person, State, is_active
from vegas_data.annotate.tasks import HumanAnswer, Question, Task
from vegas_data.config import digest

Reason = Literal["unknown", "stale", "lapsed", "too_soon", "not_played", "key_reused", "not_done"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why something was not taken; ``wait_ms``: how long to wait before it would be."""

    reason: Reason
    wait_ms: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """An answer as a page sends it; see ``events.Answered``."""

    key: str
    lease: int
    question: Question
    answer: HumanAnswer
    revision: int
    played_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Of one person, in clips; ``seconds_left`` is None before anything is known of their pace."""

    done: int
    left: int
    seconds_left: int | None


def order_tasks(tasks: Iterable[Task], seed: int) -> list[Task]:
    """Tasks in the order in which they are given out: shuffled, and the same for the same seed."""
    return sorted(tasks, key=lambda task: digest("order", seed, task.id))


def open_leases(state: State, annotator: str) -> list[Held]:
    """What a person has to do: taken-back answers first, then the clips as they were given."""
    mine = (state.held[seq] for seq in state.people[annotator].leases)
    waiting = [held for held in mine if held.open and held.lease.task in state.by_id]
    return sorted(waiting, key=lambda held: (not any(held.revisions[q] for q in held.open), held.lease.seq))


def renewals(state: State, options: ReviewOptions, annotator: str, now_ms: int) -> Iterator[Renewal]:
    """What a person who comes back late may keep of the clips that were set aside for them."""
    lease_ms = options.lease_s * 1000
    for held in open_leases(state, annotator):
        if not is_active(held, now_ms, lease_ms):
            kept = tuple(
                question
                for question in held.open
                if held.lease.is_gold or state.is_free(held.asked(question), now_ms, lease_ms)
            )
            yield Renewal(at_ms=now_ms, annotator=annotator, lease=held.lease.seq, questions=kept)


def next_lease(state: State, options: ReviewOptions, annotator: str, now_ms: int) -> Lease | None:
    """The next clip for a person, or None where there is none for them now."""
    person = state.people[annotator]
    if options.clips_per_person and _counted(state, annotator) >= options.clips_per_person:
        return None
    found = _next_task(state, options, person, now_ms)
    if found is None:
        return None
    if _is_gold_turn(options, annotator, len(person.leases)):
        fresh = [
            one.task
            for one in state.gold.values()
            if scope_of(one.task, options) not in person.scopes and person.asked.isdisjoint(_asked(one.task))
        ]
        if fresh:
            known = min(fresh, key=lambda task: digest("gold", options.seed, annotator, task.id))
            return _lease(known, known.questions, options, annotator, now_ms, is_gold=True)
    task, questions = found
    return _lease(task, questions, options, annotator, now_ms, is_gold=False)


def _next_task(
    state: State, options: ReviewOptions, person: Person, now_ms: int
) -> tuple[Task, tuple[Question, ...]] | None:
    for place, task in enumerate(state.tasks):
        if place not in state.unfinished or scope_of(task, options) in person.scopes:
            continue
        questions = tuple(
            asked[-1]
            for asked in _asked(task)
            if asked not in person.asked and state.is_free(asked, now_ms, options.lease_s * 1000)
        )
        if questions:
            return task, questions
    return None


def _asked(task: Task) -> Iterator[Asked]:
    return ((task.purpose, task.category, task.clip_id, question) for question in task.questions)


def _is_gold_turn(options: ReviewOptions, annotator: str, number: int) -> bool:
    """One turn in each block of ``gold_every``, wherever the person's hash puts it."""
    every = options.gold_every
    if not every:
        return False
    return number % every == int(digest("turn", options.seed, annotator, number // every), 16) % every


def _lease(
    task: Task, questions: tuple[Question, ...], options: ReviewOptions, annotator: str, now_ms: int, *, is_gold: bool
) -> Lease:
    return Lease(
        at_ms=now_ms,
        annotator=annotator,
        scope=scope_of(task, options),
        task=task.id,
        purpose=task.purpose,
        category=task.category,
        clip_id=task.clip_id,
        video_id=task.video_id,
        is_gold=is_gold,
        questions=questions,
    )


def scope_of(task: Task, options: ReviewOptions) -> str:
    """What comes to a person once: a clip, or the same windows of a clip for one category and purpose."""
    return f"{task.clip_id}/{task.id}" if options.same_clip_again else task.clip_id


def _counted(state: State, annotator: str) -> int:
    """Clips that count as this person's work: all but those that were skipped or lost unanswered."""
    return sum(bool(held.open or held.answered) for held in state.work_of(annotator))


# --- answers --------------------------------------------------------------------------------------------------------


def take_answer(
    state: State, options: ReviewOptions, annotator: str, sent: Submission, now_ms: int
) -> Answered | Refusal:
    """The event that an answer is, or why it is refused. An answer that was taken before is given back as it stands."""
    before = state.keys.get(sent.key)
    if before is not None:
        if isinstance(before, Answered) and _is_repeat(before, annotator, sent):
            return before
        return Refusal(reason="key_reused")
    held = state.held.get(sent.lease)
    if held is None or held.lease.annotator != annotator:
        return Refusal(reason="unknown")
    if sent.question not in held.open:
        return Refusal(reason="stale" if sent.question in held.answered else "unknown")
    if sent.revision != held.revisions[sent.question]:
        return Refusal(reason="stale")
    if not is_active(held, now_ms, options.lease_s * 1000):
        return Refusal(reason="lapsed")
    needed = state.needed_ms(sent.question)
    if sent.played_ms < needed:
        return Refusal(reason="not_played")
    missing = needed - state.people[annotator].credit_at(now_ms, needed)
    if missing > 0:
        return Refusal(reason="too_soon", wait_ms=int(missing) + 1)
    return Answered(
        at_ms=now_ms,
        annotator=annotator,
        lease=sent.lease,
        key=sent.key,
        question=sent.question,
        answer=sent.answer,
        revision=sent.revision,
        played_ms=sent.played_ms,
    )


def _is_repeat(before: Answered, annotator: str, sent: Submission) -> bool:
    said = (before.annotator, before.lease, before.question, before.answer, before.revision)
    return said == (annotator, sent.lease, sent.question, sent.answer, sent.revision)


def take_undo(
    state: State, options: ReviewOptions, annotator: str, *, key: str, answer_key: str, now_ms: int
) -> Undo | Refusal:
    """The event that takes back a person's last answer, if it is the one they mean."""
    before, meant = state.keys.get(key), state.keys.get(answer_key)
    if before is not None:
        if isinstance(before, Undo) and before.annotator == annotator and meant and before.undoes == meant.seq:
            return before
        return Refusal(reason="key_reused")
    history = state.people[annotator].history
    if not history or meant != history[-1]:
        return Refusal(reason="stale")
    held = state.held[history[-1].lease]
    if held.lease.task not in state.by_id:
        return Refusal(reason="unknown")
    if held.open and not is_active(held, now_ms, options.lease_s * 1000):
        return Refusal(reason="lapsed")
    return Undo(at_ms=now_ms, annotator=annotator, lease=history[-1].lease, key=key, undoes=history[-1].seq)


def take_skip(state: State, annotator: str, lease: int, now_ms: int) -> Renewal | Refusal:
    """The event by which a person gives back what is left of a clip; it goes to others."""
    held = state.held.get(lease)
    if held is None or held.lease.annotator != annotator:
        return Refusal(reason="unknown")
    if not held.open:
        return Refusal(reason="stale")
    return Renewal(at_ms=now_ms, annotator=annotator, lease=lease, questions=())


def progress(state: State, options: ReviewOptions, annotator: str) -> Progress:
    """How far a person is; what is left is at most so much, for others may do part of it."""
    person = state.people[annotator]
    mine = state.work_of(annotator)
    done = sum(1 for held in mine if held.answered and not held.open)
    open_now = [held for held in mine if held.open and held.lease.task in state.by_id]
    left = len(state.unfinished) - sum(state.is_unfinished(held.lease.task) for held in mine)
    if options.clips_per_person:
        left = max(0, min(left, options.clips_per_person - _counted(state, annotator)))
    seconds = (sum(len(held.open) for held in open_now) + left * state.questions_per_task) * person.gap_ms / 1000
    return Progress(done=done, left=left + len(open_now), seconds_left=round(seconds) if person.history else None)

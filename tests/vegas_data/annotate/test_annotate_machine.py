"""Annotators, leases, undo and restarts in any order: a plain model and the database always agree."""

from collections import defaultdict
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from panels import Hands, gold_of, make_tasks, quick_folder, task

from vegas_data.annotate import ReviewOptions
from vegas_data.annotate.assignment import Refusal, Submission
from vegas_data.annotate.events import Answered, Undo
from vegas_data.annotate.tasks import PRESENT, Question

PEOPLE = st.sampled_from("abcd")
LEASE_MS = 60_000
STEPS = {"taken": 0}


class Given:
    """A clip as the model sees it."""

    def __init__(self, who: str, clip: str, is_gold: bool, now: int) -> None:
        self.who, self.clip, self.is_gold, self.last = who, clip, is_gold, now
        self.open: dict[Question, int] = {}


class PanelMachine(RuleBasedStateMachine):
    """The model: what is held since when, and a stack of answers for each person."""

    @initialize()
    def begin(self) -> None:
        self.folder = ExitStack()
        folder = self.folder.enter_context(quick_folder())
        options = ReviewOptions(lease_s=LEASE_MS / 1000, gold_share=0.25, min_played=0.0, ahead=2)
        gold = [gold_of(task(100 + number)) for number in range(2)]
        self.hands = Hands(folder / "j.sqlite", make_tasks(5), options, gold=gold)
        self.given: dict[int, Given] = {}
        self.stacks: dict[str, list[Submission]] = defaultdict(list)
        self.undos = 0

    def teardown(self) -> None:
        if hasattr(self, "hands"):
            self.hands.panel.store.close()
            self.folder.close()

    # --- the model ----------------------------------------------------------------------------------------------

    def is_active(self, one: Given) -> bool:
        return self.hands.now_ms - one.last < LEASE_MS

    def said(self, clip: str, question: Question) -> list[str]:
        return [
            sent.answer
            for stack in self.stacks.values()
            for sent in stack
            if self.given[sent.lease].clip == clip and sent.question == question and not self.given[sent.lease].is_gold
        ]

    def wanted(self, clip: str, question: Question) -> int:
        answers = self.said(clip, question)
        present = sum(answer in PRESENT for answer in answers)
        return len(answers) + 1 if len(answers) >= 2 and 2 * present == len(answers) else 2

    def holders(self, clip: str, question: Question, but: int = 0) -> int:
        return sum(
            one.clip == clip and question in one.open and self.is_active(one) and not one.is_gold
            for lease, one in self.given.items()
            if lease != but
        )

    def is_wanted(self, clip: str, question: Question, but: int) -> bool:
        return len(self.said(clip, question)) + self.holders(clip, question, but) < self.wanted(clip, question)

    def pick(self, data: Any, who: str, *, is_open: bool) -> tuple[int, Question] | None:
        found = [
            (lease, question)
            for lease, one in self.given.items()
            if one.who == who
            for question in (one.open if is_open else [s.question for s in self.stacks[who] if s.lease == lease])
        ]
        return data.draw(st.sampled_from(found)) if found else None

    def send(self, lease: int, question: Question, answer: str, revision: int) -> Submission:
        self.hands.sent += 1
        key = f"key-{self.hands.sent:08d}"
        return Submission(key=key, lease=lease, question=question, answer=answer, revision=revision, played_ms=2000)  # type: ignore[arg-type]

    # --- what people do -----------------------------------------------------------------------------------------

    @rule(who=PEOPLE)
    def look(self, who: str) -> None:
        work = self.hands.panel.work(who)
        now, seen = self.hands.now_ms, {one.lease: one for one in work.assignments}
        for lease, mine in self.given.items():
            if mine.who != who or not mine.open:
                continue
            left = dict(seen[lease].open) if lease in seen else {}
            assert left.items() <= mine.open.items()
            if self.is_active(mine):
                assert left == mine.open, "what is held is not taken away"
                continue
            lost = mine.open.keys() - left.keys()
            mine.open = {}
            for question in lost:
                assert not mine.is_gold
                assert not self.is_wanted(mine.clip, question, lease), "only what others have taken is lost"
            for question in left:
                assert mine.is_gold or self.is_wanted(mine.clip, question, lease)
            mine.open, mine.last = left, now
        for lease, one in seen.items():
            if lease not in self.given:
                clips = {other.clip for other in self.given.values() if other.who == who}
                assert one.task.clip_id not in clips, "never the same clip twice to one person"
                fresh = Given(who, one.task.clip_id, self.hands.panel.state.held[lease].lease.is_gold, now)
                for question, revision in one.open:
                    assert revision == 0
                    assert fresh.is_gold or self.is_wanted(fresh.clip, question, lease)
                fresh.open = dict(one.open)
                self.given[lease] = fresh
        assert work.last_key == (self.stacks[who][-1].key if self.stacks[who] else "")

    @rule(who=PEOPLE, answer=st.sampled_from(["yes", "sort_of", "no"]), data=st.data())
    def answer(self, who: str, answer: str, data: Any) -> None:
        found = self.pick(data, who, is_open=True)
        if found is None:
            return
        lease, question = found
        one = self.given[lease]
        sent = self.send(lease, question, answer, one.open[question])
        taken = self.hands.panel.answer(who, sent)
        if not self.is_active(one):
            assert taken == Refusal(reason="lapsed")
            return
        assert isinstance(taken, Answered)
        del one.open[question]
        one.last = self.hands.now_ms
        self.stacks[who].append(sent)

    @rule(who=PEOPLE, data=st.data())
    def press_twice(self, who: str, data: Any) -> None:
        if not self.stacks[who]:
            return
        sent = data.draw(st.sampled_from(self.stacks[who]))
        assert isinstance(self.hands.panel.answer(who, sent), Answered)
        if found := self.pick(data, who, is_open=False):
            taken = self.hands.panel.answer(who, self.send(*found, "no", data.draw(st.integers(0, 2))))
            assert taken == Refusal(reason="stale")

    @rule(who=PEOPLE, other=PEOPLE, data=st.data())
    def answer_for_another(self, who: str, other: str, data: Any) -> None:
        found = self.pick(data, other, is_open=True)
        if found is not None and who != other:
            taken = self.hands.panel.answer(who, self.send(*found, "no", 0))
            assert taken == Refusal(reason="unknown")

    @rule(who=PEOPLE)
    def undo(self, who: str) -> None:
        self.undos += 1
        key = f"undo-{self.undos:06d}"
        if not self.stacks[who]:
            assert self.hands.panel.undo(who, key=key, answer_key="key-none") == Refusal(reason="stale")
            return
        if len(self.stacks[who]) > 1:
            wrong = self.hands.panel.undo(who, key=key, answer_key=self.stacks[who][-2].key)
            assert wrong == Refusal(reason="stale"), "only the last answer"
        sent = self.stacks[who][-1]
        one = self.given[sent.lease]
        taken = self.hands.panel.undo(who, key=key, answer_key=sent.key)
        if one.open and not self.is_active(one):
            assert taken == Refusal(reason="lapsed")
            return
        assert isinstance(taken, Undo)
        assert self.hands.panel.undo(who, key=key, answer_key=sent.key) == taken
        self.stacks[who].pop()
        one.open = {sent.question: sent.revision + 1, **one.open}
        one.last = self.hands.now_ms

    @rule(who=PEOPLE, data=st.data())
    def skip(self, who: str, data: Any) -> None:
        found = self.pick(data, who, is_open=True)
        if found is not None and data.draw(st.integers(0, 3)) == 0:
            assert self.hands.panel.skip(who, found[0]) is None
            self.given[found[0]].open = {}

    @rule(ms=st.sampled_from([1, 2_000, 20_000, LEASE_MS]))
    def wait(self, ms: int) -> None:
        self.hands.now_ms += ms

    @rule()
    def restart(self) -> None:
        self.hands.restart()

    @precondition(lambda self: hasattr(self, "hands"))
    @invariant()
    def the_database_says_what_the_model_says(self) -> None:
        STEPS["taken"] += 1
        model = {
            (who, self.given[sent.lease].clip, sent.question, sent.answer, self.given[sent.lease].is_gold)
            for who, stack in self.stacks.items()
            for sent in stack
        }
        found = [
            (
                one.annotator,
                one.clip_id,
                Question(start_ms=one.start_ms, end_ms=one.end_ms, side=one.side),
                one.answer,
                one.is_gold,
            )
            for one in self.hands.panel.store.judgments()
        ]
        assert len(found) == len(set(found)) == sum(map(len, self.stacks.values()))
        assert set(found) == model


CHECKS = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example]


def test_model_and_database_agree() -> None:
    run_state_machine_as_test(
        PanelMachine,
        settings=settings(
            max_examples=8, stateful_step_count=40, deadline=None, suppress_health_check=CHECKS, database=None
        ),
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_model_and_database_agree_after_ten_thousand_steps() -> None:
    STEPS["taken"] = 0
    while STEPS["taken"] < 10_000:
        run_state_machine_as_test(
            PanelMachine,
            settings=settings(
                max_examples=100, stateful_step_count=100, deadline=None, suppress_health_check=CHECKS, database=None
            ),
        )

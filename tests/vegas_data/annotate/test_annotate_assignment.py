"""Who gets what next, and which answers count."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from panels import TWO, Hands, gold_of, make_tasks, quick_folder, task

from vegas_data.annotate import ReviewOptions
from vegas_data.annotate.assignment import Refusal, Submission, next_lease
from vegas_data.annotate.events import Answered, Undo
from vegas_data.annotate.imports import Imported, import_judgments
from vegas_data.annotate.state import State


@pytest.fixture
def path() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder / "judgments.sqlite"


def reason(taken: object) -> str:
    assert isinstance(taken, Refusal), taken
    return taken.reason


def answers(hands: Hands) -> Counter[tuple[str, int, str]]:
    return Counter((one.clip_id, one.start_ms, one.side) for one in hands.panel.store.judgments())


def test_one_side_after_the_other_in_the_order_of_time(path: Path) -> None:
    hands = Hands(path, make_tasks(1))
    (one,) = hands.panel.work("a").assignments
    assert [(question.side, question.start_ms) for question, _ in one.open] == [
        ("heard", 0), ("heard", 2000), ("seen", 0), ("seen", 2000),
    ]  # fmt: skip


def test_two_people_for_everything_and_no_third_while_they_agree(path: Path) -> None:
    hands = Hands(path, make_tasks(5))
    assert [hands.judge_all(who) for who in "abc"] == [20, 20, 0]
    assert set(answers(hands).values()) == {2}


def test_sort_of_and_yes_agree_for_both_mean_present(path: Path) -> None:
    hands = Hands(path, make_tasks(2))
    hands.judge_all("a", "yes")
    hands.judge_all("b", "sort_of")
    assert hands.judge_all("c") == 0


def test_a_third_person_is_asked_only_what_two_disagree_about(path: Path) -> None:
    hands = Hands(path, make_tasks(1))
    hands.judge_all("a", "yes")
    for _ in range(4):
        (one,) = hands.panel.work("b").assignments
        hands.now_ms += 2000
        question = one.open[0][0]
        no = question.side == "seen" and question.start_ms == 2000
        hands.panel.answer("b", hands.submission(one, "no" if no else "yes"))
    (third,) = hands.panel.work("c").assignments
    assert [(question.side, question.start_ms) for question, _ in third.open] == [("seen", 2000)]
    assert hands.judge_all("c", "no") == 1
    assert hands.judge_all("d") == 0


def test_a_clip_comes_to_a_person_once_whatever_it_is_for(path: Path) -> None:
    tasks = [task(1), task(1, category="dog"), task(1, purpose="audit"), task(2)]
    hands = Hands(path, tasks)
    hands.judge_all("a")
    assert len({one.clip_id for one in hands.panel.store.judgments()}) == 2
    assert sum(answers(hands).values()) == 8
    again = Hands(path.with_name("2.sqlite"), tasks, ReviewOptions(same_clip_again=True, judgments_per_side=1))
    again.judge_all("b")
    assert sum(answers(again).values()) == 16


def test_alone_one_is_asked_about_every_window_once_whatever_list_it_stands_in(path: Path) -> None:
    """Verdicts change while somebody judges: other windows of the same clip become undecided."""
    options = ReviewOptions(same_clip_again=True, judgments_per_side=1)
    hands = Hands(path, [task(1, windows=TWO[:1])], options)
    assert hands.judge_all("a") == 2
    hands.restart([task(1, windows=TWO)], [gold_of(task(1, windows=TWO[:1]))])
    assert [question.start_ms for question, _ in hands.panel.work("a").assignments[0].open] == [2000, 2000]
    hands.judge_all("a")
    assert set(answers(hands).values()) == {1}


def test_who_was_asked_elsewhere_is_not_asked_again(path: Path) -> None:
    hands = Hands(path, make_tasks(1))
    row = Imported(
        line=2, category="drum", clip_id=hands.tasks[0].clip_id, video_id="local-0000", start_ms=0, end_ms=2000,
        side="heard", answer="yes", annotator="ann",
    )  # fmt: skip
    import_judgments(hands.panel.store, [row], path, purpose="review", at_ms=5)
    hands.restart()
    ann = hands.panel.store.pseudonym("ann")
    assert hands.panel.work(ann).progress.done == 0, "what was judged elsewhere is not this page's work"
    assert hands.judge_all(ann) == 3
    assert hands.judge_all("b") == 4
    assert set(answers(hands).values()) == {2}


def test_what_was_judged_for_another_purpose_is_not_ones_share_of_this_one(path: Path) -> None:
    options = ReviewOptions(clips_per_person=2)
    hands = Hands(path, make_tasks(4, purpose="calibration"), options, gold=[gold_of(task(50))])
    assert hands.judge_all("a") == 8
    hands.restart([task(number) for number in range(10, 14)], [])
    work = hands.panel.work("a")
    assert (len(work.assignments), work.progress.done, work.is_done) == (2, 0, False)
    assert reason(hands.panel.finish("a", "session")) == "not_done"
    assert hands.judge_all("a") == 8
    assert hands.panel.finish("a", "session") is None


@pytest.mark.parametrize("end_ms", [1000, 6000, 10_000])
def test_windows_of_any_length_can_be_judged(path: Path, end_ms: int) -> None:
    hands = Hands(path, make_tasks(2, windows=((0, end_ms),), sides=("heard",)))
    for _ in range(2):
        sent = hands.submission(hands.panel.work("a").assignments[0])
        hands.now_ms += round(0.9 * end_ms) - 1
        assert reason(hands.panel.answer("a", sent)) == "too_soon"
        hands.now_ms += 1
        assert isinstance(hands.panel.answer("a", sent), Answered)


def test_a_clock_that_was_set_back_stops_nobody(path: Path) -> None:
    hands = Hands(path, make_tasks(2))
    held = hands.panel.work("a").assignments
    hands.now_ms += 2000
    first = hands.panel.answer("a", hands.submission(held[0]))
    assert isinstance(first, Answered)
    hands.now_ms -= 3_600_000
    hands.restart()
    sent = hands.submission(hands.panel.work("a").assignments[0])
    assert reason(hands.panel.answer("a", sent)) == "too_soon"
    hands.now_ms += 2000
    second = hands.panel.answer("a", sent)
    assert isinstance(second, Answered)
    assert second.at_ms - first.at_ms == 2000
    assert len(hands.panel.work("b").assignments) == 2, "and what is held is still held"
    assert hands.panel.work("c").assignments == ()


def test_gold_is_taken_back_like_anything_else(path: Path) -> None:
    hands = Hands(path, make_tasks(1), ReviewOptions(gold_share=0.5), gold=[gold_of(task(9))])
    hands.judge_all("a")
    taken = 0
    while key := hands.panel.work("a").last_key:
        taken += 1
        assert isinstance(hands.panel.undo("a", key=f"undo-{taken:04d}", answer_key=key), Undo)
    assert taken == 8
    assert hands.panel.store.judgments() == []
    assert hands.judge_all("a", "no") == 8
    assert sum(one.is_gold for one in hands.panel.store.judgments()) == 4


def test_what_one_person_holds_is_not_given_to_more_than_are_wanted(path: Path) -> None:
    hands = Hands(path, make_tasks(1))
    assert [len(hands.panel.work(who).assignments) for who in "abc"] == [1, 1, 0]
    assert not hands.panel.work("c").is_done, "nobody is done who has done nothing"


def test_a_silent_persons_clip_goes_to_others_and_comes_back_if_nobody_took_it(path: Path) -> None:
    hands = Hands(path, make_tasks(1), ReviewOptions(lease_s=60))
    sent = hands.submission(hands.panel.work("a").assignments[0])
    hands.panel.work("b")
    hands.now_ms += 60_000
    assert reason(hands.panel.answer("a", sent)) == "lapsed"
    assert len(hands.panel.work("a").assignments) == 1, "nobody wanted it meanwhile"
    assert isinstance(hands.panel.answer("a", sent), Answered)
    hands.now_ms += 60_000
    assert [len(hands.panel.work(who).assignments) for who in "cd"] == [1, 1]
    (left,) = hands.panel.work("a").assignments or [None]
    assert left is None, "two others hold what is left"


def test_an_answer_sent_twice_counts_once_and_is_confirmed_twice(path: Path) -> None:
    hands = Hands(path, make_tasks(1))
    sent = hands.submission(hands.panel.work("a").assignments[0])
    hands.now_ms += 2000
    first = hands.panel.answer("a", sent)
    assert hands.panel.answer("a", sent) == first
    hands.restart()
    assert hands.panel.answer("a", sent) == first
    assert sum(answers(hands).values()) == 1


def test_what_a_stale_window_sends_adds_nothing(path: Path) -> None:
    hands = Hands(path, make_tasks(1))
    (one,) = hands.panel.work("a").assignments
    first, second = hands.submission(one), hands.submission(one, "no")
    hands.now_ms += 4000
    hands.panel.answer("a", first)
    assert reason(hands.panel.answer("a", second)) == "stale"
    assert reason(hands.panel.answer("a", replace(second, key=first.key))) == "key_reused"
    hands.panel.undo("a", key="undo-0001", answer_key=first.key)
    assert reason(hands.panel.answer("a", second)) == "stale", "the question was given out anew"
    assert isinstance(hands.panel.answer("a", replace(second, revision=1)), Answered)
    assert [one.answer for one in hands.panel.store.judgments()] == ["no"]


def test_nobody_answers_for_another(path: Path) -> None:
    hands = Hands(path, make_tasks(1))
    sent = hands.submission(hands.panel.work("a").assignments[0])
    hands.panel.work("b")
    hands.now_ms += 2000
    assert reason(hands.panel.answer("b", sent)) == "unknown"
    taken = hands.panel.answer("a", sent)
    assert isinstance(taken, Answered)
    assert reason(hands.panel.answer("b", sent)) == "key_reused"
    assert reason(hands.panel.undo("b", key="undo-0001", answer_key=sent.key)) == "stale"
    assert reason(hands.panel.skip("b", sent.lease)) == "unknown"


def test_undo_goes_back_step_by_step_across_clips(path: Path) -> None:
    hands = Hands(path, make_tasks(2, windows=TWO[:1], sides=("heard",)))
    sent: list[Submission] = []
    while work := hands.panel.work("a").assignments:
        sent.append(hands.submission(work[0]))
        hands.now_ms += 2000
        hands.panel.answer("a", sent[-1])
    assert hands.panel.work("a").is_done
    assert reason(hands.panel.undo("a", key="undo-0000", answer_key=sent[0].key)) == "stale", "not the last one"
    for number, one in enumerate(reversed(sent)):
        assert hands.panel.work("a").last_key == one.key
        taken = hands.panel.undo("a", key=f"undo-1{number:03d}", answer_key=one.key)
        assert isinstance(taken, Undo)
        assert hands.panel.undo("a", key=f"undo-1{number:03d}", answer_key=one.key) == taken
        assert hands.panel.work("a").assignments[0].lease == one.lease
    assert sum(answers(hands).values()) == 0
    assert hands.panel.work("a").last_key == ""


def test_an_answer_before_enough_has_played_has_to_wait(path: Path) -> None:
    hands = Hands(path, make_tasks(2))
    sent = hands.submission(hands.panel.work("a").assignments[0])
    hands.now_ms += 1000
    refused = hands.panel.answer("a", sent)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.wait_ms) == ("too_soon", 801)
    hands.now_ms += 800
    assert isinstance(hands.panel.answer("a", sent), Answered)
    after = hands.submission(hands.panel.work("a").assignments[0])
    assert reason(hands.panel.answer("a", after)) == "too_soon"
    hands.now_ms += 3_600_000
    hands.panel.work("a")
    assert reason(hands.panel.answer("a", replace(after, played_ms=1799))) == "not_played"
    taken = [
        hands.panel.answer("a", hands.submission(one))
        for _ in range(5)
        for one in hands.panel.work("a").assignments[:1]
    ]
    assert sum(isinstance(one, Answered) for one in taken) == 3, "an hour of silence is worth three pieces, not more"


def test_one_clip_in_so_many_is_gold_at_places_that_differ_between_people() -> None:
    state = State(make_tasks(280), [gold_of(task(1000 + number)) for number in range(50)])
    places = {}
    for who in "ab":
        while lease := next_lease(state, ReviewOptions(), who, 1000):
            state.apply(replace(lease, seq=len(state.held) + 1))
        given = [state.held[seq].lease for seq in state.people[who].leases]
        places[who] = [number for number, lease in enumerate(given) if lease.is_gold]
        assert len(given) - len(places[who]) == 280
        assert 0.05 <= len(places[who]) / len(given) <= 0.10
        assert all(sum(place // 14 == block for place in places[who]) == 1 for block in range(len(given) // 14))
    assert places["a"] != places["b"]


def test_gold_alone_is_no_work(path: Path) -> None:
    hands = Hands(path, [], gold=[gold_of(task(1))])
    assert hands.panel.work("a").assignments == ()


def test_the_same_seed_gives_the_same_order_and_another_one_another(path: Path) -> None:
    orders = []
    for number, seed in enumerate((1, 1, 2)):
        hands = Hands(path.with_name(f"{number}.sqlite"), make_tasks(30), ReviewOptions(seed=seed, ahead=30))
        orders.append([one.task.clip_id for one in hands.panel.work("a").assignments])
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != sorted(orders[0])


def test_a_skipped_clip_goes_to_somebody_else(path: Path) -> None:
    hands = Hands(path, make_tasks(1), ReviewOptions(judgments_per_side=1))
    (one,) = hands.panel.work("a").assignments
    assert hands.panel.skip("a", one.lease) is None
    assert hands.panel.work("a").assignments == ()
    assert hands.judge_all("b") == 4
    refused = hands.panel.skip("a", one.lease)
    assert reason(refused) == "stale"


def test_after_their_share_of_clips_people_are_done(path: Path) -> None:
    hands = Hands(path, make_tasks(10), ReviewOptions(clips_per_person=3))
    hands.panel.work("a")
    assert reason(hands.panel.finish("a", "session")) == "not_done"
    assert hands.judge_all("a") == 12
    assert hands.panel.work("a").is_done
    assert hands.panel.finish("a", "session") is None
    assert hands.panel.finish("a", "session") is None
    hands.restart()
    assert hands.panel.is_complete("a", "session")
    assert not hands.panel.is_complete("a", "another")
    assert not hands.panel.is_complete("b", "session")


def test_progress_counts_clips_and_learns_the_pace(path: Path) -> None:
    hands = Hands(path, make_tasks(4))
    before = hands.panel.work("a").progress
    assert (before.done, before.left, before.seconds_left) == (0, 4, None)
    for _ in range(4):
        hands.now_ms += 3000
        hands.panel.answer("a", hands.submission(hands.panel.work("a").assignments[0]))
    after = hands.panel.progress("a")
    assert (after.done, after.left, after.seconds_left) == (1, 3, 36)


def test_a_list_without_a_clip_that_was_begun_goes_on_with_the_others(path: Path) -> None:
    hands = Hands(path, make_tasks(3))
    begun = hands.panel.work("a").assignments[0]
    hands.now_ms += 2000
    hands.panel.answer("a", hands.submission(begun))
    rest = [one for one in hands.tasks if one.id != begun.task.id]
    hands.panel.store.close()
    other = Hands(path, rest, now_ms=hands.now_ms)
    work = other.panel.work("a")
    assert {one.task.clip_id for one in work.assignments} == {one.clip_id for one in rest}
    assert work.last_key == "", "what is not on the list any more cannot be taken back"
    said = other.panel.state.people["a"].history[-1].key
    assert reason(other.panel.undo("a", key="undo-0001", answer_key=said)) == "unknown"


@pytest.mark.parametrize(
    "wrong",
    [
        {"gold_share": 0.6},
        {"judgments_per_side": 0},
        {"min_played": 1.1},
        {"lease_s": 0.0},
        {"completion_url": "http://x"},
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        ReviewOptions(**wrong)  # type: ignore[arg-type]


def test_a_task_twice_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="twice"):
        Hands(path, [task(1), task(1)])

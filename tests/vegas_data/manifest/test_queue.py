"""The queue: a fixed order, and a result that depends on who is alive, not on when this was found out."""

import hashlib
import random

from hypothesis import given
from hypothesis import strategies as st

from vegas_data.manifest import add_queue, clips_to_try, make_table, read_queues, walk_queue


def table(clips: list[tuple[str, int]], names: list[str]) -> object:
    return make_table(
        {
            "video_id": [video for video, _ in clips],
            "start_ms": [start for _, start in clips],
            "end_ms": [start + 10_000 for _, start in clips],
            "category": names,
            "origin": [""] * len(clips),
        }
    )


CLIPS = [(f"{letter * 10}{number}", 1000 * number) for letter in "abcdefghij" for number in range(5)]


def test_ranks_are_the_order_of_the_hashes_in_each_category() -> None:
    names = ["dog" if number % 3 else "drum" for number in range(len(CLIPS))]
    ranked = add_queue(table(CLIPS, names), 2018)
    for category, queue in read_queues(ranked, 2018).items():
        ids = [f"{v}_{s:09d}" for (v, s), name in zip(CLIPS, names, strict=True) if name == category]
        assert list(queue) == sorted(ids, key=lambda clip: hashlib.sha256(f"2018/{clip}".encode()).digest()[:8])
    assert sorted(ranked["queue"].to_pylist()) == sorted([*range(17), *range(33)])


def test_another_seed_is_another_order_and_the_same_seed_the_same() -> None:
    plain = table(CLIPS, ["dog"] * len(CLIPS))
    assert read_queues(plain, 1) == read_queues(add_queue(plain, 1), 2), "ranks in the table count, not the seed"
    assert read_queues(plain, 1) != read_queues(plain, 2)
    assert add_queue(add_queue(plain, 2), 1).equals(add_queue(plain, 1))


def test_more_clips_leave_the_order_of_those_that_were_there() -> None:
    few, many = (read_queues(table(CLIPS[:n], ["dog"] * n), 1)["dog"] for n in (20, 50))
    assert [clip for clip in many if clip in few] == list(few)


def test_rows_without_a_rank_come_last() -> None:
    ranked = add_queue(table(CLIPS[:3], ["dog"] * 3), 1)
    ranks = [None, 0, 1]
    assert read_queues(ranked.set_column(5, "queue", [ranks]), 1)["dog"][2] == f"{CLIPS[0][0]}_{CLIPS[0][1]:09d}"


def test_a_walk_stops_where_enough_are_alive_or_may_be() -> None:
    queue = ("a", "b", "c", "d", "e")
    state = walk_queue(queue, alive={"b", "e"}, dead={"a"}, cap=2)
    assert (state.taken, state.to_try, state.short) == (("b",), ("c",), 0)
    state = walk_queue(queue, alive={"b", "c", "e"}, dead={"a"}, cap=2)
    assert (state.taken, state.to_try, state.short) == (("b", "c"), (), 0), "e is alive, but beyond the cap"
    state = walk_queue(queue, alive={"b"}, dead={"a", "d"}, cap=9)
    assert (state.taken, state.to_try, state.short) == (("b",), ("c", "e"), 6)
    assert walk_queue(queue, alive=set(), dead=set(), cap=0).to_try == queue


def test_heads_of_all_queues_come_first_and_a_clip_once() -> None:
    queues = {"dog": ("d1", "both", "d3"), "drum": ("both", "t2", "t3", "t4")}
    assert clips_to_try(queues, alive=set(), dead=set(), cap=3) == ("both", "d1", "t2", "d3", "t3")
    assert clips_to_try(queues, alive={"d1", "both", "d3", "t2", "t3"}, dead=set(), cap=3) == ()


@given(
    st.lists(st.booleans(), max_size=40),
    st.integers(1, 8),
    st.integers(1, 6),
    st.randoms(use_true_random=False),
)
def test_whatever_the_order_the_first_alive_ones_are_taken(
    lives: list[bool], cap: int, batch: int, chance: random.Random
) -> None:
    """Some of the clips that are asked for are tried, in any order, until none is asked for any more."""
    ids = [f"c{number}" for number in range(len(lives))]
    queues = {"x": tuple(ids), "y": tuple(reversed(ids))}
    truth = dict(zip(ids, lives, strict=True))
    alive: set[str] = set()
    dead: set[str] = set()
    while asked := clips_to_try(queues, alive=alive, dead=dead, cap=cap):
        for clip in chance.sample(asked, min(batch, len(asked))):
            (alive if truth[clip] else dead).add(clip)
    for queue in queues.values():
        state = walk_queue(queue, alive=alive, dead=dead, cap=cap)
        living = [clip for clip in queue if truth[clip]]
        assert list(state.taken) == living[:cap]
        assert state.short == max(cap - len(living), 0)
    if sum(lives) >= cap:
        needed = [{*queue[: 1 + queue.index([c for c in queue if truth[c]][cap - 1])]} for queue in queues.values()]
        assert alive | dead == set.union(*needed), "nothing is tried beyond the last one that was needed"

"""The queue of a category: in which order its clips are tried, until enough of them are alive.

A cap that cuts the list beforehand leaves fewer clips than it says, for many videos are gone, and which ones differs
from month to month. So nothing is cut: every candidate has a rank by sha256(seed, clip), and a category takes the
first N of its queue that are alive. Two labs with the same tables and seed try the same clips in the same order; where
one finds a clip dead, it takes the next one. Pure functions: who is alive or dead is told them.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """Where a category stands in its queue.

    Args:
        taken: clips that are alive and count, in the queue's order. to_try: what has to be tried next; if all of them
            are alive, the cap is reached. short: how many are missing even then, because the queue has ended.
    """

    taken: tuple[str, ...]
    to_try: tuple[str, ...]
    short: int


def walk_queue(queue: Sequence[str], *, alive: AbstractSet[str], dead: AbstractSet[str], cap: int) -> QueueState:
    """Go down a queue of clip ids until ``cap`` of them are alive or still to be tried (0: to its end).

    What is alive beyond that point, because another category wanted it, does not count here. So the clips that are
    taken in the end depend on who is alive, and not on the order in which this was found out.
    """
    taken: list[str] = []
    to_try: list[str] = []
    for clip in queue:
        if cap and len(taken) + len(to_try) >= cap:
            break
        if clip in alive:
            taken.append(clip)
        elif clip not in dead:
            to_try.append(clip)
    short = max(cap - len(taken) - len(to_try), 0)
    return QueueState(taken=tuple(taken), to_try=tuple(to_try), short=short)


def clips_to_try(
    queues: Mapping[str, Sequence[str]], *, alive: AbstractSet[str], dead: AbstractSet[str], cap: int
) -> tuple[str, ...]:
    """The clips that some category has to try next, each once; the heads of all queues come first.

    Call it again with what has become of them, until it returns none.
    """
    states = (walk_queue(queue, alive=alive, dead=dead, cap=cap) for queue in queues.values())
    places: dict[str, tuple[int, str]] = {}
    for state in states:
        for place, clip in enumerate(state.to_try):
            places[clip] = min(places.get(clip, (place, clip)), (place, clip))
    return tuple(sorted(places, key=places.__getitem__))


def add_queue(table: Any, seed: int) -> Any:
    """The table with the column ``queue`` made anew: the rank of each row's clip in its category, from 0 on."""
    import numpy as np
    import pyarrow
    import pyarrow.compute as pc

    place = np.array(
        [_place(seed, video, start) for video, start in _clips(table)], dtype=np.uint64
    )  # one hash per row: hashing has no other way
    category = pc.dictionary_encode(table["category"].combine_chunks()).indices.to_numpy()
    order = np.lexsort((place, category))
    counts = np.bincount(category) if len(category) else np.zeros(0, dtype=np.int64)
    first = np.cumsum(counts) - counts
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(first, counts)
    if "queue" in table.column_names:
        table = table.drop_columns(["queue"])
    return table.append_column("queue", pyarrow.chunked_array([pyarrow.array(rank, pyarrow.int64())]))


def read_queues(table: Any, seed: int) -> dict[str, tuple[str, ...]]:
    """Category → clip ids by rank. A table without ranks gets those of ``seed``; rows without one come last."""
    if "queue" not in table.column_names:
        table = add_queue(table, seed)
    last = len(table)
    queues: dict[str, list[tuple[int, str]]] = {}
    columns = (table["category"].to_pylist(), table["queue"].to_pylist(), _clips(table))
    for category, rank, (video, start) in zip(*columns, strict=True):
        queues.setdefault(category, []).append((last if rank is None else rank, f"{video}_{start:09d}"))
    return {name: tuple(clip for _, clip in sorted(queues[name])) for name in sorted(queues)}


def _clips(table: Any) -> Iterable[tuple[str, int]]:
    return zip(table["video_id"].to_pylist(), table["start_ms"].to_pylist(), strict=True)


def _place(seed: int, video_id: str, start_ms: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{video_id}_{start_ms:09d}".encode()).digest()[:8], "big")

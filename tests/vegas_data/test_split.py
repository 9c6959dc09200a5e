"""Splits by source video: stable, disjoint, as many as asked for."""

import random

from hypothesis import given
from hypothesis import strategies as st

from vegas_data.records import Example
from vegas_data.split import SplitOptions, split_examples


def example(video: int, category: str, start: int = 0) -> Example:
    name = f"demo-v{video:05}"
    return Example(category=category, clip_id=f"{name}_000000000", video_id=name, start_ms=start, end_ms=start + 2000)


def test_counts_and_independence_of_order() -> None:
    examples = [example(v, c) for c in ("drum", "dog") for v in range(200 if c == "drum" else 40)]
    options = SplitOptions(test_examples=128, val_examples=10, max_test_share=0.25, max_val_share=0.5)
    splits = split_examples(examples, options)
    random.Random(1).shuffle(examples)
    assert split_examples(examples, options) == splits
    drum = [splits[e.video_id] for e in examples if e.category == "drum"]
    assert drum.count("test") >= 50
    assert drum.count("val") >= 10
    assert drum.count("train") > 100


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["drum", "dog"]), st.integers(0, 3)), max_size=60))
def test_all_examples_of_a_video_are_on_one_side(rows: list[tuple[int, str, int]]) -> None:
    examples = [example(v, c, 4000 * s) for v, c, s in rows]
    splits = split_examples(examples, SplitOptions(test_examples=5, val_examples=3))
    assert set(splits) == {e.video_id for e in examples}


def test_a_death_moves_only_videos_at_the_border() -> None:
    examples = [example(v, "drum") for v in range(300)]
    options = SplitOptions(test_examples=40, val_examples=20)
    before = split_examples(examples, options)
    dead = next(v for v, s in before.items() if s == "test")
    after = split_examples([e for e in examples if e.video_id != dead], options)
    moved = [v for v in after if after[v] != before[v]]
    assert len(moved) <= 2, "one video from val to test, one from train to val"


def test_another_seed_is_another_split() -> None:
    examples = [example(v, "drum") for v in range(100)]
    assert split_examples(examples, SplitOptions(seed=1)) != split_examples(examples, SplitOptions(seed=2))

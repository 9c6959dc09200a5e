"""Which examples go where, and what makes a shard stale."""

import dataclasses
import itertools
import pickle
from collections.abc import Callable
from fractions import Fraction
from functools import partial

import pytest
from shard_bench import Bench

from vegas_data.errors import SchemaMismatch, ShardError
from vegas_data.shards import (
    FeatureFile,
    ShardOptions,
    is_fresh,
    outgrown_shards,
    plan_shards,
    shards_folder,
    surplus_shards,
)
from vegas_data.units import Grid


def test_examples_are_grouped_sorted_and_cut(bench: Bench) -> None:
    sources = [bench.source(f"demo-{i:03d}") for i in range(5)]
    sources += [bench.source("demo-900", split="test"), bench.source("demo-001", category="dog")]
    plans = bench.plan(*sources, max_examples=2)
    assert [(plan.name, [e.meta.video_id for e in plan.examples]) for plan in plans] == [
        ("dog-train-000000.tar", ["demo-001"]),
        ("drum-test-000000.tar", ["demo-900"]),
        ("drum-train-000000.tar", ["demo-000", "demo-001"]),
        ("drum-train-000001.tar", ["demo-002", "demo-003"]),
        ("drum-train-000002.tar", ["demo-004"]),
    ]
    for order in itertools.islice(itertools.permutations(sources), 0, 5000, 777):
        assert bench.plan(*order, max_examples=2) == plans


def test_max_bytes_holds_for_what_is_written(bench: Bench) -> None:
    sources = [bench.source(f"demo-{i:03d}") for i in range(4)]
    whole = bench.write(bench.plan(*sources)[0]).num_bytes
    assert len(bench.plan(*sources, max_bytes=whole)) == 1
    plans = bench.plan(*sources, max_bytes=whole // 2)
    assert len(plans) > 1
    assert all(bench.write(plan).num_bytes <= whole // 2 for plan in plans)
    assert [len(plan.examples) for plan in bench.plan(*sources, max_bytes=1)] == [1, 1, 1, 1]


def test_a_plan_travels_to_a_worker(bench: Bench) -> None:
    (plan,) = bench.plan(bench.source())
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert plan.id == "drum-train-000000.tar"


def test_a_shard_is_fresh_until_something_it_is_made_from_changes(bench: Bench) -> None:
    first, second = bench.source("demo-000"), bench.source("demo-001")
    (plan,) = bench.plan(first, second)
    assert not is_fresh(bench.workspace, plan)
    bench.write(plan)
    assert is_fresh(bench.workspace, bench.plan(second, first)[0])

    feature = first.features[0]
    stale = {
        "an example less": (first,),
        "an example more": (first, second, bench.source("demo-002")),
        "other features": (
            dataclasses.replace(first, features=(dataclasses.replace(feature, sha256="9" * 64), first.features[1])),
            second,
        ),
        "another licence": (dataclasses.replace(first, licence="CC-BY-4.0"), second),
        "other settings of the cut": (
            dataclasses.replace(first, media=dataclasses.replace(first.media, settings="x")),
            second,
        ),
    }
    for what, sources in stale.items():
        assert not is_fresh(bench.workspace, bench.plan(*sources)[0]), what


def test_what_does_not_decide_bytes_does_not_make_stale(bench: Bench) -> None:
    source = bench.source()
    (plan,) = bench.plan(source)
    bench.write(plan)
    tools = dataclasses.replace(source, media=dataclasses.replace(source.media, tools=(("ffmpeg", "99"),)))
    assert is_fresh(bench.workspace, bench.plan(tools)[0])
    assert is_fresh(bench.workspace, dataclasses.replace(plan, recipe="0" * 12))


@pytest.mark.parametrize("harm", ["no side-car", "no tar", "cut off", "side-car damaged"])
def test_a_damaged_shard_is_not_fresh(bench: Bench, harm: str) -> None:
    (plan,) = bench.plan(bench.source())
    bench.write(plan)
    tar = bench.workspace.path(plan.key)
    side_car = tar.with_name(tar.name + ".json")
    match harm:
        case "no side-car":
            side_car.unlink()
        case "no tar":
            tar.unlink()
        case "cut off":
            tar.write_bytes(tar.read_bytes()[:-512])
        case _:
            side_car.write_text("{")
    assert not is_fresh(bench.workspace, plan)
    bench.write(plan)
    assert is_fresh(bench.workspace, plan)


def test_shards_that_nobody_plans_any_more_are_listed(bench: Bench) -> None:
    sources = [bench.source(f"demo-{i:03d}") for i in range(3)] + [bench.source("demo-000", category="dog")]
    plans = bench.plan(*sources, max_examples=1)
    for plan in plans:
        bench.write(plan)
    folder = plans[0].key.rpartition("/")[0]
    fewer = [plan for plan in plans if plan.name in ("dog-train-000000.tar", "drum-train-000000.tar")]
    surplus = surplus_shards(bench.workspace, folder, fewer, categories={"drum", "dog"})
    assert surplus == [f"{folder}/drum-train-00000{i}.tar" for i in (1, 2)]
    assert surplus_shards(bench.workspace, folder, [], categories={"dog"}) == [f"{folder}/dog-train-000000.tar"]
    for key in surplus:
        bench.workspace.remove_artefact(key)
    assert surplus_shards(bench.workspace, folder, fewer, categories={"drum", "dog"}) == []


def test_outgrown_shards_are_of_the_same_streams_and_of_these_categories(bench: Bench) -> None:
    sources = [bench.source("demo-001", category="dog"), bench.source("demo-002")]
    first, second = bench.plan(*sources), bench.plan(*sources, max_examples=1)
    for plan in (*first, *second):
        bench.write(plan)
    folder = second[0].key.rpartition("/")[0]
    find = partial(outgrown_shards, bench.workspace, folder)
    assert find(bench.streams, categories={"drum", "dog"}) == [plan.key for plan in first]
    assert find(bench.streams, categories={"drum"}) == [first[1].key]
    for plan in first:
        bench.workspace.path(plan.key).unlink()  # elsewhere, with side-cars that nobody has twice
    assert find({"lite0": "0" * 12}, categories={"drum", "dog"}) == []
    for plan in first:
        bench.workspace.path(f"{plan.key}.json").rename(bench.workspace.path(plan.key))
    assert find(bench.streams, categories={"drum", "dog"}) == [plan.key for plan in first], "a removal was interrupted"


def test_the_folder_depends_on_options_grid_and_streams_only() -> None:
    folders = [
        shards_folder(ShardOptions(), Grid(), {"a": "1", "b": "2"}),
        shards_folder(ShardOptions(), Grid(), {"b": "2", "a": "1"}),
        shards_folder(ShardOptions(), Grid(), {"a": "1", "b": "3"}),
        shards_folder(ShardOptions(max_examples=2), Grid(), {"a": "1", "b": "2"}),
        shards_folder(ShardOptions(), Grid(sample_rate_hz=Fraction(79_872, 5)), {"a": "1", "b": "2"}),
    ]
    assert len(set(folders)) == len(folders)
    assert shards_folder(ShardOptions(), Grid(), {"a": "1", "b": "2"}) == folders[0]


def test_a_video_in_two_splits_is_refused(bench: Bench) -> None:
    leak = [bench.source(category="dog", split="test"), bench.source(start_ms=32_000, end_ms=34_000)]
    with pytest.raises(ShardError, match="demo-000: its examples are in test and in train"):
        bench.plan(*leak)


def test_an_example_twice_is_refused(bench: Bench) -> None:
    with pytest.raises(ShardError, match="demo-000_000030000_000032000 stands twice"):
        bench.plan(bench.source(), bench.source())


WRONG: dict[str, dict[str, object]] = {
    "of another clip": {"media_sha256": "0" * 64},
    "of another span": {"start_ms": 40},
    "of another stream": {"digest": "f" * 12},
    "too few vectors": {"shape": (30, 8)},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_features_of_something_else_are_refused(bench: Bench, change: dict[str, object]) -> None:
    source = bench.source()
    wrong = dataclasses.replace(source.features[0], **change)  # type: ignore[arg-type]
    with pytest.raises(SchemaMismatch, match=wrong.key):
        bench.plan(dataclasses.replace(source, features=(wrong, source.features[1])))


def test_an_example_beyond_its_clip_is_refused(bench: Bench) -> None:
    source = bench.source()
    short = dataclasses.replace(source, media=dataclasses.replace(source.media, duration_ms=1900))
    with pytest.raises(ShardError, match="not within its clip, which has 1900 ms"):
        bench.plan(short)


def test_names_too_long_for_ustar_are_refused(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(streams={"s" * 32: "a" * 12})
    with pytest.raises(SchemaMismatch, match="longer than the 100 characters"):
        bench.plan(bench.source("demo-" + "x" * 59))


@pytest.mark.parametrize(
    "change", [{"dtype": "float32"}, {"sha256": 5}, {"shape": [2.0]}, {"rate_hz": "x"}, {"tools": []}, {"window": None}]
)
def test_a_feature_side_car_of_another_form_is_refused(bench: Bench, change: dict[str, object]) -> None:
    key = bench.source().features[0].key
    with pytest.raises(SchemaMismatch, match=key):
        FeatureFile.from_side_car(key, {**bench.workspace.side_car(key), **change})


def test_streams_that_are_not_the_planned_ones_are_the_callers_mistake(bench: Bench) -> None:
    source = dataclasses.replace(bench.source(), features=())
    with pytest.raises(ValueError, match="streams"):
        plan_shards([source], streams=bench.streams, options=ShardOptions(), grid=bench.grid, recipe="")


@pytest.mark.parametrize("wrong", [{"max_examples": 0}, {"max_examples": 10_001}, {"max_bytes": 0}])
def test_options_are_checked(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ShardOptions(**wrong)  # type: ignore[arg-type]

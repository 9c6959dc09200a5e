"""Flags that change results change the recipe, and nothing else in it."""

import tomllib

import pytest

from vegas_data.config import shipped
from vegas_data.errors import RecipeError
from vegas_data.recipe import RecipeChanges, parse_recipe

VEGAS = shipped("pipelines/vegas.toml").read_text(encoding="utf-8")


def test_no_change_leaves_the_text_as_it_is() -> None:
    assert RecipeChanges().apply(VEGAS) == VEGAS


def test_changes_reach_the_recipe_and_its_comments_stay() -> None:
    text = RecipeChanges(flow_engine="opencv", shard_bytes=3 << 20).apply(VEGAS)
    before, after = parse_recipe(VEGAS, where="before"), parse_recipe(text, where="after")
    assert after.shards.max_bytes == 3 << 20
    assert [stream.flow.engine for stream in after.features.streams if stream.flow] == ["opencv"]
    assert after.digest != before.digest
    changed = [(a, b) for a, b in zip(VEGAS.splitlines(), text.splitlines(), strict=True) if a != b]
    assert len(changed) == 2, changed
    assert all(was.partition("#")[2] == now.partition("#")[2] for was, now in changed)


@pytest.mark.parametrize(
    "streams",
    [
        'streams = [{name = "a", encoder = "efficientnet-lite0-flow", flow = {engine = "opencv", epsilon = 0.1}}]',
        'streams = [\n  {name = "a", encoder = "efficientnet-lite0-flow", flow.epsilon = 0.1}, # one\n]',
    ],
)
def test_streams_may_be_written_inline(streams: str) -> None:
    head, _, rest = VEGAS.partition("[features]")
    text = head + f"[features]\n{streams}\n[shards]" + rest.partition("[shards]")[2]
    changed = RecipeChanges(flow_engine="numba").apply(text)
    (stream,) = tomllib.loads(changed)["features"]["streams"]
    assert stream["flow"] == {"engine": "numba", "epsilon": 0.1}


def test_an_engine_is_that_of_every_stream_of_flow() -> None:
    head, mark, flow = VEGAS.partition('[[features.streams]]\nname = "flow_fc6"')
    flow, _, rest = flow.partition("[shards]")
    text = head + mark + flow + mark.replace("flow_fc6", "again") + flow + "[shards]" + rest
    after = parse_recipe(RecipeChanges(flow_engine="opencv").apply(text), where="after")
    assert [stream.flow.engine for stream in after.features.streams if stream.flow] == ["opencv", "opencv"]


def test_a_recipe_without_a_table_of_shards_gets_one() -> None:
    text = VEGAS.partition("[shards]")[0]
    assert parse_recipe(RecipeChanges(shard_bytes=99).apply(text), where="x").shards.max_bytes == 99


def test_an_engine_for_no_flow_is_refused() -> None:
    text = VEGAS.partition('[[features.streams]]\nname = "flow_fc6"')[0]
    with pytest.raises(RecipeError, match="no stream of the recipe has flow"):
        RecipeChanges(flow_engine="numba").apply(text)

"""``docs/formats.md`` names every key that is written, and its examples follow the schema it describes."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
from shard_bench import Bench

from vegas_data.config import load_table, to_json
from vegas_data.records import Example, Extent, Judgment, Media, ShardInfo, Verdict
from vegas_data.shards import ExampleMeta, FeatureFile, MediaMeta, StreamMeta
from vegas_data.shards.check import CODES
from vegas_data.shards.npy import npy_num_bytes
from vegas_data.shards.schema import example_json, parse_example_json
from vegas_data.shards.tar import end_of_archive, member_bytes
from vegas_data.store import SEAL, is_as_written
from vegas_data.trained import Evaluation, LogEntry, OnsetScore, RunInfo, Sound, SoundSet, SplitLoss

PAGE = Path(__file__).resolve().parents[3] / "docs" / "formats.md"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(
    ("title", "records"),
    [
        ("Shards", [ExampleMeta, StreamMeta, MediaMeta, ShardInfo, Extent]),
        ("Clips", [Media]),
        ("Tables", [Judgment, Verdict, Example]),
        ("Training runs", [RunInfo, LogEntry, SoundSet, Sound, Evaluation, SplitLoss, OnsetScore]),
    ],
)
def test_every_field_stands_on_the_page(page: str, title: str, records: list[type]) -> None:
    words = set(re.findall(r"[a-z][a-z0-9_]*", " ".join(re.findall(r"`([^`\n]+)`", section(page, title)))))
    for record in records:
        missing = {field.name for field in fields(record)} - words
        assert not missing, f"{record.__name__}: {missing}"


def test_every_key_of_a_feature_side_car_stands_on_the_page(page: str, bench: Bench) -> None:
    words = set(re.findall(r"`([a-z][a-z0-9_]*)`", section(page, "Features")))
    assert {field.name for field in fields(FeatureFile)} - {"key"} <= words
    assert bench.workspace.side_car(bench.source().features[0].key).keys() <= words


def test_every_code_of_a_finding_stands_on_the_page(page: str) -> None:
    assert set(CODES) <= set(re.findall(r"`([a-z_]+)`", section(page, "Shards")))


def test_the_examples_on_the_page_follow_the_schema(page: str) -> None:
    example, side_car = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    meta = parse_example_json(json.dumps(example).encode())
    assert json.loads(example_json(meta)) == example
    assert is_as_written(to_json(side_car, indent=2).encode())
    assert side_car.pop(SEAL)
    info = load_table(ShardInfo, side_car, where="formats.md")
    assert info.keys == (meta.key,)
    sizes = [len(example_json(meta)), npy_num_bytes(meta.streams["fc6"].shape), npy_num_bytes((meta.num_samples,))]
    assert info.extents[0].num_bytes == sum(map(member_bytes, sizes))
    assert info.num_bytes == info.extents[0].num_bytes + len(end_of_archive(info.extents[0].num_bytes))

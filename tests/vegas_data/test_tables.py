"""The shipped tables of categories and sources, against SPEC's list, AudioSet's own tables and YAMNet's names."""

import csv
import json
import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from vegas_data import weights
from vegas_data.categories import load_categories
from vegas_data.config import shipped
from vegas_data.errors import WeightsMissing
from vegas_data.records import Category

# Zhou et al. 2018, Fig. 1; the AudioSet classes behind each category, and those that select nothing.
AUDIOSET = {
    "dog": (["Dog", "Bark", "Yip", "Howl", "Bow-wow", "Whimper (dog)"], ["Growling"]),
    "chainsaw": (["Chainsaw"], []),
    "water_flowing": (
        ["Water", "Stream", "Waterfall", "Gurgling", "Trickle, dribble", "Water tap, faucet"],
        ["Rain", "Ocean", "Steam"],
    ),
    "rail_transport": (
        [
            "Rail transport",
            "Train",
            "Train horn",
            "Train whistle",
            "Railroad car, train wagon",
            "Subway, metro, underground",
        ],
        [],
    ),
    "fireworks": (["Fireworks", "Firecracker"], []),
    "printer": (["Printer"], []),
    "helicopter": (["Helicopter"], []),
    "snoring": (["Snoring"], []),
    "drum": (
        ["Drum", "Snare drum", "Bass drum", "Rimshot", "Drum roll", "Timpani", "Tabla", "Drum kit"],
        ["Drum machine"],
    ),
    "baby_crying": (["Baby cry, infant cry"], []),
}
CATEGORIES = load_categories()
ALL = pytest.mark.parametrize("category", CATEGORIES.values(), ids=CATEGORIES)


@pytest.fixture(scope="module")
def class_labels(shared_data: Path) -> dict[str, str]:
    with (shared_data / "audioset" / "class_labels_indices.csv").open(encoding="utf-8", newline="") as file:
        return {row["mid"]: row["display_name"] for row in csv.DictReader(file)}


def test_the_ten_categories_in_the_papers_order() -> None:
    assert list(CATEGORIES) == list(AUDIOSET)


@ALL
def test_the_ids_are_those_of_the_named_audioset_classes(category: Category, class_labels: dict[str, str]) -> None:
    include, exclude = AUDIOSET[category.name]
    assert [class_labels[mid] for mid in category.include] == include
    assert [class_labels[mid] for mid in category.exclude] == exclude


@ALL
def test_the_ontology_knows_every_id(category: Category, shared_data: Path) -> None:
    ontology = json.loads((shared_data / "audioset" / "ontology.json").read_text(encoding="utf-8"))
    assert {*category.include, *category.exclude} <= {node["id"] for node in ontology}


@ALL
def test_the_heard_classes_are_yamnets_names(category: Category) -> None:
    from vegas_data.networks.yamnet import CLASS_MAP_NAME, read_class_names

    try:
        names = read_class_names(weights.locate(weights.load_registry()["yamnet"]).with_name(CLASS_MAP_NAME))
    except WeightsMissing as error:
        pytest.skip(str(error))
    assert category.heard_classes
    assert set(category.heard_classes) <= set(names)
    assert len(set(category.heard_classes)) == len(category.heard_classes)


def test_no_class_means_two_categories() -> None:
    for field in ("include", "heard_classes", "seen_classes"):
        values = [value for category in CATEGORIES.values() for value in getattr(category, field)]
        assert len(values) == len(set(values)), field


def test_the_vggsound_classes_are_plain_names_of_that_list() -> None:
    assert {name for name, category in CATEGORIES.items() if not category.vggsound_classes} == {"snoring"}
    names = [name for category in CATEGORIES.values() for name in category.vggsound_classes]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z ,-]+", name) for name in names)


def test_the_seen_classes_are_imagenet_indices() -> None:
    assert all(0 <= index < 1000 for category in CATEGORIES.values() for index in category.seen_classes)
    assert CATEGORIES["dog"].seen_classes == tuple(range(151, 269))
    without = {name for name, category in CATEGORIES.items() if not category.seen_classes}
    assert without == {"fireworks", "helicopter", "snoring", "baby_crying"}


@ALL
def test_prompts_and_definition(category: Category) -> None:
    assert 3 <= len(category.prompts) <= 5
    assert len(set(category.prompts)) == len(category.prompts)
    assert re.match(r"Heard: .* Seen: ", category.definition)
    assert "\n" not in category.definition
    assert "  " not in category.definition


def test_the_sources_are_official_and_pinned() -> None:
    table = tomllib.loads(shipped("manifests/sources.toml").read_text(encoding="utf-8"))
    sources = {row["name"]: row for row in table["source"]}
    assert list(sources) == [
        "eval-segments",
        "balanced-train-segments",
        "unbalanced-train-segments",
        "class-labels",
        "qa-true-counts",
        "ontology",
        "strong-eval",
        "strong-train",
    ]
    assert len(sources) == len(table["source"])
    for row in sources.values():
        address = urlsplit(row["url"])
        assert address.scheme == "https"
        assert address.hostname in {"storage.googleapis.com", "raw.githubusercontent.com"}
        assert address.path.rpartition("/")[2] == row["file"]
        assert row["licence"] == ("CC-BY-SA-4.0" if row["name"] == "ontology" else "CC-BY-4.0")
        assert row["sha256"] == "recorded at first fetch" or re.fullmatch("[0-9a-f]{64}", row["sha256"])

"""The category in docs/extending.md: a row more in the table, and its clips are candidates."""

import tomllib
from pathlib import Path

import pytest

from tests.audioset_tables import CHILDREN, DOG, HEADER, write_ontology, write_tables
from tests.extending_page import SECTIONS, section, toml_of
from vegas_data.categories import load_categories
from vegas_data.config import shipped
from vegas_data.errors import WeightsMissing
from vegas_data.listing import ManifestOptions, build_listing
from vegas_data.manifest.compare import count_clips
from vegas_data.records import Category
from vegas_data.verify import ScorerOptions, find_scorer, load_registry

(ROW,) = toml_of("A category")
BELL = "/m/03w41f"


@pytest.fixture
def church_bell(tmp_path: Path) -> Category:
    path = tmp_path / "my-categories.toml"
    path.write_text(shipped("manifests/categories.toml").read_text(encoding="utf-8") + "\n" + ROW, encoding="utf-8")
    categories = load_categories(path)
    assert list(categories)[-1] == "church_bell"
    assert len(categories) == 11
    return categories["church_bell"]


def test_its_clips_are_candidates(tmp_path: Path, church_bell: Category) -> None:
    dog = Category(name="dog", title="Dog", include=(DOG,))
    path = write_tables(tmp_path / "t", f"AAAAAAAAAAA,0,10,{DOG}\nBBBBBBBBBBB,30,40,{BELL}\n", header=HEADER)
    write_ontology(path.parent, {**CHILDREN, BELL: []})
    made = build_listing(ManifestOptions(), (dog, church_bell), path.parent)
    assert count_clips(made.table) == {"church_bell": {"audioset/balanced": 1}, "dog": {"audioset/balanced": 1}}


def test_scorers_cover_it(church_bell: Category) -> None:
    registry = load_registry()
    for name in ("clip", "siglip2", "ast", "clap"):
        assert registry[name].covers(church_bell)
    yamnet = ScorerOptions(name="yamnet", side="heard", accept=0.1, reject=0.1)
    entry = find_scorer("yamnet", registry)
    try:
        scorer = entry.build(yamnet, entry.digest(yamnet))
    except WeightsMissing as error:
        pytest.skip(f"{error}; {error.remedy}")
    assert scorer.covers(church_bell)


def test_its_id_is_audiosets(shared_data: Path, church_bell: Category) -> None:
    lines = (shared_data / "audioset" / "class_labels_indices.csv").read_text(encoding="utf-8").splitlines()
    (label,) = church_bell.include
    assert [line.split(",", 2)[2] for line in lines if f",{label}," in line] == ['"Church bell"']


def test_the_page_has_a_section_for_each_thing_that_can_be_added() -> None:
    for title in SECTIONS:
        assert "```" in section(title)
        for block in toml_of(title):
            tomllib.loads(block)

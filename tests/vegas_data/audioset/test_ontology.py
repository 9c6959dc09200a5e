"""The ontology: what selects a category, and every way in which the file can be wrong."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audioset_tables import BARK, CAT, CHILDREN, DOG, DRUM, GROWL, KIT, MACHINE, SNARE, write_ontology
from vegas_data.audioset.ontology import Ontology, _find_cycle, load_class_labels, load_ontology
from vegas_data.categories import load_categories
from vegas_data.errors import ManifestError, RecipeError
from vegas_data.records import Category


def category(include: tuple[str, ...], exclude: tuple[str, ...] = ()) -> Category:
    return Category(name="x", title="X", include=include, exclude=exclude)


def test_labels_below_an_included_one_select_and_excluded_ones_do_not(tmp_path: Path) -> None:
    ontology = load_ontology(write_ontology(tmp_path))
    assert ontology.ancestors[MACHINE] == {KIT, DRUM}
    assert ontology.ancestors[GROWL] == {DOG, CAT, "/m/0jbk"}
    assert ontology.selecting(category((DOG,))) == {DOG, BARK, GROWL}
    assert ontology.selecting(category((DOG,), (GROWL,))) == {DOG, BARK}
    assert ontology.selecting(category((DRUM,), (KIT,))) == {DRUM, SNARE}, "what is below an excluded one goes too"
    assert ontology.selecting(category((DRUM, MACHINE), (KIT,))) == {DRUM, SNARE, MACHINE}, "unless it is named"
    assert ontology.selecting(category(())) == frozenset()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (category(("/m/nonesuch",)), "no class '/m/nonesuch'"),
        (category((DOG,), ("/m/typo",)), "no class '/m/typo'"),
        (category((DOG, BARK), (BARK,)), f"{BARK} is included and excluded"),
    ],
)
def test_categories_that_do_not_fit_the_ontology(tmp_path: Path, wrong: Category, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_ontology(write_ontology(tmp_path)).selecting(wrong)


def test_a_cycle_is_named_with_its_line(tmp_path: Path) -> None:
    path = write_ontology(tmp_path, CHILDREN | {MACHINE: [DRUM]})
    with pytest.raises(ManifestError, match=r"ontology\.json, line \d+: a cycle: ") as caught:
        load_ontology(path)
    assert f"{DRUM} > {KIT} > {MACHINE} > {DRUM}" in str(caught.value)
    line = int(str(caught.value).split("line ")[1].split(":")[0])
    assert f'"{DRUM}"' in path.read_text(encoding="utf-8").splitlines()[line - 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[{}", r"line 1: not JSON"),
        ('[\n{"id":\n}]', r"line 3: not JSON"),
        ("{}", "not a list"),
        ("[1]", "no proper id"),
        ('[{"id": "../x", "name": "n", "child_ids": []}]', r"no proper id: '\.\./x'"),
        ('[{"id": "/m/0a", "child_ids": []}]', "/m/0a lacks its name"),
        ('[{"id": "/m/0a", "name": "n", "child_ids": [1]}]', "/m/0a lacks"),
        ('[\n{"id": "/m/0a", "name": "n", "child_ids": ["/m/0b"]}]', "line 2: /m/0a has the unknown child '/m/0b'"),
        ('[{"id": "/m/0a", "name": "n", "child_ids": []},{"id": "/m/0a", "name": "n", "child_ids": []}]', "twice"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_an_ontology_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "ontology.json").write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError, match=message) as caught:
        load_ontology(tmp_path / "ontology.json")
    assert "ontology.json" in str(caught.value)
    assert caught.value.remedy


def test_bytes_that_are_no_text_and_too_many_of_them(tmp_path: Path) -> None:
    path = tmp_path / "ontology.json"
    path.write_bytes(b"[\n\xff]")
    with pytest.raises(ManifestError, match="line 2: not UTF-8"):
        load_ontology(path)
    with path.open("wb") as file:
        file.truncate(17 << 20)
    with pytest.raises(ManifestError, match="longer than"):
        load_ontology(path)
    with pytest.raises(ManifestError, match="no such file"):
        load_ontology(tmp_path / "none.json")


NODES = tuple("abcdefg")


@given(st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), max_size=14))
def test_a_cycle_is_found_exactly_if_there_is_one(edges: list[tuple[str, str]]) -> None:
    children = {node: tuple(child for parent, child in edges if parent == node) for node in NODES}
    reach = {node: set(below) for node, below in children.items()}
    for _ in NODES:
        reach = {node: below | {far for near in below for far in reach[near]} for node, below in reach.items()}
    cycle = _find_cycle(children)
    assert bool(cycle) == any(node in below for node, below in reach.items())
    assert all(child in children[parent] for parent, child in itertools.pairwise(cycle))
    if cycle:
        assert cycle[0] == cycle[-1]
    else:
        ontology = Ontology(dict.fromkeys(NODES, ""), children)
        for node in NODES:
            assert ontology.ancestors[node] == {above for above in NODES if node in reach[above]}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["0,/m/0bt9lr"], "line 2: has 2 fields, not 3"),
        (['0,/m/0bt9lr,"a', "b"], "line 3: unexpected end of data"),
        (["1,/m/0bt9lr,Dog"], "line 2: index '1' is out of order"),
        (["0,/m/0nope,Dog"], "line 2: class '/m/0nope' .* not in the ontology"),
        (["0,/m/0bt9lr,Dog", "1,/m/0bt9lr,Dog"], "line 3: class '/m/0bt9lr' stands in it twice"),
    ],
)
def test_class_labels_that_do_not_fit(tmp_path: Path, lines: list[str], message: str) -> None:
    ontology = load_ontology(write_ontology(tmp_path))
    path = tmp_path / "class_labels_indices.csv"
    assert load_class_labels(path, ontology) == tuple(CHILDREN)
    path.write_text("\n".join(["index,mid,display_name", *lines]) + "\n", encoding="utf-8")
    with pytest.raises(ManifestError, match=message):
        load_class_labels(path, ontology)
    path.write_text("mid,index\n", encoding="utf-8")
    with pytest.raises(ManifestError, match="line 1: the columns are not index, mid, display_name"):
        load_class_labels(path, ontology)


def test_what_selects_the_shipped_categories_in_audiosets_own_ontology(shared_data: Path) -> None:
    """Zhou et al. name ten classes; these are the labels that lead to them (SPEC's list, and what stands below it)."""
    folder = shared_data / "audioset"
    ontology = load_ontology(folder / "ontology.json")
    labelled = set(load_class_labels(folder / "class_labels_indices.csv", ontology))
    assert (len(ontology.names), len(labelled)) == (632, 527)
    found = {
        name: {ontology.names[label] for label in ontology.selecting(category) & labelled}
        for name, category in load_categories().items()
    }
    assert found["dog"] == {"Dog", "Bark", "Yip", "Howl", "Bow-wow", "Whimper (dog)"}
    assert found["rail_transport"] >= {
        "Rail transport",
        "Train",
        "Train wheels squealing",
        "Subway, metro, underground",
    }
    assert not found["water_flowing"] & {"Rain", "Raindrop", "Rain on surface", "Ocean", "Waves, surf", "Steam", "Hiss"}
    assert "Drum machine" not in found["drum"]
    assert found["printer"] == {"Printer"}

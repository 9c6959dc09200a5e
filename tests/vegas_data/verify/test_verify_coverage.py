"""A category that nobody can judge is said before anything is decoded, with the remedy."""

from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest
from verify_cases import FAKE_REGISTRY, FAKES, OPTIONS

from vegas_data.errors import EXIT_DEPENDENCY, RecipeError, ScorerMissing
from vegas_data.records import Category
from vegas_data.verify import ScorerOptions, check_coverage
from vegas_data.verify.scorers import ENTRY_POINTS, SHIPPED, find_scorer, load_registry

SIGLIP = ScorerOptions(name="siglip2", side="seen", accept=0.1, reject=0.01)


def test_categories_of_the_demo_are_covered(categories: dict[str, Category]) -> None:
    check_coverage(OPTIONS, [categories[name] for name in ("drum", "dog", "water_flowing")])


def test_fireworks_have_no_picture_scorer_in_the_demo(categories: dict[str, Category]) -> None:
    with pytest.raises(ScorerMissing) as caught:
        check_coverage(OPTIONS, [categories[name] for name in ("drum", "fireworks", "snoring")])
    assert str(caught.value) == "no scorer for the picture of fireworks, snoring: ImageNet has no such class"
    assert "siglip2 (pip install 'vegas-data[scorers]')" in caught.value.remedy
    assert caught.value.exit_code == EXIT_DEPENDENCY


def test_siglip_covers_every_category(categories: dict[str, Category]) -> None:
    pytest.importorskip("transformers")
    check_coverage(replace(OPTIONS, scorers=(OPTIONS.scorers[0], SIGLIP)), categories.values())


def test_both_sides_can_be_missing() -> None:
    with pytest.raises(ScorerMissing) as caught:
        check_coverage(OPTIONS, [Category(name="moon", title="Moon")])
    assert "the sound of moon" in str(caught.value)
    assert "the picture of moon" in str(caught.value)
    assert "add classes or prompts" in caught.value.remedy


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = replace(SHIPPED["siglip2"], requires=("a_package_that_does_not_exist",))
    options = replace(OPTIONS, scorers=(OPTIONS.scorers[0], SIGLIP))
    with pytest.raises(ScorerMissing, match="needs the package a_package_that_does_not_exist") as caught:
        check_coverage(options, [], {**SHIPPED, "siglip2": absent})
    assert caught.value.remedy == "pip install 'vegas-data[scorers]'"


def test_an_unknown_scorer_is_answered_with_those_known() -> None:
    with pytest.raises(ScorerMissing, match="no scorer is called 'yamnett'") as caught:
        find_scorer("yamnett", SHIPPED)
    assert "efficientnet-lite0" in caught.value.remedy


def test_a_scorer_cannot_be_given_another_side() -> None:
    heard, seen = FAKES.scorers
    swapped = replace(FAKES, scorers=(replace(heard, name="brightness"), replace(seen, name="loudness")))
    with pytest.raises(RecipeError, match="brightness judges the side 'seen', not 'heard'"):
        check_coverage(swapped, [], FAKE_REGISTRY)


def announce(monkeypatch: pytest.MonkeyPatch, **scorers: str) -> None:
    points = [EntryPoint(name, value, ENTRY_POINTS) for name, value in scorers.items()]
    monkeypatch.setattr("vegas_data.verify.scorers.entry_points", lambda group: points)


def test_installed_packages_can_add_scorers_but_not_replace_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    announce(monkeypatch, theirs="verify_cases:THEIRS", yamnet="verify_cases:THEIRS")
    registry = load_registry.__wrapped__()
    assert registry["theirs"] is FAKE_REGISTRY["loudness"]
    assert registry["yamnet"] is SHIPPED["yamnet"]


@pytest.mark.parametrize("value", ["no_such_module:X", "verify_cases:NO_SUCH_NAME", "verify_cases:FPS"])
def test_an_installed_scorer_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    announce(monkeypatch, theirs=value)
    with pytest.raises(ScorerMissing, match=f"scorer theirs of an installed package \\({value}\\)"):
        load_registry.__wrapped__()

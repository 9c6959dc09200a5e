"""docs/scorers.md says what is so: computed from the table of categories, the registry and the table of models."""

import re
import tomllib
from pathlib import Path

import pytest

from vegas_data.config import load_table
from vegas_data.models import load_registry as load_models
from vegas_data.records import Category
from vegas_data.verify import ScorerOptions
from vegas_data.verify.scorers import SHIPPED
from vegas_data.verify.scorers.onset_motion import MAX_SHIFT_S

PAGE = (Path(__file__).parents[3] / "docs" / "scorers.md").read_text(encoding="utf-8")
COLUMNS = (("yamnet", "ast", "clap"), ("efficientnet-lite0",), ("clip", "siglip2"))


def test_every_scorer_has_its_row() -> None:
    models = load_models()
    for name, entry in SHIPPED.items():
        (row,) = re.findall(rf"^\| `{name}` \| {entry.side} \| .* \|$", PAGE, flags=re.MULTILINE)
        cells = [cell.strip() for cell in row.split("|")[1:-1]]
        assert cells[5] == ", ".join(f"`{field}`" for field in (*entry.reads, *entry.also_reads))
        assert cells[4] == (models[name].licence if name in models else "")
        if entry.extra:
            assert cells[3] == f"`{models[name].repository}`"
        assert len(re.findall(rf"^\| `{name}` \|", PAGE, flags=re.MULTILINE)) == 2, "and how its score is made"


def test_which_categories_are_covered(categories: dict[str, Category]) -> None:
    for names in COLUMNS:
        answers = {tuple(SHIPPED[name].covers(category) for category in categories.values()) for name in names}
        assert len(answers) == 1, names
    rows = [
        f"| {category.name} | "
        + " | ".join("yes" if SHIPPED[names[0]].covers(category) else "no" for names in COLUMNS)
        + " |"
        for category in categories.values()
    ]
    assert "\n".join(rows) in PAGE


def test_what_imagenet_lacks_is_said_plainly(categories: dict[str, Category]) -> None:
    lacking = [c.name for c in categories.values() if not SHIPPED["efficientnet-lite0"].covers(c)]
    assert f"**ImageNet has no class for {', '.join(lacking)}.**" in PAGE


def test_neutral_sentences_and_shifts_are_counted_right() -> None:
    pytest.importorskip("transformers")
    from vegas_data.verify.scorers import clap, clip

    words = {6: "six", 7: "seven"}
    assert f"softmax against {words[len(clap.NEUTRAL)]} fixed neutral sentences" in PAGE
    assert f"softmax against {words[len(clip.NEUTRAL)]} fixed neutral captions" in PAGE
    assert f"shifts of up to {MAX_SHIFT_S} s either way" in PAGE


def test_the_row_for_a_recipe_can_be_read() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    (row,) = tomllib.loads(block)["verify"]["scorers"]
    assert load_table(ScorerOptions, row, where="docs/scorers.md").advisory

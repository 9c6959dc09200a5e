"""TOML tables become dataclasses or a message that names file, key and remedy."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import pytest

from vegas_data.config import OPERATIONAL, canonical, digest, load_table, read_toml, to_json
from vegas_data.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class Inner:
    rate_hz: Fraction = Fraction(16_000)
    mode: Literal["a", "b"] = "a"


@dataclass(frozen=True, kw_only=True)
class Outer:
    threshold: float
    inner: Inner = field(default_factory=Inner)
    names: tuple[str, ...] = ()
    pair: tuple[int, str] = (0, "")
    maybe: Inner | None = None
    workers: int = field(default=1, metadata=OPERATIONAL)

    def __post_init__(self) -> None:
        if self.threshold < 0:
            raise ValueError("threshold must not be negative")


def load(**table: Any) -> Outer:
    return load_table(Outer, table, where="x.toml [outer]")


def test_every_kind_of_value() -> None:
    outer = load(threshold=1, inner={"rate_hz": "79872/5", "mode": "b"}, names=["x"], pair=[3, "y"], maybe={})
    assert outer == Outer(
        threshold=1.0, inner=Inner(rate_hz=Fraction(79872, 5), mode="b"), names=("x",), pair=(3, "y"), maybe=Inner()
    )


@pytest.mark.parametrize(
    ("table", "message", "remedy"),
    [
        ({"treshold": 1.0}, "unknown key 'treshold'", "threshold"),
        ({}, "'threshold' is missing", "add threshold"),
        ({"threshold": "1"}, "not of the expected type", "float"),
        ({"threshold": True}, "not of the expected type", "float"),
        ({"threshold": float("nan")}, "not of the expected type", "float"),
        ({"threshold": -1.0}, "must not be negative", "correct the value"),
        ({"threshold": 1.0, "inner": {"mode": "c"}}, "'c' is not allowed", "a, b"),
        ({"threshold": 1.0, "inner": {"rate_hz": "1/0"}}, "inner rate_hz", "fraction"),
        ({"threshold": 1.0, "names": "x"}, "names", "a list of str"),
        ({"threshold": 1.0, "names": [1]}, r"names\[0\]", "str"),
    ],
)
def test_what_is_wrong_is_named(table: dict[str, Any], message: str, remedy: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        load(**table)
    assert str(caught.value).startswith("x.toml [outer]")
    assert remedy in caught.value.remedy


def test_digest_sees_science_and_not_operations() -> None:
    base = Outer(threshold=1.0)
    assert digest(base) == digest(Outer(threshold=1.0, workers=8))
    assert digest(base) != digest(Outer(threshold=1.5))
    assert digest(base) != digest(Outer(threshold=1.0, inner=Inner(rate_hz=Fraction(8000))))
    assert len(digest(base)) == 12


def test_canonical_json_round_trips_a_dataclass() -> None:
    outer = Outer(threshold=0.5, names=("b", "a"))
    assert load_table(Outer, canonical(outer), where="side-car") == outer
    assert to_json({"b": 1, "a": (1.0, None)}) == '{"a":[1.0,null],"b":1}'


def test_nan_never_gets_into_an_artefact() -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json(float("nan"))


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("a = [1,\n= 2", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"bad\.toml: not valid TOML.*line 2"):
        read_toml(bad)
    with pytest.raises(RecipeError, match="no such file"):
        read_toml(tmp_path / "none.toml")

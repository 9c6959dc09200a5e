"""TOML table → frozen dataclass, with every unknown key refused; and the digests that name artefacts.

``load_table`` reads the annotations of a keyword-only dataclass: bool, int, float, str, ``Fraction`` (written
``16000`` or ``"79872/5"``), ``Literal``, ``tuple[X, ...]`` and nested dataclasses. A misspelt key is answered
with the nearest one. ``digest`` is the canonical-JSON sha256 that stands in folder names and side-cars: a field
whose metadata says ``operational`` (workers, paths, devices) never enters it.
"""

import dataclasses
import difflib
import functools
import hashlib
import json
import math
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from vegas_data.errors import RecipeError

T = TypeVar("T")
OPERATIONAL: Final[Mapping[str, bool]] = types.MappingProxyType({"operational": True})
DIGEST_LENGTH: Final = 12
_SCALARS: Final = frozenset({bool, int, float, str})
_FRACTION: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18}|/[0-9]{1,18})?", re.ASCII)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")  # JSON can spell half a character, and no file can hold it


def shipped(relative: str) -> Path:
    """Path of a file that ships with the package: ``pipelines/demo.toml``, ``manifests/models.toml``."""
    package = Path(__file__).resolve().parent
    installed = package / "_shipped" / relative
    return installed if installed.exists() else package.parent / relative


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file.

    Raises:
        RecipeError: it is missing, unreadable or not TOML; the message names the line.
    """
    return parse_toml(read_text(path), where=str(path))


def read_text(path: Path) -> str:
    """The text of a TOML file; raises as ``read_toml``."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecipeError(f"{path}: no such file", remedy="give the path of an existing .toml file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read: {error}", remedy="check the path and its permissions") from None


def parse_toml(text: str, *, where: str) -> dict[str, Any]:
    """Parse a TOML text; raises as ``read_toml``."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where}: not valid TOML: {error}", remedy="correct the line named above") from None


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def load_table(cls: type[T], table: Mapping[str, Any], *, where: str) -> T:
    """Build the dataclass ``cls`` from a TOML table.

    Args:
        where: file and table, for error messages, such as ``demo.toml [verify]``.

    Raises:
        RecipeError: unknown or missing key, wrong type, or a value that the dataclass itself refuses.
    """
    fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, cls)) if field.init}
    for key in table:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(fields))}"
            raise RecipeError(f"{where}: unknown key {key!r}", remedy=remedy)
    hints = _hints(typing.cast(Any, cls))
    values = {}
    for name, field in fields.items():
        if name in table:
            values[name] = _convert(hints[name], table[name], where=f"{where} {name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise RecipeError(f"{where}: key {name!r} is missing", remedy=f"add {name} = …")
    try:
        return cls(**values)
    except ValueError as error:
        raise RecipeError(f"{where}: {error}", remedy="correct the value in the file") from None


class Named(typing.Protocol):
    """A row of a shipped table."""

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


def by_name(rows: typing.Iterable[N], path: Path) -> dict[str, N]:
    """The rows of the table in ``path`` by name, in its order; raises RecipeError if one stands there twice."""
    found: dict[str, N] = {}
    for row in rows:
        if row.name in found:
            raise RecipeError(f"{path}: {row.name!r} stands in it twice", remedy="delete one of the two entries")
        found[row.name] = row
    return found


def _convert(kind: Any, value: Any, *, where: str) -> Any:
    if kind in _SCALARS and (converted := _convert_scalar(kind, value)) is not None:
        return converted
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):  # X | None: absent in the file means None
        if value is None:  # TOML has no null; side-cars do
            return None
        (kind,) = (arg for arg in typing.get_args(kind) if arg is not types.NoneType)
        return _convert(kind, value, where=where)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if isinstance(value, Mapping):
            return load_table(kind, value, where=where)
    elif origin is tuple:
        if isinstance(value, list):
            args = typing.get_args(kind)
            if len(args) == 2 and args[1] is Ellipsis:
                return tuple(_convert(args[0], item, where=f"{where}[{i}]") for i, item in enumerate(value))
            if len(args) == len(value):
                return tuple(
                    _convert(a, v, where=f"{where}[{i}]") for i, (a, v) in enumerate(zip(args, value, strict=True))
                )
    elif origin is Literal:
        choices = typing.get_args(kind)
        if value in choices:
            return value
        raise RecipeError(f"{where}: {value!r} is not allowed", remedy=f"one of: {', '.join(map(str, choices))}")
    else:
        converted = _convert_scalar(kind, value)
        if converted is not None:
            return converted
    raise RecipeError(f"{where}: {value!r} is not of the expected type", remedy=f"expected {_describe(kind)}")


def _convert_scalar(kind: Any, value: Any) -> Any:
    if kind is Fraction and isinstance(value, int | str) and not isinstance(value, bool):
        if isinstance(value, str) and not _FRACTION.fullmatch(value):  # "1e999999999" would take all memory
            return None
        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError):
            return None
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value) if math.isfinite(value) else None
        except OverflowError:  # an integer beyond all floats
            return None
    if type(value) is not kind or kind not in (bool, int, str):
        return None
    return None if kind is str and _SURROGATE.search(value) else value


def _describe(kind: Any) -> str:
    if kind is Fraction:
        return 'a number, or a fraction in quotes such as "79872/5"'
    if typing.get_origin(kind) is tuple:
        return f"a list of {_describe(typing.get_args(kind)[0])}"
    return "a table" if dataclasses.is_dataclass(kind) else getattr(kind, "__name__", str(kind))


def canonical(value: Any) -> Any:
    """``value`` as plain JSON data in one fixed form; operational dataclass fields are left out."""
    if value is None or type(value) in _SCALARS:
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: canonical(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if not field.metadata.get("operational")
        }
    if isinstance(value, Mapping):
        return {str(key): canonical(item) for key, item in sorted(value.items(), key=lambda pair: str(pair[0]))}
    if isinstance(value, tuple | list):
        return [canonical(item) for item in value]
    if isinstance(value, Fraction):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"{type(value).__name__} has no canonical form")


def to_json(value: Any, *, indent: int | None = None) -> str:
    """Canonical JSON: sorted keys, no blanks (unless ``indent``), no NaN, newline only when indented."""
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(
        canonical(value), sort_keys=True, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators
    )
    return text + ("\n" if indent is not None else "")


def digest(*parts: Any) -> str:
    """First 12 hex digits of the sha256 of ``parts`` in canonical JSON."""
    return hashlib.sha256(to_json(parts).encode()).hexdigest()[:DIGEST_LENGTH]

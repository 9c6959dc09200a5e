"""Options that several verbs share, as plain decorators."""

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
_SIZE: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([A-Za-z]{0,3})", re.ASCII)
_BYTES: Final = {"": 1, "b": 1} | {
    f"{letter}{unit}".lower(): base**power
    for power, letter in enumerate("KMGT", start=1)
    for unit, base in (("B", 1000), ("iB", 1024))
}


class _Part(click.ParamType[tuple[int, int]]):
    name = "I/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", str(value))
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            self.fail(f"{value!r} is not I/N with 1 <= I <= N, such as 3/16", param, ctx)
        return int(match[1]), int(match[2])


class Size(click.ParamType[int]):
    """A number of bytes as people write it: ``512MB`` (of 1000s), ``1.5 GiB`` (of 1024s) or plain ``536870912``.

    Args:
        least, most: bytes that are accepted.
    """

    name = "SIZE"

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = _SIZE.fullmatch(str(value).strip())
        if match is None or match[2].lower() not in _BYTES:
            self.fail(f"{value!r} is not a size such as 512MB, 1GiB or 536870912 (bytes)", param, ctx)
        size = Fraction(match[1]) * _BYTES[match[2].lower()]
        if size.denominator != 1:
            self.fail(f"{value!r} is not a whole number of bytes", param, ctx)
        if not self._least <= size <= self._most:
            self.fail(f"{value!r} is not between {self._least} and {self._most} bytes", param, ctx)
        return int(size)


def json_option(function: F) -> F:
    """``--json``: the result as one JSON object on stdout, nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")(function)


def workspace_options(function: F) -> F:
    """``--workspace``, ``--recipe``, ``--categories``, ``--json``."""
    for decorator in (
        json_option,
        click.option(
            "--categories",
            "categories_file",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Another table of categories instead of the shipped manifests/categories.toml.",
        ),
        click.option(
            "--recipe",
            "recipe_name",
            metavar="NAME|FILE",
            help="A shipped recipe (vegas, demo, smoke) or a .toml file. [default: the workspace's own, else vegas]",
        ),
        click.option(
            "--workspace",
            "workspace_path",
            type=click.Path(path_type=Path, file_okay=False),
            default=Path("vegas-workspace"),
            show_default=True,
            help="Folder that holds everything.",
        ),
    ):
        function = decorator(function)
    return function


def access_options(function: F) -> F:
    """``--cookies``, ``--proxy``, ``--allow-private``."""
    for decorator in (
        click.option("--allow-private", is_flag=True, help="Also ask hosts that are not on the public internet."),
        click.option("--proxy", default="", metavar="URL", help="Ask for everything through this proxy."),
        click.option(
            "--cookies",
            type=click.Path(path_type=Path, dir_okay=False, exists=True),
            metavar="FILE",
            help="Cookies of a browser (Netscape format) that only you may read (chmod 600).",
        ),
    ):
        function = decorator(function)
    return function


def selection_options(function: F) -> F:
    """``--category``, ``--limit``, ``--part``, ``--again``, ``--dry-run``, ``--workers``."""
    for decorator in (
        click.option("--again", is_flag=True, help="Try once more what was refused for good (removed, too short, …)."),
        click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing."),
        click.option(
            "--workers",
            type=click.IntRange(0, 1024),
            default=None,
            help="Worker processes; 0 works in this process, for debugging. [default: one per core]",
        ),
        click.option("--part", type=_Part(), help="Only part I of N, for job arrays."),
        click.option("--limit", type=click.IntRange(1), help="Take up at most this many that are not done yet."),
        click.option("--category", "category_names", multiple=True, help="Only this category; may be repeated."),
    ):
        function = decorator(function)
    return function

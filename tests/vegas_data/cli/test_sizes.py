"""Sizes as people type them."""

import click
import pytest
from click.testing import CliRunner

from vegas_data.cli.options import Size


@click.command()
@click.option("--size", type=Size(1, 8 * 2**30))
def command(size: int | None) -> None:
    click.echo(repr(size))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("536870912", 536_870_912),
        ("1", 1),
        ("1b", 1),
        ("512MB", 512_000_000),
        ("512 mb", 512_000_000),
        ("1GiB", 2**30),
        ("1.5gib", 3 * 2**29),
        ("0.25kib", 256),
        ("4kB", 4000),
        ("8GiB", 2**33),
    ],
)
def test_sizes_are_read_as_they_are_written(text: str, size: int) -> None:
    done = CliRunner().invoke(command, ["--size", text])
    assert (done.exit_code, done.output) == (0, f"{size}\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a size such as 512MB"),
        ("half", "not a size"),
        ("512M", "not a size"),
        ("-1", "not a size"),
        ("1e9", "not a size"),
        ("1,5GiB", "not a size"),
        ("MB", "not a size"),
        ("١GiB", "not a size"),
        ("1 GiB 1", "not a size"),
        ("9" * 40, "not a size"),
        ("1.5", "not a whole number of bytes"),
        ("0.0001kB", "not a whole number of bytes"),
        ("0", "not between 1 and 8589934592 bytes"),
        ("8.1GiB", "not a whole number"),
        ("9GiB", "not between 1 and 8589934592 bytes"),
        ("1TB", "not between"),
    ],
)
def test_what_is_no_size_is_refused_as_a_usage_error(text: str, words: str) -> None:
    done = CliRunner().invoke(command, ["--size", text])
    assert done.exit_code == 2
    assert words in " ".join(done.output.replace("│", " ").split())


def test_none_is_none() -> None:
    assert CliRunner().invoke(command, []).output == "None\n"

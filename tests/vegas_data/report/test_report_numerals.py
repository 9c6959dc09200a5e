"""How numbers are written."""

import pytest

from vegas_data.report import numerals


def plain(text: str) -> str:
    return text.replace(numerals.BLANK, " ")


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 s"),
        (300, "0.3 s"),
        (6500, "6.5 s"),
        (59_940, "59.9 s"),
        (59_960, "1 min 0 s"),
        (312_000, "5 min 12 s"),
        (3_599_600, "1 h 0 min"),
        (4_800_000, "1 h 20 min"),
        (198_360_000, "55.1 h"),
        (4_000_000_000, "1,111.1 h"),
    ],
)
def test_duration(ms: int, text: str) -> None:
    assert plain(numerals.duration(ms)) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, "–"), (0, 5, "0 %"), (5, 5, "100 %"), (1, 3, "33 %"), (1, 1000, "<1 %"), (999, 1000, ">99 %")],
)
def test_percent_never_rounds_something_to_nothing(part: int, whole: int, text: str) -> None:
    assert plain(numerals.percent(part, whole)) == text


@pytest.mark.parametrize(
    ("num_bytes", "text"), [(999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (38_200_000, "38.2 MB")]
)
def test_size(num_bytes: int, text: str) -> None:
    assert plain(numerals.size(num_bytes)) == text


def test_words() -> None:
    assert plain(numerals.plural(1, "clip")) == "1 clip"
    assert plain(numerals.plural(28_109, "clip")) == "28,109 clips"
    assert numerals.listing(["a"]) == "a"
    assert numerals.listing(["a", "b", "c"]) == "a, b and c"
    assert numerals.phrase("rejected:not_heard") == "rejected: not heard"
    assert numerals.signed(-120.0) == "−120.0"
    assert numerals.fixed(None) == "–"

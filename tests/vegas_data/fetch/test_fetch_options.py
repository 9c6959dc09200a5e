"""Options of fetching that cannot work are refused before anything is asked."""

from typing import Any

import pytest

from vegas_data.fetch import FetchOptions


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_source_height_px": 31}, "max_source_height_px"),
        ({"max_source_bytes": 0}, "max_source_bytes"),
        ({"deadline_s": 0.0}, "deadline_s"),
        ({"deadline_s": float("nan")}, "deadline_s"),
        ({"max_attempts": 0}, "max_attempts"),
    ],
    ids=str,
)
def test_options_that_cannot_work_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FetchOptions(**wrong)

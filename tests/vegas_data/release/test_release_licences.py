"""What may be passed on: an allow-list, read through SPDX expressions; whatever cannot be read may not."""

import re
from pathlib import Path

import pytest

from vegas_data.demo.assets import load_assets
from vegas_data.release import PASS_ON, may_pass_on
from vegas_data.release.licences import licence_ids

PAGE = Path(__file__).resolve().parents[3] / "docs" / "formats.md"


@pytest.mark.parametrize(
    "expression",
    [
        "CC0-1.0",
        "CC-BY-4.0 AND CC0-1.0",
        "NOASSERTION OR CC-BY-3.0",
        "CC0-1.0 AND (LicenseRef-youtube OR CC-BY-3.0)",
        "(CC0-1.0)",
        "LicenseRef-own",
    ],
)
def test_allowed(expression: str) -> None:
    assert may_pass_on(expression, credit="by somebody")


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "NOASSERTION",
        "NONE",
        "LicenseRef-youtube",
        "CC-BY-NC-4.0",
        "CC-BY-ND-4.0",
        "CC0-1.0 AND NOASSERTION",
        "CC0-1.0 AND (CC-BY-3.0 OR",
        "CC0-1.0)",
        "CC0-1.0 CC-BY-3.0",
        "AND CC0-1.0",
        "CC0-1.0 OR",
        "GPL-3.0-only WITH Classpath-exception-2.0",
        "cc0-1.0",
        "CC0-1.0\x00",
        "(" * 60 + "CC0-1.0",
        "CC0-1.0 OR " * 1000 + "CC0-1.0",
    ],
)
def test_refused(expression: str) -> None:
    assert not may_pass_on(expression, credit="by somebody")


@pytest.mark.parametrize(
    ("expression", "passed"),
    [
        ("CC0-1.0", True),
        ("LicenseRef-own AND PDDL-1.0", True),
        ("CC-BY-3.0", False),
        ("CC0-1.0 AND CC-BY-3.0", False),
        ("CC0-1.0 OR CC-BY-3.0", True),
        ("GPL-3.0-only", False),
    ],
)
def test_without_a_credit_only_what_asks_for_none(expression: str, passed: bool) -> None:
    assert may_pass_on(expression, credit="") is passed


def test_the_licences_that_an_expression_names() -> None:
    assert licence_ids("CC0-1.0 AND (GPL-3.0-only OR CC-BY-3.0)") == {"CC0-1.0", "GPL-3.0-only", "CC-BY-3.0"}


def test_the_embedded_corpus_may_be_passed_on() -> None:
    assert all(may_pass_on(asset.spdx, credit=asset.author) for asset in load_assets().values())


def test_the_page_lists_what_is_allowed() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("### Licences\n")[2].partition("\n#")[0]
    assert set(re.findall(r"`([A-Za-z0-9.-]+)`", section)) >= PASS_ON

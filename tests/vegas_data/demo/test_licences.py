"""Which licences may meet in one video."""

import pytest

from vegas_data.demo.licences import are_compatible, spdx_expression


@pytest.mark.parametrize(
    "licences",
    [
        ["CC0-1.0"],
        ["CC0-1.0", "LicenseRef-public-domain", "GPL-2.0-or-later"],
        ["GPL-2.0-or-later", "GPL-3.0-only"],
        ["CC-BY-2.0", "CC-BY-SA-3.0", "CC0-1.0"],
        ["LAL-1.2", "LicenseRef-public-domain"],
    ],
)
def test_these_may_be_joined(licences: list[str]) -> None:
    assert are_compatible(licences)


@pytest.mark.parametrize(
    "licences",
    [
        ["GPL-2.0-or-later", "CC-BY-SA-3.0"],
        ["GPL-3.0-only", "CC-BY-3.0"],
        ["GPL-3.0-only", "LAL-1.2", "CC0-1.0"],
        ["LAL-1.2", "CC-BY-SA-3.0"],
        ["CC-BY-NC-4.0"],
        ["CC0-1.0", "Proprietary"],
    ],
)
def test_these_may_not(licences: list[str]) -> None:
    assert not are_compatible(licences)
    with pytest.raises(ValueError, match=licences[0].replace(".", r"\.")):
        spdx_expression(licences)


def test_an_expression_is_sorted_and_names_each_licence_once() -> None:
    assert spdx_expression(["GPL-2.0-or-later", "CC0-1.0", "CC0-1.0"]) == "CC0-1.0 AND GPL-2.0-or-later"


def test_nothing_has_no_licence() -> None:
    with pytest.raises(ValueError, match="no licence"):
        spdx_expression([])

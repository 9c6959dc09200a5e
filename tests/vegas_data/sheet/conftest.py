"""One drawn clip, decoded once for all tests of the sheet."""

from pathlib import Path

import pytest
from sheet_case import draw_clip, make_sheet

from vegas_data.sheet import SheetData
from vegas_data.sheet.draw import Drawing, draw


@pytest.fixture(scope="session")
def case_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_clip(tmp_path_factory.mktemp("sheet") / "case.mp4")


@pytest.fixture(scope="session")
def sheet() -> SheetData:
    return make_sheet()


@pytest.fixture(scope="session")
def drawing(sheet: SheetData, case_path: Path) -> Drawing:
    return draw(sheet, case_path)

"""The source in docs/extending.md, taken from the page, installed as a package, and asked for a clip."""

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.extending_page import installed, tables_of
from vegas_data.config import load_table
from vegas_data.errors import DependencyMissing, LimitExceeded, RecipeError
from vegas_data.fetch import ANYONE, FetchOptions, NotHere, SourceOptions, make_fetcher, make_looker, plan_fetch
from vegas_data.records import Clip
from vegas_data.workspace import Workspace

OPTIONS = FetchOptions()
HERE = Clip(video_id="holiday-counting", start_ms=2_000, end_ms=6_000, categories=("drum",))
ABSENT = Clip(video_id="holiday-absent", start_ms=0, end_ms=4_000, categories=("drum",))


@pytest.fixture
def source(tmp_path: Path, counting_video: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SourceOptions]:
    """The source of the page's recipe, with a zip that holds one video."""
    with zipfile.ZipFile(tmp_path / "holiday.zip", "w") as archive:
        archive.write(counting_video, "counting.mp4")
    (recipe,) = tables_of("A source", "sources")
    (row,) = recipe["sources"]
    with installed("A source", tmp_path, monkeypatch):
        yield load_table(SourceOptions, {**row, "folder": str(tmp_path / "holiday.zip")}, where="docs/extending.md")


def test_the_page_builds_a_source_that_brings_a_clip(source: SourceOptions, tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "w", "")
    fetched = make_fetcher(OPTIONS, (source,), workspace)(HERE)
    assert (fetched.media.origin, fetched.media.duration_ms, fetched.received_bytes) == ("zip whole", 4_000, 0)
    with pytest.raises(NotHere, match="holiday-absent_000000000: not in"):
        make_fetcher(OPTIONS, (source,), workspace)(ABSENT)
    look = make_looker(OPTIONS, (source,), ANYONE, workspace)
    look(HERE)
    with pytest.raises(NotHere):
        look(ABSENT)
    plan = plan_fetch([HERE], (source,), seconds=(), workers=1)
    assert [(of.source, of.videos_per_hour) for of in plan.sources] == [("holiday", 0.0)]


def test_what_it_lacks_the_next_source_of_its_name_is_asked_for(
    source: SourceOptions, tmp_path: Path, counting_video: Path
) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "absent.mp4").write_bytes(counting_video.read_bytes())
    local = SourceOptions(name="holiday", kind="local", folder=str(folder))
    fetch = make_fetcher(OPTIONS, (source, local), Workspace.create(tmp_path / "w", ""))
    assert [fetch(clip).media.origin for clip in (HERE, ABSENT)] == ["zip whole", "local whole"]


def test_it_keeps_to_the_recipes_limits_and_refuses_what_is_no_zip(source: SourceOptions, tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "w", "")
    with pytest.raises(LimitExceeded, match="holiday-counting"):
        make_fetcher(replace(OPTIONS, max_source_bytes=1000), (source,), workspace)(HERE)
    (tmp_path / "holiday.zip").write_bytes(b"not a zip")
    with pytest.raises(RecipeError, match="not a zip"):
        make_fetcher(OPTIONS, (source,), workspace)


def test_a_package_that_cannot_be_loaded_is_named(source: SourceOptions, tmp_path: Path) -> None:
    (tmp_path / "site" / "zip_videos.py").write_text("import no_such_module_of_zips\n", encoding="utf-8")
    with pytest.raises(DependencyMissing, match=r"source holiday: kind 'zip' .*no_such_module_of_zips"):
        make_fetcher(OPTIONS, (source,), Workspace.create(tmp_path / "w", ""))


def test_uninstalled_its_kind_is_unknown() -> None:
    (recipe,) = tables_of("A source", "sources")
    with pytest.raises(RecipeError, match="kind must be one of http, local, youtube, not 'zip'"):
        load_table(SourceOptions, recipe["sources"][0], where="recipe [[sources]]")

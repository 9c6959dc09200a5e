"""How many clips a category is short of the recipe's cap, and where its others are."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from vegas_data.cli.session import Place, writing
from vegas_data.clips import FETCH, clips_digest, fetch_work, short_of_clips, sources_to_ask
from vegas_data.context import Run, Selection
from vegas_data.ledger import Attempt
from vegas_data.listing import ManifestOptions
from vegas_data.manifest import write_manifest
from vegas_data.overview import status
from vegas_data.records import Clip

CLIPS = tuple(Clip(video_id=letter * 11, start_ms=0, end_ms=2000, categories=("drum",)) for letter in "abcd")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    place = Place(workspace_path=tmp_path / "w", recipe_name="vegas", categories_file=None, as_json=True)
    with writing(place, Selection()) as run:
        recipe = replace(run.recipe, manifest=ManifestOptions(cap=3))
        write_manifest(run.workspace, CLIPS)
        yield replace(run, recipe=recipe)


def end(run: Run, clip: Clip, status: str, code: str) -> None:
    attempt = Attempt(unit=clip.id, status=status, code=code, message=f"said {code}")
    run.ledger.record(FETCH, clips_digest(run), attempt)


def test_a_queue_that_ends_before_the_cap_is_short(run: Run) -> None:
    assert short_of_clips(run) == {}
    end(run, CLIPS[0], "rejected", "removed")
    assert short_of_clips(run) == {}, "three are left, three are wanted"
    end(run, CLIPS[1], "rejected", "private")
    end(run, CLIPS[2], "retry", "bot_check")
    assert short_of_clips(run) == {"drum": 1}
    (row,) = status(run)["categories"]
    assert row == {
        "category": "drum",
        "listed": 4,
        "fetched": 0,
        "untried": 1,
        "classes": {"bot_check": 1, "private": 1, "removed": 1},
        "short": 1,
    }
    failures = status(run, with_failures=True)["failures"]
    assert [(f["reason"], f["message"]) for f in failures] == [
        (code, f"said {code}") for code in ("bot_check", "private", "removed")
    ]


def test_a_retried_class_takes_its_place_in_the_queue_again(run: Run) -> None:
    end(run, CLIPS[0], "rejected", "removed")
    end(run, CLIPS[1], "rejected", "private")
    again = replace(run, selection=Selection(retry=("private",)))
    assert [clip.id for clip in fetch_work(again).units] == [CLIPS[1].id]
    assert {clip.id for clip in fetch_work(run).units} == {clip.id for clip in CLIPS}
    assert short_of_clips(again) == {}, "if it came back"


def test_a_local_folder_is_asked_first_for_the_ids_of_every_source(run: Run, tmp_path: Path) -> None:
    assert sources_to_ask(run, None) == run.recipe.sources
    write_manifest(run.workspace, (*CLIPS, Clip(video_id="holiday-1", start_ms=0, end_ms=2000, categories=("drum",))))
    local = sources_to_ask(run, tmp_path)
    assert [(source.name, source.kind) for source in local] == [
        ("holiday", "local"),
        ("youtube", "local"),
        ("youtube", "youtube"),
    ]
    assert {source.folder for source in local[:2]} == {str(tmp_path)}

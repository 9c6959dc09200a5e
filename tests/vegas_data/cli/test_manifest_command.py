"""``vegas-data manifest`` as a user types it."""

import csv
import hashlib
import json
from pathlib import Path

import pytest

from tests.audioset_tables import BARK, CATEGORIES_TOML, DOG, DRUM, SNARE, SPEECH, write_tables
from tests.commands import vegas, vegas_json
from vegas_data.categories import load_categories
from vegas_data.cli.session import Place, writing
from vegas_data.clips import build_manifest, prepare_manifest, preview_manifest
from vegas_data.context import Selection
from vegas_data.errors import ManifestError, WorkspaceError
from vegas_data.listing import ManifestOptions, build_listing
from vegas_data.manifest import CLIPS, read_table
from vegas_data.manifest.compare import count_clips
from vegas_data.sources import load_sources

ROWS = f'-AAAAAAAAAA,0,10,"{DOG},{SPEECH}"\nBBBBBBBBBBB,0,10,{SNARE}\nCCCCCCCCCCC,0,10,{SPEECH}\n'


@pytest.fixture
def place(tmp_path: Path) -> tuple[str | Path, ...]:
    (tmp_path / "categories.toml").write_text(CATEGORIES_TOML, encoding="utf-8")
    return "--workspace", tmp_path / "w", "--categories", tmp_path / "categories.toml"


def content(workspace: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((workspace / "manifest").iterdir())}


def test_build_show_check_and_the_same_bytes_again(tmp_path: Path, place: tuple[str | Path, ...]) -> None:
    folder = write_tables(tmp_path / "t", ROWS).parent
    dry = vegas_json("manifest", "build", "--from", folder, *place, "--dry-run")
    assert dry["clips"] == {"dog": {"audioset/balanced": 1}, "drum": {"audioset/balanced": 1}}
    assert not (tmp_path / "w").exists()
    told = vegas("manifest", "build", "--from", folder, *place)
    assert told.returncode == 0, told.stderr
    assert "audioset/balanced" in told.stdout
    assert "eval-segments: not in" in told.stderr
    first = content(tmp_path / "w")
    assert list(first) == ["clips.csv", "clips.parquet", "sources.json"]
    again = vegas_json("manifest", "build", "--from", folder, *place)
    assert again["changes"] == {}
    assert content(tmp_path / "w") == first
    assert vegas_json("manifest", "show", *place)["clips"] == dry["clips"]
    assert vegas_json("manifest", "check", *place) == {"checked": {"rows": 2}, "findings": []}
    assert vegas_json("status", *place)["clips"]["listed"] == 2
    assert vegas_json("fetch", *place, "--dry-run")["stages"][0]["outcomes"] == {"pending": 2}


def test_bad_rows_stop_the_build_and_leave_the_manifest_that_was_there(
    tmp_path: Path, place: tuple[str | Path, ...]
) -> None:
    path = write_tables(tmp_path / "t", ROWS)
    vegas_json("manifest", "build", "--from", path.parent, *place)
    before = content(tmp_path / "w")
    with path.open("a", encoding="utf-8") as file:
        file.write(f"../../etc/pw,0,10,{DOG}\nEEEEEEEEEEE,0,10,{BARK}\n")
    refused = vegas("manifest", "build", "--from", path.parent, *place)
    assert refused.returncode == 3
    assert "balanced_train_segments.csv, line 5: the video id" in refused.stderr
    assert "--skip-bad-rows" in refused.stderr
    assert content(tmp_path / "w") == before
    found = vegas_json("manifest", "check", "--from", path.parent, *place, expect=1)
    assert [finding["key"] for finding in found["findings"]] == ["line 5"]
    made = vegas_json("manifest", "build", "--from", path.parent, *place, "--skip-bad-rows")
    assert made["changes"] == {"dog": {"added": 1, "removed": 0, "changed": 0}}
    assert sum(made["left_out"]["balanced_train_segments.csv"].values()) == 1
    assert vegas_json("manifest", "check", *place)["findings"] == []
    (tmp_path / "w" / "manifest" / "clips.csv").write_text("damaged\n", encoding="utf-8")
    again = vegas_json("manifest", "build", "--from", path.parent, *place, "--skip-bad-rows")
    assert (again["changes"], again["rows"]) == (None, 3), "a table that cannot be read is built anew"


def test_check_and_diff_of_files(tmp_path: Path, place: tuple[str | Path, ...]) -> None:
    header = "video_id,start_ms,end_ms,category\n"
    (tmp_path / "a.csv").write_text(header + "-AAAAAAAAAA,0,5000,dog\nBBBBBBBBBBB,0,5000,dog\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text(header + "-AAAAAAAAAA,0,6000,dog\nBBBBBBBBBBB,0,5000,drum\n", encoding="utf-8")
    (tmp_path / "c.csv").write_text(header + "../x,0,5000,dog\n-AAAAAAAAAA,9,5,dog\n", encoding="utf-8")
    found = vegas("manifest", "diff", tmp_path / "a.csv", tmp_path / "b.csv", *place)
    assert found.returncode == 1
    assert found.stdout.splitlines() == [
        "+ BBBBBBBBBBB_000000000 drum",
        "- BBBBBBBBBBB_000000000 dog",
        "~ -AAAAAAAAAA_000000000 dog: end_ms",
    ]
    same = vegas_json("manifest", "diff", tmp_path / "a.csv", tmp_path / "a.csv", *place)
    assert same == {"added": [], "removed": [], "changed": []}
    bad = vegas("manifest", "check", tmp_path / "c.csv", *place)
    assert bad.returncode == 1
    assert "line 2: invalid video id '../x'" in bad.stdout
    assert "line 3: -AAAAAAAAAA: the span 9" in bad.stdout
    assert vegas("manifest", "show", tmp_path / "c.csv", *place).returncode == 3
    assert vegas("manifest", "check", tmp_path / "c.csv", "--from", tmp_path, *place).returncode == 2
    assert vegas("manifest", "show", *place).returncode == 3, "there is no workspace"


def test_import_into_an_empty_workspace_and_beside_audioset(tmp_path: Path, place: tuple[str | Path, ...]) -> None:
    (tmp_path / "v.csv").write_text('DDDDDDDDDDD,1,"dog barking",test\nEEEEEEEEEEE,1,"x",test\n', encoding="utf-8")
    made = vegas_json("manifest", "import", "vggsound", tmp_path / "v.csv", *place)
    assert made["import"] == {"added": 1, "listed": 0, "overlapping": 0, "of_no_category": 1}
    assert vegas_json("manifest", "check", *place)["findings"] == []
    made = vegas_json("manifest", "build", "--from", write_tables(tmp_path / "t", ROWS).parent, *place)
    assert made["changes"]["dog"] == {"added": 1, "removed": 1, "changed": 0}, "a build lists what its tables say"
    made = vegas_json("manifest", "import", "vggsound", tmp_path / "v.csv", *place)
    assert made["clips"]["dog"] == {"audioset/balanced": 1, "vggsound": 1}
    sources = json.loads((tmp_path / "w" / "manifest" / "sources.json").read_text(encoding="utf-8"))
    assert [len(sources[key]) for key in ("tables", "imports")] == [3, 1]


def cached(folder: Path, tables: Path) -> None:
    """Put tables into the cache as if they had been downloaded; lists that are not there hold no clip of ours."""
    folder.mkdir()
    for entry in load_sources().values():
        if entry.kind not in ("segments", "classes", "ontology"):
            continue
        source = tables / entry.file
        data = source.read_bytes() if source.is_file() else f"{entry.name[:11]:x<11},0,10,{SPEECH}\n".encode()
        (folder / entry.file).write_bytes(data)
        record = json.dumps({"sha256": hashlib.sha256(data).hexdigest()})
        (folder / f"{entry.file}.json").write_text(record, encoding="utf-8")


def test_a_fetch_without_a_manifest_builds_it(
    tmp_path: Path, place: tuple[str | Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VEGAS_DATA_TABLES", str(tmp_path / "cache"))
    refused = vegas("fetch", *place, "--dry-run")
    assert refused.returncode == 3, "a preview downloads nothing"
    assert "vegas-data manifest build" in refused.stderr
    cached(tmp_path / "cache", write_tables(tmp_path / "t", ROWS).parent)
    assert vegas_json("fetch", *place, "--dry-run")["stages"][0]["outcomes"] == {"pending": 2}
    assert not (tmp_path / "w").exists()
    at = Place(
        workspace_path=tmp_path / "w",
        recipe_name=None,
        categories_file=tmp_path / "categories.toml",
        as_json=True,
    )
    with writing(at, Selection()) as run:
        assert preview_manifest(run, None) is not None
        prepare_manifest(run, None)
        assert [clip.video_id for clip in run.manifest()] == ["-AAAAAAAAAA", "BBBBBBBBBBB"]
        assert preview_manifest(run, None) is None, "what is listed is kept"
        before = content(tmp_path / "w")
        prepare_manifest(run, None)
        assert content(tmp_path / "w") == before
        assert vegas_json("manifest", "build", "--from", tmp_path / "t", *place, expect=75)["error"] == "locked"
        prepare_manifest(run, read_table(tmp_path / "w" / "manifest" / "clips.parquet", run.categories))
        assert content(tmp_path / "w")["clips.csv"] == before["clips.csv"], "a given table keeps all its columns"
    assert vegas_json("manifest", "build", *place)["changes"] == {}


def test_a_recipe_with_its_own_clips_is_left_alone(tmp_path: Path) -> None:
    write_tables(tmp_path / "t", f"-AAAAAAAAAA,0,10,{DRUM}\n")
    at = Place(workspace_path=tmp_path / "w", recipe_name="smoke", categories_file=None, as_json=True)
    with writing(at, Selection()) as run:
        with pytest.raises(WorkspaceError, match="the recipe smoke brings its own clips"):
            build_manifest(run, tmp_path / "t")
        assert not run.workspace.exists(CLIPS)


def test_a_download_that_fails_is_named_and_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEGAS_DATA_TABLES", str(tmp_path / "cache"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    failed = vegas_json("manifest", "build", "--workspace", tmp_path / "w", expect=4)
    assert failed["error"] == "transfer_failed"
    assert "eval_segments.csv" in failed["message"]
    assert "--from" in failed["remedy"]


def test_audiosets_own_balanced_list(shared_data: Path) -> None:
    """Against the plain way: read the CSV row by row, walk the ontology up from each label."""
    folder = shared_data / "audioset"
    classes = {entry["id"]: entry["child_ids"] for entry in json.loads((folder / "ontology.json").read_text("utf-8"))}

    def below(label: str) -> set[str]:
        return {label}.union(*(below(child) for child in classes[label]))

    expected = {}
    with (folder / "balanced_train_segments.csv").open(encoding="utf-8", newline="") as file:
        rows = [set(row["positive_labels"].split(",")) for row in csv.DictReader(file)]
    for category in load_categories().values():
        wanted = {label for top in category.include for label in below(top)}
        wanted -= {label for top in category.exclude for label in below(top)}
        expected[category.name] = {"audioset/balanced": sum(bool(row & wanted) for row in rows)}
    made = build_listing(ManifestOptions(), load_categories().values(), folder)
    assert count_clips(made.table) == dict(sorted(expected.items()))
    assert made.left_out == {}
    with pytest.raises(ManifestError, match="holds none of eval_segments"):
        build_listing(ManifestOptions(lists=("eval-segments",)), load_categories().values(), folder)

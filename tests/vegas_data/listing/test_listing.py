"""A manifest built from a folder or from downloads, and other people's lists added to it."""

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.audioset_tables import BARK, CATEGORIES_TOML, DOG, DRUM, SNARE, SPEECH, write_tables
from tests.loopback import Handler, serving
from vegas_data.categories import load_categories
from vegas_data.config import load_table
from vegas_data.errors import ManifestError, RecipeError, TransferFailed
from vegas_data.listing import (
    ManifestOptions,
    build_listing,
    check_folder,
    download_tables,
    import_listing,
    tables_are_here,
)
from vegas_data.manifest import read_queues
from vegas_data.manifest.compare import count_clips
from vegas_data.records import Category
from vegas_data.sources import load_sources

OPTIONS = ManifestOptions()
ROWS = f'AAAAAAAAAAA,0,10,"{DOG},{SPEECH}"\nBBBBBBBBBBB,0,10,{SNARE}\nCCCCCCCCCCC,0,10,{SPEECH}\n'


@pytest.fixture
def categories(tmp_path: Path) -> dict[str, Category]:
    (tmp_path / "categories.toml").write_text(CATEGORIES_TOML, encoding="utf-8")
    return load_categories(tmp_path / "categories.toml")


def build(folder: Path, categories: dict[str, Category], **options: Any) -> Any:
    return build_listing(OPTIONS, categories.values(), folder, **options)


def test_a_folder_of_tables(tmp_path: Path, categories: dict[str, Category]) -> None:
    write_tables(tmp_path / "t", ROWS)
    write_tables(tmp_path / "t", f"DDDDDDDDDDD,0,10,{BARK}\nEEEEEEEEEEE,0,10,{SPEECH}\n", name="unbalanced_train")
    made = build(tmp_path / "t", categories)
    assert made.absent == ("eval-segments",)
    assert count_clips(made.table) == {
        "dog": {"audioset/balanced": 1, "audioset/unbalanced": 1},
        "drum": {"audioset/balanced": 1},
    }
    assert made.table.column_names[-1] == "queue"
    assert {name: len(queue) for name, queue in read_queues(made.table, 0).items()} == {"dog": 2, "drum": 1}
    tables = {table["name"]: table for table in made.sources["tables"]}
    assert list(tables) == ["balanced-train-segments", "unbalanced-train-segments", "class-labels", "ontology"]
    assert tables["balanced-train-segments"]["rows"] == 3
    again = build(tmp_path / "t", categories)
    assert again.table.equals(made.table)
    assert again.sources == made.sources


def test_the_order_of_the_recipes_lists_decides_who_has_a_clip(tmp_path: Path, categories: dict[str, Category]) -> None:
    write_tables(tmp_path / "t", f"AAAAAAAAAAA,0,10,{DOG}\n")
    write_tables(tmp_path / "t", f"AAAAAAAAAAA,0,10,{DOG}\n", name="eval")
    for lists, origin in (
        (("eval-segments", "balanced-train-segments"), "audioset/eval"),
        (("balanced-train-segments", "eval-segments"), "audioset/balanced"),
    ):
        options = ManifestOptions(lists=lists)
        made = build_listing(options, categories.values(), tmp_path / "t", skip_bad_rows=True)
        assert made.table["origin"].to_pylist() == [origin]


def test_priors_in_the_folder_become_columns(tmp_path: Path, categories: dict[str, Category]) -> None:
    folder = write_tables(tmp_path / "t", ROWS).parent
    (folder / "qa_true_counts.csv").write_text(f"label_id,num_rated,num_true\n{DOG},4,3\n", encoding="utf-8")
    (folder / "audioset_train_strong.tsv").write_text(f"AAAAAAAAAAA_0\t1.5\t2\t{BARK}\n", encoding="utf-8")
    made = build(folder, categories)
    assert made.table["quality"].to_pylist() == [0.75, None]
    assert made.table["strong"].to_pylist() == ["1500-2000", ""]
    assert {"qa-true-counts", "strong-train"} <= {table["name"] for table in made.sources["tables"]}


def test_bad_rows_are_refused_or_counted(tmp_path: Path, categories: dict[str, Category]) -> None:
    folder = write_tables(tmp_path / "t", ROWS + "bad\n" * 12).parent
    with pytest.raises(ManifestError, match="12 bad rows") as caught:
        build(folder, categories)
    assert "vegas-data manifest build --skip-bad-rows" in caught.value.remedy
    made = build(folder, categories, skip_bad_rows=True)
    assert made.left_out == {"balanced_train_segments.csv": {"has 1 fields, not 4": 12}}
    assert made.sources["tables"][0]["left_out"] == {"has 1 fields, not 4": 12}
    checked, findings = check_folder(OPTIONS, categories.values(), folder)
    assert checked == {"balanced_train_segments.csv": 3}
    assert [finding.key for finding in findings] == [*(f"line {line}" for line in range(5, 15)), ""]
    assert "2 more rows" in findings[-1].message


def test_a_good_folder_has_no_findings_and_a_bad_one_no_traceback(
    tmp_path: Path, categories: dict[str, Category]
) -> None:
    folder = write_tables(tmp_path / "t", ROWS).parent
    assert check_folder(OPTIONS, categories.values(), folder) == ({"balanced_train_segments.csv": 3}, [])
    (folder / "ontology.json").unlink()
    (finding,) = check_folder(OPTIONS, categories.values(), folder)[1]
    assert "ontology.json is missing" in finding.message


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "balanced_train_segments.csv").unlink(), "holds none of eval_segments.csv, balanced"),
        (lambda folder: (folder / "ontology.json").unlink(), "ontology.json is missing"),
        (lambda folder: (folder / "ontology.json").write_text("["), "ontology.json, line 1: not JSON"),
        (lambda folder: (folder / "class_labels_indices.csv").write_text("x\n"), "class_labels_indices.csv, line 1"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, categories: dict[str, Category], spoil: Any, message: str) -> None:
    folder = write_tables(tmp_path / "t", ROWS).parent
    spoil(folder)
    with pytest.raises(ManifestError, match=message):
        build(folder, categories)
    with pytest.raises(ManifestError, match="no such folder"):
        build(tmp_path / "none", categories)


def test_class_labels_are_not_needed_in_a_folder(tmp_path: Path, categories: dict[str, Category]) -> None:
    folder = write_tables(tmp_path / "t", ROWS).parent
    (folder / "class_labels_indices.csv").unlink()
    assert len(build(folder, categories).table) == 2


def test_an_unknown_list_in_the_recipe(tmp_path: Path, categories: dict[str, Category]) -> None:
    write_tables(tmp_path / "t", ROWS)
    with pytest.raises(RecipeError, match="'ontology' is no list of clips"):
        build_listing(ManifestOptions(lists=("ontology",)), categories.values(), tmp_path / "t")


@pytest.mark.parametrize("table", [{"lists": []}, {"seed": -1}, {"cap": -1}, {"lists": ["a", "a"]}, {"kap": 3}])
def test_options_that_cannot_be(table: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match=r"x\.toml \[manifest\]"):
        load_table(ManifestOptions, table, where="x.toml [manifest]")


def test_tables_are_here_once_all_of_them_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEGAS_DATA_TABLES", str(tmp_path))
    assert not tables_are_here(OPTIONS)
    needed = [e for e in load_sources().values() if e.kind in ("segments", "classes", "ontology")]
    for number, entry in enumerate(needed):
        assert not tables_are_here(OPTIONS), number
        (tmp_path / entry.file).write_bytes(b"x")
        record = {"sha256": hashlib.sha256(b"x").hexdigest()}
        (tmp_path / f"{entry.file}.json").write_text(json.dumps(record), encoding="utf-8")
    assert tables_are_here(OPTIONS)


class Server(Handler):
    """AudioSet's tables in small; one of them fails once."""

    tables: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []
    is_down = True

    def answer(self) -> None:
        name = self.path.rpartition("/")[2]
        self.asked.append(name)
        if name == "unbalanced_train_segments.csv" and self.is_down:
            self.send_error(503)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.tables[name])


def test_downloads_go_on_with_what_is_missing(
    tmp_path: Path, categories: dict[str, Category], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_tables(tmp_path / "t", ROWS).parent
    write_tables(folder, f"DDDDDDDDDDD,0,10,{BARK}\n", name="unbalanced_train")
    write_tables(folder, f"EEEEEEEEEEE,0,10,{DRUM}\n", name="eval")
    monkeypatch.setenv("VEGAS_DATA_TABLES", str(tmp_path / "cache"))
    Server.tables = {path.name: path.read_bytes() for path in folder.iterdir()}
    Server.asked.clear()
    entries = load_sources()
    with serving(Server) as address:
        for entry in entries.values():
            object.__setattr__(entry, "url", f"{address}/{entry.file}")  # plain http: no file may say so
        monkeypatch.setattr("vegas_data.listing.build.load_sources", lambda: entries)
        with pytest.raises(TransferFailed, match="503"):
            download_tables(OPTIONS, allow_loopback=True)
        Server.is_down = False
        files = download_tables(OPTIONS, allow_loopback=True)
        assert Server.asked == [
            "eval_segments.csv",
            "balanced_train_segments.csv",
            "unbalanced_train_segments.csv",
            "unbalanced_train_segments.csv",
            "class_labels_indices.csv",
            "ontology.json",
        ]
        assert download_tables(OPTIONS, allow_loopback=True) == files
        assert len(Server.asked) == 6, "what is here is not asked for again"
    downloaded, brought = build_listing(OPTIONS, categories.values(), files), build(folder, categories)
    assert downloaded.table.equals(brought.table)
    assert downloaded.sources == brought.sources
    assert len(downloaded.table) == 4


# --- other people's lists -------------------------------------------------------------------------------------

VGGSOUND = (
    'AAAAAAAAAAA,1,"dog barking",test\n'
    'AAAAAAAAAAA,6,"dog barking",train\n'  # overlaps the one before
    '-BBBBBBBBBB,30,"playing snare drum",train\n'
    'DDDDDDDDDDD,0,"people marching",train\n'
)


def test_vggsound_by_the_labels_of_the_categories(tmp_path: Path, categories: dict[str, Category]) -> None:
    (tmp_path / "vggsound.csv").write_text(VGGSOUND, encoding="utf-8")
    made, counts = import_listing(OPTIONS, categories, None, tmp_path / "vggsound.csv", form="vggsound")
    assert made.table.select(["video_id", "start_ms", "end_ms", "category", "origin", "queue"]).to_pylist() == [
        dict(zip(("video_id", "start_ms", "end_ms", "category", "origin", "queue"), row, strict=True))
        for row in [
            ("-BBBBBBBBBB", 30_000, 40_000, "drum", "vggsound", 0),
            ("AAAAAAAAAAA", 1000, 11_000, "dog", "vggsound", 0),
        ]
    ]
    assert counts == {"added": 2, "listed": 0, "overlapping": 0, "of_no_category": 1}
    assert made.sources["imports"][0]["file"] == "vggsound.csv"


def test_an_import_adds_to_what_is_listed(tmp_path: Path, categories: dict[str, Category]) -> None:
    base = build(write_tables(tmp_path / "t", f"AAAAAAAAAAA,5,15,{DOG}\nEEEEEEEEEEE,0,10,{DRUM}\n").parent, categories)
    (tmp_path / "vggsound.csv").write_text(VGGSOUND, encoding="utf-8")
    made, counts = import_listing(
        OPTIONS, categories, base.table, tmp_path / "vggsound.csv", form="vggsound", known=base.sources
    )
    assert counts == {"added": 1, "listed": 0, "overlapping": 1, "of_no_category": 1}
    assert count_clips(made.table) == {"dog": {"audioset/balanced": 1}, "drum": {"audioset/balanced": 1, "vggsound": 1}}
    assert made.sources["tables"] == base.sources["tables"]
    assert sorted(made.table["queue"].to_pylist()) == [0, 0, 1], "ranks are made anew"
    again, counts = import_listing(
        OPTIONS, categories, made.table, tmp_path / "vggsound.csv", form="vggsound", known=made.sources
    )
    assert counts["added"] == 0
    assert again.table.equals(made.table)


def test_a_csv_of_ones_own(tmp_path: Path, categories: dict[str, Category]) -> None:
    (tmp_path / "own.csv").write_text("video_id,start_ms,end_ms,category\nlocal-x,0,5000,dog\n", encoding="utf-8")
    made, _ = import_listing(OPTIONS, categories, None, tmp_path / "own.csv", form="csv")
    assert made.table["video_id"].to_pylist() == ["local-x"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"short,1,dog barking,test", "video id"),
        (b"AAAAAAAAAAA,1.5,dog barking,test", "start_seconds"),
        (b"AAAAAAAAAAA,-1,dog barking,test", "start_seconds"),
        (b"AAAAAAAAAAA,999999,dog barking,test", "999999999"),
        (b"AAAAAAAAAAA,1,dog barking", "is not youtube_id"),
        (b'AAAAAAAAAAA,1,"dog barking,test', "is not youtube_id"),
        (b"AAAAAAAAAAA,1,\xff\xfe,test", "is not youtube_id"),
        (b"AAAAAAAA\x00AA,1,dog barking,test", "is not youtube_id|video id"),
    ],
)
def test_bad_rows_of_vggsound(tmp_path: Path, categories: dict[str, Category], row: bytes, reason: str) -> None:
    path = tmp_path / "vggsound.csv"
    path.write_bytes(VGGSOUND.encode() + row + b"\n")
    with pytest.raises(ManifestError, match=rf"1 bad rows:\n  .*vggsound\.csv, line 5: .*({reason})"):
        import_listing(OPTIONS, categories, None, path, form="vggsound")
    made, _ = import_listing(OPTIONS, categories, None, path, form="vggsound", skip_bad_rows=True)
    assert len(made.table) == 2
    assert sum(made.left_out["vggsound.csv"].values()) == 1

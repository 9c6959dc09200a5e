"""Tools that nobody here wrote read a release: sha256sum, Hugging Face datasets, webdataset, pandas."""

import gc
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

# In a process of its own: datasets reads its settings when it is imported, and one cache serves both releases, as a
# user's does (a cache that took one folder called "shards" for another is why the cards' configs describe content).
LOAD = """
import json, sys
import datasets
datasets.disable_progress_bars()
told = {}
for root in sys.argv[1:]:
    told[root] = {"": datasets.load_dataset(root)["full"].num_rows}
    for name in ("clips", "scores", "judgments", "verdicts", "examples"):
        told[root][name] = datasets.load_dataset(root, name)["full"].num_rows
    shards = f"{root}/shards"
    whole = datasets.load_dataset(shards)
    told[root]["shards"] = {split: rows.num_rows for split, rows in whole.items()}
    told[root]["members"] = sorted(whole["train"].column_names)
    told[root]["first"] = whole["train"][0]["json"] if "mp4" not in told[root]["members"] else {}
    streamed = datasets.load_dataset(shards, split="train", streaming=True)
    rows = list(streamed.decode(False) if "mp4" in told[root]["members"] else streamed)
    told[root]["streamed"] = [row["__key__"].rpartition("/")[2] for row in rows]
    told[root]["frames"] = [len(row["lite0.npy"]) for row in rows]
    told[root]["drum"] = datasets.load_dataset(shards, data_files="drum-train-*.tar")["train"].num_rows
print(json.dumps(told))
"""


def test_datasets_reads_both_roots_of_both_profiles(
    features_release: Path, media_release: Path, tmp_path: Path
) -> None:
    offline = {"HF_HOME": str(tmp_path), "HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(features_release), str(media_release)],
        capture_output=True,
        text=True,
        env=offline,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    features, media = json.loads(done.stdout.splitlines()[-1]).values()
    for told in (features, media):
        assert {name: told[name] for name in ("", "clips", "scores", "judgments", "verdicts", "examples")} == {
            "": 5,
            "clips": 8,
            "scores": 40,
            "judgments": 24,
            "verdicts": 12,
            "examples": 5,
        }
        assert told["streamed"] == ["demo-000_000030000_000034000", "demo-001_000030000_000032000"]
        assert told["frames"] == [62, 31]
        assert told["drum"] == 2
    assert features["shards"] == {"train": 2, "val": 2, "test": 1}
    assert media["shards"] == {"train": 2, "val": 2}, "the test example has no licence"
    assert features["members"] == ["__key__", "__url__", "flow_lite0.npy", "json", "lite0.npy"]
    assert media["members"] == ["__key__", "__url__", "audio.npy", "flow_lite0.npy", "json", "lite0.npy", "mp4"]
    assert (features["first"]["profile"], features["first"]["num_frames"]) == ("features", 62)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # webdataset's own
def test_webdataset_reads_every_example(
    features_release: Path, media_release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WDS_SECURE", "1")
    import webdataset

    for folder, members in ((features_release, 3), (media_release, 5)):
        tars = sorted(map(str, (folder / "shards").glob("*.tar")))
        rows = list(webdataset.WebDataset(tars, shardshuffle=False))
        gc.collect()
        keys = pd.read_parquet(folder / "manifest" / "examples.parquet").query("shard != ''")["key"]
        assert sorted(row["__key__"] for row in rows) == sorted(keys)
        assert {len([name for name in row if not name.startswith("__")]) for row in rows} == {members}


def test_sha256sum_agrees(features_release: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=features_release, check=False
    )
    assert done.returncode == 0


def test_the_tables_join_with_the_shards_and_the_csv_is_the_table(features_release: Path) -> None:
    examples = pd.read_parquet(features_release / "manifest" / "examples.parquet")
    table = pd.read_csv(features_release / "vegas.csv", keep_default_na=False)
    assert table.to_dict("list") == examples.to_dict("list")
    clips = pd.read_parquet(features_release / "manifest" / "clips.parquet")
    joined = examples.merge(clips, on=["clip_id", "category"], validate="one_to_one")
    assert len(joined) == len(examples)
    assert (joined["media_sha256_x"] == joined["media_sha256_y"]).all()


def test_the_clips_can_be_fetched_again(features_release: Path) -> None:
    """The table of clips is a manifest: ``vegas-data fetch --manifest`` takes it as it is."""
    from vegas_data.categories import load_categories
    from vegas_data.manifest import read_manifest

    clips = read_manifest(features_release / "manifest" / "clips.parquet", load_categories())
    assert len(clips) == 7
    assert clips[3].categories == ("dog", "drum")

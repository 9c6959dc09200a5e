"""From a URL to shards on six clips, by the commands a user types; and what they say when something is wrong."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.commands import shard_digests, vegas, vegas_json
from vegas_data.config import shipped
from vegas_data.store import sha256_of


def test_what_came_out(smoke: Path) -> None:
    status = vegas_json("status", "--workspace", smoke, "--failures")
    assert status["clips"] == {"listed": 6, "fetched": 5, "failed": {"removed": 1}}
    assert status["verify"]["windows"] == 10
    assert status["verify"]["truth"]["precision"] == 1.0
    assert status["verify"]["truth"]["recall"] >= 0.8
    assert status["examples"]["by_category"]["drum"] >= 3
    assert sum(shard["examples"] for shard in status["shards"]) == status["examples"]["count"]
    (failure,) = status["failures"]
    assert failure["reason"] == "removed"
    checked = vegas_json("check", "--read-data", "--workspace", smoke)
    assert checked["findings"] == []
    assert checked["checked"] == {"shards": len(status["shards"]), "clips": 5, "features": 10}


def test_the_shards_read_back_with_features_and_sound(smoke: Path) -> None:
    from vegas_data.shards import read_shard

    for tar in sorted((smoke / "shards").rglob("*.tar")):
        for example in read_shard(tar):
            frames = example.meta.num_frames
            assert frames == (example.meta.end_ms - example.meta.start_ms) * 125 // 8000
            assert {name: array.shape for name, array in example.streams.items()} == {
                "lite0": (frames, 1280),
                "flow_lite0": (frames, 1280),
            }
            assert example.audio.shape == (1024 * frames,)
            assert example.audio.any()


def test_a_second_run_does_nothing_and_changes_nothing(smoke: Path) -> None:
    before = {
        path: sha256_of(path)
        for path in smoke.rglob("*")
        if path.is_file() and path.suffix in (".tar", ".json", ".mp4", ".npy")
    }
    for verb in ("fetch", "verify", "featurize"):
        result = vegas_json(verb, "--workspace", smoke)
        assert all(stage["units"] == stage["already_settled"] for stage in result["stages"])
    assert {path: sha256_of(path) for path in before} == before


def test_one_worker_serial_and_a_job_array_make_the_same_shards(smoke: Path, tmp_path: Path) -> None:
    serial, parts = tmp_path / "serial", tmp_path / "parts"
    for verb in ("fetch", "verify", "featurize"):
        vegas_json(verb, "--workspace", serial, "--recipe", "smoke", "--workers", "0")
        for part in ("2/2", "1/2"):
            vegas_json(verb, "--workspace", parts, "--recipe", "smoke", "--workers", "1", "--part", part)
        vegas_json(verb, "--workspace", parts)
    assert shard_digests(serial) == shard_digests(smoke)
    assert shard_digests(parts) == shard_digests(smoke)


def test_nothing_is_left_lying_about(smoke: Path) -> None:
    assert not (smoke / "tmp").exists()
    assert [path for path in smoke.rglob("*") if path.name.startswith((".", "tmp"))] == []


def test_a_lost_ledger_is_rebuilt(smoke: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke, tmp_path / "w")
    (tmp_path / "w" / "ledger.sqlite").unlink()
    fetched = vegas_json("fetch", "--workspace", tmp_path / "w")["stages"][-1]
    assert fetched["outcomes"] == {"done": 5, "rejected": 1}
    assert fetched["already_settled"] == 5, "only the clip that had failed is asked for again"


def test_a_new_threshold_scores_nothing_again(smoke: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke, tmp_path / "w")
    recipe = tmp_path / "strict.toml"
    text = (smoke / "recipe.toml").read_text(encoding="utf-8")
    recipe.write_text(text.replace("accept = 0.08\nreject = 0.08", "accept = 1.0\nreject = 1.0"), encoding="utf-8")
    stale = vegas("featurize", "--workspace", tmp_path / "w", "--recipe", recipe)
    assert stale.returncode == 3
    assert "vegas-data verify" in stale.stderr
    (stage,) = vegas_json("verify", "--workspace", tmp_path / "w", "--recipe", recipe)["stages"]
    assert stage["units"] == stage["already_settled"] == 5
    assert vegas_json("status", "--workspace", tmp_path / "w")["examples"]["count"] == 0
    features = vegas_json("featurize", "--workspace", tmp_path / "w")["stages"]
    assert features[0]["units"] == 0
    assert shard_digests(tmp_path / "w") == {}, "shards whose examples are gone are removed"


def test_a_dry_run_does_nothing(tmp_path: Path) -> None:
    result = vegas_json("fetch", "--workspace", tmp_path / "w", "--recipe", "smoke", "--dry-run")
    assert result["stages"][0]["outcomes"] == {"pending": 6}
    assert not (tmp_path / "w").exists()


def test_a_dry_run_in_a_workspace_leaves_manifest_and_recipe(smoke: Path, tmp_path: Path) -> None:
    table = tmp_path / "other.csv"
    table.write_text("video_id,start_ms,end_ms,category\ndemo-x,0,2000,drum\n", encoding="utf-8")
    before = {path: sha256_of(path) for path in smoke.rglob("*") if path.is_file()}
    arguments = ("--workspace", smoke, "--dry-run", "--manifest", table, "--recipe", "demo")
    assert vegas_json("fetch", *arguments)["stages"][0]["outcomes"] == {"pending": 1}
    assert {path: sha256_of(path) for path in smoke.rglob("*") if path.is_file()} == before


def test_a_limit_counts_what_is_not_done_yet(tmp_path: Path) -> None:
    place = ("--workspace", tmp_path / "w", "--recipe", "smoke", "--category", "drum", "--limit", "2", "--workers", "0")
    first, second = (vegas_json("fetch", *place)["stages"][-1] for _ in range(2))
    assert first["outcomes"]["left"] == 3
    assert second["already_settled"] == 2
    assert second["outcomes"]["left"] == 1


def test_one_flipped_byte_is_found_and_its_example_named(smoke: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke, tmp_path / "w")
    tar = next(iter(sorted((tmp_path / "w" / "shards").rglob("*.tar"))))
    data = bytearray(tar.read_bytes())
    data[len(data) // 2] ^= 1
    tar.write_bytes(data)
    result = vegas_json("check", "--read-data", "--workspace", tmp_path / "w", expect=1)
    assert result["findings"]
    assert all(str(tar) == finding["file"] and finding["remedy"] for finding in result["findings"])
    assert any(finding["key"] for finding in result["findings"])
    told = vegas("check", "--read-data", "--workspace", tmp_path / "w")
    assert told.returncode == 1
    assert tar.name in told.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["fetch", "--category", "drumm", "--recipe", "smoke"], 2, ["unknown category 'drumm'", "did you mean 'drum'"]),
        (["fetch", "--recipe", "nonesuch"], 2, ["no recipe called 'nonesuch'", "smoke"]),
        (["fetch", "--recipe", "{misspelt}"], 2, ["misspelt.toml", "unknown key 'windw_ms'", "window_ms"]),
        (["fetch", "--manifest", "{hostile}"], 3, ["hostile.csv, line 2", "../../etc/passwd", "remedy"]),
        (["fetch", "--dry-run"], 3, ["no manifest yet", "manifest build", "--manifest"]),
        (["verify", "--recipe", "smoke"], 3, ["no manifest yet"]),
        (["status"], 3, ["not a vegas-data workspace"]),
        (["fetch", "--part", "5/4"], 2, ["5/4"]),
        (["frobnicate"], 2, ["frobnicate"]),
    ],
)
def test_bad_input_is_named_with_its_remedy(tmp_path: Path, arguments: list[str], code: int, words: list[str]) -> None:
    (tmp_path / "misspelt.toml").write_text('name = "x"\n[verify]\nwindw_ms = 2000\n', encoding="utf-8")
    hostile = "video_id,start_ms,end_ms,category\n../../etc/passwd,0,10000,drum\n"
    (tmp_path / "hostile.csv").write_text(hostile, encoding="utf-8")
    named = {"misspelt": tmp_path / "misspelt.toml", "hostile": tmp_path / "hostile.csv"}
    done = vegas(*(argument.format(**named) for argument in arguments), cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert "Traceback" not in done.stderr


def test_a_category_nobody_can_judge_ends_with_the_command_that_helps(smoke: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke, tmp_path / "w")
    table = tmp_path / "categories.toml"
    from vegas_data.config import shipped

    text = shipped("manifests/categories.toml").read_text(encoding="utf-8")
    start = text.index('name = "drum"')
    seen = text.index("seen_classes", start)
    table.write_text(
        text[:seen] + "seen_classes = []\n" + text[text.index("\n", text.index("]", seen)) :], encoding="utf-8"
    )
    done = vegas("verify", "--workspace", tmp_path / "w", "--categories", table)
    assert done.returncode == 5, done.stderr
    assert "picture of drum" in done.stderr
    assert "siglip2" in done.stderr


def test_a_changed_row_is_fetched_and_verified_anew(smoke: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke, tmp_path / "w")
    rows = (smoke / "manifest" / "clips.csv").read_text(encoding="utf-8").splitlines()
    (row,) = (row for row in rows if row.startswith("demo-drum_000,"))
    video, start, _, rest = row.split(",", 3)
    table = tmp_path / "shorter.csv"
    text = "\n".join(f"{video},{start},{int(start) + 2000},{rest}" if line == row else line for line in rows)
    table.write_text(text + "\n", encoding="utf-8")
    place = ("--workspace", tmp_path / "w", "--workers", "1")
    fetched = vegas_json("fetch", *place, "--manifest", table)["stages"][-1]
    assert fetched["units"] - fetched["already_settled"] == 1
    stale = vegas("featurize", *place)
    assert stale.returncode == 3, "examples of the longer clip must not be taken for the shorter one's"
    vegas_json("verify", *place)
    examples = (tmp_path / "w" / "tables" / "examples.csv").read_text(encoding="utf-8")
    assert f"demo-drum_000_{int(start):09d}_{int(start) + 2000:09d},drum" in examples


@pytest.mark.parametrize("folder", ["clips", "features"])
def test_check_reads_clips_and_features_too(smoke: Path, tmp_path: Path, folder: str) -> None:
    shutil.copytree(smoke, tmp_path / "w")
    first, second = sorted(p for p in (tmp_path / "w" / folder).rglob("*") if p.suffix in (".mp4", ".npy"))[:2]
    data = bytearray(first.read_bytes())
    data[-1] ^= 1
    first.write_bytes(data)
    second.unlink()
    found = vegas_json("check", "--read-data", "--workspace", tmp_path / "w", expect=1)["findings"]
    assert {(finding["file"], finding["code"]) for finding in found} == {
        (str(first), "checksum_mismatch"),
        (str(second), "half_missing"),
    }


def test_a_damaged_clip_is_refused_mended_and_verified_again(smoke: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke, tmp_path / "w")
    place = ("--workspace", tmp_path / "w", "--workers", "0")
    clip = next(iter(sorted((tmp_path / "w" / "clips").rglob("demo-dog*.mp4"))))
    scores = next(iter((tmp_path / "w" / "scores").rglob("demo-dog*.json")))
    scores.unlink()
    clip.write_bytes(clip.read_bytes()[:-5])
    told = vegas_json("verify", *place, expect=4)["stages"][0]
    assert told["reasons"] == {"checksum_mismatch": 1}
    assert told["failures"][0]["remedy"]
    clip.unlink()
    Path(f"{clip}.json").unlink()
    vegas_json("fetch", *place)
    vegas_json("verify", *place)
    assert json.loads(scores.read_text(encoding="utf-8"))["windows"]


def test_another_corpus_does_not_take_a_workspace_over(smoke: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke, tmp_path / "w")
    before = {path: sha256_of(path) for path in (tmp_path / "w").rglob("*.*") if path.is_file()}
    told = vegas("fetch", "--workspace", tmp_path / "w", "--recipe", "demo", "--limit", "1")
    assert told.returncode == 3
    assert "lists other clips than the corpus of the recipe demo" in told.stderr
    assert {path: sha256_of(path) for path in before} == before, "neither the manifest nor the recipe has changed"


def test_a_refused_command_leaves_no_workspace_behind(tmp_path: Path) -> None:
    assert vegas("fetch", "--workspace", tmp_path / "w", "--manifest", tmp_path / "none.csv").returncode == 3
    assert not (tmp_path / "w").exists()


def test_a_stray_file_is_a_finding_and_no_traceback(smoke: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke, tmp_path / "w")
    (tmp_path / "w" / "clips" / ".DS_Store").touch()
    (tmp_path / "w" / "features" / "a b.npy").touch()
    next(iter((tmp_path / "w" / "shards").iterdir())).joinpath(".x.tar").touch()
    found = vegas_json("check", "--workspace", tmp_path / "w", expect=1)["findings"]
    assert {finding["code"] for finding in found} == {"foreign_file"}
    assert len(found) == 3
    vegas_json("status", "--workspace", tmp_path / "w")


def test_a_lost_recipe_is_named(smoke: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke, tmp_path / "w")
    (tmp_path / "w" / "recipe.toml").unlink()
    done = vegas("verify", "--workspace", tmp_path / "w")
    assert done.returncode == 2
    assert "recipe.toml: no such file" in done.stderr


@pytest.mark.parametrize("verb", ["verify", "featurize"])
def test_no_gpu_is_an_error_and_not_a_traceback(smoke: Path, verb: str) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    done = vegas(verb, "--workspace", smoke, "--gpu")
    assert done.returncode == 5
    assert "error:" in done.stderr
    assert "remedy:" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_commands_at_once_are_told_apart(smoke: Path, tmp_path: Path) -> None:
    from vegas_data.workspace import Workspace

    shutil.copytree(smoke, tmp_path / "w")
    with Workspace(tmp_path / "w").lock():
        error = vegas_json("verify", "--workspace", tmp_path / "w", expect=75)
    assert error["error"] == "locked"
    assert str(os.getpid()) in error["message"]


def test_the_page_and_its_summary(smoke: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke, tmp_path / "w")
    vegas_json("report", "--workspace", tmp_path / "w")
    summary = json.loads((tmp_path / "w" / "summary.json").read_text(encoding="utf-8"))
    parts = {"schema", "clips", "verify", "examples", "shards", "random_streams", "seconds", "train", "evaluate"}
    assert set(summary) == parts
    assert summary["random_streams"] == []
    assert {shard["name"]: shard["sha256"] for shard in summary["shards"]} == {
        name.removesuffix(".json"): digest for name, digest in shard_digests(smoke).items()
    }
    page = (tmp_path / "w" / "report.html").read_text(encoding="utf-8")
    assert "uncalibrated" in page


def test_a_release_is_built_twice_alike_and_proves_itself(smoke: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke, tmp_path / "w")
    planned = vegas_json("release", "build", "--workspace", tmp_path / "w", "--dry-run")
    assert (planned["outcome"], planned["left_out"]) == ("planned", {})
    assert not (tmp_path / "w" / "releases").exists()
    first = vegas_json("release", "build", "--workspace", tmp_path / "w")
    second = vegas_json("release", "build", "--workspace", tmp_path / "w", "--output", tmp_path / "other")
    again = vegas_json("release", "build", "--workspace", tmp_path / "w")
    assert [build["outcome"] for build in (first, second, again)] == ["built", "built", "nothing to do"]
    assert first["sums"] == second["sums"] == again["sums"] == sha256_of(tmp_path / "other" / "SHA256SUMS")
    assert first["folder"] == str(tmp_path / "w" / "releases" / "features-0.1.0")
    assert {name: first[name] for name in ("shards", "examples", "num_bytes")} == {
        name: planned[name] for name in ("shards", "examples", "num_bytes")
    }
    checked = vegas_json("release", "check", first["folder"])
    assert checked["findings"] == []
    assert checked["checked"]["examples"] == first["examples"]
    (tmp_path / "other" / "README.md").write_text("mine", encoding="utf-8")
    found = vegas_json("release", "check", tmp_path / "other", expect=1)["findings"]
    assert {finding["code"] for finding in found} == {"checksum_mismatch", "card_mismatch"}
    error = vegas_json("release", "build", "--workspace", tmp_path / "w", "--output", tmp_path / "other", expect=3)
    assert error["error"] == "release"
    refused = vegas("release", "build", "--version", "1")
    assert refused.returncode == 2
    assert "three numbers" in refused.stderr


def test_shards_that_are_not_of_the_tables_are_not_released(smoke: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke, tmp_path / "w")
    feature = next((tmp_path / "w" / "features").rglob("*.npy"))
    feature.with_name(feature.name + ".json").unlink()
    error = vegas_json("release", "build", "--workspace", tmp_path / "w", expect=3)
    assert "1 of " in error["message"]
    assert "vegas-data featurize" in error["remedy"]
    vegas_json("featurize", "--workspace", tmp_path / "w")
    side_car = next((tmp_path / "w" / "shards").rglob("*.tar.json"))
    side_car.unlink()
    assert "1 of " in vegas_json("release", "build", "--workspace", tmp_path / "w", expect=3)["message"]


def test_a_cap_goes_on_down_the_queue_until_enough_are_alive(tmp_path: Path) -> None:
    from vegas_data.categories import load_categories
    from vegas_data.manifest import read_queues, read_workspace_table
    from vegas_data.workspace import Workspace

    recipe, workspace = tmp_path / "capped.toml", tmp_path / "w"
    text = shipped("pipelines/smoke.toml").read_text(encoding="utf-8")
    text = text.replace("drum = 3, dog = 1", "drum = 2, dog = 0").replace("gone_404 = 1", "gone_404 = 3")
    place = ("--workspace", workspace, "--recipe", recipe)
    recipe.write_text(text.replace("[fetch.cut]", "[manifest]\nseed = 1\ncap = 2\n\n[fetch.cut]"), encoding="utf-8")
    planned = vegas_json("fetch", *place, "--dry-run")["stages"][0]
    assert planned["outcomes"] == {"pending": 2}, "no more than the cap may need"

    stages = [stage for stage in vegas_json("fetch", *place)["stages"] if stage["stage"] == "fetch"]
    table = read_workspace_table(Workspace(workspace), load_categories(None))
    (queue,) = read_queues(table, 1).values()
    alive = [clip for clip in queue if "gone" not in clip][:2]
    assert sorted(path.stem for path in (workspace / "clips").rglob("*.mp4")) == sorted(alive)
    tried = queue[: queue.index(alive[-1]) + 1]
    assert len(tried) > 2, "this seed has a dead clip before the second live one"
    assert sum(stage["outcomes"].get("done", 0) for stage in stages) == 2
    assert sum(stage["outcomes"].get("rejected", 0) for stage in stages) == len(tried) - 2

    one = vegas_json("fetch", "--workspace", tmp_path / "one", "--recipe", recipe, "--limit", "1")["stages"][-1]
    assert sum(one["outcomes"].get(status, 0) for status in ("done", "rejected")) == 1
    first = [path.stem for path in (tmp_path / "one" / "clips").rglob("*.mp4")] + [f["unit"] for f in one["failures"]]
    assert first == [queue[0]], "a limit begins at the head of the queue"

    again = vegas_json("fetch", *place)["stages"]
    assert [(stage["units"], stage["already_settled"]) for stage in again] == [(len(tried), len(tried))]

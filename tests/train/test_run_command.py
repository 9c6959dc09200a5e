"""``python -m train.run``: what it leaves, what it says, and that being killed changes nothing."""

import json
import random
import shutil
import signal
import time
from pathlib import Path

import click
import pytest
import torch
from run_bench import TOML, RunBench, write_drums
from train_bench import KINDS, ShardBench

from train.config import ModelKind
from train.data import find_shards
from train.options import take_device
from vegas_data.errors import (
    CheckpointCorrupt,
    ChecksumMismatch,
    DeviceMissing,
    NonFiniteLoss,
    RecipeError,
    ShardError,
    TrainError,
    WorkspaceLocked,
)

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def run_bench(bench: ShardBench, tmp_path: Path) -> RunBench:
    write_drums(bench)
    return RunBench(bench, tmp_path)


# --- what it leaves ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_leaves_its_files(run_bench: RunBench, kind: ModelKind, capsys: Capture) -> None:
    run_bench.run(model=kind)
    store = run_bench.store(kind)
    assert store.root.name.startswith(f"drum-{kind}-")
    files = sorted(path.relative_to(store.root).as_posix() for path in store.root.rglob("*") if path.is_file())
    assert files == [
        "checkpoints/step-000000010.safetensors",
        "checkpoints/step-000000010.safetensors.json",
        "experiment.json",
        "lock",
        "log.jsonl",
        "run.json",
    ]
    info = store.read_json("run.json")
    assert [name for name, _ in info["shards"]] == ["drum-train-000000.tar", "drum-train-000001.tar"]
    assert {"torch", "device", "cpu", "threads"} == {name for name, _ in info["tools"]}
    assert "10 updates" in capsys.readouterr().out


def test_the_log_has_losses_in_nats_and_bits(run_bench: RunBench) -> None:
    run_bench.run()
    log = run_bench.log()
    assert [line["step"] for line in log] == list(range(1, 11))
    assert [line["epoch"] for line in log] == [0] * 8 + [1] * 2
    assert all(line["bits"] == pytest.approx(line["nats"] / 0.6931472, abs=1e-5) for line in log)
    assert [line["step"] for line in log if line["val_nats"] is not None] == [2, 4, 6, 8, 10]
    assert sorted(line["seconds"] for line in log) == [line["seconds"] for line in log]


def test_without_a_validation_split_there_is_no_validation(bench: ShardBench, tmp_path: Path) -> None:
    bench.write(bench.source(0))
    run_bench = RunBench(bench, tmp_path)
    run_bench.run("--steps", "2")
    assert [line["val_nats"] for line in run_bench.log()] == [None, None]


def test_json_lines_tell_progress_entries_and_the_end(run_bench: RunBench, capsys: Capture) -> None:
    run_bench.run("--json", "--steps", "3")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    entries = [line for line in lines if "step" in line]
    assert entries == run_bench.log()
    assert [line["progress"] for line in lines if "progress" in line][-1] == [3, 3]
    assert lines[-1]["done"]["run"] == run_bench.store().root.name
    assert lines[-1]["done"]["nats"] == entries[-1]["nats"]


def test_a_finished_run_says_so(run_bench: RunBench, capsys: Capture) -> None:
    run_bench.run()
    files = [path for path in run_bench.store().root.rglob("*") if path.is_file() and path.name != "lock"]
    before = {path: path.read_bytes() for path in files}
    capsys.readouterr()
    run_bench.run()
    assert "finished before" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("kept", [0, 3])
def test_a_finished_run_whose_log_was_lost_claims_no_figures(run_bench: RunBench, kept: int, capsys: Capture) -> None:
    run_bench.run()
    log = run_bench.store().root / "log.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:kept]))
    capsys.readouterr()
    run_bench.run("--json")
    said = capsys.readouterr()
    assert json.loads(said.out) == {"done": {"run": run_bench.store().root.name, "made": 0, "step": 10}}
    assert f"warning: {log}: lines were lost" in said.err
    run_bench.run()
    assert "10 updates (finished before, nothing to do)\n" in capsys.readouterr().out


def test_the_latest_command_makes_its_run_the_current_one(run_bench: RunBench) -> None:
    run_bench.run("--steps", "1")
    first = run_bench.store().root
    run_bench.run("--steps", "1", "--seed", "1")
    assert run_bench.store().root != first
    run_bench.run("--steps", "1")
    assert run_bench.store().root == first


def test_a_dry_run_tells_and_leaves_nothing(run_bench: RunBench, capsys: Capture) -> None:
    run_bench.run("--dry-run", "--json")
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert (plan["examples"], plan["validation"], plan["steps_per_epoch"], plan["done"]) == (3, 1, 8, 0)
    assert 0 < plan["memory"]["total"] < plan["memory"]["free"]
    assert plan["seconds_per_step"] > 0
    assert not (run_bench.root / "train").exists()
    run_bench.run("--dry-run")
    assert "1.25 epochs of 8" in capsys.readouterr().out


# --- interruptions ----------------------------------------------------------------------------------------------------


def final_state(run_bench: RunBench) -> tuple[bytes, list[dict[str, object]]]:
    """The last checkpoint's bytes, and the log without the clock."""
    (*_, newest) = run_bench.checkpoints()
    return newest.read_bytes(), [{**line, "seconds": 0} for line in run_bench.log()]


def stop_after(run_bench: RunBench, step: int, how: signal.Signals) -> int:
    """Start the command and end it when it says that it made update ``step``; its exit code."""
    with run_bench.start("--checkpoint-every", "3", "--steps", "40") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line).get("step", 0) >= step:
                break
        process.send_signal(how)
        process.communicate(timeout=60)  # to its last word: a closed pipe would be another way to end
    return process.returncode


def test_killed_and_started_again_the_end_is_the_same(run_bench: RunBench, capsys: Capture) -> None:
    """Before the first checkpoint, in the middle of a batch, and with a chance to tidy up."""
    run_bench.run("--steps", "40")
    whole = final_state(run_bench)
    store = run_bench.store()
    shutil.rmtree(store.root)
    assert stop_after(run_bench, 2, signal.SIGKILL) == -signal.SIGKILL
    assert stop_after(run_bench, 17, signal.SIGKILL) == -signal.SIGKILL
    assert stop_after(run_bench, 22, signal.SIGTERM) == 128 + signal.SIGTERM
    assert not (store.root / "tmp").exists()
    run_bench.run("--steps", "40", "--checkpoint-every", "7")
    assert "going on after" in capsys.readouterr().err
    assert final_state(run_bench) == whole
    seconds = [line["seconds"] for line in run_bench.log()]
    assert seconds == sorted(seconds)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_the_end_is_the_same(run_bench: RunBench, seed: int) -> None:
    """A checkpoint after every update: many of the kills hit a write."""
    run_bench.run("--steps", "400")
    whole = final_state(run_bench)
    shutil.rmtree(run_bench.store().root)
    moments = random.Random(seed)
    kills = 0
    for _ in range(20):
        with run_bench.start("--steps", "400", "--checkpoint-every", "1") as process:
            assert process.stdout is not None
            process.stdout.readline()  # it is at work
            time.sleep(moments.uniform(0, 0.4))
            process.kill()
        kills += process.returncode == -signal.SIGKILL
    assert kills >= 5
    run_bench.run("--steps", "400")
    assert final_state(run_bench) == whole


# --- trouble ----------------------------------------------------------------------------------------------------------


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_corrupt_newest_checkpoint_is_passed_over_with_a_warning(run_bench: RunBench, capsys: Capture) -> None:
    run_bench.run("--checkpoint-every", "4")
    whole = final_state(run_bench)
    before, newest = run_bench.checkpoints()
    flip(newest, -5)
    capsys.readouterr()
    run_bench.run()
    err = capsys.readouterr().err
    assert f"warning: {newest}: sha256 is" in err
    assert "going on after 8 of 10 updates" in err
    assert final_state(run_bench) == whole
    assert [path.name for path in run_bench.checkpoints()] == [before.name, newest.name]


def test_a_write_that_was_interrupted_is_passed_over_with_a_warning(run_bench: RunBench, capsys: Capture) -> None:
    run_bench.run("--checkpoint-every", "4")
    whole = final_state(run_bench)
    newest = run_bench.checkpoints()[-1]
    newest.with_name(f"{newest.name}.json").unlink()
    run_bench.run()
    assert f"warning: {newest}: has no side-car" in capsys.readouterr().err
    assert final_state(run_bench) == whole


def test_where_all_checkpoints_are_corrupt_nothing_begins_anew(run_bench: RunBench, capsys: Capture) -> None:
    run_bench.run("--checkpoint-every", "4")
    for path in run_bench.checkpoints():
        flip(path, -5)
    log = run_bench.log()
    with pytest.raises(CheckpointCorrupt, match="all 2 checkpoints are damaged") as caught:
        run_bench.run()
    assert caught.value.exit_code == 3
    assert "delete this folder" in caught.value.remedy
    assert len(run_bench.checkpoints()) == 2
    assert run_bench.log() == log


def test_a_corrupt_shard_is_an_error_that_names_it(run_bench: RunBench) -> None:
    shard = find_shards(run_bench.shards.workspace, "drum", "train")[0]
    flip(shard, 3000)
    with pytest.raises(ChecksumMismatch, match=shard.name) as caught:
        run_bench.run()
    assert caught.value.exit_code == 3
    assert "featurize" in caught.value.remedy


def test_a_gpu_that_is_not_there_ends_it_with_5(run_bench: RunBench) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    for option in (["--gpu"], ["--device", "cuda"]):
        with pytest.raises(DeviceMissing) as caught:
            run_bench.run(*option)
        assert caught.value.exit_code == 5
    assert take_device("auto").type == "cpu"


def test_a_loss_that_is_not_a_number_leaves_the_checkpoint_before(
    run_bench: RunBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_bench.run("--steps", "4")
    import train.fit as fit

    calls = []

    def poisoned(logits: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return logits.sum() * (torch.nan if len(calls) == 5 else 0.0)

    monkeypatch.setattr(fit, "cross_entropy", poisoned)
    with pytest.raises(NonFiniteLoss, match=r"update 5: .* drum/demo-.*log\.jsonl") as caught:
        run_bench.run("--steps", "40", "--checkpoint-every", "2")
    assert caught.value.exit_code == 3
    assert [path.name for path in run_bench.checkpoints()] == [f"step-00000000{n}.safetensors" for n in (2, 4)]


def test_weights_that_overflow_in_validation_are_no_bug_of_ours(run_bench: RunBench) -> None:
    experiment = run_bench.folder / "wild.toml"
    experiment.write_text(TOML.replace("learning_rate = 0.01", "learning_rate = 1e30"))
    with pytest.raises(NonFiniteLoss, match=r"the loss of 1 examples is .*log\.jsonl"):
        run_bench.run("--steps", "1", "--experiment", str(experiment))


@pytest.mark.parametrize("sizes", ["[24, 8]", "[2048, 8]"])
def test_tiers_that_do_not_fit_the_frames_are_refused(run_bench: RunBench, sizes: str) -> None:
    experiment = run_bench.folder / "odd.toml"
    experiment.write_text(TOML.replace("[64, 16]", sizes).replace("= 1024", "= 6144"))
    with pytest.raises(TrainError, match="frames of 1024 audio samples are not whole nodes") as caught:
        run_bench.run("--experiment", str(experiment))
    assert "frame_sizes" in caught.value.remedy


def test_a_seed_that_torch_cannot_hold_is_a_usage_error(run_bench: RunBench) -> None:
    with pytest.raises(click.UsageError) as caught:
        run_bench.run("--seed", str(2**63))
    assert "--seed" in caught.value.format_message()


def test_too_little_memory_is_said_before_anything_is_written(
    run_bench: RunBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.session.free_memory", lambda device: 82 * 2**20)
    with pytest.raises(TrainError, match="training needs about") as caught:
        run_bench.run("--batch-size", "100")
    assert "--batch-size" in caught.value.remedy
    assert not (run_bench.root / "train").exists()


def test_two_processes_do_not_train_one_run(run_bench: RunBench) -> None:
    run_bench.run("--steps", "1")
    with run_bench.store().lock(), pytest.raises(WorkspaceLocked) as caught:
        run_bench.run("--steps", "1")
    assert caught.value.exit_code == 75
    with run_bench.store().lock():
        run_bench.run("--steps", "1", "--seed", "4")  # another run is free


def test_unknown_names_are_answered_with_known_ones(run_bench: RunBench) -> None:
    with pytest.raises(ShardError, match="no shard of printer, train") as shards:
        run_bench.run(category="printer")
    assert "there are some of drum" in shards.value.remedy
    with pytest.raises(RecipeError, match="no such experiment") as experiment:
        run_bench.run("--experiment", "attention")
    assert "demo" in experiment.value.remedy
    for wrong in ({"model": "attention"}, {"category": "../drum"}):
        with pytest.raises(Exception, match=r"attention|not the name of a category") as usage:
            run_bench.run(**wrong)
        assert usage.value.exit_code == 2  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="contradict"):
        run_bench.run("--gpu", "--device", "cpu")

"""The train commands as processes: the real ones, side by side, and what is said when one fails."""

from pathlib import Path

import pytest
from run_bench import TOML, write_drums
from train_bench import ShardBench

from vegas_data.errors import TrainError
from vegas_data.trained import EVALUATION, LOG, RUN, SOUNDS, current_runs, run_store
from vegas_data.training import TrainingOptions, train_models

Told = list[tuple[str, int, int, str]]


def options_of(folder: Path, **more: object) -> TrainingOptions:
    experiment = folder / "small.toml"
    experiment.write_text(TOML)
    return TrainingOptions(categories=("drum",), experiment=str(experiment), **more)  # type: ignore[arg-type]


def test_all_models_end_evaluated_and_again_nothing_changes(bench: ShardBench, tmp_path: Path) -> None:
    write_drums(bench)
    told: Told = []
    options = options_of(tmp_path, models=("frame", "flow"))
    train_models(options, bench.workspace.root, jobs=2, tell=lambda *said: told.append(said))

    names = [name for _, _, name in current_runs(bench.workspace)]
    assert [name.rsplit("-", 1)[0] for name in names] == ["drum-frame", "drum-flow"]
    stores = [run_store(bench.workspace, name) for name in names]
    assert all(store.exists(key) for store in stores for key in (RUN, LOG, SOUNDS, EVALUATION))
    done = [name for name, now, total, note in told if note == "done" and now == total]
    commands = ("train.run", "train.generate", "train.evaluate")
    assert sorted(done) == sorted(f"drum {model}: {command}" for model in ("frame", "flow") for command in commands)

    before = {store.path(key): store.path(key).read_bytes() for store in stores for key in (LOG, SOUNDS, EVALUATION)}
    train_models(options, bench.workspace.root, jobs=1, tell=lambda *_: None)
    assert {path: path.read_bytes() for path in before} == before


def test_a_failure_is_told_after_the_others_have_ended(bench: ShardBench, tmp_path: Path) -> None:
    write_drums(bench)
    told: Told = []
    options = options_of(tmp_path, models=("frame",))
    both = TrainingOptions(categories=("cello", "drum"), models=("frame",), experiment=options.experiment)
    with pytest.raises(
        TrainError, match=r"cello frame: train\.run ended with exit code 3: .*no shard of cello"
    ) as info:
        train_models(both, bench.workspace.root, jobs=1, tell=lambda *said: told.append(said))
    assert "featurize" in info.value.remedy
    assert ("drum frame: train.evaluate", 1, 1, "done") in [(name, 1, 1, note) for name, *_, note in told]
    assert not any(name.startswith("cello frame: train.generate") for name, *_ in told)


@pytest.mark.parametrize(("more", "what"), [({"models": ("wave",)}, "wave"), ({"draws": 0}, "draws")])
def test_nonsense_is_refused(more: dict[str, object], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        TrainingOptions(categories=("drum",), **more)  # type: ignore[arg-type]

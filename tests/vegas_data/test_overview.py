"""What ``gather`` and ``status`` make of the files that training leaves, whole, missing and damaged."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from vegas_data.cli.session import Place, writing
from vegas_data.cli.status_text import print_status
from vegas_data.config import canonical
from vegas_data.context import Run, Selection
from vegas_data.errors import ManifestError
from vegas_data.overview import gather, status, write_page
from vegas_data.report import TrainedModel
from vegas_data.store import Store
from vegas_data.trained import Evaluation, LogEntry, RunInfo, SoundSet, SplitLoss, pointer_key, run_store

INFO = RunInfo(
    name="drum-frame-0123456789ab",
    category="drum",
    model="frame",
    experiment="demo",
    seed=0,
    num_steps=20,
    num_parameters=9,
    stream_widths=(("lite0", 4),),
    samples_per_frame=1024,
    shards=(),
)
LINE = '{"step":%d,"epoch":0,"nats":2.5,"bits":3.6,"learning_rate":0.1,"seconds":1.0}\n'
SOUNDS = SoundSet(
    folder="sounds/0123456789ab",
    step=20,
    checkpoint="ab",
    split="test",
    seed=0,
    temperature=1.0,
    sample_rate_hz=16_000,
    sounds=(),
)
EVALUATION = Evaluation(
    category="drum",
    model="frame",
    step=20,
    checkpoint="ab",
    losses=(SplitLoss(split="test", num_examples=1, num_samples=2, true=2.25, repeated=2.5),),
)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    place = Place(workspace_path=tmp_path / "workspace", recipe_name=None, categories_file=None, as_json=True)
    with writing(place, Selection()) as run:
        yield run


@pytest.fixture
def store(run: Run) -> Store:
    """The folder of a complete run."""
    store = run_store(run.workspace, INFO.name)
    store.commit_json("run.json", canonical(INFO))
    store.commit_bytes("log.jsonl", (LINE % 10 + LINE % 20 + '{"step":2').encode())
    for step, sha256 in ((10, "aa"), (20, "ab")):
        side_car = {"step": step, "sha256": sha256}
        store.commit_artefact(f"checkpoints/step-{step:09d}.safetensors", b"x", side_car)
    store.commit_bytes("checkpoints/step-000000030.safetensors", b"a write that was interrupted")
    store.commit_json("sounds.json", canonical(SOUNDS))
    store.commit_json("evaluation.json", canonical(EVALUATION))
    run.workspace.commit_json(pointer_key("drum", "frame"), {"run": INFO.name})
    return store


def test_a_workspace_without_models_has_none(run: Run) -> None:
    data = gather(run)
    assert (data.trained, dict(data.onsets), data.experiment) == ((), {}, "")
    assert status(run)["train"] == status(run)["evaluate"] == {}


def test_everything_of_a_run_is_read(run: Run, store: Store) -> None:
    (model,) = gather(run).trained
    entries = tuple(
        LogEntry(step=step, epoch=0, nats=2.5, bits=3.6, learning_rate=0.1, seconds=1.0) for step in (10, 20)
    )
    assert model == TrainedModel(
        category="drum",
        model="frame",
        info=INFO,
        log=entries,
        checkpoint=(20, "ab"),
        sounds=SOUNDS,
        sounds_folder=store.root / SOUNDS.folder,
        evaluation=EVALUATION,
    )


def test_a_run_that_has_only_begun_is_read(run: Run) -> None:
    run_store(run.workspace, INFO.name).commit_json("run.json", canonical(INFO))
    run.workspace.commit_json(pointer_key("drum", "frame"), {"run": INFO.name})
    run.workspace.commit_json(pointer_key("drum", "seq"), {"run": "drum-seq-0123456789ab"})  # its folder is gone
    frame, seq = gather(run).trained
    assert (frame.info, frame.log, frame.checkpoint, frame.evaluation) == (INFO, (), None, None)
    assert (seq.info, seq.troubles) == (None, ())


@pytest.mark.parametrize("key", ["run.json", "log.jsonl", "sounds.json", "evaluation.json", "pointer", "side-car"])
def test_a_damaged_file_is_told_of_and_the_rest_is_shown(
    run: Run, store: Store, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    others = {
        "pointer": run.workspace.path(pointer_key("drum", "frame")),
        "side-car": store.path("checkpoints/step-000000020.safetensors.json"),
    }
    path = others.get(key) or store.path(key)
    path.write_text('{"schema": "<b>NaN</b>"}\n' if key != "side-car" else "[")
    (model,) = gather(run).trained
    (trouble,) = model.troubles
    assert path.name in trouble
    assert (model.evaluation is None) == (key in ("evaluation.json", "pointer"))
    assert (model.log == ()) == (key in ("log.jsonl", "pointer"))
    told = status(run)
    assert told["damaged"] == [trouble]
    print_status(told)
    assert "damaged" in capsys.readouterr().out
    write_page(run)
    page = run.workspace.path("report.html").read_text(encoding="utf-8")
    assert path.name in page
    assert "<b>NaN</b>" not in page


def test_status_says_what_was_learned(run: Run, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    told = status(run)
    assert told["train"] == {"drum": {"frame": {"steps": 20, "train_nats": None, "test_nats": 2.25, "stale": False}}}
    print_status(told)
    assert "models, drum" in (out := capsys.readouterr().out)
    assert "frame: 20 updates, test loss 2.25 nats" in out


def test_status_shouts_of_random_weights(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    told = status(run)
    assert told["random_streams"] == []
    print_status(told)
    assert "RANDOM" not in capsys.readouterr().out
    print_status({**told, "random_streams": ["fc6", "flow_fc6"]})
    assert "RANDOM the features of fc6, flow_fc6 mean nothing" in " ".join(capsys.readouterr().out.split())


def test_a_damaged_table_of_onsets_stops_the_page(run: Run, store: Store) -> None:
    run.workspace.commit_bytes("tables/onsets.csv", b"video_id,onset_ms\nx,soon\n")
    with pytest.raises(ManifestError, match="line 2"):
        gather(run)
    store.path("sounds.json").unlink()  # without sounds nobody asks
    assert gather(run).trained

"""Rows, panels and remarks about trained models."""

import dataclasses

import pytest
from trained_records import NEWEST, make_evaluation, make_info, make_log, make_model, make_score

from vegas_data.report import ReportData, TrainedModel
from vegas_data.report.training import (
    Todo,
    evaluation_todos,
    loss_counts,
    loss_panels,
    loss_rows,
    onset_panels,
    onset_todos,
    run_rows,
    training_todos,
)

OLDER = (300, "aa" * 32)


def with_models(planted: ReportData, *models: TrainedModel) -> ReportData:
    return dataclasses.replace(planted, trained=models)


def words(todos: tuple[Todo, ...]) -> list[str]:
    return [f"{todo.what} | {todo.command}" for todo in todos]


# --- training -----------------------------------------------------------------------------------------------


def test_a_workspace_without_models_is_told_how_to_get_one(planted: ReportData) -> None:
    assert words(training_todos(planted)) == [
        "No model yet. | python -m train.run --model frame --category drum --workspace demo-workspace"
    ]
    demo = dataclasses.replace(planted, experiment="demo")
    assert "--category drum --experiment demo --workspace" in training_todos(demo)[0].command


def test_models_wait_for_shards(planted: ReportData) -> None:
    (todo,) = training_todos(dataclasses.replace(planted, shards=()))
    assert todo.command == "vegas-data featurize --workspace demo-workspace"


def test_a_finished_run_is_a_row_without_remarks(planted: ReportData) -> None:
    data = with_models(planted, make_model(planted.shards[0]))
    (row,) = run_rows(data)
    assert row.title == "Drum"
    assert row.last is not None
    assert (row.last.nats, row.val_nats, row.flags) == (2.0, 2.1, ())
    assert training_todos(data) == ()


def test_a_run_on_other_shards_is_stale(planted: ReportData) -> None:
    shard = planted.shards[0]
    stale = dataclasses.replace(shard, sha256="00" * 32)
    data = with_models(planted, make_model(stale))
    assert run_rows(data)[0].flags == ("other shards",)
    assert words(training_todos(data)) == [
        "Drum, frame: trained on other shards than those of now. | "
        "python -m train.run --model frame --category drum --experiment demo --steps 400 --seed 7 "
        "--workspace demo-workspace"
    ]
    more = dataclasses.replace(planted, shards=(shard, dataclasses.replace(shard, name="drum-train-000001.tar")))
    assert with_models(more, make_model(shard)).is_stale(make_model(shard)), "a shard came"
    test = dataclasses.replace(shard, name="drum-test-000000.tar", split="test")
    assert not dataclasses.replace(planted, shards=(shard, test)).is_stale(make_model(shard)), "of the training split"


def test_a_run_that_was_interrupted_says_so(planted: ReportData) -> None:
    shard = planted.shards[0]
    data = with_models(
        planted,
        make_model(shard, "frame", log=make_log(200), checkpoint=(200, "aa" * 32)),
        make_model(shard, "seq", log=(), checkpoint=None),
        make_model(shard, "flow"),
    )
    assert [row.flags for row in run_rows(data)] == [("not finished",), ("not finished",), ()]
    (todo,) = training_todos(data)
    assert todo.what == "Drum, frame and seq: training is not finished."


def test_a_damaged_file_is_named(planted: ReportData) -> None:
    damaged = TrainedModel(category="drum", model="seq", troubles=("run.json: not a JSON object. delete it",))
    data = with_models(planted, damaged)
    assert training_todos(data)[0] == Todo(what="run.json: not a JSON object. delete it")
    assert run_rows(data) == ()


def test_a_panel_holds_all_models_of_a_category(planted: ReportData) -> None:
    shard = planted.shards[0]
    data = with_models(planted, make_model(shard, "frame"), make_model(shard, "seq", log=make_log(200)))
    (panel,) = loss_panels(data)
    assert {label.kind for label in panel.chart.labels} == {"frame", "seq"}
    assert "frame 2.00 nats after 400 and seq 2.50 nats after 200" in panel.chart.drawing


def test_of_a_step_that_was_done_twice_the_later_line_counts(planted: ReportData) -> None:
    once = make_log()
    twice = (*once[:2], dataclasses.replace(once[1], nats=9.0), *once[2:])
    doubled = (*twice, once[1])  # as after a kill: 200 was logged, lost and done again
    panels = [loss_panels(with_models(planted, make_model(planted.shards[0], log=log))) for log in (once, doubled)]
    assert panels[0] == panels[1]


def test_a_command_cannot_be_bent_by_a_record(planted: ReportData) -> None:
    info = dataclasses.replace(make_info(planted.shards[0]), experiment="x; rm -rf ~")
    data = with_models(planted, make_model(planted.shards[0], info=info))
    assert "--experiment 'x; rm -rf ~' --steps 400" in data.train_command("run", "drum", "frame")
    assert "rm" not in data.train_command("evaluate", "drum", "frame")


# --- Table 1 ------------------------------------------------------------------------------------------------


def test_losses_stand_beside_the_papers(planted: ReportData) -> None:
    shard = planted.shards[0]
    models = [make_model(shard, name, evaluation=make_evaluation("drum", name)) for name in ("frame", "seq", "flow")]
    rows = loss_rows(with_models(planted, *models))
    assert [row.paper for row in rows] == [(2.6143, 2.7061), (2.5991, 2.6866), (2.6037, 2.6839)]
    assert {(row.train.repeated, row.test.true) for row in rows if row.train and row.test} == {(1.8231, 1.97)}
    assert not any(row.is_older for row in rows)
    assert loss_counts(rows) == "2 train and 1 test examples"
    other = dataclasses.replace(rows[0], train=None)
    assert loss_counts((rows[0], other)) == "", "not the same for all: nothing is said of all"


@pytest.mark.parametrize("made_by", [OLDER, (NEWEST[0], OLDER[1])], ids=["step", "sha256"])
def test_an_evaluation_of_another_checkpoint_is_marked(planted: ReportData, made_by: tuple[int, str]) -> None:
    evaluation = make_evaluation("drum", made_by=made_by, onsets=make_score())
    data = with_models(planted, make_model(planted.shards[0], evaluation=evaluation))
    assert loss_rows(data)[0].is_older
    assert onset_panels(data)[0].rows[0].is_older
    assert words(evaluation_todos(data)) == [
        "Drum, frame: evaluated before the newest checkpoint. | "
        "python -m train.evaluate --model frame --category drum --workspace demo-workspace"
    ]


def test_models_that_are_not_evaluated_are_named_together(planted: ReportData) -> None:
    shard = planted.shards[0]
    data = with_models(planted, make_model(shard, "seq"), make_model(shard, "flow"))
    (todo,) = evaluation_todos(data)
    assert todo.what == "Drum, seq and flow: not evaluated yet."
    assert todo.command.startswith("python -m train.evaluate --model seq ")
    assert loss_rows(data) == ()


# --- onsets -------------------------------------------------------------------------------------------------


def test_only_an_interval_above_shuffled_is_called_timing(planted: ReportData) -> None:
    shard = planted.shards[0]
    data = with_models(
        planted,
        make_model(shard, "frame", evaluation=make_evaluation("drum", onsets=make_score(0.51))),
        make_model(shard, "seq", evaluation=make_evaluation("drum", "seq", onsets=make_score(0.35))),
    )
    (panel,) = onset_panels(data)
    assert [(row.model, row.in_time) for row in panel.rows] == [("frame", True), ("seq", False)]
    assert panel.against.replace("\u00a0", " ") == (
        "96 planted onsets of 6 examples, 3 sounds each; within ± 100 ms"
    ), "said once for both"


def test_what_onsets_were_held_against_is_said(planted: ReportData) -> None:
    score = dataclasses.replace(make_score(), reference="detected", num_draws=1)
    data = with_models(planted, make_model(planted.shards[0], evaluation=make_evaluation("drum", onsets=score)))
    assert "detected onsets of 6" in onset_panels(data)[0].against
    own = with_models(
        dataclasses.replace(planted, truth=()),
        make_model(planted.shards[0], evaluation=make_evaluation("drum", onsets=make_score())),
    )
    assert "known onsets of 6" in onset_panels(own)[0].against


def test_an_evaluation_without_sounds_asks_for_them(planted: ReportData) -> None:
    data = with_models(planted, make_model(planted.shards[0], evaluation=make_evaluation("drum")))
    (todo,) = onset_todos(data)
    assert todo.command.startswith("python -m train.generate --model frame --category drum")
    assert onset_panels(data) == ()

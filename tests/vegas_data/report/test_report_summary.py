"""``summary.json`` against a workspace that was counted by hand."""

import dataclasses
import json
from typing import Any

import pytest

from vegas_data.config import to_json
from vegas_data.report import ReportData
from vegas_data.report.summary import summary
from vegas_data.report.truth import wilson


def shares(windows: int, precision: tuple[int, int], recall: tuple[int, int]) -> dict[str, Any]:
    found: dict[str, Any] = {"windows": windows}
    for name, (right, count) in (("precision", precision), ("recall", recall)):
        interval = wilson(right, count)
        found[name] = right / count if count else None
        found[f"{name}_interval"] = list(interval) if interval else None
    return found


def test_counts_what_the_hand_counts(planted: ReportData) -> None:
    assert summary(planted) == {
        "schema": 1,
        "clips": {"listed": 7, "fetched": 4, "failed": {"decode_failed": 1, "removed": 1}},
        "verify": {
            "windows": 11,
            "accepted": 6,
            "rejected": 5,
            "undecided": 0,
            "basis": {"signals": 2, "uncalibrated": 9},
            "truth": {
                **shares(11, (6, 6), (6, 7)),
                "heard": shares(9, (7, 7), (7, 7)),
                "seen": shares(9, (6, 8), (6, 7)),
                "by_category": {
                    "drum": {
                        **shares(9, (6, 6), (6, 7)),
                        "heard": shares(9, (7, 7), (7, 7)),
                        "seen": shares(9, (6, 8), (6, 7)),
                    },
                    "dog": shares(2, (0, 0), (0, 0)),
                },
            },
        },
        "examples": {"count": 3, "hours": pytest.approx(12 / 3600), "by_category": {"drum": 3, "dog": 0}},
        "shards": [{"name": "drum-train-000000.tar", "sha256": "cd" * 32, "examples": 2}],
        "random_streams": [],
        "train": {},
        "evaluate": {},
        "seconds": {"fetch": 1.5, "verify": 2.25, "total": 3.75},
    }


def test_survives_canonical_json(planted: ReportData) -> None:
    assert json.loads(to_json(summary(planted), indent=2)) == summary(planted)


def test_has_no_truth_without_a_planted_one(planted: ReportData) -> None:
    assert "truth" not in summary(dataclasses.replace(planted, truth=()))["verify"]


def test_of_nothing_has_every_key_and_only_zeros() -> None:
    assert summary(ReportData(recipe_name="vegas")) == {
        "schema": 1,
        "clips": {"listed": 0, "fetched": 0, "failed": {}},
        "verify": {"windows": 0, "accepted": 0, "rejected": 0, "undecided": 0, "basis": {}},
        "examples": {"count": 0, "hours": 0.0, "by_category": {}},
        "shards": [],
        "random_streams": [],
        "train": {},
        "evaluate": {},
        "seconds": {"total": 0},
    }


def test_a_clip_that_was_fetched_after_all_has_not_failed(planted: ReportData) -> None:
    gone = planted.failures[0].clip_id
    media = next(iter(planted.media.values()))
    later = dataclasses.replace(planted, media={**planted.media, gone: dataclasses.replace(media, clip_id=gone)})
    assert summary(later)["clips"] == {"listed": 7, "fetched": 5, "failed": {"decode_failed": 1}}


def test_failures_of_later_stages_are_not_failures_to_fetch(planted: ReportData) -> None:
    failures = tuple(dataclasses.replace(failure, stage="verify") for failure in planted.failures)
    assert summary(dataclasses.replace(planted, failures=failures))["clips"]["failed"] == {}


def test_tells_of_every_trained_model_what_is_known(learned: ReportData) -> None:
    told = summary(learned)
    known = {"train_nats": 1.84, "test_nats": 1.97, "stale": False}
    unknown = {"train_nats": None, "test_nats": None, "stale": False}
    assert told["train"] == {
        "drum": {
            "frame": {"steps": 400} | known,
            "seq": {"steps": 200} | known,  # of the evaluated checkpoint, not of the newest
            "flow": {"steps": 100} | unknown,
        },
        "dog": {"seq": {"steps": 0} | unknown},
    }
    assert set(told["evaluate"]) == {"drum"}
    assert set(told["evaluate"]["drum"]) == {"frame", "seq"}
    assert told["evaluate"]["drum"]["frame"] == {
        "onset_f1": 0.51,
        "onset_f1_interval": [pytest.approx(0.44), pytest.approx(0.57)],
        "onset_f1_shuffled": 0.29,
        "onset_f1_ceiling": 0.66,
        "onset_precision": 0.53,
        "onset_recall": 0.49,
        "onsets": 96,
        "onsets_detected": 266,
        "examples": 6,
        "draws": 3,
        "tolerance_ms": 100,
        "reference": "planted",
    }
    assert json.loads(to_json(told)) == told


def test_a_model_that_learned_from_other_shards_is_called_stale(learned: ReportData) -> None:
    moved = tuple(dataclasses.replace(shard, sha256="00" * 32) for shard in learned.shards)
    assert summary(dataclasses.replace(learned, shards=moved))["train"]["drum"]["frame"]["stale"] is True

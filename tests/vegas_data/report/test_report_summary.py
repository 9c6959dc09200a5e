"""``summary.json`` against a workspace that was counted by hand."""

import dataclasses
import json

import pytest

from vegas_data.config import to_json
from vegas_data.report import ReportData
from vegas_data.report.summary import summary


def test_counts_what_the_hand_counts(planted: ReportData) -> None:
    assert summary(planted) == {
        "schema": 1,
        "clips": {"listed": 7, "fetched": 4, "failed": {"decode_failed": 1, "removed": 1}},
        "verify": {
            "windows": 11,
            "accepted": 6,
            "rejected": 5,
            "undecided": 0,
            "truth": {"precision": 1.0, "recall": 6 / 7},
        },
        "examples": {"count": 3, "hours": pytest.approx(12 / 3600), "by_category": {"drum": 3, "dog": 0}},
        "shards": [{"name": "drum-train-000000.tar", "sha256": "cd" * 32, "examples": 2}],
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
        "verify": {"windows": 0, "accepted": 0, "rejected": 0, "undecided": 0},
        "examples": {"count": 0, "hours": 0.0, "by_category": {}},
        "shards": [],
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

"""Options refuse what makes no sense, and the two digests change with exactly what they stand for."""

import subprocess
import sys
from dataclasses import replace

import pytest
from verify_cases import FAKE_REGISTRY, FAKES, OPTIONS, fake_entry

from vegas_data.config import load_table
from vegas_data.errors import RecipeError
from vegas_data.records import Category
from vegas_data.verify import (
    ScorerOptions,
    SignalOptions,
    VerifyOptions,
    fields_read,
    scorer_digests,
    scores_digest,
    verdict_digest,
)

DRUM = Category(name="drum", title="Drum", prompts=("a drum",))


def digests(options: VerifyOptions, category: Category = DRUM) -> tuple[str, str]:
    scorers = scorer_digests(options, FAKE_REGISTRY)
    scores = scores_digest(options, [category], scorers, fields_read(options, FAKE_REGISTRY))
    return scores, verdict_digest(options, scores)


def with_heard(**changes: object) -> VerifyOptions:
    heard, seen = FAKES.scorers
    return replace(FAKES, scorers=(replace(heard, **changes), seen))  # type: ignore[arg-type]


def test_accept_below_reject_is_refused() -> None:
    with pytest.raises(ValueError, match=r"accept \(0\.1\) must not be below reject \(0\.2\)"):
        ScorerOptions(name="yamnet", side="heard", accept=0.1, reject=0.2)
    assert ScorerOptions(name="yamnet", side="heard", accept=0.2, reject=0.2).accept == 0.2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window_ms": 500}, "window_ms must lie"),
        ({"window_ms": 10_001}, "window_ms must lie"),
        ({"window_ms": 1_100}, "whole pictures"),
        ({"motion_fps": 10}, "multiple of scored_fps"),
        ({"scored_fps": 0}, "multiple of scored_fps"),
        ({"window_ms": 1_000, "scored_fps": 1, "motion_fps": 1}, "takes two in every window"),
        ({"picture_px": 8}, "picture_px"),
        ({"scorers": OPTIONS.scorers[:1]}, "no scorer judges the side 'seen'"),
        ({"scorers": OPTIONS.scorers * 2}, "stands twice"),
    ],
)
def test_senseless_options_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(OPTIONS, **changes)  # type: ignore[arg-type]


def test_negative_still_motion_is_refused() -> None:
    with pytest.raises(ValueError, match="still_motion"):
        SignalOptions(still_motion=-0.1)


def test_a_recipe_table_is_read_and_a_misspelt_threshold_refused() -> None:
    scorer = {"name": "yamnet", "side": "heard", "accept": 0.08, "reject": 0.02}
    seen = {"name": "siglip2", "side": "seen", "accept": 0.1, "reject": 0.01, "model": "somebody/something"}
    options = load_table(VerifyOptions, {"scorers": [scorer, seen]}, where="x.toml [verify]")
    assert options.thresholds("siglip2").model == "somebody/something"
    with pytest.raises(RecipeError, match="unknown key 'acept'") as caught:
        load_table(VerifyOptions, {"scorers": [{**scorer, "acept": 1.0}, seen]}, where="x.toml [verify]")
    assert "accept" in caught.value.remedy


@pytest.mark.parametrize(
    "changed",
    [
        with_heard(accept=0.6),
        with_heard(reject=0.1),
        replace(FAKES, signals=SignalOptions(silence_dbfs=-50.0)),
        replace(FAKES, signals=SignalOptions(still_motion=0.5)),
    ],
)
def test_a_threshold_changes_verdicts_and_scores_nothing_again(changed: VerifyOptions) -> None:
    before, after = digests(FAKES), digests(changed)
    assert after[0] == before[0]
    assert after[1] != before[1]


@pytest.mark.parametrize(
    "changed",
    [
        replace(FAKES, window_ms=1_000),
        replace(FAKES, scored_fps=2),
        replace(FAKES, motion_fps=24),
        replace(FAKES, picture_px=200),
        replace(FAKES, scorers=(FAKES.scorers[0], replace(FAKES.scorers[1], name="darkness"))),
    ],
)
def test_what_changes_scores_changes_both_digests(changed: VerifyOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAKE_REGISTRY, "darkness", fake_entry("darkness", "seen", lambda window: 0.0))
    before, after = digests(FAKES), digests(changed)
    assert after[0] != before[0]
    assert after[1] != before[1]


def test_weights_and_the_fields_that_scorers_read_name_the_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digests(FAKES)
    assert digests(FAKES, replace(DRUM, title="Drums", definition="a drum", heard_classes=("Drum",))) == before
    assert digests(FAKES, replace(DRUM, prompts=("a snare",)))[0] != before[0]
    monkeypatch.setitem(FAKE_REGISTRY, "loudness", fake_entry("loudness", "heard", lambda window: 0.0, weights="v"))
    assert digests(FAKES)[0] != before[0]


def test_the_order_of_scorers_and_the_place_of_their_weights_do_not_matter() -> None:
    assert digests(replace(FAKES, scorers=FAKES.scorers[::-1]))[0] == digests(FAKES)[0]
    assert digests(with_heard(model="elsewhere")) == digests(FAKES)


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ("numpy", "torch", "cv2", "pyarrow", "av", "onnxruntime", "transformers")
    code = f"import sys, vegas_data.verify; print([name for name in {heavy} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"

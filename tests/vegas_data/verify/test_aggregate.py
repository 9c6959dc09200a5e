"""The rule of the paper, reasons, and examples as maximal runs: by cases, and as properties of random clips."""

import itertools
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verify_cases import FAKES, FINE, NO, SILENT, STILL, UNSURE, YES, clip_scores

from vegas_data.records import Answer, Judgment, Side, Verdict
from vegas_data.verify import ScorerOptions, VerifyOptions, judge, merge_examples
from vegas_data.verify.aggregate import answer_of, side_answer
from vegas_data.verify.scores import ClipScores, Signals
from vegas_data.verify.triage import triage


def verdicts_of(scores: ClipScores, options: VerifyOptions = FAKES, category: str = "drum") -> list[Verdict]:
    return triage(judge(scores, options, (category,)), scores, options, (category,))


@pytest.mark.parametrize(
    ("heard", "seen", "signals", "decision", "reason"),
    [
        (YES, YES, FINE, "accepted", "ok"),
        (NO, YES, FINE, "rejected", "not_heard"),
        (YES, NO, FINE, "rejected", "not_seen"),
        (NO, NO, FINE, "rejected", "not_heard_not_seen"),
        (UNSURE, YES, FINE, "undecided", "unsure_heard"),
        (YES, UNSURE, FINE, "undecided", "unsure_seen"),
        (UNSURE, UNSURE, FINE, "undecided", "unsure_heard_unsure_seen"),
        (UNSURE, NO, FINE, "rejected", "not_seen"),
        (YES, YES, SILENT, "rejected", "silent"),
        (YES, YES, STILL, "rejected", "still"),
        (NO, NO, replace(SILENT, motion=0.0), "rejected", "silent"),
    ],
)
def test_rule(heard: float, seen: float, signals: Signals, decision: str, reason: str) -> None:
    (verdict,) = verdicts_of(clip_scores([(heard, seen, signals)]))
    assert (verdict.decision, verdict.reason, verdict.rule) == (decision, reason, "all_sides")


def test_thresholds_are_inclusive_above_and_exclusive_below() -> None:
    scorer = ScorerOptions(name="x", side="heard", accept=0.5, reject=0.2)
    assert [answer_of(score, scorer) for score in (0.5, 0.4999, 0.2, 0.1999)] == ["yes", "unsure", "unsure", "no"]


@pytest.mark.parametrize(
    ("answers", "joint"),
    [
        (["yes", "yes"], "yes"),
        (["sort_of"], "yes"),
        (["no", "no"], "no"),
        (["yes", "no"], "unsure"),
        (["yes", "unsure"], "unsure"),
        (["no", "unsure"], "unsure"),
        ([], "unsure"),
    ],
)
def test_judges_of_one_side(answers: list[Answer], joint: Answer) -> None:
    assert side_answer(answers) == joint


def test_a_pair_scorer_is_a_third_side() -> None:
    pair = ScorerOptions(name="onsets", side="pair", accept=0.5, reject=0.2)
    options = replace(FAKES, scorers=(*FAKES.scorers, pair))
    scores = clip_scores([(YES, YES, FINE)])
    (before,) = verdicts_of(scores, options)
    assert (before.decision, before.reason) == ("undecided", "unsure_paired")
    no = Judgment(
        category="drum",
        clip_id=scores.clip_id,
        video_id=scores.video_id,
        start_ms=0,
        end_ms=2_000,
        side="pair",
        judge="human:a",
        answer="no",
        score=float("nan"),
    )
    (after,) = triage([*judge(scores, options, ("drum",)), no], scores, options, ("drum",))
    assert (after.decision, after.reason) == ("rejected", "not_paired")


def test_judges_are_named_with_their_digest_and_scores_are_kept() -> None:
    judgments = judge(clip_scores([(YES, NO, FINE)]), FAKES, ("drum",))
    assert [(j.judge, j.side, j.answer, j.score) for j in judgments] == [
        ("model:loudness@111111111111", "heard", "yes", YES),
        ("model:brightness@222222222222", "seen", "no", NO),
    ]


def test_a_category_that_nobody_scored_is_undecided_never_silent() -> None:
    scores = clip_scores([(YES, YES, FINE)])
    assert judge(scores, FAKES, ("dog",)) == []
    (verdict,) = triage([], scores, FAKES, ("dog",))
    assert (verdict.category, verdict.decision, verdict.reason) == ("dog", "undecided", "unsure_heard_unsure_seen")


def test_an_example_ends_where_a_window_is_dropped() -> None:
    good, bad = (YES, YES, FINE), (NO, YES, FINE)
    examples = merge_examples(verdicts_of(clip_scores([good, bad, good, good, bad], start_ms=30_000)))
    assert [example.id for example in examples] == [
        "test-a_000030000_000032000",
        "test-a_000034000_000038000",
    ]


def test_neither_clips_nor_categories_are_merged_with_one_another() -> None:
    rows = [(YES, YES, FINE)]
    verdicts = [
        *verdicts_of(clip_scores(rows, start_ms=0)),
        *verdicts_of(clip_scores(rows, start_ms=2_000)),
        *verdicts_of(clip_scores(rows, start_ms=0, category="dog"), category="dog"),
    ]
    examples = merge_examples(reversed(verdicts))
    assert [(e.category, e.start_ms, e.end_ms) for e in examples] == [
        ("dog", 0, 2_000),
        ("drum", 0, 2_000),
        ("drum", 2_000, 4_000),
    ]


unit = st.floats(0.0, 1.0)
signals = st.builds(
    lambda rms_dbfs, motion, brightness: replace(FINE, rms_dbfs=rms_dbfs, motion=motion, brightness=brightness),
    st.sampled_from([-90.0, -20.0]),
    st.sampled_from([0.0, 1.0]),
    st.sampled_from([0.0, 20.0]),
)
clips = st.lists(st.tuples(unit, unit, signals), min_size=1, max_size=5).map(clip_scores)
thresholds = st.tuples(unit, unit, unit, unit).map(
    lambda t: replace(
        FAKES,
        scorers=(
            ScorerOptions(name="loudness", side="heard", accept=max(t[:2]), reject=min(t[:2])),
            ScorerOptions(name="brightness", side="seen", accept=max(t[2:]), reject=min(t[2:])),
        ),
    )
)


@given(scores=clips, options=thresholds)
def test_nothing_is_accepted_when_a_side_says_no(scores: ClipScores, options: VerifyOptions) -> None:
    judgments = judge(scores, options, ("drum",))
    verdicts = triage(judgments, scores, options, ("drum",))
    assert [(v.start_ms, v.end_ms) for v in verdicts] == [(w.start_ms, w.end_ms) for w in scores.windows]
    answers: dict[tuple[int, Side], Answer] = {(j.start_ms, j.side): j.answer for j in judgments}
    flaws = {
        w.start_ms: w.signals.rms_dbfs < -60 or w.signals.motion == 0 or w.signals.brightness == 0
        for w in scores.windows
    }
    for verdict in verdicts:
        given_answers = {answers[verdict.start_ms, "heard"], answers[verdict.start_ms, "seen"]}
        assert (verdict.decision == "accepted") == (given_answers == {"yes"} and not flaws[verdict.start_ms])
        assert (verdict.decision == "rejected") == ("no" in given_answers or flaws[verdict.start_ms])
        assert (verdict.reason == "ok") == (verdict.decision == "accepted")


@given(scores=clips, options=thresholds, order=st.randoms(use_true_random=False))
def test_examples_are_the_maximal_runs_of_accepted_windows(
    scores: ClipScores, options: VerifyOptions, order: Random
) -> None:
    verdicts = triage(judge(scores, options, ("drum",)), scores, options, ("drum",))
    shuffled = list(verdicts)
    order.shuffle(shuffled)
    examples = merge_examples(shuffled)
    accepted = {v.start_ms for v in verdicts if v.decision == "accepted"}
    covered = {start for e in examples for start in range(e.start_ms, e.end_ms, 2_000)}
    assert covered == accepted
    assert sum(e.duration_ms for e in examples) == 2_000 * len(accepted), "no window stands in two examples"
    assert all(2_000 <= e.duration_ms <= 10_000 and e.duration_ms % 2_000 == 0 for e in examples)
    assert all(a.end_ms < b.start_ms for a, b in itertools.pairwise(examples)), "adjacent runs are one example"


@given(scores=clips, options=thresholds, raised=unit)
def test_raising_a_threshold_never_accepts_more(scores: ClipScores, options: VerifyOptions, raised: float) -> None:
    heard, seen = options.scorers
    stricter = replace(options, scorers=(replace(heard, accept=max(raised, heard.accept)), seen))

    def accepted(chosen: VerifyOptions) -> set[int]:
        return {v.start_ms for v in verdicts_of(scores, chosen) if v.decision == "accepted"}

    assert accepted(stricter) <= accepted(options)

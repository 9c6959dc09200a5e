"""A scorer without a vote: its scores are kept and calibrations read them; the recipe's thresholds never do."""

from dataclasses import replace

import pytest
from verify_cases import FAKES, FINE, INFO, NO, YES, clip_scores

from vegas_data.recipe import find_recipe, load_recipe
from vegas_data.verify import ScorerOptions, judge, verdict_digest
from vegas_data.verify.calibration import CalibrationItem, calibrate
from vegas_data.verify.scores import ClipScores, ScorerInfo
from vegas_data.verify.triage import triage
from vegas_data.verify.triage_options import TriageOptions

HINT = ScorerOptions(name="hint", side="heard", accept=0.9, reject=0.5, advisory=True)
MATCH = ScorerOptions(name="match", side="pair", accept=0.9, reject=0.5, advisory=True)
ADVISED = replace(FAKES, scorers=(*FAKES.scorers, HINT, MATCH))
ROWS = [(YES, YES, FINE), (NO, YES, FINE), (YES, NO, FINE)]


def scores_with(hint: float, match: float) -> ClipScores:
    plain = clip_scores(ROWS)
    windows = tuple(
        replace(w, scores={**w.scores, "hint": {"drum": hint}, "match": {"drum": match}}) for w in plain.windows
    )
    info = {**INFO, "hint": ScorerInfo(side="heard", digest="3"), "match": ScorerInfo(side="pair", digest="4")}
    return replace(plain, windows=windows, scorers=info)


@pytest.mark.parametrize(("hint", "match"), [(0.0, 0.0), (1.0, 1.0), (0.5, 0.5), (0.0, 1.0)])
def test_whatever_it_says_the_thresholds_decide_as_without_it(hint: float, match: float) -> None:
    scores = scores_with(hint, match)
    advised = triage(judge(scores, ADVISED, ["drum"]), scores, ADVISED, ["drum"])
    assert advised == triage(judge(scores, FAKES, ["drum"]), scores, FAKES, ["drum"])
    assert [verdict.decision for verdict in advised] == ["accepted", "rejected", "rejected"]
    assert ADVISED.sides == FAKES.sides == ("heard", "seen")


def test_with_a_vote_it_decides() -> None:
    scores = scores_with(0.0, 1.0)
    voting = replace(ADVISED, scorers=(*FAKES.scorers, replace(HINT, advisory=False)))
    decided = triage(judge(scores, voting, ["drum"]), scores, voting, ["drum"])
    assert [verdict.decision for verdict in decided] == ["undecided", "rejected", "rejected"]


def test_its_scores_stand_in_the_judgments_as_unsure() -> None:
    judgments = judge(scores_with(1.0, 0.0), ADVISED, ["drum"])
    advice = [j for j in judgments if j.judge.startswith(("model:hint@", "model:match@"))]
    assert len(advice) == 2 * len(ROWS)
    assert {j.answer for j in advice} == {"unsure"}
    assert {j.score for j in advice} == {0.0, 1.0}


def test_a_calibration_weighs_it() -> None:
    """Loudness and brightness know nothing, the hint knows all: the fit finds out, and silence of the hint is even."""
    items = [
        CalibrationItem(
            video_id=f"test-{index}",
            start_ms=0,
            scores={"loudness": 0.5, "brightness": 0.7, "hint": (0.9, 0.1, 0.5)[index % 3]},
            heard=index % 3 == 0 or (index % 3 == 2 and index % 2 == 0),
            seen=True,
        )
        for index in range(300)
    ]
    info = {**INFO, "hint": ScorerInfo(side="heard", digest="3")}
    calibration = calibrate("drum", info, items, TriageOptions())
    others = {"loudness": 0.5, "brightness": 0.7}
    high, even, low = (calibration.probability({**others, "hint": hint}) for hint in (0.9, 0.5, 0.1))
    assert high > 0.8
    assert 0.3 < even < 0.7
    assert low < 0.2


def test_digests_change_only_where_there_is_one() -> None:
    voting = replace(ADVISED, scorers=tuple(replace(s, advisory=False) for s in ADVISED.scorers))
    assert verdict_digest(ADVISED, "s") != verdict_digest(voting, "s")
    assert verdict_digest(FAKES, "s") == verdict_digest(replace(FAKES, scorers=FAKES.scorers), "s")
    assert verdict_digest(FAKES.on("cuda"), "s") == verdict_digest(FAKES, "s")
    recipe = load_recipe(find_recipe("demo"))
    advised = replace(recipe, verify=replace(recipe.verify, scorers=(*recipe.verify.scorers, HINT)))
    voting_hint = replace(HINT, advisory=False)
    voted = replace(recipe, verify=replace(recipe.verify, scorers=(*recipe.verify.scorers, voting_hint)))
    assert len({recipe.digest, advised.digest, voted.digest}) == 3
    assert replace(recipe, verify=recipe.verify.on("cuda")).digest == recipe.digest

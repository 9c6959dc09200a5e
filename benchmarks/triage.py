"""Does the promise of calibrated triage hold, and what does it save? Simulated scorers and people, the real code.

    python benchmarks/triage.py --runs 200

A world is one category of VEGAS' size: 2,644 clips of five windows (13,220; VEGAS judged 132,209 in ten categories),
60 % of them seen and heard. Sides are *yes*, *sort of* or *no*; truth and scores of the windows of one clip are
correlated (0.5). One scorer per side, with the AUC that the row names, its log-odds normal in both classes; 0.5 is a
scorer that knows nothing. People say the true one of three answers with the chance 0.93, else one of the two others.

Every run draws and judges a calibration, fits it, applies it to the whole world, and asks two people per side about
each window between the thresholds, a third if one says present and the other absent. A run keeps the promise if at
least 95 % of its automatically accepted windows are truly present (or none was accepted), rejected ones likewise with
90 %. *by people*: the same measured with what as many people as judged the calibration would say, which is what is
promised.

The second table: 600 questions, three answers each by 24 people of whom some are spammers (every other one clicks at
random, the rest always *yes*): how often majority and Dawid–Skene are right about present or absent.
"""

import argparse
import math
import statistics
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vegas_data.records import Answer, Window
from vegas_data.verify.audit import draw_calibration
from vegas_data.verify.calibration import Calibration, CalibrationItem, PoolWindow, calibrate
from vegas_data.verify.crowd import SAID, Question, dawid_skene, informedness, majority
from vegas_data.verify.intervals import exact_interval
from vegas_data.verify.scores import ScorerInfo
from vegas_data.verify.triage_options import TriageOptions

AUCS = (0.5, 0.85, 0.90, 0.95, 0.98)
CLIPS, PER_CLIP = 2_644, 5
PREVALENCE, ACCURACY, CORRELATION, CLEAR = 0.6, 0.93, 0.5, 0.7
SIDES = ("heard", "seen")
SCORERS = {"ear": ScorerInfo(side="heard", digest="0" * 12), "eye": ScorerInfo(side="seen", digest="1" * 12)}
POOL_EVERY = 10
SPAMMERS = (0.0, 0.1, 0.2, 0.3)
QUESTIONS, PEOPLE, VOTES = 600, 24, 3

Numbers = NDArray[np.float64]
Truths = NDArray[np.intp]  # [W, 2], index of SAID


def windows() -> list[Window]:
    """The same names in all worlds; what differs is what is in them, and the seed of the draw."""
    return [
        Window(
            clip_id=f"sim-{clip}_000000000",
            video_id=f"sim-{clip}",
            start_ms=2_000 * place,
            end_ms=2_000 * place + 2_000,
        )
        for clip in range(CLIPS)
        for place in range(PER_CLIP)
    ]


def correlated(random: np.random.Generator) -> Numbers:
    """Normal numbers [W, 2], those of one clip correlated."""
    of_clip = np.repeat(random.standard_normal((CLIPS, 2)), PER_CLIP, axis=0)
    own = random.standard_normal((CLIPS * PER_CLIP, 2))
    return np.asarray(math.sqrt(CORRELATION) * of_clip + math.sqrt(1 - CORRELATION) * own)


def make_world(random: np.random.Generator, auc: float) -> tuple[Truths, Numbers]:
    """Truth and scores of every window and side."""
    normal = statistics.NormalDist()
    present = math.sqrt(PREVALENCE)
    latent = correlated(random)
    truth = np.where(
        latent < normal.inv_cdf(1 - present), 2, np.where(latent < normal.inv_cdf(1 - CLEAR * present), 1, 0)
    )
    apart = math.sqrt(2) * normal.inv_cdf(auc)
    raw = apart * (truth < 2) - apart / 2 + correlated(random)
    return truth, 1 / (1 + np.exp(-max(apart, 1.0) * raw))


def ask(random: np.random.Generator, truth: Truths, votes: int) -> Truths:
    """Answers [W, 2, votes] of different people."""
    shape = (*truth.shape, votes)
    wrong = (truth[..., None] + random.integers(1, 3, shape)) % 3
    return np.where(random.random(shape) < ACCURACY, truth[..., None], wrong)


def most_frequent(answers: Truths) -> Truths:
    """The majority; *sort of* where there is none."""
    counts = np.stack([(answers == said).sum(axis=-1) for said in range(3)], axis=-1)
    first = (counts == counts.max(axis=-1, keepdims=True)).sum(axis=-1) == 1
    return np.where(first, counts.argmax(axis=-1), 1)


def probabilities(calibration: Calibration, scores: Numbers) -> Numbers:
    """``Calibration.probability`` of all windows at once."""
    product = np.ones(len(scores))
    for column, fit in enumerate(calibration.sides):
        score = np.clip(scores[:, column], 1e-6, 1 - 1e-6)
        product *= 1 / (1 + np.exp(-(fit.intercept + fit.weights[0] * (np.log(score) - np.log1p(-score)))))
    return product


@dataclass(frozen=True, kw_only=True)
class Run:
    accepted: float
    rejected: float
    precision: float
    precision_by_people: float
    right_rejects: float
    to_people: float
    judgments: float
    final_precision: float


def run_once(seed: int, auc: float, names: list[Window], options: TriageOptions) -> Run:
    random = np.random.default_rng([seed, round(1000 * auc)])
    truth, scores = make_world(random, auc)
    place = {window.id: index for index, window in enumerate(names)}
    drawn = [place[w.id] for w in draw_calibration("drum", names, seed=seed, count=options.calibration_windows)]
    said = most_frequent(ask(random, truth[drawn], options.calibration_judgments)) < 2

    def named(index: int) -> dict[str, float]:
        return dict(zip(SCORERS, map(float, scores[index]), strict=True))

    calibration = calibrate(
        "drum",
        SCORERS,
        [
            CalibrationItem(
                video_id=names[i].video_id, start_ms=names[i].start_ms, scores=named(i), heard=bool(h), seen=bool(s)
            )
            for i, (h, s) in zip(drawn, said, strict=True)
        ],
        options,
        pool=[PoolWindow(video_id=names[i].video_id, scores=named(i)) for i in range(0, len(names), POOL_EVERY)],
    )
    probability = probabilities(calibration, scores)
    assert abs(probability[7] - calibration.probability(named(7))) < 1e-12
    accept, reject = calibration.accept.threshold, calibration.reject.threshold
    accepted = probability >= (math.inf if accept is None else accept)
    rejected = ~accepted & (probability < (-math.inf if reject is None else reject))
    between = ~accepted & ~rejected
    present = (truth < 2).all(axis=1)
    three = ask(random, truth, 3)
    panel = (most_frequent(three) < 2).all(axis=1)
    as_calibrated = (most_frequent(ask(random, truth, options.calibration_judgments)) < 2).all(axis=1)
    asked = 2 + ((three[..., 0] < 2) != (three[..., 1] < 2))
    judgments = asked[between].sum() + 2 * options.calibration_judgments * len(drawn)
    kept = accepted | (between & panel)

    def share(of: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
        return float(of[among].mean()) if among.any() else 1.0

    return Run(
        accepted=float(accepted.mean()),
        rejected=float(rejected.mean()),
        precision=share(present, accepted),
        precision_by_people=share(as_calibrated, accepted),
        right_rejects=share(~present, rejected),
        to_people=float(between.mean()),
        judgments=float(judgments / len(names)),
        final_precision=share(present, kept),
    )


def held(values: list[bool]) -> str:
    low, high = exact_interval(sum(values), len(values), 0.95)
    return f"{100 * statistics.fmean(values):5.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def show_triage(runs: int, options: TriageOptions) -> None:
    names = windows()
    print(f"{runs} worlds per row; {options}")
    print("AUC of each scorer | promise held: accepts, truly  | by people             | rejects, truly        ", end="")
    print("| any accepted | accepted | rejected | to people | judgments/window (3 for all: 6) | precision of all kept")
    for auc in AUCS:
        found = [run_once(seed, auc, names, options) for seed in range(runs)]
        mean = {name: statistics.fmean(getattr(run, name) for run in found) for name in Run.__dataclass_fields__}
        cells = (
            f"{auc:18}",
            f"{held([run.precision >= options.target for run in found]):29}",
            f"{held([run.precision_by_people >= options.target for run in found])}",
            f"{held([run.right_rejects >= options.target_reject for run in found])}",
            f"{100 * statistics.fmean(run.accepted > 0 for run in found):15.0f} %",
            f"{100 * mean['accepted']:6.1f} %",
            f"{100 * mean['rejected']:6.1f} %",
            f"{100 * mean['to_people']:7.1f} %",
            f"{mean['judgments']:10.2f} ({100 * mean['judgments'] / 6:.0f} %)",
            f"{mean['final_precision']:.3f}",
        )
        print(" | ".join(cells), flush=True)


@dataclass(frozen=True, kw_only=True)
class Vote:
    """What ``crowd`` reads of an answer."""

    category: str
    clip_id: str
    start_ms: int
    side: str
    annotator: str
    answer: Answer


def votes_of(
    random: np.random.Generator, spammers: float
) -> tuple[dict[Question, dict[str, Answer]], NDArray[np.intp]]:
    """Three answers to each question, and the truths."""
    present = math.sqrt(PREVALENCE)
    truth = random.choice(3, QUESTIONS, p=[CLEAR * present, (1 - CLEAR) * present, 1 - present])
    bad = round(spammers * PEOPLE)
    asked: dict[Question, dict[str, Answer]] = {}
    for index, right in enumerate(truth):
        said: dict[str, Answer] = {}
        for who in sorted(random.choice(PEOPLE, VOTES, replace=False)):
            if who < bad:
                answer = int(random.integers(3)) if who % 2 == 0 else 0
            else:
                answer = right if random.random() < ACCURACY else (right + int(random.integers(1, 3))) % 3
            said[f"p{who:02d}"] = SAID[answer]
        asked["drum", f"sim-{index:04d}_000000000", 0, "heard"] = said
    return asked, truth


def show_crowd(seeds: int) -> None:
    print(f"\n{QUESTIONS} questions, {VOTES} answers each by {PEOPLE} people; mean of {seeds} seeds")
    print("spammers | majority right | Dawid–Skene right | spammers hinted at | others hinted at")
    for share in SPAMMERS:
        rows = []
        for seed in range(seeds):
            asked, truth = votes_of(np.random.default_rng([seed, round(100 * share)]), share)
            together = dawid_skene(asked, "sort_of")
            counted = {question: majority(list(said.values()), "sort_of") for question, said in asked.items()}
            answers = [
                Vote(category=c, clip_id=clip, start_ms=at, side=side, annotator=who, answer=answer)
                for (c, clip, at, side), said in asked.items()
                for who, answer in said.items()
            ]
            bad = {f"p{who:02d}" for who in range(round(share * PEOPLE))}
            hinted = {row.annotator for row in informedness(answers) if row.suspect}
            right = [
                statistics.fmean((found[q] == "no") == (t == 2) for q, t in zip(asked, truth, strict=True))
                for found in (counted, together)
            ]
            rows.append((*right, len(hinted & bad) / max(1, len(bad)), len(hinted - bad) / (PEOPLE - len(bad))))
        means = [100 * statistics.fmean(column) for column in zip(*rows, strict=True)]
        print(f"{100 * share:6.0f} % | " + " | ".join(f"{mean:13.1f} %" for mean in means), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=10, help="of the second table")
    parser.add_argument("--windows", type=int, default=TriageOptions().calibration_windows)
    parser.add_argument("--judgments", type=int, default=TriageOptions().calibration_judgments)
    arguments = parser.parse_args()
    options = TriageOptions(calibration_windows=arguments.windows, calibration_judgments=arguments.judgments)
    show_triage(arguments.runs, options)
    show_crowd(arguments.seeds)


if __name__ == "__main__":
    main()

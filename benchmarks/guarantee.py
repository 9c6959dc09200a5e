"""The whole way on media with a planted truth: render, fetch, verify, draw, ask a panel, calibrate, verify, count.

    python benchmarks/guarantee.py

Enters: the recipe ``demo`` with another corpus: clips of one window, 160 × 120 pixels, from sources that each have
their own hits, camera and levels; of every category 64 % are right, 18 % have a wrong sound, 18 % a wrong picture.
Everything is done by the commands that a user types. The people are simulated: a side that is there is truly *yes* in
70 % of the windows and *sort of* in the others, one that is not is *no*; everybody says the true one of the three
answers with the chance 0.93, else one of the two others.

Each row is a panel of its own on a copy of the workspace: so many windows drawn per category, each judged by so many
people. What is counted are the verdicts of the sources that were *not* drawn, against the planted truth, with exact
95 % intervals. Then the same answers with the heard scorer replaced by one that knows nothing: an installed package
with an entry point, whose score is a hash of the window.

The second table asks the same scores with many panels and draws (the code of the calibration, no commands): how often
anything is accepted, and how often the sources that were not drawn keep the promise.
"""

import argparse
import csv
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from vegas_data.config import shipped
from vegas_data.demo import PlannedClip, plan_corpus
from vegas_data.recipe import load_recipe
from vegas_data.records import Answer
from vegas_data.verify.calibration import CalibrationItem, PoolWindow, calibrate
from vegas_data.verify.crowd import SAID, majority
from vegas_data.verify.intervals import exact_interval
from vegas_data.verify.scores import ScorerInfo
from vegas_data.verify.triage_options import TriageOptions

CATEGORIES = ("drum", "dog", "water_flowing")
MANY = ("150,3", "200,3", "300,3", "400,3", "150,5", "200,5", "300,5")
ENOUGH = 150  # others, to say of one panel whether it kept the promise
WRONG, CLEAR, ACCURACY = 0.18, 0.7, 0.93
SIDES = ("heard", "seen")
PLANTED = {"heard": "wrong_sound", "seen": "wrong_picture"}
NO_FAULTS = ("middle_only", "silent", "still", "no_audio", "too_short", "truncated")
NO_FAILURES = ("gone_404", "gone_410", "private", "server_error", "rate_limited")
NOISE = """
import hashlib

import numpy as np

from vegas_data.verify.scorers import ScorerEntry


class Noise:
    name, side = "noise", "heard"

    def __init__(self, options, digest):
        self.digest = digest

    def covers(self, category):
        return True

    def score(self, windows, categories):
        def number(window, category):
            told = f"{window.window.id}/{category.name}".encode()
            return int.from_bytes(hashlib.sha256(told).digest()[:4], "big") / 2**32

        return np.array([[number(w, c) for c in categories] for w in windows], dtype=np.float32)


ENTRY = ScorerEntry(side="heard", build=Noise, digest=lambda options: "0" * 12, reads=(), lacks="")
"""

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """So many windows of each category, so many people for each."""

    windows: int
    judgments: int

    def __str__(self) -> str:
        return f"{self.windows} windows, {self.judgments} people"


@dataclass(frozen=True, kw_only=True)
class Found:
    """What became of one category's windows that nobody judged, and what was planted in them."""

    scorers: str
    panel: str
    category: str
    threshold: float | None
    why: str
    others: int
    accepted: int
    accepted_right: int
    rejected: int
    rejected_right: int
    present: int
    uncalibrated: int


# --- recipe, commands ----------------------------------------------------------------------------------------


def recipe_text(sources: int, seed: int, panel: Panel | None, *, noise: bool) -> str:
    """The recipe ``demo`` with the corpus of this benchmark."""
    text = shipped("pipelines/demo.toml").read_text(encoding="utf-8")
    corpus = text[text.index("[corpus]") : text.index("[grid]")]
    wrong = round(WRONG * sources)
    counts = dict.fromkeys(CATEGORIES, sources - 2 * wrong)
    faults = {"wrong_sound": 3 * wrong, "wrong_picture": 3 * wrong} | dict.fromkeys((*NO_FAULTS, *NO_FAILURES), 0)
    text = text.replace(
        corpus,
        f"[corpus]\nseed = {seed}\nwidth = 160\nheight = 120\nfps = 12\nclip_ms = 2000\n\n"
        f"[corpus.clips]\n{toml(counts)}\n[corpus.faults]\n{toml(faults)}\n",
    )
    if noise:
        text = text.replace('name = "yamnet"', 'name = "noise"')
        assert '"noise"' in text
    if panel:
        text += f"\n[verify.triage]\ncalibration_windows = {panel.windows}\ncalibration_judgments = {panel.judgments}\n"
    return text


def toml(table: Mapping[str, int]) -> str:
    return "".join(f"{key} = {value}\n" for key, value in table.items())


def install_noise(site: Path) -> None:
    """A package as pip would leave it, with the noise scorer."""
    info = site / "noise_scorer-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (site / "noise_scorer.py").write_text(NOISE, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: noise-scorer\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[vegas_data.scorers]\nnoise = noise_scorer:ENTRY\n", encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where everything lies, and the one way to run a command."""

    folder: Path
    sources: int
    seed: int

    def run(self, workspace: Path, *words: str) -> Any:
        """What a command says with ``--json``."""
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "vegas_data", *words, "--workspace", str(workspace), "--json"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(self.folder / "site"), *sys.path[1:]])},
        )
        if done.returncode:
            raise SystemExit(f"vegas-data {' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        print(f"  {time.monotonic() - start:6.1f} s  vegas-data {' '.join(words)}", file=sys.stderr, flush=True)
        return json.loads(done.stdout)

    def recipe(self, panel: Panel | None = None, *, noise: bool = False) -> str:
        """Path of a recipe for the commands."""
        path = self.folder / ("noise.toml" if noise else "real.toml")
        path.write_text(recipe_text(self.sources, self.seed, panel, noise=noise), encoding="utf-8")
        return str(path)


def table(workspace: Path, key: str) -> list[Row]:
    rows: list[Row] = pq.read_table(workspace / key).to_pylist()
    return rows


# --- truth, people -------------------------------------------------------------------------------------------


def is_there(clip_id: str, side: str) -> bool:
    """What was planted: the name of a rendered source says it."""
    return PLANTED[side] not in clip_id


def is_present(clip_id: str) -> bool:
    return all(is_there(clip_id, side) for side in SIDES)


def truth(clip_id: str, side: str) -> Answer:
    """The true one of the three answers."""
    if not is_there(clip_id, side):
        return "no"
    number = hashlib.sha256(f"clear/{clip_id}/{side}".encode()).digest()[0]
    return "yes" if number < 256 * CLEAR else "sort_of"


def say(rng: random.Random, right: Answer) -> Answer:
    return right if rng.random() < ACCURACY else rng.choice([answer for answer in SAID if answer != right])


def write_answers(path: Path, drawn: Iterable[Row], people: int, rng: random.Random) -> None:
    """What a panel says, as an export of another tool would have it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["category", "clip_id", "start_ms", "end_ms", "side", "answer", "annotator"])
        for row in drawn:
            for side in SIDES:
                for who in range(people):
                    where = (row["category"], row["clip_id"], row["start_ms"], row["end_ms"], side)
                    writer.writerow([*where, say(rng, truth(row["clip_id"], side)), f"person {who}"])


# --- one panel, by the commands ------------------------------------------------------------------------------


def prepare(bench: Bench) -> Path:
    """The workspace with all media and the scores of both sets of scorers."""
    base = bench.folder / "base"
    install_noise(bench.folder / "site")
    planned = check_plan(bench.recipe())
    bench.run(base, "fetch", "--recipe", bench.recipe())
    bench.run(base, "verify", "--recipe", bench.recipe(noise=True))
    bench.run(base, "verify", "--recipe", bench.recipe())
    check_sources(base, planned)
    return base


def check_plan(recipe: str) -> Sequence[PlannedClip]:
    corpus = load_recipe(Path(recipe)).corpus
    assert corpus is not None
    planned = plan_corpus(corpus)
    assert all(clip.window_truth == (is_present(clip.clip.id),) for clip in planned)
    return planned


def check_sources(base: Path, planned: Sequence[PlannedClip]) -> None:
    """That no rendered source is a copy of another one, and how many there are of each category."""
    digests = {hashlib.sha256(path.read_bytes()).digest() for path in (base / "corpus").rglob("*.mp4")}
    plays = {(clip.shots[0].picture, *((s.sound, s.start_ms, s.gain_db) for s in clip.sounds)) for clip in planned}
    assert len(digests) == len(planned), "some source videos are copies"
    print(f"{len(planned)} sources, {len(digests)} different files, {len(plays)} different timelines")
    for category in CATEGORIES:
        mine = [clip for clip in planned if clip.category == category]
        right = sum(is_present(clip.clip.id) for clip in mine)
        print(f"{category}: {len(mine)} sources, seen and heard in {right} ({100 * right / len(mine):.0f} %)")


def run_panel(bench: Bench, base: Path, panel: Panel) -> list[Found]:
    """Draw, judge, calibrate and verify on a copy of ``base``; then again without ears."""
    workspace = bench.folder / f"panel-{panel.windows}-{panel.judgments}"
    if workspace.exists():
        shutil.rmtree(workspace)
    shutil.copytree(base, workspace)
    bench.run(workspace, "verify", "--recipe", bench.recipe(panel))
    bench.run(workspace, "audit", "calibrate", "--draw")
    draws = {category: table(workspace, f"calibration/{category}.parquet") for category in CATEGORIES}
    answers = bench.folder / f"answers-{panel.windows}-{panel.judgments}.csv"
    rng = random.Random(f"{bench.seed}/{panel}")
    write_answers(answers, (row for draw in draws.values() for row in draw), panel.judgments, rng)
    bench.run(workspace, "review", "--import", str(answers), "--purpose", "calibration")
    drawn = {row["video_id"] for draw in draws.values() for row in draw}
    found = decide(bench, workspace, panel, drawn, scorers="real")
    bench.run(workspace, "verify", "--recipe", bench.recipe(panel, noise=True))
    return found + decide(bench, workspace, panel, drawn, scorers="noise")


def decide(bench: Bench, workspace: Path, panel: Panel, drawn: set[str], *, scorers: str) -> list[Found]:
    """Calibrate, verify, and count what was not drawn."""
    fits = {fit["category"]: fit for fit in bench.run(workspace, "audit", "calibrate")["calibrations"]}
    bench.run(workspace, "verify")
    verdicts = [row for row in table(workspace, "tables/verdicts.parquet") if row["video_id"] not in drawn]
    found = []
    for category in CATEGORIES:
        mine = [row for row in verdicts if row["category"] == category]
        counts = Counter((row["decision"], is_present(row["clip_id"])) for row in mine)
        found.append(
            Found(
                scorers=scorers,
                panel=str(panel),
                category=category,
                threshold=fits[category]["calibration"]["accept"]["threshold"],
                why=fits[category]["accept"],
                others=len(mine),
                accepted=counts["accepted", True] + counts["accepted", False],
                accepted_right=counts["accepted", True],
                rejected=counts["rejected", True] + counts["rejected", False],
                rejected_right=counts["rejected", False],
                present=sum(is_present(row["clip_id"]) for row in mine),
                uncalibrated=sum(row["rule"] != "calibrated" for row in mine),
            )
        )
    return found


# --- many panels, without commands ---------------------------------------------------------------------------


def read_scores(base: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Category → clip → scorer → score."""
    found: dict[str, dict[str, dict[str, float]]] = {category: {} for category in CATEGORIES}
    for row in table(base, "tables/judgments.parquet"):
        scorer = row["judge"].removeprefix("model:").partition("@")[0]
        found[row["category"]].setdefault(row["clip_id"], {})[scorer] = row["score"]
    return found


SCORERS = {"yamnet": ScorerInfo(side="heard", digest="0"), "efficientnet-lite0": ScorerInfo(side="seen", digest="1")}


def many_panels(base: Path, panel: Panel, runs: int, seed: int, *, category: str) -> Row:
    """How often a panel of this size accepts anything, and how often what it accepts keeps the promise."""
    scores = read_scores(base)[category]
    options = replace(TriageOptions(), calibration_windows=panel.windows, calibration_judgments=panel.judgments)
    accepts, kept, rights, all_accepted, all_present = 0, 0, 0, 0, 0
    for number in range(runs):
        rng = random.Random(f"{seed}/{panel}/{category}/{number}")
        shuffled = rng.sample(sorted(scores), len(scores))
        drawn, others = shuffled[: panel.windows], shuffled[panel.windows :]
        items = []
        for clip in drawn:
            said = [majority([say(rng, truth(clip, s)) for _ in range(panel.judgments)], options.tie) for s in SIDES]
            heard, seen = (answer != "no" for answer in said)
            items.append(CalibrationItem(video_id=clip, start_ms=0, scores=scores[clip], heard=heard, seen=seen))
        pool = [PoolWindow(video_id=clip, scores=scores[clip]) for clip in others]
        made = calibrate(category, SCORERS, items, options, pool=pool)
        threshold = made.accept.threshold
        accepted = [] if threshold is None else [c for c in others if made.probability(scores[c]) >= threshold]
        right = sum(map(is_present, accepted))
        accepts += threshold is not None
        kept += right >= options.target * len(accepted)
        rights += right
        all_accepted += len(accepted)
        all_present += sum(map(is_present, others))
    return {
        "panel": str(panel),
        "category": category,
        "runs": runs,
        "others": len(others),
        "accepts": accepts,
        "kept": kept if len(others) >= ENOUGH else None,
        "precision": rights / all_accepted if all_accepted else None,
        "recall": rights / all_present,
    }


# --- words ---------------------------------------------------------------------------------------------------


def share(right: int, count: int) -> str:
    if not count:
        return "none"
    low, high = exact_interval(right, count, 0.95)
    return f"{right} of {count}: {100 * right / count:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def show(found: Sequence[Found]) -> None:
    for one in found:
        words = (
            f"{one.scorers:5} | {one.panel} | {one.category:13}",
            f"accepted, right: {share(one.accepted_right, one.accepted)}",
            f"of those present: {share(one.accepted_right, one.present)}",
            f"rejected, right: {share(one.rejected_right, one.rejected)}",
            f"to people: {one.others - one.accepted - one.rejected} of {one.others}",
        )
        print(" | ".join(words), flush=True)
        print(f"      {one.why}", flush=True)


def many_words(row: Row) -> str:
    kept = f"too few others: {row['others']}" if row["kept"] is None else share(row["kept"], row["runs"])
    precision = "none" if row["precision"] is None else f"{100 * row['precision']:.2f} %"
    return " | ".join(
        (
            f"{row['panel']} | {row['category']:13} | accept anything: {share(row['accepts'], row['runs'])}",
            f"keep the promise: {kept}",
            f"all together, accepted and right: {precision}",
            f"of those present: {100 * row['recall']:.1f} %",
        )
    )


def read_panel(text: str) -> Panel:
    windows, people = map(int, text.split(","))
    return Panel(windows=windows, judgments=people)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--others", type=int, default=150, help="sources of each category beyond the largest draw")
    parser.add_argument(
        "--panel",
        action="append",
        metavar="WINDOWS,PEOPLE",
        help="size of a calibration; may be repeated [150,3 150,5 300,3 300,5]",
    )
    parser.add_argument("--runs", type=int, default=100, help="panels per row of the second table")
    parser.add_argument("--seed", type=int, default=2018)
    parser.add_argument("--folder", type=Path, help="keep everything there, and go on with what is there")
    parser.add_argument("--json", type=Path, dest="output", help="also write the figures to this file")
    arguments = parser.parse_args()
    panels = [read_panel(size) for size in arguments.panel or ("150,3", "150,5", "300,3", "300,5")]
    with tempfile.TemporaryDirectory(prefix="guarantee-") as temporary:
        bench = Bench(
            folder=(arguments.folder or Path(temporary)).resolve(),
            sources=max(panel.windows for panel in panels) + arguments.others,
            seed=arguments.seed,
        )
        bench.folder.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        base = prepare(bench)
        found = [one for panel in panels for one in run_panel(bench, base, panel)]
        show(found)
        print(f"{(time.monotonic() - start) / 60:.1f} min")
        rows = []
        for panel in map(read_panel, MANY) if arguments.runs else ():
            for category in CATEGORIES:
                row = many_panels(base, panel, arguments.runs, arguments.seed, category=category)
                rows.append(row)
                print(many_words(row), flush=True)
    if arguments.output:
        arguments.output.write_text(json.dumps({"panels": [asdict(one) for one in found], "many": rows}, indent=1))


if __name__ == "__main__":
    main()

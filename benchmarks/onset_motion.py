"""What is the scorer onset-motion worth on the embedded corpus? It tells a window's own sound from three others.

    python benchmarks/onset_motion.py

Renders the clean clips of the demo recipe and scores every window of 2 seconds with its own sound, with a sound of the
same category from another video, with one of another category, and with its own a second late. Says how often the own
sound scores higher (area under the ROC curve, 0.5 is chance), and how long a window takes.

The corpus is kind: every hit shakes the whole picture 80 to 120 ms before it sounds. In the wild, hands are small and
cameras move. So this is a ceiling, not a forecast.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vegas_data.demo import CorpusOptions, plan_corpus
from vegas_data.demo.compose import render_source
from vegas_data.records import Window
from vegas_data.verify import ScorerOptions, VerifyOptions, WindowMedia
from vegas_data.verify.sampling import read_windows
from vegas_data.verify.scorers.onset_motion import score_pair

OPTIONS = VerifyOptions(
    scorers=(
        ScorerOptions(name="yamnet", side="heard", accept=0.5, reject=0.5),
        ScorerOptions(name="efficientnet-lite0", side="seen", accept=0.5, reject=0.5),
    )
)
OTHERS = ("same category", "other category", "a second late")


def windows_of(file: Path, video_id: str, duration_ms: int) -> list[WindowMedia]:
    """The whole windows of a rendered video, from its start."""
    starts = range(0, duration_ms // OPTIONS.window_ms * OPTIONS.window_ms, OPTIONS.window_ms)
    windows = [
        Window(clip_id=f"{video_id}_000000000", video_id=video_id, start_ms=start, end_ms=start + OPTIONS.window_ms)
        for start in starts
    ]
    return [media for media, _ in read_windows(file, windows, OPTIONS)]


def area(own: Sequence[float], other: Sequence[float]) -> float:
    """Chance that a window with its own sound scores higher than one with another; a tie is half a win."""
    difference = np.asarray(own)[:, None] - np.asarray(other)[None]
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=2018, help="of the corpus")
    corpus = CorpusOptions(seed=parser.parse_args().seed)
    seen: dict[str, list[WindowMedia]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for planned in plan_corpus(corpus):
            if not planned.fault:
                file = Path(folder) / "source.mp4"
                render_source(planned, corpus, file)
                seen[planned.category] += windows_of(file, planned.id, planned.duration_ms)
    scores: dict[tuple[str, str], list[float]] = defaultdict(list)
    spent, calls = 0.0, 0
    categories = list(seen)
    for place, category in enumerate(categories):
        strangers = seen[categories[(place + 1) % len(categories)]]
        for index, media in enumerate(seen[category]):
            ahead = seen[category][index:] + seen[category]
            kin = next(other for other in ahead if other.window.video_id != media.window.video_id)
            sounds = {
                "own": media.sound,
                "same category": kin.sound,
                "other category": strangers[index % len(strangers)].sound,
                "a second late": np.roll(media.sound, len(media.sound) // 2),
            }
            for name, sound in sounds.items():
                start = time.perf_counter()
                scores[category, name].append(score_pair(sound, media.motion))
                spent, calls = spent + time.perf_counter() - start, calls + 1
    print(f"| category | windows | {' | '.join(OTHERS)} |")
    print("|---|---|---|---|---|")
    for category in categories:
        cells = [f"{area(scores[category, 'own'], scores[category, other]):.2f}" for other in OTHERS]
        print(f"| {category} | {len(seen[category])} | {' | '.join(cells)} |")
    pooled = {name: [s for category in categories for s in scores[category, name]] for name in ("own", *OTHERS)}
    cells = [f"{area(pooled['own'], pooled[other]):.2f}" for other in OTHERS]
    print(f"| all | {len(pooled['own'])} | {' | '.join(cells)} |")
    print(f"{1000 * spent / calls:.1f} ms per window")


if __name__ == "__main__":
    main()

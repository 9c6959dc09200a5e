"""Heard, as people once marked it: a prior from AudioSet's strong labels, for a calibration to weigh.

Hershey et al., "The benefit of temporally-strong labels in audio event classification", ICASSP 2021: for part of
AudioSet, raters marked from when to when each class sounds. A window gets

    0.5         nobody marked its clip: no opinion
    0.1         its clip was marked, and the target does not sound in the window
    0.6 to 0.9  the target sounds in it: 0.6 and 0.3 times the share of the window in which it does

The numbers mean "rather not" and "rather"; what they are worth is for a calibration to find out. A label tells that a
class is present, not that it dominates, so this scorer has no vote and is nobody's truth. The labels of a category are
those that make a clip its candidate: ``include``, what stands below in the ontology, without ``exclude``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from vegas_data.audioset.lines import BadRows
from vegas_data.audioset.ontology import Ontology, load_ontology
from vegas_data.audioset.priors import read_strong_labels
from vegas_data.errors import WeightsMissing
from vegas_data.records import MAX_CLIP_MS, Category, Side, Window
from vegas_data.verify.scorers.strong_tables import find_tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vegas_data.verify.scorers.seam import WindowMedia

UNKNOWN: Final = 0.5
ABSENT: Final = 0.1
PRESENT: Final = 0.6
ALL_OF_IT: Final = 0.9


@dataclass(frozen=True, kw_only=True, eq=False)
class StrongLabels:
    """All events of all tables, those of one clip in a row.

    Args:
        clips: video id → (start of the clip in ms, its first event, the one after its last).
        labels: all labels that occur. label: of each event, as index into ``labels``.
        start_ms, end_ms: of each event, from the beginning of its clip.
    """

    clips: dict[str, list[tuple[int, int, int]]]
    labels: tuple[str, ...]
    label: "NDArray[np.int64]"
    start_ms: "NDArray[np.int64]"
    end_ms: "NDArray[np.int64]"

    def spans(self, window: Window, labels: frozenset[str]) -> list[tuple[int, int]] | None:
        """When one of ``labels`` sounds in a window, in ms of the source video; None if nobody marked that time."""
        for clip_ms, first, last in self.clips.get(window.video_id, ()):
            if clip_ms <= window.start_ms and window.end_ms <= clip_ms + MAX_CLIP_MS:
                events = (i for i in range(first, last) if self.labels[self.label[i]] in labels)
                spans = ((clip_ms + int(self.start_ms[i]), clip_ms + int(self.end_ms[i])) for i in events)
                return [(max(a, window.start_ms), min(b, window.end_ms)) for a, b in spans]
        return None


@dataclass(frozen=True, kw_only=True, eq=False)
class StrongLabelsScorer:
    """Strong labels behind the seam; see ``Scorer``."""

    events: StrongLabels
    ontology: Ontology
    digest: str
    name: str = "strong-labels"
    side: Side = "heard"
    _selecting: dict[Category, frozenset[str]] = field(default_factory=dict)

    def covers(self, category: Category) -> bool:
        """Whether the category has AudioSet ids; raises RecipeError where AudioSet has no such id."""
        return bool(category.include) and bool(self._labels(category))

    def score(self, windows: "Sequence[WindowMedia]", categories: Sequence[Category]) -> "NDArray[np.float32]":
        """What is known beforehand of each window.

        Shape:
            float32 [N, C]; NaN where a category has no ids.
        """
        scores = np.full((len(windows), len(categories)), np.nan, dtype=np.float32)
        for row, media in enumerate(windows):
            for column, category in enumerate(categories):
                if self.covers(category):
                    spans = self.events.spans(media.window, self._labels(category))
                    scores[row, column] = prior(spans, media.window)
        return scores

    def _labels(self, category: Category) -> frozenset[str]:
        if category not in self._selecting:
            self._selecting[category] = self.ontology.selecting(category)
        return self._selecting[category]


def prior(spans: Sequence[tuple[int, int]] | None, window: Window) -> float:
    """Spans within a window as a score; they may overlap one another."""
    if spans is None:
        return UNKNOWN
    covered, until = 0, window.start_ms
    for start, end in sorted(spans):
        covered += max(0, end - max(start, until))
        until = max(until, end)
    if not covered:
        return ABSENT
    return PRESENT + (ALL_OF_IT - PRESENT) * covered / (window.end_ms - window.start_ms)


def load_strong_labels(model: str, digest: str) -> StrongLabelsScorer:
    """Read the tables in the folder ``model``, or where downloaded tables are kept.

    Rows that cannot be used are passed over, as in a manifest.

    Raises:
        WeightsMissing: they are not there, or hold no event. ManifestError: one cannot be read.
    """
    ontology, tables = find_tables(model)
    bad = BadRows()
    blocks = [block for path in tables for block in read_strong_labels(path, bad)]
    if not any(len(block.clip) for block in blocks):
        raise WeightsMissing(
            f"{', '.join(map(str, tables))}: no strong label in any row",
            remedy="delete the file and run `vegas-data manifest build --with-priors`",
        )
    clip = pa.chunked_array([block.clip for block in blocks]).combine_chunks().dictionary_encode()
    label = pa.chunked_array([block.label for block in blocks]).combine_chunks().dictionary_encode()
    codes = clip.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(clip.dictionary) + 1)).tolist()
    clips: dict[str, list[tuple[int, int, int]]] = {}
    for index, name in enumerate(clip.dictionary.to_pylist()):
        video_id, _, start_ms = name.rpartition("_")
        clips.setdefault(video_id, []).append((int(start_ms), bounds[index], bounds[index + 1]))
    events = StrongLabels(
        clips=clips,
        labels=tuple(label.dictionary.to_pylist()),
        label=label.indices.to_numpy().astype(np.int64)[order],
        start_ms=np.concatenate([block.start_ms for block in blocks])[order],
        end_ms=np.concatenate([block.end_ms for block in blocks])[order],
    )
    return StrongLabelsScorer(events=events, ontology=load_ontology(ontology), digest=digest)

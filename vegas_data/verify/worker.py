"""The stage *verify*: a fetched clip in, the scores of its windows out.

The factory loads every scorer once per process; the worker decodes a clip once and lets all scorers see all its
windows in one call, for every category of the table that they cover. It decides nothing: verdicts are made from the
tables of scores, by ``aggregate``, when all clips are there.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from vegas_data.errors import NoSuchTime, VerificationError
from vegas_data.records import Category, Clip, Media
from vegas_data.verify.digests import scorer_digests
from vegas_data.verify.options import VerifyOptions
from vegas_data.verify.scorers import Registry, Scorer, WindowMedia, find_scorer, load_registry
from vegas_data.verify.scores import ClipScores, ScorerInfo, Signals, WindowScores, commit_scores
from vegas_data.verify.windows import split_windows
from vegas_data.workspace import Workspace

_Panel = Sequence[tuple[Scorer, tuple[Category, ...]]]
_Batch = list[tuple[WindowMedia, Signals]]
MAX_BATCH_BYTES: Final = 128 << 20  # of pictures: five windows of 360p are 21 MB


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyJob:
    """One clip to score.

    Args:
        media_key: where its mp4 is. key: where its scores go (``scores_key``).
    """

    clip: Clip
    media: Media
    media_key: str
    key: str

    @property
    def id(self) -> str:
        """Clip and bytes: a clip that was fetched anew is another unit."""
        return f"{self.clip.id}@{self.media.sha256[:8]}"


def make_verifier(
    options: VerifyOptions,
    workspace: Workspace,
    categories: Iterable[Category],
    registry: Registry | None = None,
) -> Callable[[VerifyJob], ClipScores]:
    """Load the scorers and return the worker.

    Args:
        categories: all of the table, wanted now or not. registry: for tests; the installed scorers otherwise.

    Raises:
        ScorerMissing, WeightsMissing: a scorer or its weights are not on this machine.
        VerificationError: a category names a class that its scorer does not know.
    """
    import cv2

    from vegas_data.verify.sampling import read_windows

    cv2.setNumThreads(1)
    table = tuple(categories)
    panel = _load_panel(options, table, load_registry() if registry is None else registry)

    def verify(job: VerifyJob) -> ClipScores:
        workspace.verify_checksum(job.media_key, job.media.sha256)
        windows = split_windows(job.clip, job.media.duration_ms, options.window_ms)
        if not windows:
            raise NoSuchTime(f"{job.id}: {job.media.duration_ms} ms hold no whole window of {options.window_ms} ms")
        scores = ClipScores(
            clip_id=job.clip.id,
            video_id=job.clip.video_id,
            media_sha256=job.media.sha256,
            scorers={scorer.name: ScorerInfo(side=scorer.side, digest=scorer.digest) for scorer, _ in panel},
            windows=tuple(
                scored
                for batch in _batches(read_windows(workspace.path(job.media_key), windows, options))
                for scored in _score_batch(panel, batch)
            ),
        )
        commit_scores(workspace, job.key, scores)
        return scores

    return verify


def _load_panel(options: VerifyOptions, table: Sequence[Category], registry: Registry) -> _Panel:
    """Every scorer of the recipe with the categories it covers."""
    digests = scorer_digests(options, registry)
    panel = []
    for wanted in options.scorers:
        scorer = find_scorer(wanted.name, registry).build(wanted, digests[wanted.name])
        panel.append((scorer, tuple(category for category in table if scorer.covers(category))))
    return panel


def _batches(found: Iterable[tuple[WindowMedia, Signals]]) -> Iterator[_Batch]:
    """Windows in a row whose pictures fit into ``MAX_BATCH_BYTES``, or one that does not."""
    batch: _Batch = []
    num_bytes = 0
    for media, signals in found:
        if batch and num_bytes + media.frames.nbytes > MAX_BATCH_BYTES:
            yield batch
            batch, num_bytes = [], 0
        batch.append((media, signals))
        num_bytes += media.frames.nbytes
    if batch:
        yield batch


def _score_batch(panel: _Panel, batch: _Batch) -> list[WindowScores]:
    """What all scorers say of some windows."""
    windows = [media for media, _ in batch]
    said = {scorer.name: _score(scorer, windows, covered) for scorer, covered in panel}
    return [
        WindowScores(
            start_ms=media.window.start_ms,
            end_ms=media.window.end_ms,
            signals=signals,
            scores={name: rows[index] for name, rows in said.items()},
        )
        for index, (media, signals) in enumerate(batch)
    ]


def _score(scorer: Scorer, windows: Sequence[WindowMedia], covered: Sequence[Category]) -> list[dict[str, float]]:
    """One scorer's scores of some windows, in six digits: more than a threshold needs would make files unstable."""
    if not covered:
        return [{} for _ in windows]
    rows = scorer.score(windows, covered).tolist()
    if len(rows) != len(windows):
        raise _broken(scorer, f"{len(rows)} rows", windows[0])
    for media, row in zip(windows, rows, strict=True):
        if len(row) != len(covered) or not all(0.0 <= score <= 1.0 for score in row):
            raise _broken(scorer, row, media)
    return [
        {category.name: float(f"{score:.6g}") for category, score in zip(covered, row, strict=True)} for row in rows
    ]


def _broken(scorer: Scorer, given: object, media: WindowMedia) -> VerificationError:
    return VerificationError(
        f"scorer {scorer.name} gave {given} for {media.window.id}: one number in [0, 1] per category is needed",
        remedy="correct the scorer, or leave it out of the recipe",
    )

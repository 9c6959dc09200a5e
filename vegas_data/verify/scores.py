"""What is known of a clip's windows before anyone decides: signals and scores, one JSON file per clip.

    scores/<scores digest>/<clip id>.json
    {"schema": 2, "clip_id": …, "video_id": …, "media_sha256": …,
     "scorers": {"yamnet": {"side": "heard", "digest": …}, …},
     "windows": [{"start_ms": …, "end_ms": …, "signals": {"rms_dbfs": …, "peak_dbfs": …, "motion": …, …},
                  "scores": {"yamnet": {"drum": …, …}, …}}, …]}

Every category of the table that a scorer covers is scored, not only those the clip is a candidate for: another
question needs no second pass over media. A category that a scorer does not cover is absent, never a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vegas_data.config import canonical, load_table
from vegas_data.errors import RecipeError, WorkspaceError
from vegas_data.records import Side
from vegas_data.workspace import Workspace

SCHEMA: Final = 2
_REMEDY: Final = "delete the file and run `vegas-data verify` again"


@dataclass(frozen=True, kw_only=True, slots=True)
class Signals:
    """Numbers of a window that need no weights.

    Args:
        rms_dbfs: level of the sound, full scale = 0 dB. peak_dbfs: of its largest sample.
        motion: grey levels by which successive pictures differ beyond compression noise, on average.
        clipped_share: of the samples, those on a flat top. brightness: of the brightest parts, 0 to 255.
        duplicate_share: of the decoded pictures, those that repeat the one before.
        offset_ms: by which the file's sound begins later than its pictures, as a player shows them; of the whole clip.
    """

    rms_dbfs: float
    peak_dbfs: float
    motion: float
    clipped_share: float
    brightness: float
    duplicate_share: float
    offset_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowScores:
    """Signals and scores of one window; ``scores`` maps scorer to category to score."""

    start_ms: int
    end_ms: int
    signals: Signals
    scores: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScorerInfo:
    """Which scorer gave a column of scores."""

    side: Side
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipScores:
    """Everything measured of one clip.

    Args:
        media_sha256: of the mp4 that was looked at and listened to. scorers: by name.
    """

    clip_id: str
    video_id: str
    media_sha256: str
    scorers: Mapping[str, ScorerInfo]
    windows: tuple[WindowScores, ...]

    @property
    def id(self) -> str:
        return self.clip_id


def covering(scores: ClipScores, category: str) -> dict[str, ScorerInfo]:
    """The scorers that gave some window of a clip a score for a category."""
    named = {name for window in scores.windows for name, row in window.scores.items() if category in row}
    return {name: info for name, info in scores.scorers.items() if name in named}


def scores_key(digest: str, clip_id: str) -> str:
    """Where the scores of a clip live."""
    return f"scores/{digest}/{clip_id}.json"


def is_scored(workspace: Workspace, key: str, media_sha256: str) -> bool:
    """Whether the scores at ``key`` are there and are of these very bytes of media."""
    if not workspace.exists(key):
        return False
    data = workspace.read_json(key)
    return isinstance(data, dict) and data.get("schema") == SCHEMA and data.get("media_sha256") == media_sha256


def commit_scores(workspace: Workspace, key: str, scores: ClipScores) -> None:
    """Put the scores of a clip into the workspace."""
    workspace.commit_json(key, {"schema": SCHEMA, **canonical(scores)})


def read_scores(workspace: Workspace, key: str) -> ClipScores:
    """Read the scores of a clip.

    Raises:
        WorkspaceError: missing, damaged or of another schema.
    """
    data = workspace.read_json(key)
    where = str(workspace.path(key))
    try:
        if not isinstance(data, dict) or data.pop("schema", None) != SCHEMA:
            raise WorkspaceError(f"{where}: not scores of schema {SCHEMA}", remedy=_REMEDY)
        scorers = {name: load_table(ScorerInfo, info, where=where) for name, info in data["scorers"].items()}
        windows = tuple(
            WindowScores(
                start_ms=int(window["start_ms"]),
                end_ms=int(window["end_ms"]),
                signals=load_table(Signals, window["signals"], where=where),
                scores={
                    scorer: {category: float(score) for category, score in row.items()}
                    for scorer, row in window["scores"].items()
                },
            )
            for window in data["windows"]
        )
        return ClipScores(
            clip_id=data["clip_id"],
            video_id=data["video_id"],
            media_sha256=data["media_sha256"],
            scorers=scorers,
            windows=windows,
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecipeError) as error:
        raise WorkspaceError(f"{where}: damaged: {error}", remedy=_REMEDY) from None
